/** Shapes of random graphs, and how graphs come, change and go. */
import type { ObjectRef } from '../../src/memory/layout.ts';
import { decref } from '../../src/object/dealloc.ts';
import { incref } from '../../src/object/refcount.ts';
import type { GraphHeap } from './graphs.ts';

/** How `count` objects hold each other. */
export type Shape = (heap: GraphHeap, nodes: readonly ObjectRef[]) => void;

/** Named shapes. Each links objects that are there already; what they are is left to chance. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  ring: (heap, nodes) => {
    nodes.forEach((node, i) => {
      heap.link(node, nodes[(i + 1) % nodes.length] as ObjectRef);
    });
  },
  chain: (heap, nodes) => {
    for (let i = 1; i < nodes.length; i++)
      heap.link(nodes[i - 1] as ObjectRef, nodes[i] as ObjectRef);
  },
  tree: (heap, nodes) => {
    for (let i = 1; i < nodes.length; i++) {
      heap.link(nodes[(i - 1) >> 1] as ObjectRef, nodes[i] as ObjectRef);
    }
  },
  'tree with parents': (heap, nodes) => {
    for (let i = 1; i < nodes.length; i++) {
      heap.link(nodes[(i - 1) >> 1] as ObjectRef, nodes[i] as ObjectRef);
      heap.link(nodes[i] as ObjectRef, nodes[(i - 1) >> 1] as ObjectRef);
    }
  },
  clique: (heap, nodes) => {
    for (const from of nodes.slice(0, 12)) for (const to of nodes.slice(0, 12)) heap.link(from, to);
  },
  hub: (heap, nodes) => {
    for (const node of nodes) {
      heap.link(nodes[0] as ObjectRef, node);
      heap.link(node, nodes[0] as ObjectRef);
    }
  },
  'self-loops': (heap, nodes) => {
    for (const node of nodes) if (heap.random.chance(0.7)) heap.link(node, node);
  },
  'many edges': (heap, nodes) => {
    for (let i = 0; i < nodes.length * 3; i++) {
      heap.link(heap.random.pick(nodes), heap.random.pick(nodes));
    }
  },
  'few edges': (heap, nodes) => {
    for (let i = 0; i < nodes.length; i++) {
      heap.link(heap.random.pick(nodes), heap.random.pick(nodes));
    }
  },
};

/** Makes a graph of a shape, holds few of its objects from outside, and lets go of the others. */
export function addGraph(heap: GraphHeap, shape: Shape, size: number): void {
  const { random, mem } = heap;
  const nodes = Array.from({ length: size }, () => heap.create());
  for (const node of nodes) if (random.chance(0.4)) heap.fill(node);
  shape(heap, nodes);
  // Edges between what was there and what is new.
  for (let i = random.int(4); i > 0; i--) {
    const known = heap.reachable(); // anew: a link that is replaced may have been the last
    if (known.length === 0) break;
    if (random.chance(0.5)) heap.link(random.pick(known), random.pick(nodes));
    else heap.link(random.pick(nodes), random.pick(known));
  }
  const held = random.int(3);
  nodes.forEach((node) => {
    if (random.chance(held / size)) heap.hold(node);
    else decref(mem, node);
  });
}

/** Changes a graph as a program would: links and cuts what can be reached, lets go of roots. */
export function changeGraph(heap: GraphHeap, steps: number): void {
  const { random } = heap;
  for (let i = 0; i < steps; i++) {
    const known = heap.reachable();
    if (known.length === 0) return;
    const choice = random.int(10);
    if (choice < 4) heap.link(random.pick(known), random.pick(known));
    else if (choice < 7) heap.cut(random.pick(known));
    else if (choice === 7) heap.fill(random.pick(known));
    else if (choice === 8 && heap.locals.length > 2) heap.release();
    else {
      const object = random.pick(known);
      incref(heap.mem, object);
      heap.hold(object);
    }
  }
}
