/** Graph shapes for tests: how many objects each has, and how many of them a collection finds. */
import { expect, test } from 'vitest';
import type { Handle, Heap } from '../src/index.ts';
import {
  chain,
  clique,
  hub,
  ring,
  type TestNode,
  type TestNodeHandle,
  tangle,
  torus,
  tree,
  unreachableObjects,
} from '../src/testing.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

interface Shape {
  readonly name: string;
  readonly build: (heap: Heap) => Handle;
  readonly objects: number;
  /** How many a full collection finds once the handle is released: 0 when they die by count. */
  readonly collected: number;
}

const SHAPES: readonly Shape[] = [
  { name: 'a chain of 1', build: (h) => chain(h, 1), objects: 1, collected: 0 },
  { name: 'a chain of 100', build: (h) => chain(h, 100), objects: 100, collected: 0 },
  { name: 'a ring of 1', build: (h) => ring(h, 1), objects: 1, collected: 1 },
  { name: 'a ring of 100', build: (h) => ring(h, 100), objects: 100, collected: 100 },
  { name: 'a tree of depth 7', build: (h) => tree(h, 7), objects: 127, collected: 0 },
  { name: 'a clique of 8', build: (h) => clique(h, 8), objects: 16, collected: 16 },
  { name: 'a hub with 50 spokes', build: (h) => hub(h, 50), objects: 51, collected: 51 },
  { name: 'a hub without spokes', build: (h) => hub(h, 0), objects: 1, collected: 0 },
  { name: 'a torus of 6 by 4', build: (h) => torus(h, 6, 4), objects: 24, collected: 24 },
  {
    name: 'a tangle without edges',
    build: (h) => tangle(h, { nodes: 30, edges: 0, seed: 1 }),
    objects: 61,
    collected: 0,
  },
];

for (const { name, build, objects, collected } of SHAPES) {
  test(`${name} has ${objects} objects, of which a collection finds ${collected}`, () => {
    withHeap({}, (heap) => {
      build(heap).release(); // declares the struct
      heap.gc.collect();
      const before = mortalObjects(heap);
      const handle = build(heap);
      expect(mortalObjects(heap) - before).toBe(objects);
      expect(heap.gc.collect()).toBe(0);
      handle.release();
      expect(unreachableObjects(heap).length).toBe(collected);
      expect(heap.gc.collect()).toBe(collected);
      expect(mortalObjects(heap)).toBe(before);
    });
  });
}

test('a tangle has as many objects as it says, and leaves nothing when it is dropped', () => {
  withHeap({}, (heap) => {
    const handle = tangle(heap, { nodes: 200, edges: 600, seed: 3 });
    expect(heap.stats().objectsByKind).toMatchObject({ TestNode: 200, array: 201 });
    const edges = heap.run(() => [...handle].map((node) => moreOf(node).length));
    expect(edges.reduce((sum, n) => sum + n, 0)).toBe(600);
    handle.release();
    expect(heap.gc.collect()).toBeGreaterThan(0);
    expect(heap.stats().objectsByKind).not.toHaveProperty('TestNode');
  });
});

test('the same seed gives the same tangle, another seed another one', () => {
  withHeap({}, (heap) => {
    const edgesOf = (seed: number) =>
      heap.run(() => {
        const nodes = tangle(heap, { nodes: 20, edges: 60, seed });
        return [...nodes].map((node) => moreOf(node).map((end) => end.id));
      });
    expect(edgesOf(5)).toEqual(edgesOf(5));
    expect(edgesOf(5)).not.toEqual(edgesOf(6));
    heap.gc.collect();
  });
});

test('nodes are numbered, and hold those that the shape says', () => {
  withHeap({}, (heap) => {
    heap.run(() => {
      const last = chain(heap, 3).left?.left;
      expect([last?.id, last?.left]).toEqual([2, null]);
      const first = ring(heap, 3);
      expect(first.left?.left?.left).toBe(first);
      const root = tree(heap, 3);
      expect([root.id, root.left?.right?.id, root.right?.left?.id]).toEqual([1, 5, 6]);
      const corner = torus(heap, 3, 2);
      expect([corner.left?.id, corner.right?.id]).toEqual([1, 3]);
      expect(corner.left?.left?.left).toBe(corner);
      expect(corner.right?.right).toBe(corner);
      const member = clique(heap, 3);
      expect(moreOf(member).map(({ id }) => id)).toEqual([0, 1, 2]);
      const center = hub(heap, 2);
      expect([...center].map((spoke) => spoke.more === center)).toEqual([true, true]);
    });
    expect(heap.gc.collect()).toBe(3 + 6 + 6 + 3);
  });
});

test('a shape of no size is refused', () => {
  withHeap({}, (heap) => {
    for (const size of [0, -1, 1.5, Number.NaN]) {
      expect(() => chain(heap, size)).toThrow(RangeError);
      expect(() => ring(heap, size)).toThrow(RangeError);
      expect(() => tree(heap, size)).toThrow(RangeError);
      expect(() => clique(heap, size)).toThrow(RangeError);
      expect(() => torus(heap, 1, size)).toThrow(RangeError);
      expect(() => tangle(heap, { nodes: size, edges: 0, seed: 0 })).toThrow(RangeError);
    }
  });
});

test('a size that a shape cannot have is refused by name, and nothing is made', () => {
  withHeap({}, (heap) => {
    for (const [build, message] of [
      [() => tree(heap, 40), 'the depth of a tree must be an integer from 1 to 31, not 40'],
      [() => tree(heap, 0), 'the depth of a tree must be an integer from 1 to 31, not 0'],
      [() => ring(heap, 2 ** 31), 'the length must be an integer from 1 to 2147483647'],
      [() => clique(heap, 0), 'the size of a clique must be an integer from 1'],
      [() => hub(heap, -1), 'the number of spokes must be an integer from 0'],
      [() => hub(heap, 1.5), 'the number of spokes must be an integer from 0'],
      [() => torus(heap, 0, 1), 'the width of a torus must be an integer from 1'],
      [() => torus(heap, 1, 0), 'the height of a torus must be an integer from 1'],
      [() => tangle(heap, { nodes: 0, edges: 1, seed: 1 }), 'the number of nodes must be'],
      [() => tangle(heap, { nodes: 1, edges: -1, seed: 1 }), 'the number of edges must be'],
    ] as const) {
      expect(build).toThrow(RangeError);
      expect(build).toThrow(message);
    }
    const typo = { nodes: 1, edges: 1, edge: 1, seed: 1 };
    expect(() => tangle(heap, typo)).toThrow("unknown option 'edge' of tangle(); the options are");
    expect(heap.stats().objectsByKind).not.toHaveProperty('TestNode');
  });
});

function moreOf(node: TestNode): TestNodeHandle[] {
  return [...(node.more as Iterable<TestNodeHandle>)];
}
