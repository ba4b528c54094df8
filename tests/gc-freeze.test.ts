/** The permanent generation (semantics B11 to B13). */
import { expect, test } from 'vitest';
import { chain, nodeStruct, ring } from './support/shapes.ts';
import { withHeap } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };

test('B13 freeze moves everything that is tracked, and getFreezeCount counts it', () => {
  withHeap(MANUAL, (heap) => {
    expect(heap.gc.getFreezeCount()).toBe(0);
    const older = chain(heap, 5);
    heap.gc.collect(0);
    const young = chain(heap, 7);
    heap.gc.freeze();
    expect(heap.gc.getFreezeCount()).toBe(12);
    expect(heap.stats().objectsByGeneration[3]).toBe(12);
    expect(heap.gc.countObjects()).toBe(0);
    older.release();
    expect(heap.gc.getFreezeCount()).toBe(7); // frozen objects die by their counts
    heap.gc.freeze(); // again: nothing more to move
    expect(heap.gc.getFreezeCount()).toBe(7);
    heap.gc.unfreeze();
    expect(heap.gc.getFreezeCount()).toBe(0);
    young.release();
  });
});

test('B12 unfreeze moves everything to the oldest generation', () => {
  withHeap(MANUAL, (heap) => {
    const handle = chain(heap, 5);
    heap.gc.freeze();
    heap.gc.unfreeze();
    expect([0, 1, 2].map((g) => heap.gc.countObjects(g))).toEqual([0, 0, 5]);
    handle.release();
  });
});

test('B11 an unreachable frozen cycle is collected only after unfreeze', () => {
  withHeap(MANUAL, (heap) => {
    const handle = ring(heap, 1);
    heap.gc.freeze();
    handle.release();
    expect(heap.gc.collect()).toBe(0);
    heap.gc.unfreeze();
    expect(heap.gc.collect(1)).toBe(0); // it is in the oldest generation now
    expect(heap.gc.collect()).toBe(1);
  });
});

test('B11 garbage that points to frozen objects is collected, what frozen ones hold is not', () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    const frozen = new NodeClass({ id: 1 });
    heap.gc.freeze();
    const before = heap.refcount(frozen);
    heap.run(() => {
      const garbage = ring(heap, 3);
      garbage.right = frozen;
    });
    expect(heap.refcount(frozen)).toBe(before + 1);
    expect(heap.gc.collect()).toBe(3);
    expect(heap.refcount(frozen)).toBe(before);
    heap.run(() => {
      frozen.left = ring(heap, 4);
    });
    expect(heap.gc.collect()).toBe(0);
    frozen.left = null;
    expect(heap.gc.collect()).toBe(4);
    frozen.release();
  });
});

test('B11 a cycle through a frozen object is not found', () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    const frozen = new NodeClass({ id: 1 });
    heap.gc.freeze();
    heap.run(() => {
      const young = new NodeClass({ id: 2, left: frozen });
      frozen.left = young;
    });
    frozen.release();
    expect(heap.gc.collect()).toBe(0);
    heap.gc.unfreeze();
    expect(heap.gc.collect()).toBe(2);
  });
});

test('B11 a container first tracked after freeze is young, not frozen', () => {
  withHeap(MANUAL, (heap) => {
    const array = heap.array();
    const other = heap.array();
    heap.gc.freeze(); // neither is tracked yet
    expect(heap.gc.getFreezeCount()).toBe(0);
    array.push(other as never);
    other.push(array as never);
    expect(heap.gc.countObjects(0)).toBe(2);
    array.release();
    other.release();
    expect(heap.gc.collect(0)).toBe(2);
  });
});

test('B11 collect while everything is frozen finds nothing and frees nothing', () => {
  withHeap(MANUAL, (heap) => {
    const handle = ring(heap, 100);
    heap.gc.freeze();
    for (const generation of [0, 1, 2]) expect(heap.gc.collect(generation)).toBe(0);
    expect(heap.gc.getStats().map((stats) => stats.candidates)).toEqual([0, 0, 0]);
    heap.gc.unfreeze();
    handle.release();
    expect(heap.gc.collect()).toBe(100);
  });
});

test('B11 named roots and other immortal objects are not frozen', () => {
  withHeap(MANUAL, (heap) => {
    const object = heap.array();
    heap.root.set('object', object as never); // from here on the map of named roots is tracked
    heap.gc.freeze();
    expect(heap.gc.getFreezeCount()).toBe(0);
    heap.gc.unfreeze();
    object.release();
  });
});
