/**
 * A second thread for contended benches. It waits until a sample releases it, performs its part
 * beside the main thread, and waits again, so that starting a thread is never inside a time.
 *
 *   gate words        written by
 *   GATE_RELEASED     main: number of rounds released
 *   GATE_DONE         partner: number of rounds it has finished
 *   GATE_CLOSED       main: 1 when no round will follow
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { TimedBench } from '../harness/types.ts';

const GATE_RELEASED = 0;
const GATE_DONE = 1;
const GATE_CLOSED = 2;
const GATE_WORDS = 3;

/** First message to the partner. */
export interface PartnerTask {
  readonly gate: Int32Array;
  /** A module with `contend(shared)`, which returns one thread's part of a sample. */
  readonly module: string;
  readonly shared: unknown;
}

export interface Contender {
  contend(shared: unknown): () => void | Promise<() => void>;
}

export interface Partner {
  /** Lets the partner start its next round. */
  release(): void;
  /** Blocks until the partner has finished every round released. */
  join(): void;
  close(): Promise<void>;
}

export async function startPartner(module: string, shared: unknown): Promise<Partner> {
  const gate = new Int32Array(new SharedArrayBuffer(GATE_WORDS * Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(new URL('./partner-worker.js', import.meta.url));
  const task: PartnerTask = { gate, module, shared };
  worker.postMessage(task);
  await once(worker, 'message'); // ready, and rejects when the worker could not start
  const release = () => {
    Atomics.add(gate, GATE_RELEASED, 1);
    Atomics.notify(gate, GATE_RELEASED);
  };
  const join = () => {
    const released = Atomics.load(gate, GATE_RELEASED);
    for (;;) {
      const done = Atomics.load(gate, GATE_DONE);
      if (done === released) return;
      Atomics.wait(gate, GATE_DONE, done);
    }
  };
  const close = async () => {
    const exited = once(worker, 'exit');
    Atomics.store(gate, GATE_CLOSED, 1);
    release();
    await exited;
  };
  return { release, join, close };
}

/** The partner's side: `body` once per release, until the gate closes. */
export function serveRounds(gate: Int32Array, body: () => void): void {
  for (let round = 0; ; round++) {
    while (Atomics.load(gate, GATE_RELEASED) === round) Atomics.wait(gate, GATE_RELEASED, round);
    if (Atomics.load(gate, GATE_CLOSED) === 1) return;
    body();
    Atomics.add(gate, GATE_DONE, 1);
    Atomics.notify(gate, GATE_DONE);
  }
}

interface Contest {
  before(): void;
  /** The main thread's part of a sample. */
  body(): void;
  /** How often the lock was held, as counted under it. */
  total(): number;
}

/** A bench whose samples run from the release until both threads have done their part. */
export function besidePartner(partner: Partner, { before, body, total }: Contest): TimedBench {
  const run = () => {
    partner.release();
    body();
    partner.join();
    return total();
  };
  return { before, run, close: () => partner.close() };
}
