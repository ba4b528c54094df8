/**
 * Public handles inside an exclusive section. The heap's lock has no public lock and unlock: the
 * rows of locks are all sections around a callback, as in V8's subject.
 */

import { Heap, type HeapToken } from '../../src/index.ts';
import type { Bench, Cell } from '../harness/types.ts';
import { cacheIn } from './cache-sharc.ts';
import { fairness } from './fairness.ts';
import { handleSubject } from './handle-benches.ts';
import { readInParallel } from './parallel-sharc.ts';
import { besidePartner, startPartner } from './partner.ts';
import { besideBenches } from './sharc-beside.ts';
import { dataBenches } from './sharc-data.ts';
import { explicitBenches } from './sharc-explicit.ts';
import { handoverBenches } from './sharc-handover.ts';
import { pushBenches } from './sharc-pushes.ts';

interface Counter {
  count: number;
}

const declareCounter = (heap: Heap) => heap.struct<Counter>('Counter', { count: 'int32' });

function section({ operations }: Cell): Bench {
  const heap = Heap.create();
  let entered = 0;
  const enter = () => {
    entered++;
  };
  const run = () => {
    entered = 0;
    for (let i = 0; i < operations; i++) heap.run(enter);
    return entered;
  };
  return { run };
}

/** What both threads of `lock-contended` get. The counter stands in the heap's root map. */
interface Contended {
  readonly token: HeapToken;
  readonly perThread: number;
}

/** One thread's part of a sample; the partner thread loads this module and calls it, too. */
export function contend(shared: unknown): () => void {
  const { token, perThread } = shared as Contended;
  const heap = Heap.attach(token);
  declareCounter(heap);
  const counter = heap.root.get('counter') as unknown as Counter;
  const increment = () => {
    counter.count++;
  };
  return () => {
    for (let i = 0; i < perThread; i++) heap.run(increment);
  };
}

async function lockContended({ operations, threads }: Cell): Promise<Bench> {
  const heap = Heap.create();
  const Counter = declareCounter(heap);
  const counter = new Counter();
  heap.root.set('counter', counter);
  const shared: Contended = { token: heap.share(), perThread: operations / threads };
  const before = () => {
    counter.count = 0;
  };
  const partner = await startPartner(import.meta.url, shared);
  return besidePartner(partner, { before, body: contend(shared), total: () => counter.count });
}

export const subject = handleSubject((heap, body) => heap.run(body), {
  'lock-uncontended': section,
  'lock-contended': lockContended,
  'section-enter-leave': section,
  'parallel-read': (cell) => readInParallel('handles', cell),
  lru: (cell) => cacheIn('lru', cell),
  'lru-second-chance': (cell) => cacheIn('lru-second-chance', cell),
  fairness: (cell) => {
    const heap = Heap.create();
    return fairness(cell, { kind: 'heap', token: heap.share() });
  },
  ...dataBenches,
  ...explicitBenches,
  ...besideBenches,
  ...pushBenches,
  ...handoverBenches,
});
