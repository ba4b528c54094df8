/** `heap.from` and plain objects when memory runs out: nothing has happened, or it works. */

import { describe, expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { HeapObject } from '../src/plain-object.ts';
import { checkEveryFailure, type OperationCase } from './support/exhaustion.ts';
import { randomGraph, structureOf } from './support/plain-graphs.ts';
import { SEED, withRandom } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

/** Every class, keys and values that are copied for their entry, cycles, what is shared. */
function mixed(size: number): unknown {
  const shared = new ArrayBuffer(64);
  const date = new Date(5);
  const inner = { text: 'a text that is longer than thirty-two units', big: 2n ** 60n, date };
  const source: Record<string, unknown> = {
    map: new Map<unknown, unknown>([
      [{ key: 1 }, { value: 1 }],
      [[1], [2, inner]],
      ['a', inner],
      [new Date(1), new Set([{ element: 1 }, date, inner])],
      [inner, inner],
    ]),
    views: [new Int8Array(shared, 1, 3), shared, new Float64Array(shared)],
    error: new TypeError('message', { cause: [inner] }),
    regexp: /abc/gi,
    boxed: [Object('boxed text'), Object(5n), Object(5n)],
    dictionary: Object.fromEntries(Array.from({ length: 130 }, (_, i) => [`key ${i}`, inner])),
    // biome-ignore lint/suspicious/noSparseArray: a hole
    list: Array.from({ length: size }, (_, i) => ({ i, list: [i, , 'x'.repeat(i)] })),
  };
  source.self = source;
  (source.map as Map<unknown, unknown>).set(source, source);
  return source;
}

/** The shapes that a copy needs live as long as the heap: they are there before memory fails. */
function prepare(heap: Heap, size: number): void {
  const handle = heap.from(mixed(size)) as Handle;
  handle.release();
  heap.gc.collect();
}

describe.each([false, true])('with every allocation failing, in a section: %s', (inSection) => {
  test('a copy of a mixed graph leaves nothing behind', () => {
    let n = 1;
    for (let failed = true; failed; n += n < 40 ? 1 : 7) {
      failed = withHeap({ maxBytes: 2 ** 21, checkLeaks: false }, (heap) => {
        prepare(heap, 6);
        const before = mortalObjects(heap);
        const { mem } = heap.root.$session;
        let count = 0;
        mem.hostile = { shouldFail: () => ++count === n };
        let error: unknown;
        try {
          if (inSection) heap.run(() => void heap.from(mixed(6)));
          else (heap.from(mixed(6)) as Handle).release();
        } catch (thrown) {
          error = thrown;
        } finally {
          mem.hostile = null;
        }
        expect(heap.verify()).toEqual([]);
        if (error === undefined) return false;
        expect((error as Error).name).toBe('HeapExhaustedError');
        expect(mortalObjects(heap)).toBe(before);
        const source = mixed(6);
        using copy = heap.from(source) as Handle;
        expect(structureOf(heap.toJS(copy))).toEqual(structureOf(structuredClone(source)));
        return true;
      });
    }
    expect(n).toBeGreaterThan(100);
  });

  // The map of a dictionary gets its second chunk, its table and another chunk by these.
  test.each([4, 8, 16])('one more property of an object of %i is undone', (count) => {
    const names = Array.from({ length: count }, (_, i) => [`name ${i}`, i]);
    const tried = checkEveryFailure<HeapObject>(
      {
        setup(heap) {
          object(heap).release();
          return heap.from(Object.fromEntries(names)) as unknown as HeapObject;
        },
        run: (target) => target.set('more', 'v'.repeat(50)),
        watched: (target) => [target],
      },
      inSection,
    );
    expect(tried).toBeGreaterThanOrEqual(4);
  });

  const writes: Record<string, OperationCase<HeapObject>> = {
    'set of a known name': {
      setup: (heap) => object(heap),
      run: (target) => target.set('a', 'a text that is longer than thirty-two units, by some'),
      watched: (target) => [target],
      atLeast: 1,
    },
    'set of a new name': {
      setup: (heap) => object(heap),
      run: (target) => target.set('new name', 2n ** 60n),
      watched: () => [],
      atLeast: 4,
    },
    delete: {
      setup: (heap) => object(heap),
      run: (target) => target.delete('a'),
      watched: () => [],
      atLeast: 2,
    },
  };
  test.each(Object.keys(writes))('%s of a plain object is undone', (name) => {
    const operation = writes[name] as OperationCase<HeapObject>;
    const watched = (heap: Heap, target: HeapObject) => JSON.stringify(heap.toJS(target));
    checkEveryFailure(
      {
        ...operation,
        watched: () => [],
        run(target, heap) {
          const before = watched(heap, target);
          try {
            operation.run(target, heap);
          } catch (error) {
            expect(watched(heap, target)).toBe(before);
            throw error;
          }
        },
      },
      inSection,
    );
  });
});

function object(heap: Heap): HeapObject {
  // The shape of dictionaries is there for good.
  (heap.from({ x: 1 }) as unknown as HeapObject).set('y', 1).release();
  const copy = heap.from({ a: 'text', b: [1], c: 1.5 }) as unknown as HeapObject;
  expect(copy).toBeInstanceOf(HeapObject);
  return copy;
}

test('a copy that fills the heap is helped by a collection of what is garbage', () => {
  withHeap({ maxBytes: 2 ** 22, checkLeaks: false }, (heap) => {
    withRandom((random) => {
      heap.gc.disable();
      const source = Array.from({ length: 400 }, (_, i) => ({ i, map: new Map([[{ i }, [i]]]) }));
      const wanted = structureOf(structuredClone(source));
      const empty = mortalObjects(heap);
      for (let round = 0; round < 40; round++) {
        const cycle = heap.from([source, null]) as unknown as { set(i: number, v: unknown): void };
        cycle.set(1, cycle); // garbage that only a collection finds
        (cycle as unknown as Handle).release();
        if (round % 8 !== 0) continue;
        using copy = heap.from(source) as unknown as Handle;
        expect(structureOf(heap.toJS(copy))).toEqual(wanted);
        expect(heap.verify()).toEqual([]);
        const graph = randomGraph(random, 40);
        using other = heap.from(graph) as Handle;
        expect(structureOf(heap.toJS(other))).toEqual(structureOf(structuredClone(graph)));
      }
      expect(heap.gc.getStats().some(({ collections }) => collections > 0)).toBe(true);
      heap.gc.collect();
      expect(mortalObjects(heap)).toBe(empty);
    }, SEED);
  });
});

test('a copy for which there is no room leaves the heap as it was', () => {
  withHeap({ maxBytes: 2 ** 21 }, (heap) => {
    const before = mortalObjects(heap);
    const source = Array.from({ length: 100_000 }, (_, i) => [i, { i }]);
    for (const graph of [source, new Map(source as never), new Set(source), { source }]) {
      expect(() => heap.from(graph as object)).toThrow('heap exhausted');
      expect(mortalObjects(heap)).toBe(before);
    }
    expect(heap.verify()).toEqual([]);
    using small = heap.from([1]);
    expect(small.length).toBe(1);
  });
});
