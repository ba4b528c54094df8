/**
 * Strongly connected components after Tarjan, "Depth-First Search and Linear Graph Algorithms"
 * (1972), with the recursion written out as a worklist: import chains are as long as they like.
 */
import type { PlainGraph } from './compare.ts';

const UNVISITED = -1;

/** Sizes of the components with more than one module, largest first. */
export function importCycles(graph: PlainGraph): number[] {
  const indexes = new Map([...graph.modules.keys()].map((path, index) => [path, index]));
  const adjacency: number[][] = [];
  for (const { imports } of graph.modules.values()) {
    const paths = imports.map((line) => line.slice(line.indexOf(' ') + 1));
    adjacency.push(paths.map((path) => indexes.get(path)!));
  }
  return componentSizes(adjacency)
    .filter((size) => size > 1)
    .sort((a, b) => b - a);
}

/**
 * Sizes of all strongly connected components of the graph in which `adjacency[v]` lists the
 * vertices that `v` points to.
 *
 *     connect(v):
 *       index[v] = low[v] = next++; push v
 *       for w of adjacency[v]:
 *         if w is new: connect(w); low[v] = min(low[v], low[w])
 *         else if w is pushed: low[v] = min(low[v], index[w])
 *       if low[v] == index[v]: pop a component, down to v
 */
export function componentSizes(adjacency: readonly (readonly number[])[]): number[] {
  const count = adjacency.length;
  const index = new Int32Array(count).fill(UNVISITED);
  const low = new Int32Array(count);
  const nextEdge = new Int32Array(count); // where connect(v) goes on when it is resumed
  const isPushed = new Uint8Array(count);
  const pushed: number[] = [];
  const path: number[] = []; // the calls of connect that have not returned
  const sizes: number[] = [];
  let next = 0;

  const enter = (v: number): void => {
    index[v] = low[v] = next++;
    isPushed[v] = 1;
    pushed.push(v);
    path.push(v);
  };
  const leave = (v: number): void => {
    path.pop();
    const caller = path.at(-1);
    if (caller !== undefined) low[caller] = Math.min(low[caller], low[v]);
    if (low[v] === index[v]) sizes.push(popComponent(v, pushed, isPushed));
  };

  for (let root = 0; root < count; root++) {
    if (index[root] === UNVISITED) enter(root);
    while (path.length > 0) {
      const v = path.at(-1)!;
      const w = adjacency[v][nextEdge[v]++];
      if (w === undefined) leave(v);
      else if (index[w] === UNVISITED) enter(w);
      else if (isPushed[w] === 1) low[v] = Math.min(low[v], index[w]);
    }
  }
  return sizes;
}

function popComponent(v: number, pushed: number[], isPushed: Uint8Array): number {
  const size = pushed.length - pushed.lastIndexOf(v);
  for (const w of pushed.splice(-size)) isPushed[w] = 0;
  return size;
}
