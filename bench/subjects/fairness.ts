/**
 * Two threads that want nothing but the lock, each for sections of SECTION_MS. The figure is the
 * larger share of the time in which the lock was held: 50 % is fair, 100 % is starvation.
 */

import { isMainThread } from 'node:worker_threads';
import { Heap, type HeapToken } from '../../src/index.ts';
import type { Bench, Cell } from '../harness/types.ts';
import { lockMutex, unlockMutex } from './mutex.ts';
import { startPartner } from './partner.ts';

const SECTION_MS = 0.01;

/** The lock in question: that of a heap, or the bare mutex in word 0 of `i32`. */
export type Contested =
  | { readonly kind: 'heap'; readonly token: HeapToken }
  | { readonly kind: 'mutex'; readonly i32: Int32Array };

interface Contest {
  readonly lock: Contested;
  /** Milliseconds for which each thread takes part. */
  readonly duration: number;
  /** Milliseconds for which each thread held the lock: the main thread first. */
  readonly held: Float64Array;
}

function sectionsOf(lock: Contested): (body: () => void) => void {
  if (lock.kind === 'heap') {
    const heap = Heap.attach(lock.token);
    return (body) => heap.run(body);
  }
  const { i32 } = lock;
  return (body) => {
    lockMutex(i32, 0);
    body();
    unlockMutex(i32, 0);
  };
}

/** One thread's part; the partner thread loads this module and calls it, too. */
export function contend(shared: unknown): () => void {
  const { lock, duration, held } = shared as Contest;
  const enter = sectionsOf(lock);
  const own = isMainThread ? 0 : 1;
  const section = () => {
    const start = performance.now();
    let elapsed = 0;
    while (elapsed < SECTION_MS) elapsed = performance.now() - start;
    held[own] += elapsed;
  };
  return () => {
    const end = performance.now() + duration;
    while (performance.now() < end) enter(section);
  };
}

/** Here `operations` counts the milliseconds. */
export function fairness({ operations, threads }: Cell, lock: Contested): Bench {
  const measure = async () => {
    const held = new Float64Array(new SharedArrayBuffer(threads * Float64Array.BYTES_PER_ELEMENT));
    const contest: Contest = { lock, duration: operations, held };
    const partner = await startPartner(import.meta.url, contest);
    const body = contend(contest);
    partner.release();
    body();
    partner.join();
    await partner.close();
    const sum = held.reduce((total, milliseconds) => total + milliseconds);
    const took = held.filter((milliseconds) => milliseconds > 0).length;
    return { value: (Math.max(...held) / sum) * 100, checksum: took };
  };
  return { measure };
}
