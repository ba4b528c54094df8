/** Strings: any content, short ones interned, long ones not, very long ones too. */

import { describe, expect, test } from 'vitest';
import { Heap } from '../src/heap.ts';
import { Random, SEED } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const ALPHABETS: Record<string, number[]> = {
  ascii: [0x20, 0x41, 0x7e],
  'Latin-1 edges': [0x00, 0x7f, 0x80, 0xff],
  'two bytes edges': [0xff, 0x100, 0x0],
  'lone surrogates': [0xd800, 0xdbff, 0xdc00, 0xdfff, 0x41],
  'ends of the range': [0x0, 0xffff, 0xfffe, 0xfeff],
  'pairs and combining': [0xd83d, 0xde00, 0x0301, 0x65],
};

function text(random: Random, units: readonly number[], length: number): string {
  let result = '';
  for (let i = 0; i < length; i++) result += String.fromCharCode(random.pick(units));
  return result;
}

describe.each(Object.keys(ALPHABETS))('strings of %s', (name) => {
  test('of 0 to 140 code units come back as they were, from field, element, key and value', () => {
    withHeap({}, (heap) => {
      const random = new Random(SEED);
      const Box = heap.struct<{ text: string; any: string }>('Box', { text: 'string', any: 'any' });
      const box = new Box();
      const array = heap.array<string>();
      const map = heap.map<string, string>();
      array.push('');
      for (let length = 0; length <= 140; length++) {
        const value = text(random, ALPHABETS[name] as number[], length);
        heap.run(() => {
          box.text = value;
          box.any = value;
          array.set(0, value);
          map.set(value, value);
          expect(box.text).toBe(value);
          expect(box.any).toBe(value);
          expect(array.at(0)).toBe(value);
          expect(map.get(value)).toBe(value);
          expect(map.get(`${value}!`)).toBe(undefined);
          expect(array.indexOf(value)).toBe(0);
        });
      }
    });
  });

  test('are read from the heap, not from a cache, by a thread that has not seen them', () => {
    const heap = Heap.create({ maxBytes: 2 ** 22 });
    const random = new Random(SEED + 1);
    const texts = Array.from({ length: 100 }, (_, i) =>
      text(random, ALPHABETS[name] as number[], i),
    );
    const array = heap.array<string>();
    array.push(...texts);
    heap.root.set('texts', array);
    const token = heap.share();
    heap.detach(); // and back, with empty caches
    const again = Heap.attach(token);
    const found = again.root.get('texts') as typeof array;
    expect([...found]).toEqual(texts);
    expect(again.verify()).toEqual([]);
    again.detach();
  });
});

test('every single code unit comes back, alone and in the middle', () => {
  withHeap({}, (heap) => {
    const array = heap.array<string>();
    heap.run(() => {
      array.push('');
      for (let unit = 0; unit <= 0xffff; unit++) {
        const value = String.fromCharCode(unit);
        const longer = `${'a'.repeat(40)}${value}b`;
        if (array.set(0, value).at(0) !== value) expect.fail(`code unit ${unit}`);
        if (array.set(0, longer).at(0) !== longer) expect.fail(`code unit ${unit} among others`);
      }
    });
  });
});

test.each([
  [31, 1],
  [32, 1],
  [33, 10],
])('of ten equal strings of %i code units %i live', (length, objects) => {
  withHeap({}, (heap) => {
    const array = heap.array<string>();
    const before = mortalObjects(heap);
    array.push(...Array.from({ length: 10 }, () => 'x'.repeat(length)));
    expect(mortalObjects(heap) - before).toBe(objects);
    array.length = 9;
    expect(mortalObjects(heap) - before).toBe(Math.min(objects, 9));
    array.length = 0;
    expect(mortalObjects(heap) - before).toBe(0);
  });
});

test('the empty string takes no object in a string field', () => {
  withHeap({}, (heap) => {
    const Box = heap.struct<{ text: string }>('Box', { text: 'string' });
    const box = new Box({ text: 'x' });
    const before = heap.stats().liveObjects;
    box.text = '';
    expect(heap.stats().liveObjects).toBe(before - 1);
    expect(box.text).toBe('');
  });
});

test('interned strings come and go by the hundred thousand', () => {
  withHeap({}, (heap) => {
    const array = heap.array<string>();
    const before = mortalObjects(heap);
    for (let round = 0; round < 2; round++) {
      heap.run(() => {
        for (let i = 0; i < 100_000; i++) array.push(`string ${i}`);
      });
      expect(mortalObjects(heap) - before).toBe(100_000);
      heap.run(() => {
        for (let i = 0; i < 100_000; i += 777) expect(array.at(i)).toBe(`string ${i}`);
      });
      expect(heap.verify()).toEqual([]);
      array.length = 0;
      expect(mortalObjects(heap) - before).toBe(0);
    }
  });
});

test('a cached text is forgotten when its string dies, though its block is used again', () => {
  withHeap({}, (heap) => {
    const array = heap.array<string>();
    array.push('first');
    for (let i = 0; i < 20_000; i++) {
      const value =
        i % 3 === 0 ? `text ${i}` : `a text longer than the limit of interning ${i % 7}`;
      expect(array.set(0, value).at(0)).toBe(value);
    }
  });
});

test('long keys are equal by content', () => {
  withHeap({}, (heap) => {
    const map = heap.map<string, number>();
    const key = (i: number) => `${'k'.repeat(100)}${i}`;
    heap.run(() => {
      for (let i = 0; i < 3000; i++) map.set(key(i), i);
      for (let i = 0; i < 3000; i++) expect(map.get(key(i))).toBe(i);
      for (let i = 0; i < 3000; i++) map.set(key(i), -i);
      expect(map.size).toBe(3000);
      for (let i = 0; i < 3000; i += 2) expect(map.delete(key(i))).toBe(true);
      expect(map.has(key(2))).toBe(false);
      expect(map.get(key(3))).toBe(-3);
    });
  });
});

test.each([
  ['1 MiB of Latin-1', 2 ** 20, 'a', 2 ** 20],
  ['1 Mi code units of two bytes', 2 ** 20, '\u1234', 2 ** 21],
  ['40 million of Latin-1', 40e6, '\u00ff', 40e6],
  ['40 million of two bytes', 40e6, '\udead', 80e6],
])('a string of %s comes back, and its memory too', (_what, length, unit, bytes) => {
  withHeap({ maxBytes: 256 * 2 ** 20 }, (heap) => {
    const Box = heap.struct<{ text: string; any: unknown }>('Box', { text: 'string', any: 'any' });
    const box = new Box();
    const before = heap.stats().liveBytes;
    const value = `${unit.repeat(length - 1)}!`;
    box.text = value;
    const { liveBytes } = heap.stats();
    expect(liveBytes - before).toBeGreaterThanOrEqual(bytes);
    expect(liveBytes - before).toBeLessThan(bytes * 1.125 + 65536);
    expect(box.text === value).toBe(true);
    box.any = 1;
    box.text = '';
    expect(heap.stats().liveBytes).toBe(before);
  });
});

test('a two-byte character at the far end of a long string is not lost', () => {
  withHeap({ maxBytes: 256 * 2 ** 20 }, (heap) => {
    const array = heap.array<string>();
    const value = `${'a'.repeat(20e6)}\u0100`;
    array.push(value);
    expect(array.at(0) === value).toBe(true);
  });
});
