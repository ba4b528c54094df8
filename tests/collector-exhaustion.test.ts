/**
 * A full heap collects before it gives up: an operation that finds no memory is rolled back, all
 * garbage is freed, and it is tried once more. Automatic collections are off here, so that nothing
 * else frees garbage.
 */
import { describe, expect, test } from 'vitest';
import { HeapExhaustedError } from '../src/base/errors.ts';
import { findUnreachable } from '../src/gc/trace.ts';
import type { Handle } from '../src/handle.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { raw } from '../src/raw.ts';
import { contentsOf, type OperationCase } from './support/exhaustion.ts';
import { operations } from './support/operations.ts';
import { type NodeHandle, nodeStruct } from './support/shapes.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const MIB = 2 ** 20;
const OPTIONS = { maxBytes: 1.5 * MIB, thresholds: [0, 0, 0], growthFactor: 0 } as const;
// Few sizes: every size class in use holds a page, and a small heap has few of them.
const KIND_SIZES = [200, 30, 4, 1];

/** Fills what is free with objects that hold themselves, large ones first. Returns how many. */
function fillWithGarbage(heap: Heap): number {
  let count = 0;
  const kinds = KIND_SIZES.map((words) => {
    const fields: Record<string, 'ref' | 'int32'> = { self: 'ref' };
    for (let i = 1; i < words; i++) fields[`w${i}`] = 'int32';
    return heap.struct<object>(`Ballast${words}`, fields as never);
  });
  heap.run(() => {
    const layer = raw(heap);
    for (const kind of kinds) {
      for (;;) {
        try {
          const object = layer.alloc(layer.kindOf(kind as never));
          layer.storeOwned(object, 0, object);
          count++;
        } catch (error) {
          if (error instanceof HeapExhaustedError) break;
          throw error;
        }
      }
    }
  });
  return count;
}

const fullCollections = (heap: Heap) => heap.gc.getStats()[2]?.collections as number;
const locals = (heap: Heap) => sessionOf(heap).handles.localRefs();

for (const inSection of [false, true]) {
  describe(inSection ? 'in a section' : 'outside of sections', () => {
    test.each(Object.keys(operations))('a heap full of garbage has room for: %s', (name) => {
      const operation = operations[name] as OperationCase<never>;
      withHeap({ ...OPTIONS, leaked: operation.leaked ?? 0 }, (heap) => {
        const state = operation.setup(heap);
        const before = mortalObjects(heap);
        const garbage = fillWithGarbage(heap);
        expect(garbage).toBeGreaterThan(1000);
        const act = () => operation.run(state, heap);
        if (inSection) heap.run(() => void act());
        else act();
        expect(heap.verify()).toEqual([]);
        const isCollected = fullCollections(heap) > 0;
        if (isCollected) expect(mortalObjects(heap)).toBeLessThan(before + 3000);
        else expect(mortalObjects(heap)).toBeGreaterThan(before + garbage - 100);
        // Without a collection it had what it needed; otherwise it does the same as ever.
        const after = contentsOf(heap, operation.watched(state));
        const expected = withHeap({ ...OPTIONS, leaked: operation.leaked ?? 0 }, (other) => {
          const otherState = operation.setup(other);
          operation.run(otherState, other);
          return contentsOf(other, operation.watched(otherState));
        });
        expect(after).toEqual(expected);
        heap.gc.collect();
      });
    });
  });
}

test('a heap that is full of cycles goes on allocating in one section, without end', () => {
  withHeap(OPTIONS, (heap) => {
    const NodeClass = nodeStruct(heap);
    const kept = heap.run(() => {
      const first = new NodeClass({ id: 0 });
      for (let id = 1; id <= 200_000; id++) {
        heap.scope(() => {
          const node = new NodeClass({ id, any: `text ${id % 50}` });
          node.left = node;
        });
      }
      return first;
    });
    expect(fullCollections(heap)).toBeGreaterThan(1);
    heap.gc.collect();
    expect(mortalObjects(heap)).toBe(1);
    kept.release();
  });
});

test('a heap that is full of cycles goes on allocating by single operations', () => {
  withHeap(OPTIONS, (heap) => {
    for (let id = 0; id < 20_000; id++) {
      const map = heap.map();
      const array = heap.array();
      array.push(map as never, `a text too long to be interned, which is number ${id}`);
      map.set('array', array as never);
      map.set(array as never, id);
      map.release();
      array.release();
    }
    expect(fullCollections(heap)).toBeGreaterThan(1);
    heap.gc.collect();
  });
});

test('keeping a handle collects when there is no row for it', () => {
  withHeap(OPTIONS, (heap) => {
    const array = heap.array<Handle>();
    heap.run(() => {
      for (let i = 0; i < 2000; i++) array.push(heap.map());
    });
    const garbage = fillWithGarbage(heap);
    const kept: Handle[] = [];
    heap.run(() => {
      for (let i = 0; i < 2000; i++) kept.push((array.at(i) as Handle).keep());
    });
    expect(fullCollections(heap)).toBe(1);
    expect(garbage).toBeGreaterThan(1000);
    expect(kept.length).toBe(2000);
    expect(mortalObjects(heap)).toBe(2001);
  });
});

test('the result of a section is kept though the heap is full of garbage', () => {
  withHeap(OPTIONS, (heap) => {
    const array = heap.array<Handle>();
    heap.run(() => {
      for (let i = 0; i < 2000; i++) array.push(heap.map());
    });
    fillWithGarbage(heap);
    const kept = Array.from({ length: 2000 }, (_, i) => heap.run(() => array.at(i) as Handle));
    expect(fullCollections(heap)).toBe(1);
    expect(new Set(kept.map((handle) => heap.id(handle))).size).toBe(2000);
  });
});

test('what the section holds survives the collection, what it has let go of does not', () => {
  withHeap(OPTIONS, (heap) => {
    const NodeClass = nodeStruct(heap);
    heap.run(() => {
      const ring = (): NodeHandle => {
        const a = new NodeClass({ id: 1 });
        const b = new NodeClass({ id: 2, left: a });
        a.left = b;
        b.release();
        return a;
      };
      const held = ring();
      ring().release();
      const before = heap.gc.getStats()[2]?.collected as number;
      const garbage = fillWithGarbage(heap);
      const fresh = new NodeClass({ id: 3 });
      expect(heap.gc.getStats()[2]?.collected).toBe(before + garbage + 2);
      expect([held.id, held.left?.id, held.left?.left?.id, fresh.id]).toEqual([1, 2, 1, 3]);
      held.left = null;
    });
    expect(mortalObjects(heap)).toBe(0);
  });
});

test('HeapExhaustedError comes only when what lives fills the heap', () => {
  withHeap(OPTIONS, (heap) => {
    const NodeClass = nodeStruct(heap);
    const array = heap.array<NodeHandle | null>();
    array.length = 60_000; // its backing is there: from here on only nodes are needed
    let next = 0;
    const fill = () => {
      for (;;) {
        heap.run(() => {
          const garbage = new NodeClass({ id: -1 });
          garbage.right = garbage;
          array.set(next, new NodeClass({ id: next }));
          next++;
        });
      }
    };
    const room = [0, 0, 0].map(() => {
      next = 0;
      const before = fullCollections(heap);
      expect(fill).toThrow(HeapExhaustedError);
      expect(fullCollections(heap)).toBeGreaterThan(before + 3);
      const { freeBytes, maxBytes } = heap.stats();
      expect(freeBytes).toBeLessThan(maxBytes / 20);
      // What the last attempt has made and dropped is all the garbage there is.
      const { mem } = sessionOf(heap);
      const left = heap.run(() => findUnreachable(mem, locals(heap)));
      expect(left.length).toBeLessThanOrEqual(1);
      for (let i = 0; i < 60_000; i++) array.set(i, null);
      return next;
    });
    // Every time the same number of nodes finds room.
    expect(Math.min(...room)).toBeGreaterThan(10_000);
    expect(Math.max(...room) - Math.min(...room)).toBeLessThan(1000);
    array.release();
    heap.gc.collect();
  });
});
