/** Handing over by `heap.send` and `heap.receive`: a token is what is posted. */

import {
  Heap,
  type HeapArray,
  type HeapToken,
  type SentToken,
  type SharedStruct,
} from '../../src/index.ts';
import type { Bench, BenchFactory, Cell } from '../harness/types.ts';
import { type FlatRecord, recordsChecksum, recordsOf } from '../shapes.ts';
import { handover, type Receive } from './handover.ts';

export interface ChainNode {
  next: ChainNode | null;
  value: number;
}

export const declareNode = (heap: Heap) =>
  heap.struct<ChainNode>('ChainNode', { next: 'ref', value: 'int32' });

export function chainOf(heap: Heap, length: number): SharedStruct<ChainNode> {
  const Node = declareNode(heap);
  return heap.run(() => {
    let head = new Node({ value: 0 });
    for (let i = 1; i < length; i++) {
      const next = head;
      head = new Node({ next, value: i });
      next.release();
    }
    return head;
  });
}

function sumOf(heap: Heap, head: SharedStruct<ChainNode>): number {
  return heap.run(() => {
    let sum = head.value;
    for (let node = head.next; node !== null; ) {
      sum = (sum + node.value) | 0;
      const { next } = node;
      node.release();
      node = next;
    }
    return sum;
  });
}

/** The other thread's part. */
export function receiverOf(workload: string, shared: unknown): Receive {
  const heap = Heap.attach(shared as HeapToken);
  declareNode(heap);
  if (workload === 'share-graph') {
    return (token) => {
      const head = heap.receive(token as SentToken<SharedStruct<ChainNode>>);
      return { checksum: () => sumOf(heap, head), release: () => head.release() };
    };
  }
  return (token) => {
    const records = heap.receive(token as SentToken<HeapArray<object>>);
    const recordAt = (i: number) => heap.toJS(records.at(i)) as FlatRecord;
    const checksum = () => heap.scope(() => recordsChecksum(records.length, recordAt));
    return { checksum, release: () => records.release() };
  };
}

function shareGraph({ size }: Cell): Bench {
  const heap = Heap.create();
  const chain = chainOf(heap, size!);
  const task = { module: import.meta.url, workload: 'share-graph', shared: heap.share() };
  return handover(task, () => heap.send(chain));
}

function shareRecords({ size }: Cell): Bench {
  const heap = Heap.create();
  const records = heap.from(recordsOf(size!));
  const task = { module: import.meta.url, workload: 'share-records', shared: heap.share() };
  return handover(task, () => heap.send(records));
}

export const handoverBenches: Readonly<Record<string, BenchFactory>> = {
  'share-graph': shareGraph,
  'share-records': shareRecords,
};
