/** Sets: what combines them against JavaScript's, and the rules that scripts do not say. */

import { describe, expect, test } from 'vitest';
import type { Heap } from '../src/heap.ts';
import type { HeapSet } from '../src/set.ts';
import type { SetLike } from '../src/set-operations.ts';
import { copyOf, expectSameList, isSame, keysOf } from './support/collection-script.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

type Combined = Set<unknown> | boolean;
type Name = keyof typeof EXPECTED;

/** What each method gives, by its definition. */
const EXPECTED = {
  union: (a: Set<unknown>, b: Set<unknown>): Combined => new Set([...a, ...b]),
  intersection: (a: Set<unknown>, b: Set<unknown>): Combined =>
    a.size <= b.size
      ? new Set([...a].filter((value) => b.has(value)))
      : new Set([...b].filter((value) => a.has(value))),
  difference: (a: Set<unknown>, b: Set<unknown>): Combined =>
    new Set([...a].filter((value) => !b.has(value))),
  symmetricDifference: (a: Set<unknown>, b: Set<unknown>): Combined =>
    new Set([...[...a].filter((x) => !b.has(x)), ...[...b].filter((x) => !a.has(x))]),
  isSubsetOf: (a: Set<unknown>, b: Set<unknown>): Combined => [...a].every((x) => b.has(x)),
  isSupersetOf: (a: Set<unknown>, b: Set<unknown>): Combined => [...b].every((x) => a.has(x)),
  isDisjointFrom: (a: Set<unknown>, b: Set<unknown>): Combined => ![...a].some((x) => b.has(x)),
};
const NAMES = Object.keys(EXPECTED) as Name[];
type Combiner = (other: unknown) => Combined;
/** Whether this version of Node.js has these methods itself. */
const hasOwn = 'union' in Set.prototype;
const callOf = (set: object, name: Name, other: unknown): Combined =>
  Reflect.apply(Reflect.get(set, name) as Combiner, set, [other]);

function expectSameResult(actual: Combined, expected: Combined): void {
  if (typeof expected === 'boolean') expect(actual).toBe(expected);
  else {
    expect(Object.getPrototypeOf(actual)).toBe(Set.prototype);
    expectSameList([...(actual as Set<unknown>)], [...expected]);
  }
}

/** A set of the heap with these elements. */
function heapSetOf(heap: Heap, values: Iterable<unknown>): HeapSet<unknown> {
  const set = heap.set<unknown>();
  for (const value of values) set.add(copyOf(value));
  return set;
}

function some(random: Random, keys: readonly unknown[]): Set<unknown> {
  const share = random.pick([0, 0.02, 0.1, 0.5, 0.9, 1]);
  const few = keys.slice(random.int(keys.length), random.pick([1, 5, keys.length]));
  return new Set((random.chance(0.3) ? few : keys).filter(() => random.chance(share)));
}

describe.each([false, true])('in sections: %s', (inSection) => {
  test('what sets are combined to is what JavaScript says, for 400 pairs', () => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const keys = keysOf(heap, 90).sort(() => random.next() - 0.5);
        for (let i = 0; i < 400; i++) {
          const a = some(random, keys);
          const b = random.chance(0.2) ? new Set(a) : some(random, keys);
          const body = () => {
            const actual = heapSetOf(heap, a);
            const map = heap.map<unknown, number>();
            for (const value of b) map.set(copyOf(value), 1);
            const others = [heapSetOf(heap, b), map];
            for (const name of NAMES) {
              const expected = EXPECTED[name](a, b);
              if (hasOwn) expectSameResult(callOf(a, name, b), expected); // the test itself
              for (const other of others) expectSameResult(callOf(actual, name, other), expected);
              expectSameResult(callOf(actual, name, actual), EXPECTED[name](a, a));
            }
            actual.release();
            for (const other of others) other.release();
          };
          if (inSection) heap.run(body);
          else heap.scope(body);
        }
      }, SEED);
    });
  });
});

test('ordinary sets and maps, and others like them, combine with sets of the heap', () => {
  withHeap({}, (heap) => {
    const object = heap.array();
    const values: unknown[] = [1, 'two', 3n, object, null, NaN, 0];
    const actual = heapSetOf(heap, values);
    const other = new Set<unknown>([NaN, object, 'three', -0, 4]);
    const like: SetLike<unknown> = {
      size: 5,
      has: (value) => other.has(value),
      keys: () => [...other].values(),
    };
    const map = new Map([...other].map((value) => [value, 1]));
    for (const name of NAMES) {
      const expected = EXPECTED[name](new Set(values), other);
      for (const set of [other, map, like]) expectSameResult(callOf(actual, name, set), expected);
      if (hasOwn) expectSameResult(callOf(new Set(values), name, heapSetOf(heap, other)), expected);
    }
  });
});

test('dates are elements by their time, also when sets are combined', () => {
  withHeap({}, (heap) => {
    const set = heap.set<unknown>().add(new Date(5)).add(1);
    const other = heap.set<unknown>().add(new Date(5)).add(new Date(6));
    expect([...set.union(other)]).toEqual([new Date(5), 1, new Date(6)]);
    expect([...set.union(new Set([new Date(5)]))]).toEqual([new Date(5), 1]);
    expect([...set.intersection(other)]).toEqual([new Date(5)]);
    expect([...set.difference(other)]).toEqual([1]);
    expect([...set.symmetricDifference(other)]).toEqual([1, new Date(6)]);
    expect([...set.symmetricDifference(new Set([new Date(5)]))]).toEqual([1]);
    expect(set.isSupersetOf(new Set([new Date(5)]))).toBe(true);
    expect(set.isDisjointFrom(other)).toBe(false);
    expect(isSame([...set], [new Date(5), 1])).toBe(true);
  });
});

describe('what is no set', () => {
  const size = 1;
  const has = () => true;
  const keys = () => [].values();
  test.each([
    ['nothing', undefined, TypeError],
    ['null', null, TypeError],
    ['a text', 'abc', TypeError],
    ['an array, which has no size', [1], TypeError],
    ['a size that is none', { size: NaN, has, keys }, TypeError],
    ['a negative size', { size: -1, has, keys }, RangeError],
    ['no has()', { size, keys }, TypeError],
    ['no keys()', { size, has }, TypeError],
    ['keys() of nothing', { size: 0, has, keys: () => null }, TypeError],
  ])('%s cannot be combined with one', (_, other, error) => {
    withHeap({}, (heap) => {
      const set = heap.set<number>().add(1).add(2);
      for (const name of NAMES) {
        // Two elements are in no set of none: nobody asks for the keys.
        if (name === 'isSubsetOf' && (other as { size?: number } | null)?.size === 0) continue;
        expect(() => callOf(set, name, other)).toThrow(error);
        if (hasOwn) expect(() => callOf(new Set([1, 2]), name, other)).toThrow(error);
      }
      expect([...set]).toEqual([1, 2]);
    });
  });
});

test('who has seen enough of another set closes its iterator', () => {
  withHeap({}, (heap) => {
    const small = heap.set<number>().add(1);
    const large = heap.set<number>();
    for (let i = 5; i < 9; i++) large.add(i);
    expect(large.isSupersetOf(small)).toBe(false);
    expect(large.add(1).isDisjointFrom(small)).toBe(false);
    expect(heap.refcount(small)).toBe(1); // an open iterator would hold it
  });
});

test('sets of the heap have the methods and the name of Set', () => {
  withHeap({}, (heap) => {
    const set = heap.set<number>();
    expect(Object.prototype.toString.call(set)).toBe('[object HeapSet]');
    expect(Object.prototype.toString.call(set.values())).toBe('[object HeapSet Iterator]');
    expect(set.add(1)).toBe(set);
    expect(set.size).toBe(1);
    for (const name of Object.getOwnPropertyNames(Set.prototype)) {
      expect([name, name in set]).toEqual([name, true]);
    }
  });
});

test('a set is found by identity, and holds what is in it', () => {
  withHeap({}, (heap) => {
    const P = heap.struct<{ id: number }>('P', { id: 'int32' });
    const set = heap.set<unknown>();
    heap.run(() => {
      const p = new P({ id: 1 });
      set
        .add(p)
        .add(p)
        .add(new P({ id: 1 }));
      expect(set.size).toBe(2);
      expect(heap.refcount(p)).toBe(2);
    });
    expect(heap.stats().objectsByKind).toMatchObject({ P: 2, set: 1 });
    set.clear();
    expect(heap.stats().objectsByKind.P ?? 0).toBe(0);
    expect(() => set.add(Symbol() as never)).toThrow(/an element of a set/);
    expect(() => set.add({})).toThrow(/an element of a set/);
    expect(set.size).toBe(0);
  });
});
