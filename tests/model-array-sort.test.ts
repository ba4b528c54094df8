/** Sorting against JavaScript's: every kind of elements, and comparators that misbehave. */

import { describe, expect, test } from 'vitest';
import type { HeapArray } from '../src/array.ts';
import { HeapExhaustedError, StaleHandleError } from '../src/base/errors.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { VALUE_LOW } from '../src/memory/layout.ts';
import { arrayLength, elementAt } from '../src/object/array.ts';
import { permuteElements, reverseElements } from '../src/object/array-order.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { compareStrings } from '../src/object/string.ts';
import { referenceAt } from '../src/object/value.ts';
import { type Either, expectSame } from './support/array-steps.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

const ALPHABETS = ['ab', 'a\0', '\u00e9\u00ff', 'a\u0100', '\u0100\u4e2d', '\ud800\udc00\uffff'];

function textOf(random: Random, alphabet: string, most: number): string {
  return Array.from({ length: random.int(most + 1) }, () => random.pick([...alphabet])).join('');
}

/** Makes elements of one kind. */
const KINDS: Record<string, (random: Random) => unknown> = {
  'int32 numbers': (random) => {
    const edges = [0, 1, -1, 9, 10, 99, 100, 2 ** 31 - 1, -(2 ** 31), 1e9, -1e9, 999999999];
    return random.chance(0.1) ? random.pick(edges) : random.between(-(10 ** random.int(10)), 3000);
  },
  numbers: (random) =>
    random.pick([-0, 0, NaN, 1e21, -1e-7, Infinity, random.next(), random.int(100), 2 ** 53]),
  'short strings': (random) => textOf(random, random.pick(ALPHABETS), 5),
  'one-byte strings': (random) => `user-${random.int(5000)}`,
  'two-byte strings': (random) => `\u4e2d${random.int(5000)}`,
  'long strings': (random) =>
    'x'.repeat(random.pick([31, 32, 33, 60])) + textOf(random, random.pick(ALPHABETS), 4),
  'strings of all lengths': (random) => textOf(random, random.pick(ALPHABETS), 70),
  'strings and numbers': (random) => (random.chance(0.5) ? `${random.int(99)}` : random.int(99)),
  bigints: (random) => BigInt(random.between(-50, 50)) * 10n ** BigInt(random.int(15)),
  'null and booleans': (random) => random.pick([null, true, false]),
};

function fill(heap: Heap, values: readonly unknown[]): Either {
  const array = heap.array<unknown>();
  array.push(...values);
  return array as Either;
}

describe.each(Object.keys(KINDS))('%s', (kind) => {
  test.each([0, 1, 2, 7, 8, 9, 100, 1500])('%i are sorted as JavaScript sorts them', (length) => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        for (const share of [0, 0.1]) {
          const make = KINDS[kind] as (random: Random) => unknown;
          const one = () => (random.chance(share) ? undefined : make(random));
          const values = Array.from({ length }, one);
          const array = fill(heap, values);
          expect(array.sort()).toBe(array);
          expectSame(array.slice(), [...values].sort());
          const backwards = (a: unknown, b: unknown) => (String(a) < String(b) ? 1 : -1);
          array.sort(backwards as never);
          expectSame(array.slice(), [...values].sort().sort(backwards));
          expectSame(array.toSorted(), [...values].sort().sort(backwards).sort());
          array.reverse();
          expectSame(array.slice(), [...values].sort().sort(backwards).reverse());
        }
        expect(heap.verify()).toEqual([]);
      }, SEED + length);
    });
  });
});

test('strings of the heap compare by UTF-16 code units', () => {
  withHeap({}, (heap) => {
    withRandom((random) => {
      const one = () => textOf(random, random.pick(ALPHABETS), random.pick([3, 9, 40]));
      const texts = ['', '\0', '\0\0', 'a', 'a\0', ...Array.from({ length: 200 }, one)];
      const array = fill(heap, texts);
      const { mem } = sessionOf(heap);
      heap.run(() => {
        const refs = texts.map((_, i) => referenceAt(mem, elementAt(mem, array.$ref, i)));
        for (let i = 0; i < texts.length; i++) {
          for (let k = 0; k < texts.length; k++) {
            const [a, b] = [texts[i] as string, texts[k] as string];
            const expected = a < b ? -1 : a > b ? 1 : 0;
            const found = Math.sign(compareStrings(mem, refs[i] as number, refs[k] as number));
            if (found !== expected) expect([a, b, found]).toEqual([a, b, expected]);
          }
        }
      });
    });
  });
});

test('at every store of a permutation, each element stands in the array at least once', () => {
  withHeap({}, (heap) => {
    withRandom((random) => {
      const { mem } = sessionOf(heap);
      const numbers = Array.from({ length: 40 }, (_, i) => i);
      const array = fill(heap, numbers);
      const { $ref: ref } = array;
      let stores = 0;
      const watch: ProxyHandler<Int32Array> = {
        get: (words, name) => Reflect.get(words, name),
        set(words, name, word) {
          words[Number(name)] = word;
          stores++;
          const found = new Set<number>();
          for (let i = 0; i < arrayLength(mem, ref); i++) {
            found.add(words[elementAt(mem, ref, i) + VALUE_LOW] as number);
          }
          for (const number of numbers) if (!found.has(number)) expect.fail(`${number} is lost`);
          return true;
        },
      };
      const watched: Mutator = Object.create(mem, { i32: { value: new Proxy(mem.i32, watch) } });
      heap.run(() => {
        const order = numbers.map((i) => ({ i, key: random.next() })).sort((a, b) => a.key - b.key);
        permuteElements(watched, ref, new Uint32Array(order.map(({ i }) => i)));
        expect(array.slice()).toEqual(order.map(({ i }) => i));
        reverseElements(watched, ref);
        expect(array.slice()).toEqual(order.map(({ i }) => i).reverse());
      });
      expect(stores).toBeGreaterThan(160);
    });
  });
});

test('sorting is stable, and moves no counts', () => {
  withHeap({}, (heap) => {
    withRandom((random) => {
      const P = heap.struct<{ key: number; id: number }>('P', { key: 'int32', id: 'int32' });
      const array = heap.array<{ key: number; id: number }>();
      const model: [number, number][] = Array.from({ length: 700 }, (_, id) => [random.int(9), id]);
      heap.run(() => array.push(...model.map(([key, id]) => new P({ key, id }))));
      array.sort((a, b) => a.key - b.key);
      model.sort((a, b) => a[0] - b[0]);
      expect(array.map(({ key, id }) => [key, id])).toEqual(model);
      expect(heap.verify()).toEqual([]);
      expect(heap.stats().objectsByKind.P).toBe(700);
    });
  });
});

/** What comparators do at their tenth call. */
const MISCHIEF: Record<string, (array: Either, heap: Heap) => unknown> = {
  pop: (array) => array.pop(),
  'empty the array': (array) => array.splice(0),
  'empty it and fill it with others': (array) => {
    array.splice(0);
    array.push('others', 'others still, but longer than 32 code units', 1);
  },
  push: (array) => array.push('more', 5n, 7),
  'replace an element': (array) => array.fill('replaced', 3, 5),
  reverse: (array) => array.reverse(),
  'sort again': (array) => array.sort(),
  collect: (_, heap) => heap?.gc.collect(),
  'give others the lock': (_, heap) => heap?.safepoint(),
};

describe.each(['numbers', 'strings', 'mixed'])('a comparator of %s may', (kind) => {
  const valuesFor = (heap: Heap) => {
    const objects = [heap.map(), heap.array(), undefined, null, 'x'.repeat(50), 2n ** 60n, 'x', 3];
    return Array.from({ length: 40 }, (_, i) =>
      kind === 'numbers' ? (i * 7) % 40 : kind === 'strings' ? `${(i * 7) % 40}` : objects[i % 8],
    );
  };
  test.each(Object.keys(MISCHIEF))('%s', (what) => {
    withHeap({}, (heap) => {
      const values = valuesFor(heap);
      const sort = (array: Either, within?: Heap) => {
        let calls = 0;
        array.sort((a, b) => {
          if (++calls === 10) MISCHIEF[what]?.(array, within as Heap);
          return String(a) < String(b) ? -1 : 1;
        });
        return array.slice();
      };
      const expected = sort([...values] as unknown as Either, undefined);
      expectSame(sort(fill(heap, values), heap), expected);
      expectSame(
        heap.run(() => sort(fill(heap, values), heap)),
        expected,
      );
    });
  });

  test('throw: nothing has moved', () => {
    withHeap({}, (heap) => {
      const values = valuesFor(heap);
      const array = fill(heap, values);
      for (const at of [1, 5, 30]) {
        let calls = 0;
        const compare = () => {
          if (++calls === at) throw new EvalError('no more');
          return -1;
        };
        expect(() => array.sort(compare)).toThrow(EvalError);
        expectSame(array.slice(), values);
      }
      expect(() => array.sort(() => 1n as never)).toThrow(TypeError);
      expect(() => array.sort(() => Symbol() as never)).toThrow(TypeError);
      expectSame(array.slice(), values);
    });
  });

  test('be inconsistent: the elements are still the same', () => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const values = valuesFor(heap);
        const array = fill(heap, values);
        for (let i = 0; i < 20; i++) {
          array.sort(() => random.pick([-1, 1, 0, NaN, undefined, Infinity]) as number);
          expect(array.length).toBe(values.length);
          for (const value of values) {
            const count = (all: unknown[]) => all.filter((other) => Object.is(other, value)).length;
            expect(count(array.slice())).toBe(count(values));
          }
        }
      });
    });
  });
});

test('a comparator that releases its handles leaves the array as it was', () => {
  withHeap({}, (heap) => {
    const array = heap.array<object>();
    heap.run(() => array.push(heap.map(), heap.map(), heap.map()));
    const release = (a: object) => {
      (a as HeapArray).release();
      return 1;
    };
    expect(() => array.sort(release as never)).toThrow(StaleHandleError);
    expect(array.length).toBe(3);
  });
});

test.each([null, 5, 'text', {}, true])('%s is no comparator', (compare) => {
  withHeap({}, (heap) => {
    const array = fill(heap, [2, 1]);
    expect(() => array.sort(compare as never)).toThrow(TypeError);
    expect(() => array.toSorted(compare as never)).toThrow(TypeError);
    expect(array.slice()).toEqual([2, 1]);
  });
});

test('a full heap sorts nothing, or everything', () => {
  withHeap({ maxBytes: 2 ** 20 }, (heap) => {
    const { mem } = sessionOf(heap);
    const array = heap.array<string>();
    const texts = Array.from({ length: 512 }, (_, i) => `${(i * 37) % 512}`);
    array.push(...texts);
    const hoard = heap.array<unknown>();
    heap.run(() => {
      for (;;) {
        try {
          hoard.push(heap.array());
        } catch (error) {
          expect(error).toBeInstanceOf(HeapExhaustedError);
          break;
        }
      }
    });
    expect(heap.run(() => arrayLength(mem, array.$ref))).toBe(512);
    let isSorted = true;
    try {
      array.sort();
    } catch (error) {
      expect(error).toBeInstanceOf(HeapExhaustedError);
      isSorted = false;
    }
    // In a section: outside, the results of slice() ask for room to be kept.
    const found = heap.run(() => ({ elements: array.slice() }));
    expect(found.elements).toEqual(isSorted ? [...texts].sort() : texts);
    hoard.length = 0;
    expect(array.sort().slice()).toEqual([...texts].sort());
  });
});
