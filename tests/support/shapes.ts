/**
 * Named graphs of one struct. Every shape is built in a section and returned as one kept handle;
 * the other objects are held by the graph alone.
 */

import type { HeapArray } from '../../src/array.ts';
import type { Heap } from '../../src/heap.ts';
import type { HeapStruct, StructClass } from '../../src/struct.ts';

/** The struct that shapes are made of. */
export interface Node {
  id: number;
  left: (Node & HeapStruct) | null;
  right: (Node & HeapStruct) | null;
  any: unknown;
}

export type NodeHandle = Node & HeapStruct;

/** The struct of the shapes in a heap. */
export function nodeStruct(heap: Heap): StructClass<Node> {
  return heap.struct<Node>('Node', { id: 'int32', left: 'ref', right: 'ref', any: 'any' });
}

/** `length` nodes, each holding the next by `left`; the handle is that of number 0. */
export function chain(heap: Heap, length: number): NodeHandle {
  const NodeClass = nodeStruct(heap);
  return heap.run(() => {
    let first = new NodeClass({ id: length - 1 });
    for (let id = length - 2; id >= 0; id--) {
      const next = first;
      first = heap.scope(() => new NodeClass({ id, left: next }));
      next.release();
    }
    return first;
  });
}

/** A chain whose last node holds the first. */
export function ring(heap: Heap, length: number): NodeHandle {
  const NodeClass = nodeStruct(heap);
  return heap.run(() => {
    const last = new NodeClass({ id: length - 1 });
    let first = last;
    for (let id = length - 2; id >= 0; id--) {
      const next = first;
      first = new NodeClass({ id, left: next });
      if (next !== last) next.release();
    }
    last.left = first;
    return first;
  });
}

/** A full binary tree of 2 ** depth - 1 nodes, numbered as in a heap array from 1. */
export function tree(heap: Heap, depth: number): NodeHandle {
  const NodeClass = nodeStruct(heap);
  const grow = (id: number, level: number): NodeHandle =>
    heap.scope(() =>
      level === 1
        ? new NodeClass({ id })
        : new NodeClass({
            id,
            left: grow(2 * id, level - 1),
            right: grow(2 * id + 1, level - 1),
          }),
    );
  return heap.run(() => grow(1, depth));
}

/** An array that holds `spokes` nodes, each of which holds the array by `any`. */
export function hub(heap: Heap, spokes: number): HeapArray<NodeHandle> {
  const NodeClass = nodeStruct(heap);
  return heap.run(() => {
    const center = heap.array<NodeHandle>();
    for (let id = 0; id < spokes; id++) {
      heap.scope(() => {
        center.push(new NodeClass({ id, any: center }));
      });
    }
    return center;
  });
}
