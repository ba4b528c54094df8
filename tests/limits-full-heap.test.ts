/** Heaps that are really full: operations fail whole, and go on when something is released. */

import { describe, expect, test } from 'vitest';
import type { HeapArray } from '../src/array.ts';
import { HeapExhaustedError } from '../src/base/errors.ts';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { raw } from '../src/raw.ts';
import { contentsOf, type OperationCase } from './support/exhaustion.ts';
import { operations } from './support/operations.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const MIB = 2 ** 20;
// Few sizes: every size class in use holds a page, and a small heap has 28 of them.
const KIND_SIZES = [200, 30, 4, 1];

/** Fills what is free with a chain of structs, large ones first. Returns its first object. */
function fill(heap: Heap): Handle {
  const kinds = KIND_SIZES.map((words) => {
    const fields: Record<string, 'ref' | 'int32'> = { next: 'ref' };
    for (let i = 1; i < words; i++) fields[`w${i}`] = 'int32';
    return heap.struct<object>(`Ballast${words}`, fields as never);
  });
  // Kept before all is full: that takes a row.
  const handle = new (kinds.at(-1) as new () => Handle)();
  heap.run(() => {
    const layer = raw(heap);
    const first = layer.fromHandle(handle);
    for (const kind of kinds) {
      for (;;) {
        try {
          const object = layer.alloc(layer.kindOf(kind as never));
          layer.store(object, 0, layer.load(first, 0));
          layer.storeOwned(first, 0, object);
        } catch (error) {
          if (error instanceof HeapExhaustedError) break;
          throw error;
        }
      }
    }
  });
  return handle;
}

/** Does it or fails whole. */
function tryIn<S>(heap: Heap, operation: OperationCase<S>, state: S): boolean {
  const before = contentsOf(heap, operation.watched(state));
  const mortal = mortalObjects(heap);
  try {
    operation.run(state, heap);
    return true;
  } catch (error) {
    if (!(error instanceof HeapExhaustedError)) throw error;
    expect(heap.verify()).toEqual([]);
    expect(contentsOf(heap, operation.watched(state))).toEqual(before);
    expect(mortalObjects(heap)).toBe(mortal);
    return false;
  }
}

describe('in a full heap', () => {
  test.each(Object.keys(operations))('all or nothing: %s', (name) => {
    const operation = operations[name] as OperationCase<never>;
    withHeap({ maxBytes: 2 * MIB }, (heap) => {
      const state = operation.setup(heap);
      const ballast = fill(heap);
      let done = 0;
      while (done < 20 && tryIn(heap, operation, state)) done++;
      expect(heap.verify()).toEqual([]);
      ballast.release();
      expect(tryIn(heap, operation, state)).toBe(true);
    });
  });
});

test('a heap can be filled and emptied thirty times', () => {
  withHeap({ maxBytes: 2 * MIB }, (heap) => {
    fill(heap).release();
    const counts = new Set<number>();
    const live = new Set<number>();
    for (let round = 0; round < 30; round++) {
      const ballast = fill(heap);
      counts.add(heap.stats().liveObjects);
      ballast.release();
      live.add(heap.stats().liveBytes);
    }
    expect(counts.size).toBe(1);
    expect(live.size).toBe(1);
  });
});

test('in a full heap everything can be read, replaced in place, deleted and released', () => {
  withHeap({ maxBytes: 2 * MIB }, (heap) => {
    const S = heap.struct<{ name: string; n: number }>('S', { name: 'string', n: 'int32' });
    const map = heap.map();
    const array = heap.array();
    const object = new S({ name: 'object', n: 1 });
    const long = 'l'.repeat(100);
    map
      .set('key', 'value')
      .set(long, 5)
      .set(2n ** 60n, 7)
      .set(1.5, object);
    array.push('first', object, 3);
    const ballast = fill(heap);
    expect(object.name).toBe('object');
    object.n = 2;
    object.name = '';
    expect(map.get('key')).toBe('value');
    expect(map.get(long)).toBe(5);
    expect(map.get(2n ** 60n)).toBe(7);
    expect(map.get(3n)).toBe(undefined);
    map
      .set('key', 1)
      .set(long, true)
      .set(2n ** 60n, object);
    expect(map.delete(2n ** 60n)).toBe(true);
    expect(map.delete(long)).toBe(true);
    expect(map.delete('key')).toBe(true);
    expect(map.size).toBe(1);
    array.set(0, 1);
    expect(array.pop()).toBe(3);
    map.clear();
    array.length = 0;
    expect(heap.verify()).toEqual([]);
    ballast.release();
  });
});

/** Keeps elements of `spares` until this thread's root table is full. Returns their handles. */
function fillRows(spares: HeapArray<Handle>): Handle[] {
  const kept: Handle[] = [];
  for (;;) {
    try {
      kept.push(spares.at(kept.length) as Handle);
    } catch (error) {
      if (error instanceof HeapExhaustedError) return kept;
      throw error;
    }
  }
}

describe('in a full heap without a free row', () => {
  /** 3,000 objects, of which as many as there are rows are kept when `body` runs. */
  function withoutRows(prepare: (heap: Heap, some: Handle) => () => void): void {
    withHeap({ maxBytes: 2 * MIB }, (heap) => {
      const S = heap.struct<{ n: number }>('S', { n: 'int32' });
      const spares = heap.array<Handle>();
      heap.run(() => {
        for (let n = 0; n < 3000; n++) spares.push(new S({ n }));
      });
      const some = heap.from({ of: 'mine' });
      const body = prepare(heap, some);
      const ballast = fill(heap);
      const kept = fillRows(spares);
      expect(kept.length).toBeLessThan(3000);
      body();
      expect(heap.verify()).toEqual([]);
      for (const handle of [...kept, ballast]) handle.release();
    });
  }

  test('what is no object is read, and taken out', () => {
    withoutRows((heap) => {
      const S = heap.struct<{ n: number; s: string }>('T', { n: 'int32', s: 'string' });
      const struct = new S({ n: 1, s: 'text' });
      const array = heap.array([1, 'two', 3n, 4.5, new Date(5), null, 7]);
      const map = heap.map<unknown, unknown>([['key', 'value']]);
      const set = heap.set([1, 'two']);
      const tuple = heap.tuple(1, 'two');
      const object = heap.from({ one: 1, two: 'two' });
      const values = map.values();
      values.next(); // the iterator has its row
      map.set(2, 3);
      return () => {
        expect([struct.n, struct.s]).toEqual([1, 'text']);
        expect(array.at(1)).toBe('two');
        expect(array.slice(0, 3)).toEqual([1, 'two', 3n]);
        expect([array.pop(), array.shift(), array.pop()]).toEqual([7, 1, null]);
        expect(array.splice(1, 2)).toEqual([3n, 4.5]);
        expect([...array]).toEqual(['two', new Date(5)]);
        expect([map.get('key'), map.size, set.has('two')]).toEqual(['value', 2, true]);
        expect(values.next()).toEqual({ done: false, value: 3 });
        expect([...set.union(new Set([3]))]).toEqual([1, 'two', 3]);
        expect(tuple.toArray()).toEqual([1, 'two']);
        expect(object.values()).toEqual([1, 'two']);
        expect(object.entries()).toEqual([
          ['one', 1],
          ['two', 'two'],
        ]);
      };
    });
  });

  test('an object that cannot be kept stays where it is; a kept one comes out', () => {
    withoutRows((heap, some) => {
      const full = () => heap.from([{ hidden: true }]);
      const array = full();
      const several = heap.array<unknown>();
      const map = heap.map<unknown, unknown>();
      heap.run(() => {
        for (const n of [1, 2, 3]) several.push(heap.array([n]));
        map.set('first', 1).set('second', heap.array()).set('third', some);
      });
      const values = map.values();
      expect(values.next().value).toBe(1);
      return () => {
        for (const take of [
          () => array.pop(),
          () => array.shift(),
          () => array.splice(0, 1),
          () => several.splice(0, 3, 'new'),
          () => array.at(0),
          () => map.get('second'),
          () => values.next(),
        ]) {
          expect(take).toThrow(HeapExhaustedError);
        }
        expect([array.length, several.length, map.size]).toEqual([1, 3, 3]);
        map.delete('second'); // what the iterator could not yield
        expect(values.next().value).toBe(some);
        several.set(0, some);
        expect(several.shift()).toBe(some);
        expect(several.length).toBe(2);
        values.return?.();
      };
    });
  });
});
