/** Handing over by `postMessage` alone: structured clone of ordinary objects. */

import type { Bench, Cell, Subject } from '../harness/types.ts';
import { type FlatRecord, recordsChecksum, recordsOf } from '../shapes.ts';
import { handover, type Receive } from './handover.ts';

interface ChainNode {
  readonly next: ChainNode | null;
  readonly value: number;
}

function chainOf(length: number): ChainNode | null {
  let head: ChainNode | null = null;
  for (let value = 0; value < length; value++) head = { next: head, value };
  return head;
}

function sumOf(head: ChainNode | null): number {
  let sum = 0;
  for (let node = head; node !== null; node = node.next) sum = (sum + node.value) | 0;
  return sum;
}

/** The other thread's part: it has a copy when the message arrives. */
export function receiverOf(workload: string): Receive {
  const release = () => {};
  if (workload === 'share-graph') {
    return (chain) => ({ checksum: () => sumOf(chain as ChainNode), release });
  }
  return (message) => {
    const records = message as FlatRecord[];
    return { checksum: () => recordsChecksum(records.length, (i) => records[i]!), release };
  };
}

function shareGraph({ size }: Cell): Bench {
  const chain = chainOf(size!);
  const task = { module: import.meta.url, workload: 'share-graph', shared: null };
  return handover(task, () => chain);
}

function shareRecords({ size }: Cell): Bench {
  const records = recordsOf(size!);
  const task = { module: import.meta.url, workload: 'share-records', shared: null };
  return handover(task, () => records);
}

export const subject: Subject = {
  version: `V8 ${process.versions.v8}`,
  benches: { 'share-graph': shareGraph, 'share-records': shareRecords },
};
