/** `parallel-read` in a heap: each thread walks in one read section, on handles or raw. */

import { Heap, type HeapToken, type SharedStruct } from '../../src/index.ts';
import { raw } from '../../src/raw.ts';
import type { Bench, Cell } from '../harness/types.ts';
import type { Member } from './crew.ts';
import { parallelRead, walkerOf } from './parallel-read.ts';
import { type ChainNode, chainOf, declareNode } from './sharc-handover.ts';

/** Nodes whose handles end together. */
const SCOPE_NODES = 256;

type Layer = 'handles' | 'raw';

interface SharedChain {
  readonly token: HeapToken;
  readonly layer: Layer;
}

type NodeHandle = SharedStruct<ChainNode>;

function handleWalk(heap: Heap, head: NodeHandle): () => number {
  let sum = 0;
  let node: NodeHandle | null = null;
  const walkSome = () => {
    let next: NodeHandle | null = node;
    for (let i = 0; i < SCOPE_NODES && next !== null; i++) {
      sum = (sum + next.value) | 0;
      next = next.next as NodeHandle | null;
    }
    return next;
  };
  const section = () => {
    sum = 0;
    for (node = head; node !== null; ) node = heap.scope(walkSome);
    return sum;
  };
  return () => heap.read(section);
}

function rawWalk(heap: Heap, head: NodeHandle): () => number {
  const { i32, fromHandle, offsetOf } = raw(heap);
  const Node = declareNode(heap);
  const next = offsetOf(Node, 'next');
  const value = offsetOf(Node, 'value');
  const section = () => {
    let sum = 0;
    for (let node: number = fromHandle(head); node !== 0; node = i32[node + next]) {
      sum = (sum + i32[node + value]) | 0;
    }
    return sum;
  };
  return () => heap.read(section);
}

export function memberOf(_workload: string, shared: unknown): Member {
  const { token, layer } = shared as SharedChain;
  const heap = Heap.attach(token);
  declareNode(heap);
  const head = heap.root.get('chain') as NodeHandle;
  return walkerOf(layer === 'raw' ? rawWalk(heap, head) : handleWalk(heap, head));
}

/** The bench of a subject that works on one of the layers. */
export function readInParallel(layer: Layer, cell: Cell): Bench {
  const heap = Heap.create();
  heap.root.set('chain', chainOf(heap, cell.size!));
  const shared: SharedChain = { token: heap.share(), layer };
  return parallelRead(cell, { module: import.meta.url, shared });
}
