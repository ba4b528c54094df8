/** The cache from text to interned string: what it finds, and what it must not find any more. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { INTERN_MAX, NULL_REF, type ObjectRef } from '../src/memory/layout.ts';
import { decref } from '../src/object/dealloc.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { createString, decodeString, findString } from '../src/object/string.ts';
import { OFFERS_PER_STORE, PAUSE, TEXT_LINES, TextCache } from '../src/object/text-cache.ts';
import { attachBare, createBareHeap, expectSound } from './support/bare-heap.ts';
import { withRandom } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

/** Asks until the cache, which may be pausing, has looked. */
function cachedRef(cache: TextCache, text: string): ObjectRef {
  for (let i = 0; i < PAUSE; i++) {
    const ref = cache.refOf(text);
    if (ref !== NULL_REF) return ref;
  }
  return cache.refOf(text);
}

/** Looks a living string up until its thread has it in the cache. */
function remember(mem: Mutator, string: ObjectRef, text: string): void {
  for (let i = 0; i < PAUSE + 2 * OFFERS_PER_STORE; i++) {
    expect(findString(mem, text)).toBe(string);
  }
  expect(cachedRef(mem.strings.byText, text)).toBe(string);
}

test.each([
  ['no unit', ''],
  ['one unit', 'a'],
  ['three units', 'abc'],
  ['as many units as are interned', 'k'.repeat(INTERN_MAX)],
  ['units of two bytes', '\u0101\ud800\uffff'],
  ['as many units of two bytes as are interned', '\u0100'.repeat(INTERN_MAX)],
])('a text of %s is found in the cache when it was looked up often', (_, text) => {
  const mem = createBareHeap();
  const string = createString(mem, text);
  remember(mem, string, text);
  expect(createString(mem, text)).toBe(string); // counted, as any other is
  decref(mem, string);
  expect(cachedRef(mem.strings.byText, text)).toBe(string);
  decref(mem, string);
  expect(cachedRef(mem.strings.byText, text)).toBe(NULL_REF);
  expectSound(mem, []);
});

test('a string that died is not found, though another has its address', () => {
  const mem = createBareHeap();
  const first = createString(mem, 'key:1');
  remember(mem, first, 'key:1');
  decref(mem, first);
  const second = createString(mem, 'key:2');
  expect(second).toBe(first); // the block is used again
  expect(cachedRef(mem.strings.byText, 'key:1')).toBe(NULL_REF);
  expect(findString(mem, 'key:1')).toBe(NULL_REF);
  const third = createString(mem, 'key:1');
  expect(third).not.toBe(second);
  remember(mem, second, 'key:2');
  remember(mem, third, 'key:1');
  expectSound(mem, [second, third]);
});

test('a string that died in another thread is not found', () => {
  const mem = createBareHeap();
  const other = attachBare(mem);
  const string = createString(mem, 'shared');
  remember(mem, string, 'shared');
  remember(other, string, 'shared');
  decref(other, string);
  expect(cachedRef(mem.strings.byText, 'shared')).toBe(NULL_REF);
  expect(findString(mem, 'shared')).toBe(NULL_REF);
  const again = createString(other, 'shared');
  expect(createString(mem, 'shared')).toBe(again);
  expectSound(mem, [again, again]);
});

test('no more texts are remembered than there are lines', () => {
  const mem = createBareHeap();
  const cache = new TextCache(mem);
  const texts = Array.from({ length: 3 * TEXT_LINES }, (_, i) => `text ${i}`);
  const strings = texts.map((text) => createString(mem, text));
  for (const [i, text] of texts.entries()) {
    for (let offer = 0; offer < OFFERS_PER_STORE; offer++) cache.offer(strings[i]!, text);
  }
  let found = 0;
  for (const [i, text] of texts.entries()) {
    const ref = cachedRef(cache, text);
    if (ref === NULL_REF) continue;
    expect(ref).toBe(strings[i]);
    found++;
  }
  expect(found).toBeGreaterThan(TEXT_LINES / 2);
  expect(found).toBeLessThanOrEqual(TEXT_LINES);
  expectSound(mem, strings);
});

test('after texts that nobody has, those that somebody has are found as before', () => {
  const mem = createBareHeap();
  const string = createString(mem, 'present');
  remember(mem, string, 'present');
  for (let i = 0; i < 1000; i++) {
    expect(findString(mem, `absent ${i}`)).toBe(NULL_REF);
    if (i % 7 === 0) expect(findString(mem, 'present')).toBe(string);
  }
  expect(cachedRef(mem.strings.byText, 'present')).toBe(string);
  expectSound(mem, [string]);
});

test('two threads that make and drop texts at random always have one string for each', () => {
  const mem = createBareHeap();
  const threads = [mem, attachBare(mem)];
  const units = ['0', '1', '\u00ff', '\u0100'];
  const held = new Map<string, ObjectRef[]>();
  withRandom((random) => {
    for (let step = 0; step < 60_000; step++) {
      const thread = random.pick(threads);
      let text = ''; // one of 341, so that each comes often
      for (let i = random.int(5); i > 0; i--) text += random.pick(units).repeat(i);
      const counts = held.get(text) ?? [];
      expect(findString(thread, text)).toBe(counts[0] ?? NULL_REF);
      if (random.chance(0.6)) {
        const string = createString(thread, text);
        expect(string).toBe(counts[0] ?? string);
        expect(decodeString(thread, string)).toBe(text);
        held.set(text, [...counts, string]);
      } else {
        for (const string of counts) decref(random.pick(threads), string);
        held.delete(text);
      }
    }
  });
  expectSound(mem, [...held.values()].flat());
});

test.each([
  [INTERN_MAX, 1],
  [INTERN_MAX + 1, 100],
])('a text of %i units that is stored a hundred times is %i objects', (length, objects) => {
  withHeap({}, (heap) => {
    const array = heap.array<string>();
    const text = '\u0394'.repeat(length);
    const before = mortalObjects(heap);
    heap.run(() => {
      for (let i = 0; i < 100; i++) array.push(text);
    });
    expect(mortalObjects(heap) - before).toBe(objects);
    expect(array.indexOf(text)).toBe(0);
    expect(array.lastIndexOf(text)).toBe(99);
    array.length = 0;
    expect(mortalObjects(heap)).toBe(before);
    expect(array.indexOf(text)).toBe(-1);
  });
});

test('texts that are stored again and again come back as they were', () => {
  withHeap({}, (heap) => {
    const Box = heap.struct<{ text: string; any: string }>('Box', { text: 'string', any: 'any' });
    const box = new Box();
    const map = heap.map<string, string>();
    const texts = [
      '',
      '0',
      'ab',
      'abc',
      'name',
      'eman',
      'name-1',
      'name-2',
      '\u0101',
      '\ud83d\ude00',
    ];
    heap.run(() => {
      for (let round = 0; round < 300; round++) {
        for (const text of texts) {
          box.text = text;
          box.any = text;
          map.set('key', text).set(text, `${round % 3}`);
          expect([box.text, box.any, map.get('key')]).toEqual([text, text, text]);
          expect(map.get(text)).toBe(`${round % 3}`);
          if (round % 5 === 0) expect(map.delete(text)).toBe(true);
          expect(map.has(text)).toBe(round % 5 !== 0);
        }
      }
    });
  });
});

test('neither cache holds the large text that a key was cut from', () => {
  withHeap({}, (heap) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const array = heap.array<string>();
    const cut = (i: number) => `${'x'.repeat(2 ** 20)} and key number ${i + 1000}`.slice(-15);
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 100; i++) {
      const key = cut(i);
      for (let n = 0; n < 2 * OFFERS_PER_STORE; n++) array.push(key);
    }
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * 2 ** 20);
    expect(array.at(-1)).toBe('key number 1099');
  });
});
