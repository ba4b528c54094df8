/** `sharc/testing`: hostile modes, leak checks and graph shapes, as users' suites see them. */

import { expect, test } from 'vitest';
import { type Heap, sessionOf } from '../src/heap.ts';
import { HeapCorruptionError, HeapExhaustedError } from '../src/index.ts';
import {
  chain,
  clique,
  expectNoLeaks,
  hostile,
  hub,
  nodeStruct,
  POISON_FREED,
  ring,
  tangle,
  torus,
  tree,
  unreachableObjects,
} from '../src/testing.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

const CYCLIC = {
  'a ring of 7 is 7 objects': [7, (heap: Heap) => ring(heap, 7)],
  'a clique of 5 is 10 objects': [10, (heap: Heap) => clique(heap, 5)],
  'a hub of 9 spokes is 10 objects': [10, (heap: Heap) => hub(heap, 9)],
  'a torus of 3 by 4 is 12 objects': [12, (heap: Heap) => torus(heap, 3, 4)],
} as const;

for (const [sentence, [objects, build]] of Object.entries(CYCLIC)) {
  test(`${sentence}, all of which only a collection frees`, () => {
    withHeap({}, (heap) => {
      heap.gc.disable();
      const shape = build(heap);
      expect(heap.gc.collect()).toBe(0);
      shape.release();
      expect(unreachableObjects(heap).length).toBe(objects);
      expect(heap.gc.collect()).toBe(objects);
    });
  });
}

test('a chain and a tree have no cycle: they die with their first node', () => {
  withHeap({}, (heap) => {
    nodeStruct(heap);
    const tracked = () => heap.stats().objectsByGeneration.reduce((sum, n) => sum + n, 0);
    const before = tracked();
    const shapes = [chain(heap, 6), tree(heap, 4)];
    expect(tracked() - before).toBe(6 + 15);
    for (const shape of shapes) shape.release();
    expect(tracked()).toBe(before);
    expect(heap.gc.collect()).toBe(0);
  });
});

test('a tangle is the same for the same seed', () => {
  withHeap({}, (heap) => {
    const idsOf = (seed: number) =>
      heap.run(() => {
        const all = tangle(heap, { nodes: 20, edges: 60, seed });
        return [...all].map((node) =>
          [...(node.more as Iterable<{ id: number }>)].map((n) => n.id),
        );
      });
    const first = idsOf(4);
    expect(first.flat().length).toBe(60);
    expect(idsOf(4)).toEqual(first);
    expect(idsOf(5)).not.toEqual(first);
    heap.gc.collect();
  });
});

test('a shape of no size is refused', () => {
  withHeap({}, (heap) => {
    expect(() => ring(heap, 0)).toThrow('a shape needs an integer size of at least 1, not 0');
  });
});

test('the nth allocation of a hostile heap fails, and no other', () => {
  withHeap({}, (heap) => {
    const Node = nodeStruct(heap);
    const make = () => new Node({ id: 1 }).release();
    make(); // the first kept handle needs a row
    const guard = hostile(heap, { failNth: 2 });
    make();
    expect(make).toThrow(HeapExhaustedError);
    make();
    expect(guard.failed).toBe(1);
    guard[Symbol.dispose]();
  });
});

test('poisoned memory that somebody writes to is reported when the mode ends', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    ring(heap, 1).release();
    heap.gc.collect();
    const guard = hostile(heap, { poison: true });
    const word = mem.i32.indexOf(POISON_FREED);
    expect(word).toBeGreaterThan(0);
    mem.i32[word] = 1;
    expect(() => guard[Symbol.dispose]()).toThrow(HeapCorruptionError);
  });
});

test('a hostile heap collects after so many allocations, and then as before', () => {
  withHeap({}, (heap) => {
    const before = heap.gc.getThreshold();
    const guard = hostile(heap, { collectEvery: 3, tune: { pageScanFrom: 0 } });
    const collections = () => heap.gc.getStats().reduce((sum, { collections: n }) => sum + n, 0);
    const start = collections();
    for (let i = 0; i < 12; i++) ring(heap, 1).release();
    expect(collections() - start).toBe(4);
    guard[Symbol.dispose]();
    expect(heap.gc.getThreshold()).toEqual(before);
    heap.gc.collect();
  });
});

test('numbers that make no hostile mode are refused', () => {
  withHeap({}, (heap) => {
    expect(() => hostile(heap, { failNth: 0 })).toThrow('at least 1, not 0');
    expect(() => hostile(heap, { collectEvery: 1 })).toThrow('at least 2, not 1');
  });
});

test('expectNoLeaks names what was left behind', () => {
  withHeap({}, (heap) => {
    nodeStruct(heap);
    const kept: { release(): void }[] = [];
    expectNoLeaks(heap, () => ring(heap, 3).release());
    expect(() => expectNoLeaks(heap, () => kept.push(ring(heap, 3)))).toThrow(
      'objects were left behind: 3 of TestNode',
    );
    for (const handle of kept) handle.release();
    heap.gc.collect();
  });
});

test('expectNoLeaks waits for a body that waits', async () => {
  await withHeapAsync({}, async (heap) => {
    nodeStruct(heap);
    await expectNoLeaks(heap, async () => void (await Promise.resolve(ring(heap, 2))).release());
    let kept: { release(): void } | undefined;
    const late = expectNoLeaks(heap, async () => {
      kept = ring(heap, 2);
    });
    await expect(late).rejects.toThrow('objects were left behind: 2 of TestNode');
    kept?.release();
    heap.gc.collect();
  });
});
