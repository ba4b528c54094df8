/**
 * Graph shapes: named graphs of one struct, for tests of whatever walks graphs.
 *
 * Each is built in a section and returned as one handle, kept when it is made outside of sections;
 * the other objects are held by the graph alone.
 */

import type { HeapArray } from '../array.ts';
import { checkOptions } from '../gc-arguments.ts';
import type { Heap } from '../heap.ts';
import type { HeapStruct, StructClass } from '../struct.ts';
import { Random } from './random.ts';

/** What shapes are made of. */
export interface TestNode {
  id: number;
  left: (TestNode & HeapStruct) | null;
  right: (TestNode & HeapStruct) | null;
  /** Further references: an array, or whatever a test puts there. */
  more: unknown;
}

/** A handle of a node. */
export type TestNodeHandle = TestNode & HeapStruct;

/** The struct of the shapes, in a heap. */
export function nodeStruct(heap: Heap): StructClass<TestNode> {
  return heap.struct<TestNode>('TestNode', {
    id: 'int32',
    left: 'ref',
    right: 'ref',
    more: 'any',
  });
}

/** `length` nodes, numbered from 0, each of which holds the next by `left`. Returns number 0. */
export function chain(heap: Heap, length: number): TestNodeHandle {
  return heap.run(() => link(heap, length).first);
}

/** A chain whose last node holds the first: `length` objects in one cycle. Returns number 0. */
export function ring(heap: Heap, length: number): TestNodeHandle {
  return heap.run(() => {
    const { first, last } = link(heap, length);
    last.left = first;
    return first;
  });
}

/** In a section: a chain, from its end to its beginning. */
function link(heap: Heap, length: number): { first: TestNodeHandle; last: TestNodeHandle } {
  checkSize('the length', length);
  const Node = nodeStruct(heap);
  const last = new Node({ id: length - 1 });
  let first: TestNodeHandle = last;
  for (let id = length - 2; id >= 0; id--) {
    const next = first;
    first = new Node({ id, left: next });
    if (next !== last) next.release();
  }
  return { first, last };
}

/** Deepest tree whose nodes can be numbered. */
const DEPTH_MAX = 31;

/**
 * A full binary tree of 2 ** depth - 1 nodes: node n has 2n and 2n + 1 below it. Returns 1.
 *
 * @param depth from 1 to 31, beyond which the numbers of nodes are no int32
 */
export function tree(heap: Heap, depth: number): TestNodeHandle {
  checkSize('the depth of a tree', depth, 1, DEPTH_MAX);
  const Node = nodeStruct(heap);
  const grow = (id: number, level: number): TestNodeHandle =>
    heap.scope(() => {
      if (level === 1) return new Node({ id });
      const left = grow(2 * id, level - 1);
      return new Node({ id, left, right: grow(2 * id + 1, level - 1) });
    });
  return heap.run(() => grow(1, depth));
}

/**
 * `size` nodes, each of which holds all of them, itself too, by an array in `more`: 2 * size
 * objects. Returns number 0.
 */
export function clique(heap: Heap, size: number): TestNodeHandle {
  checkSize('the size of a clique', size);
  const Node = nodeStruct(heap);
  return heap.run(() => {
    const nodes = Array.from({ length: size }, (_, id) => new Node({ id, more: heap.array() }));
    for (const node of nodes) (node.more as HeapArray<TestNodeHandle>).push(...nodes);
    return nodes[0] as TestNodeHandle;
  });
}

/**
 * An array of `spokes` nodes, each of which holds the array by `more`: spokes + 1 objects.
 * Returns the array.
 */
export function hub(heap: Heap, spokes: number): HeapArray<TestNodeHandle> {
  checkSize('the number of spokes', spokes, 0);
  const Node = nodeStruct(heap);
  return heap.run(() => {
    const center = heap.array<TestNodeHandle>();
    for (let id = 0; id < spokes; id++) {
      heap.scope(() => {
        center.push(new Node({ id, more: center }));
      });
    }
    return center;
  });
}

/**
 * width * height nodes, numbered by rows: `left` holds the node to the east, `right` the one to
 * the south, around the edges, so that everything is one cycle. Returns number 0.
 */
export function torus(heap: Heap, width: number, height: number): TestNodeHandle {
  checkSize('the width of a torus', width);
  checkSize('the height of a torus', height);
  const Node = nodeStruct(heap);
  return heap.run(() => {
    const nodes = Array.from({ length: width * height }, (_, id) => new Node({ id }));
    const at = (x: number, y: number) =>
      nodes[(y % height) * width + (x % width)] as TestNodeHandle;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        at(x, y).left = at(x + 1, y);
        at(x, y).right = at(x, y + 1);
      }
    }
    return at(0, 0);
  });
}

/** What a tangle is like. */
export interface TangleOptions {
  readonly nodes: number;
  /** References between nodes, each in an array of its node. */
  readonly edges: number;
  readonly seed: number;
}

/**
 * A random graph: an array of nodes, each with an array in `more`, which holds the other ends of
 * its edges: 2 * nodes + 1 objects. The same seed gives the same graph. Returns the array.
 */
export function tangle(heap: Heap, options: TangleOptions): HeapArray<TestNodeHandle> {
  checkOptions(options, 'tangle()', TANGLE_OPTIONS);
  const { nodes: count, edges, seed } = options;
  checkSize('the number of nodes', count);
  checkSize('the number of edges', edges, 0);
  const random = new Random(seed);
  const Node = nodeStruct(heap);
  return heap.run(() => {
    const nodes = Array.from({ length: count }, (_, id) => new Node({ id, more: heap.array() }));
    for (let i = 0; i < edges; i++) {
      const from = random.pick(nodes).more as HeapArray<TestNodeHandle>;
      from.push(random.pick(nodes));
    }
    const all = heap.array<TestNodeHandle>();
    all.push(...nodes);
    return all;
  });
}

const TANGLE_OPTIONS = ['nodes', 'edges', 'seed'];
/** Nodes are numbered in an int32. */
const SIZE_MAX = 2 ** 31 - 1;

function checkSize(what: string, size: number, min = 1, max = SIZE_MAX): void {
  if (Number.isInteger(size) && size >= min && size <= max) return;
  throw new RangeError(`${what} must be an integer from ${min} to ${max}, not ${String(size)}`);
}
