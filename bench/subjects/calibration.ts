/**
 * What bare memory, bare atomics and bare threads cost on this machine today. Absolute targets are
 * read against these rows.
 */

import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Bench, Cell, Subject } from '../harness/types.ts';
import { POOL_SIZE, poolChecksum, poolOf, referentIndexOf } from '../shapes.ts';
import { fairness } from './fairness.ts';
import { measureJitter } from './jitter.ts';
import { createMutex, lockMutex, MUTEX_WORDS, unlockMutex } from './mutex.ts';
import { readWords } from './parallel-others.ts';
import { besidePartner, startPartner } from './partner.ts';

const sharedWords = (count: number): Int32Array =>
  new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));

function plainStore({ operations }: Cell): Bench {
  const i32 = sharedWords(POOL_SIZE);
  const run = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i += 4) {
        i32[i] = round + i;
        i32[i + 1] = round + i + 1;
        i32[i + 2] = round + i + 2;
        i32[i + 3] = round + i + 3;
      }
    }
    return 0;
  };
  return { run, checksum: () => poolChecksum((i) => i32[i]) };
}

function atomicsAdd({ operations }: Cell): Bench {
  const i32 = sharedWords(1);
  const run = () => {
    i32[0] = 0;
    for (let i = 0; i < operations; i++) Atomics.add(i32, 0, 1);
    return i32[0];
  };
  return { run };
}

function atomicsCas({ operations }: Cell): Bench {
  const i32 = sharedWords(1);
  const run = () => {
    i32[0] = 0;
    for (let i = 0; i < operations; i++) Atomics.compareExchange(i32, 0, i, i + 1);
    return i32[0];
  };
  return { run };
}

function casStore({ operations }: Cell): Bench {
  const i32 = sharedWords(1);
  const run = () => {
    let acquired = 0;
    for (let i = 0; i < operations; i++) {
      if (Atomics.compareExchange(i32, 0, 0, 1) === 0) acquired++;
      Atomics.store(i32, 0, 0);
    }
    return acquired;
  };
  return { run };
}

function lockUncontended({ operations }: Cell): Bench {
  const i32 = sharedWords(MUTEX_WORDS + 1);
  const mutex = createMutex(i32, 0);
  const run = () => {
    i32[MUTEX_WORDS] = 0;
    for (let i = 0; i < operations; i++) {
      lockMutex(i32, mutex);
      i32[MUTEX_WORDS]++;
      unlockMutex(i32, mutex);
    }
    return i32[MUTEX_WORDS];
  };
  return { run };
}

/** What both threads of `lock-contended` see: a mutex, and after it a counter. */
interface Contended {
  readonly i32: Int32Array;
  readonly perThread: number;
}

/** One thread's part of a sample; the partner thread loads this module and calls it, too. */
export function contend(shared: unknown): () => void {
  const { i32, perThread } = shared as Contended;
  return () => {
    for (let i = 0; i < perThread; i++) {
      lockMutex(i32, 0);
      i32[MUTEX_WORDS]++;
      unlockMutex(i32, 0);
    }
  };
}

async function lockContended({ operations, threads }: Cell): Promise<Bench> {
  const i32 = sharedWords(MUTEX_WORDS + 1);
  createMutex(i32, 0);
  const shared: Contended = { i32, perThread: operations / threads };
  const before = () => {
    i32[MUTEX_WORDS] = 0;
  };
  const partner = await startPartner(import.meta.url, shared);
  return besidePartner(partner, {
    before,
    body: contend(shared),
    total: () => i32[MUTEX_WORDS],
  });
}

/**
 * The two fields a handle cannot do without. Each wrapper goes where `get-ref` puts what it finds,
 * into an array that lives on: so it is really allocated, and both pay the same store.
 */
function plainWrapper({ operations }: Cell): Bench {
  const refs = Int32Array.from(poolOf(referentIndexOf));
  const made = new Array<{ ref: number; kind: number }>(POOL_SIZE);
  const run = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) made[i] = { ref: refs[i], kind: round };
    }
    return 0;
  };
  return { run, checksum: () => poolChecksum((i) => made[i]!.ref) };
}

async function piscinaRoundTrip({ operations }: Cell): Promise<Bench> {
  const filename = fileURLToPath(new URL('./empty-task.js', import.meta.url));
  const pool = new Piscina({ filename, name: 'emptyTask', minThreads: 1, maxThreads: 1 });
  await pool.run(undefined); // the worker has started
  const run = async () => {
    let answered = 0;
    for (let i = 0; i < operations; i++) answered += (await pool.run(undefined)) as number;
    return answered;
  };
  return { isAsync: true, run, close: () => pool.destroy() };
}

function jitter({ operations, threads }: Cell): Bench {
  return { measure: () => measureJitter(threads, operations) };
}

export const subject: Subject = {
  version: `Node ${process.versions.node}, piscina ${Piscina.version}`,
  benches: {
    'plain-store': plainStore,
    'atomics-add': atomicsAdd,
    'atomics-cas': atomicsCas,
    'cas-store': casStore,
    'lock-uncontended': lockUncontended,
    'lock-contended': lockContended,
    fairness: (cell) => fairness(cell, { kind: 'mutex', i32: sharedWords(MUTEX_WORDS) }),
    'plain-wrapper': plainWrapper,
    'piscina-round-trip': piscinaRoundTrip,
    'parallel-read': readWords,
    jitter,
  },
};
