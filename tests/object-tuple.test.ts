/** Tuples: what they hold, that nothing changes them, and when the collector sees them (D2). */

import { describe, expect, test } from 'vitest';
import { NotShareableError } from '../src/base/errors.ts';
import type { Heap } from '../src/heap.ts';
import type { HeapTuple } from '../src/tuple.ts';
import { expectSameList, keysOf } from './support/collection-script.ts';
import { SEED, withRandom } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };
const LENGTH_MAX = 57_342;
const count0 = (heap: Heap) => heap.gc.getCount()[0];

describe('reading', () => {
  test.each([0, 1, 2, 3, 10, 1000])('a tuple of %i values reads as an array of them', (length) => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const keys = keysOf(heap, 80).filter((key) => !(key instanceof Object) || '$ref' in key);
        const values = Array.from({ length }, () => random.pick(keys));
        const tuple = heap.tuple(...values) as HeapTuple;
        const places = [0, 1, -1, length - 1, length, -length, -length - 1, 0.9, NaN, Infinity];
        for (const check of [(body: () => void) => body(), (body: () => void) => heap.run(body)]) {
          check(() => {
            expect(tuple.length).toBe(length);
            for (const at of places) expect(tuple.at(at)).toBe(values.at(at));
            expect(tuple.at(undefined as never)).toBe(values.at(0));
            expect(tuple.toArray()).toEqual(values);
            expect([...tuple]).toEqual(values);
            expect([...tuple.values()]).toEqual(values);
            expect([...tuple.entries()]).toEqual([...values.entries()]);
            for (const value of keys) {
              expect(tuple.includes(value as never)).toBe(values.includes(value));
              expect(tuple.indexOf(value as never)).toBe(values.indexOf(value));
            }
            const calls: unknown[] = [];
            tuple.forEach(function visit(this: unknown, ...args: unknown[]) {
              calls.push([args[0], args[1], args[2] === tuple, this]);
            }, 'this');
            expect(calls).toEqual(values.map((value, i) => [value, i, true, 'this']));
          });
        }
      }, SEED + length);
    });
  });

  test('dates are found by their time', () => {
    withHeap({}, (heap) => {
      const tuple = heap.tuple('x', new Date(5), new Date(NaN));
      expect(tuple.indexOf(new Date(5))).toBe(1);
      expect(tuple.includes(new Date(6))).toBe(false);
      expect(tuple.includes(new Date(NaN))).toBe(true);
      expect(tuple.at(1)).toEqual(new Date(5));
      expect(tuple.at(1)).not.toBe(tuple.at(1));
    });
  });

  test('it has the name of what it is, and iterators that JavaScript knows', () => {
    withHeap({}, (heap) => {
      const tuple = heap.tuple(1, 'two', null);
      expect(Object.prototype.toString.call(tuple)).toBe('[object HeapTuple]');
      expect(Object.prototype.toString.call(tuple.values())).toBe('[object HeapTuple Iterator]');
      const [one, two] = tuple;
      expect([one, two]).toEqual([1, 'two']);
    });
  });
});

test('nothing changes a tuple', () => {
  withHeap({}, (heap) => {
    const tuple = heap.tuple(1, 'two');
    expect(() => Object.assign(tuple, { length: 1 })).toThrow(TypeError);
    expect(() => Object.assign(tuple, { 0: 1 })).toThrow(TypeError);
    for (const name of ['set', 'push', 'pop', 'splice', 'fill', 'sort', 'reverse', 'shift']) {
      expect(name in tuple).toBe(false);
    }
    expect(tuple.toArray()).toEqual([1, 'two']);
  });
});

describe('limits', () => {
  test(`a tuple holds ${LENGTH_MAX} values, and not one more`, () => {
    withHeap({}, (heap) => {
      const values = Array.from({ length: LENGTH_MAX }, (_, i) => (i % 1000 === 0 ? `v${i}` : i));
      const tuple = heap.tuple(...values) as HeapTuple;
      expect(tuple.length).toBe(LENGTH_MAX);
      expect(tuple.toArray()).toEqual(values);
      expect(heap.verify()).toEqual([]);
      const before = heap.stats();
      expect(() => heap.tuple(...values, 'one more')).toThrow(RangeError);
      expect(() => heap.tuple(...values, 'one more')).toThrow(/57342 values, not 57343/);
      expect(heap.stats()).toMatchObject({ liveBytes: before.liveBytes });
      tuple.release();
      expect(mortalObjects(heap)).toBe(0);
    });
  });

  test('a value that cannot be shared is named, and the others are dropped again', () => {
    withHeap({}, (heap) => {
      const array = heap.array();
      const before = mortalObjects(heap);
      const wrong = [Symbol('s'), () => 1, {}, [], 2n ** 64n];
      for (const value of wrong) {
        const make = () => heap.tuple('a text', 2n ** 60n, array, new Date(), value);
        expect(make).toThrow(NotShareableError);
        expect(make).toThrow(/value 4 of a tuple/);
      }
      expect(mortalObjects(heap)).toBe(before);
      expect(heap.refcount(array)).toBe(1);
    });
  });
});

describe('D2: what the collector sees', () => {
  test('tuples of plain values, and of such tuples, are untracked and not counted', () => {
    withHeap(MANUAL, (heap) => {
      heap.gc.collect();
      const empty = heap.tuple();
      const flat = heap.tuple(1, 'two', 'x'.repeat(50), 4n, new Date(), null, heap.bytes(3));
      const nested = heap.tuple(flat, heap.tuple(heap.tuple()));
      for (const tuple of [empty, flat, nested]) expect(heap.gc.isTracked(tuple)).toBe(false);
      expect(count0(heap)).toBe(0);
      expect(heap.gc.countObjects()).toBe(0);
      for (const tuple of [empty, flat, nested]) tuple.release();
      expect(count0(heap)).toBe(0);
    });
  });

  test('a tuple that holds a container is tracked from birth, and counted until it dies', () => {
    withHeap(MANUAL, (heap) => {
      heap.gc.collect();
      const array = heap.array();
      expect(count0(heap)).toBe(1);
      const tuple = heap.tuple('x', array);
      const outer = heap.tuple(1, tuple);
      expect(heap.gc.isTracked(array)).toBe(false); // as an array of atoms
      expect([tuple, outer].map((t) => heap.gc.isTracked(t))).toEqual([true, true]);
      expect(count0(heap)).toBe(3);
      expect(new Set(heap.gc.getObjects())).toEqual(new Set([tuple, outer]));
      heap.gc.collect();
      expect([tuple, outer].map((t) => heap.gc.isTracked(t))).toEqual([true, true]);
      expect(count0(heap)).toBe(0);
      const another = heap.tuple(tuple);
      another.release();
      expect(count0(heap)).toBe(0);
    });
  });

  test('a struct of numbers is no container, one with references is', () => {
    withHeap(MANUAL, (heap) => {
      const Point = heap.struct('Point', { x: 'float64' });
      const Link = heap.struct('Link', { next: 'ref' });
      expect(heap.gc.isTracked(heap.tuple(new Point()))).toBe(false);
      expect(heap.gc.isTracked(heap.tuple(new Link()))).toBe(true);
    });
  });

  test('an untracked tuple leaves arrays and maps that hold it untracked', () => {
    withHeap(MANUAL, (heap) => {
      const array = heap.array<unknown>();
      array.push(heap.tuple(1));
      const map = heap.map<unknown, unknown>().set(heap.tuple(2), heap.tuple(3));
      const set = heap.set<unknown>().add(heap.tuple(4)).add(new Date()).add(heap.bytes(1));
      for (const holder of [array, map, set]) expect(heap.gc.isTracked(holder)).toBe(false);
      array.push(heap.tuple(map));
      expect(heap.gc.isTracked(array)).toBe(true);
    });
  });
});

describe('cycles', () => {
  test('a tuple and the array that it holds are collected as two (test_tuple)', () => {
    withHeap(MANUAL, (heap) => {
      heap.gc.collect();
      const array = heap.array<unknown>();
      const tuple = heap.tuple(array);
      array.push(tuple);
      expect(heap.gc.collect()).toBe(0);
      tuple.release();
      array.release();
      expect(heap.gc.collect()).toBe(2);
    });
  });

  test.each([0, 1, 2])('a young one is collected by generation %i', (generation) => {
    withHeap(MANUAL, (heap) => {
      heap.run(() => {
        const map = heap.map<string, unknown>();
        map.set('tuple', heap.tuple(1, heap.tuple(map), 'text'));
      });
      expect(heap.gc.collect(generation)).toBe(3);
      expect(mortalObjects(heap)).toBe(0);
    });
  });

  test('sets in cycles are collected, and let go of what else they hold', () => {
    withHeap(MANUAL, (heap) => {
      heap.run(() => {
        const set = heap.set<unknown>();
        set.add(set).add(heap.tuple(set)).add(heap.bytes(100)).add('x'.repeat(99)).add(new Date());
        for (let i = 0; i < 500; i++) set.add(heap.tuple(i, `text ${i}`));
      });
      expect(heap.gc.collect()).toBe(2);
      expect(mortalObjects(heap)).toBe(0);
    });
  });

  test('tuples of a million levels die at once', { timeout: 40_000 }, () => {
    withHeap({ maxBytes: 2 ** 29 }, (heap) => {
      const head = heap.run(() => {
        let tuple = heap.tuple('bottom') as unknown as HeapTuple;
        for (let i = 0; i < 1e6; i++) {
          const next = tuple;
          tuple = heap.scope(() => heap.tuple(next)) as unknown as HeapTuple;
          next.release();
        }
        return tuple;
      });
      expect(heap.stats().objectsByKind.tuple).toBe(1e6 + 1);
      head.release();
      expect(mortalObjects(heap)).toBe(0);
    });
  });
});

test('getReferents and getReferrers go through tuples and sets', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const array = heap.array();
      const bytes = heap.bytes(1);
      const tuple = heap.tuple(array, 1, 'text', array, bytes);
      const set = heap.set<unknown>().add(array).add(tuple).add(new Date(3)).add(bytes);
      expectSameList(heap.gc.getReferents(tuple), [array, 1, 'text', array, bytes]);
      expectSameList(heap.gc.getReferents(set), [array, tuple, new Date(3), bytes]);
      expect(heap.gc.getReferents(bytes)).toEqual([]);
      expect(new Set(heap.gc.getReferrers(array))).toEqual(new Set([tuple, set]));
      expectSameList(heap.gc.getReferrers(tuple), [set]);
      expect(new Set(heap.gc.getReferrers(bytes))).toEqual(new Set([tuple, set]));
      expect(heap.gc.getReferrers(set)).toEqual([]);
      expect(heap.gc.isTracked(bytes)).toBe(false);
    });
  });
});
