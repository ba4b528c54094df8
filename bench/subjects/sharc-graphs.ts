/** The graphs of `graphs.ts` in a heap, built on the raw layer. */

import type { Handle, Heap, HeapArray } from '../../src/index.ts';
import { type ObjectRef, raw } from '../../src/raw.ts';
import { edgesOf, OLD_OBJECTS, SMALL_RING, walkObjects, youngEdgesOf } from '../graphs.ts';
import { declareNode } from './sharc-shapes.ts';

const A = 0;
const B = 1;
const C = 2;
const D = 3;

/** A graph held by one kept handle, and where its walk ends. */
export interface Graph {
  readonly last: Handle;
  readonly walk: number;
}

/** Everything that benches do with graphs in one heap. */
export function graphsIn(heap: Heap) {
  const { kindOf, alloc, load, store, storeOwned, decref, fromHandle, toHandle } = raw(heap);
  const kind = kindOf(declareNode(heap));

  const allocMany = (count: number): ObjectRef[] => {
    const nodes = new Array<ObjectRef>(count);
    for (let i = 0; i < count; i++) nodes[i] = alloc(kind);
    return nodes;
  };

  /** Makes a graph of `nodes`; the ring takes over the counts, but for that of the last object. */
  const link = (nodes: readonly ObjectRef[]): { last: ObjectRef; walk: number } => {
    const edges = edgesOf(nodes.length);
    const last = nodes.at(-1)!;
    for (let i = 0; i < nodes.length; i++) {
      store(nodes[i]!, A, nodes[edges[2 * i]]!);
      store(nodes[i]!, B, nodes[edges[2 * i + 1]]!);
      if (i === 0) store(nodes[i]!, C, last);
      else storeOwned(nodes[i]!, C, nodes[i - 1]!);
    }
    const end = walkObjects(
      last,
      (node) => load(node, A),
      (node) => load(node, B),
    );
    return { last, walk: nodes.indexOf(end) };
  };

  /** Keeps the last object of a graph; `build` runs in a section. */
  const keep = (build: () => { last: ObjectRef; walk: number }): Graph => {
    let walk = 0;
    const last = heap.run(() => {
      const built = build();
      walk = built.walk;
      return toHandle(built.last);
    });
    return { last, walk };
  };

  const buildGraph = (objects: number): Graph => keep(() => link(allocMany(objects)));

  /** Two graphs of half the objects each, whose objects alternate in memory. */
  const buildHalves = (objects: number): [kept: Graph, dropped: Graph] => {
    const nodes = heap.run(() => allocMany(objects)); // owned: nobody else knows them
    const half = (from: number) => nodes.filter((_, i) => (i & 1) === from);
    return [keep(() => link(half(0))), keep(() => link(half(1)))];
  };

  /** A ring through `c`, owned. */
  const allocRing = (objects: number): ObjectRef => {
    const first = alloc(kind);
    let last = first;
    for (let i = 1; i < objects; i++) {
      const node = alloc(kind);
      storeOwned(node, C, last);
      last = node;
    }
    store(first, C, last);
    return last;
  };

  const buildRing = (objects: number): Graph => keep(() => ({ last: allocRing(objects), walk: 0 }));

  /** Rings of `SMALL_RING` objects, all held by an array. */
  const buildRings = (objects: number): Graph => {
    const rings: HeapArray = heap.array();
    const build = () => rings.push(toHandle(allocRing(SMALL_RING)));
    const buildMany = (from: number) => {
      for (let i = from; i < Math.min(objects, from + 1000 * SMALL_RING); i += SMALL_RING) build();
    };
    for (let i = 0; i < objects; i += 1000 * SMALL_RING) heap.run(() => buildMany(i));
    return { last: rings, walk: 0 };
  };

  /** pyperformance's rings: `a` is the next object, `b` the previous one. Dropped at once. */
  const dropDoubleRings = (rings: number, objects: number): void =>
    heap.run(() => {
      for (let ring = 0; ring < rings; ring++) {
        const nodes = allocMany(objects);
        for (let i = 0; i < objects; i++) {
          const next = nodes[(i + 1) % objects]!;
          store(nodes[i]!, A, next);
          store(next, B, nodes[i]!);
        }
        for (const node of nodes) decref(node);
      }
    });

  /** Objects on the ring through `c`. */
  const ringLength = (ring: Handle): number =>
    heap.run(() => {
      const last = fromHandle(ring);
      let length = 0;
      let node = last;
      do {
        node = load(node, C);
        length++;
      } while (node !== last);
      return length;
    });

  /** Objects of the ring, at most `limit`: borrowed, for as long as the graph lives. */
  const refsOf = (ring: Handle, limit: number): Int32Array => {
    const refs = Int32Array.from({ length: Math.min(limit, ringLength(ring)) });
    heap.run(() => {
      let node = fromHandle(ring);
      for (let i = 0; i < refs.length; i++) {
        refs[i] = node;
        node = load(node, C);
      }
    });
    return refs;
  };

  const old = (): { refs: ObjectRef[]; held: Graph } => {
    const held = buildRing(OLD_OBJECTS);
    return { refs: [...refsOf(held.last, OLD_OBJECTS)] as ObjectRef[], held };
  };

  /** `young-live`: a chain of new objects, each with edges to a new one and to an old one. */
  const buildYoung = (objects: number, refs: readonly ObjectRef[]): Handle => {
    const edges = youngEdgesOf(objects);
    return heap.run(() => {
      const nodes = allocMany(objects);
      for (let i = 0; i < objects; i++) {
        store(nodes[i]!, A, nodes[edges[2 * i]]!);
        store(nodes[i]!, B, refs[edges[2 * i + 1]]!);
        if (i > 0) storeOwned(nodes[i]!, C, nodes[i - 1]!);
      }
      // The first one may have no other: a reference to itself would outlive the chain.
      store(nodes[0]!, A, 0 as ObjectRef);
      return toHandle(nodes.at(-1)!);
    });
  };

  const chainLength = (last: Handle): number =>
    heap.run(() => {
      let length = 0;
      for (let node = fromHandle(last); node !== 0; node = load(node, C)) length++;
      return length;
    });

  /** One operation of a mutator: an object allocated and dropped, a reference stored over one. */
  const mutatorOn = (pool: Int32Array, batch: number): (() => void) => {
    let at = 0;
    const section = () => {
      for (let i = 0; i < batch; i++) {
        decref(alloc(kind));
        const holder = pool[at] as ObjectRef;
        at = at + 1 === pool.length ? 0 : at + 1;
        store(holder, D, pool[at] as ObjectRef);
      }
    };
    return () => heap.run(section);
  };

  return {
    ...{ buildGraph, buildHalves, buildRing, buildRings, dropDoubleRings, ringLength, refsOf },
    ...{ old, buildYoung, chainLength, allocRing, mutatorOn },
  };
}
