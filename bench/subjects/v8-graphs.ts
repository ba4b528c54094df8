/**
 * The graphs of `graphs.ts` as objects of V8, shared or not: `make` allocates one. Building is not
 * timed, so both subjects share it.
 */

import { getHeapStatistics } from 'node:v8';
import { edgesOf, SMALL_RING, walkObjects } from '../graphs.ts';
import { type Timed, timeCollection } from '../harness/collection-figures.ts';
import { collectGarbage } from './heap-delta.ts';

export interface GraphNode {
  a: GraphNode | null | undefined;
  b: GraphNode | null | undefined;
  c: GraphNode | null | undefined;
  d: GraphNode | null | undefined;
}

export type Make = () => GraphNode;

/** A graph held by one reference, and where its walk ends. */
export interface Graph {
  last: GraphNode;
  readonly walk: number;
}

function link(nodes: readonly GraphNode[]): Graph {
  const edges = edgesOf(nodes.length);
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    node.a = nodes[edges[2 * i]]!;
    node.b = nodes[edges[2 * i + 1]]!;
    node.c = nodes[i === 0 ? nodes.length - 1 : i - 1]!;
  }
  const last = nodes.at(-1)!;
  const end = walkObjects(
    last,
    (node) => node.a!,
    (node) => node.b!,
  );
  return { last, walk: nodes.indexOf(end) };
}

export function buildGraph(make: Make, objects: number): Graph {
  const nodes = new Array<GraphNode>(objects);
  for (let i = 0; i < objects; i++) nodes[i] = make();
  return link(nodes);
}

/** Two graphs of half the objects each, whose objects alternate in memory. */
export function buildHalves(make: Make, objects: number): [kept: Graph, dropped: Graph] {
  const half = objects / 2;
  const kept = new Array<GraphNode>(half);
  const dropped = new Array<GraphNode>(half);
  for (let i = 0; i < half; i++) {
    kept[i] = make();
    dropped[i] = make();
  }
  return [link(kept), link(dropped)];
}

/** A ring through `c`. */
export function buildRing(make: Make, objects: number): GraphNode {
  const first = make();
  let last = first;
  for (let i = 1; i < objects; i++) {
    const node = make();
    node.c = last;
    last = node;
  }
  first.c = last;
  return last;
}

/** Rings of `SMALL_RING` objects, all held by the array. */
export function buildRings(make: Make, objects: number): GraphNode[] {
  const rings = new Array<GraphNode>(objects / SMALL_RING);
  for (let i = 0; i < rings.length; i++) rings[i] = buildRing(make, SMALL_RING);
  return rings;
}

/** pyperformance's ring: `a` is the next object, `b` the previous one. */
function buildDoubleRing(make: Make, objects: number): GraphNode {
  const first = make();
  let current = first;
  const linkTo = (next: GraphNode) => {
    current.a = next;
    next.b = current;
    current = next;
  };
  for (let i = 1; i < objects; i++) linkTo(make());
  linkTo(first);
  return first;
}

export const buildDoubleRings = (make: Make, rings: number, objects: number): GraphNode[] =>
  Array.from({ length: rings }, () => buildDoubleRing(make, objects));

/** Objects on the ring through `c`. */
export function ringLength(last: GraphNode): number {
  let length = 0;
  let node = last;
  do {
    node = node.c!;
    length++;
  } while (node !== last);
  return length;
}

/** Four references and a header take more; V8 does not say how many objects it has collected. */
const OBJECT_BYTES_MIN = 36;

/** What V8 may have allocated or kept for itself meanwhile: so much proves nothing. */
const NOISE_BYTES = 2 ** 20;

/** A full collection that frees `objects`, as far as the memory freed can tell. */
export function timeFreeing(objects: number): Timed & { readonly collected: number } {
  const before = getHeapStatistics().used_heap_size;
  const timed = timeCollection(collectGarbage);
  const freed = before - getHeapStatistics().used_heap_size;
  const collected = Math.floor(Math.max(0, freed + NOISE_BYTES) / OBJECT_BYTES_MIN);
  return { ...timed, collected: Math.min(objects, collected) };
}
