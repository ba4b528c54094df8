/** Strings joined, cut and compared by the raw layer, without decoding; strings interned. */

import { describe, expect, test } from 'vitest';
import { raw } from '../src/raw.ts';
import { Random, SEED } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const ALPHABETS: Record<string, readonly string[]> = {
  'one byte': ['a', 'b', '\u00ff', '\0'],
  'two bytes': ['\u0100', '\uffff', '\ud83d', '\ude00'],
  both: ['a', '\u00ff', '\u0100', '\ud83d'],
};

function text(random: Random, alphabet: readonly string[], length: number): string {
  return Array.from({ length }, () => random.pick(alphabet)).join('');
}

describe.each(Object.keys(ALPHABETS))('strings of characters of %s', (name) => {
  const alphabet = ALPHABETS[name] as readonly string[];
  const lengths = [0, 1, 2, 3, 4, 5, 7, 8, 15, 31, 32, 33, 40, 64, 127, 129, 1000];

  test('are joined as JavaScript joins them, and found as the same texts', () => {
    withHeap({}, (heap) => {
      const random = new Random(SEED);
      const layer = raw(heap);
      heap.run(() => {
        for (const a of lengths) {
          for (const b of lengths) {
            const [left, right] = [
              text(random, alphabet, a),
              text(random, ALPHABETS.both ?? [], b),
            ];
            const refs = [layer.string(left), layer.string(right)] as const;
            const both = layer.concat(...refs);
            const same = layer.string(left + right);
            expect(layer.textOf(both)).toBe(left + right);
            expect(layer.lengthOf(both)).toBe(a + b);
            expect(layer.compare(both, same)).toBe(0);
            expect(both === same).toBe(a + b <= 32);
            for (const ref of [...refs, both, same]) layer.decref(ref);
          }
        }
      });
    });
  });

  test('are cut as JavaScript cuts them', () => {
    withHeap({}, (heap) => {
      const random = new Random(SEED);
      const layer = raw(heap);
      heap.run(() => {
        for (const length of lengths) {
          const whole = text(random, alphabet, length);
          const ref = layer.string(whole);
          for (let i = 0; i < 40; i++) {
            const from = random.int(length + 1);
            const to = from + random.int(length - from + 1);
            const part = layer.slice(ref, from, to);
            expect(layer.textOf(part)).toBe(whole.slice(from, to));
            layer.decref(part);
          }
          layer.decref(ref);
        }
      });
    });
  });

  test('are ordered as JavaScript orders them', () => {
    withHeap({}, (heap) => {
      const random = new Random(SEED);
      const layer = raw(heap);
      heap.run(() => {
        for (let i = 0; i < 500; i++) {
          const start = text(random, ALPHABETS.both ?? [], random.int(40));
          const texts = [0, 1].map(() => start + text(random, alphabet, random.int(4)));
          const [a, b] = texts.map((each) => layer.string(each));
          const [left, right] = texts as [string, string];
          const order = left < right ? -1 : left > right ? 1 : 0;
          expect(Math.sign(layer.compare(a as never, b as never))).toBe(order);
          layer.decref(a as never);
          layer.decref(b as never);
        }
      });
    });
  });
});

test('a part outside of a string is refused, and nothing is made', () => {
  withHeap({}, (heap) => {
    const layer = raw(heap);
    heap.run(() => {
      const ref = layer.string('abc');
      const wrong = [
        [-1, 2],
        [2, 1],
        [0, 4],
        [Number.NaN, 2],
      ] as const;
      for (const [from, to] of wrong) {
        expect(() => layer.slice(ref, from, to)).toThrow(RangeError);
      }
      layer.decref(ref);
    });
    expect(mortalObjects(heap)).toBe(0);
  });
});

describe.each([
  ['short', 'a name'],
  ['of 32 units, the longest that is short', 'x'.repeat(32)],
  ['long', 'a text that is too long to be found in the table of short ones'],
  ['two-byte and long', '\u0101'.repeat(50)],
])('an interned string that is %s', (_, value) => {
  test('is one object for ever, however often it is stored', () => {
    withHeap({}, (heap) => {
      const before = heap.stats();
      expect(heap.intern(value)).toBe(value);
      expect(heap.intern(value)).toBe(value);
      const array = heap.array<string>();
      for (let i = 0; i < 100; i++) array.push(value);
      expect(array.at(99)).toBe(value);
      expect(array.indexOf(value)).toBe(0);
      const strings = (stats: typeof before) => stats.objectsByKind.string ?? 0;
      expect(strings(heap.stats())).toBe(strings(before) + 1);
      array.length = 0;
      expect(strings(heap.stats())).toBe(strings(before) + 1);
      expect(heap.verify()).toEqual([]);
    });
  });

  test('is found as a key, also by a string that was made before', () => {
    withHeap({}, (heap) => {
      const map = heap.map<string, number>();
      map.set(value, 1);
      heap.intern(value);
      map.set(value, 2);
      expect([map.size, map.get(value)]).toEqual([1, 2]);
      expect(map.delete(value)).toBe(true);
      map.set(value, 3);
      expect(map.get(value)).toBe(3);
    });
  });
});

test('only strings can be interned', () => {
  withHeap({}, (heap) => {
    expect(() => heap.intern(5 as never)).toThrow('intern() takes a string, not 5');
  });
});

test('what fragmentation costs is told: free blocks in runs that are in use', () => {
  withHeap({}, (heap) => {
    const arrays = Array.from({ length: 1000 }, () => heap.array());
    const full = heap.stats();
    for (const [i, array] of arrays.entries()) if (i % 2 === 0) array.release();
    const { freeBlockBytes, fragmentation, liveBytes, freeBytes } = heap.stats();
    expect(freeBlockBytes - full.freeBlockBytes).toBe(500 * 24);
    expect(freeBlockBytes).toBeLessThan(freeBytes);
    expect(fragmentation).toBe(freeBlockBytes / (freeBlockBytes + liveBytes));
  });
});
