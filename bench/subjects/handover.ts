/**
 * Handing something over to another thread: the time from before it is sent to when the other
 * thread, whose event loop was idle, has it. Both read the same clock of the process. What it then
 * looks at, to prove that it has all of it, is not in the time.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type FiguresBench, UnavailableError } from '../harness/types.ts';

/** Rounds, unless they take too long: then there are fewer. The first third does not count. */
const ROUNDS = 300;
const ROUNDS_MIN = 9;
const LONG_MS = 5000;

/** First message to the other thread. */
export interface HandoverTask {
  /** A module with `receiverOf(workload, shared)`. */
  readonly module: string;
  readonly workload: string;
  readonly shared: unknown;
}

/** What a message has brought. */
export interface Parcel {
  /** Looks at all of it. */
  checksum(): number;
  release(): void;
}

/** The other thread's part. */
export type Receive = (message: unknown) => Parcel;

/** A message, and whether it is the last one, which is looked at. */
export interface Handed {
  readonly message: unknown;
  readonly isLast: boolean;
}

/** What a module of such a bench exports. */
export interface ReceiverModule {
  receiverOf(workload: string, shared: unknown): Receive;
}

/** What it answers. */
export interface Received {
  readonly at: number;
  readonly checksum: number;
}

/** Microseconds, the same in all threads. */
export const now = (): number => Number(process.hrtime.bigint()) / 1000;

/** A bench of what `post` returns, sent again and again. */
export function handover(task: HandoverTask, post: () => unknown): FiguresBench {
  const measureAll = async () => {
    const worker = new Worker(new URL('./handover-worker.js', import.meta.url));
    worker.postMessage(task);
    await once(worker, 'message'); // ready, and rejects when the worker could not start
    const times: number[] = [];
    const hand = async (isLast: boolean): Promise<Received> => {
      const start = now();
      send(worker, post, isLast);
      const [received] = (await once(worker, 'message')) as [Received];
      times.push(received.at - start);
      return received;
    };
    try {
      const end = performance.now() + LONG_MS;
      const goesOn = () => times.length < ROUNDS_MIN || performance.now() < end;
      while (times.length < ROUNDS && goesOn()) await hand(false);
      const samples = times.slice(times.length / 3);
      const { checksum } = await hand(true);
      return { figures: [{ metric: 'time', unit: 'us/op', samples } as const], checksum };
    } finally {
      await worker.terminate();
    }
  };
  return { measureAll };
}

function send(worker: Worker, post: () => unknown, isLast: boolean): void {
  try {
    const handed: Handed = { message: post(), isLast };
    worker.postMessage(handed);
  } catch (error) {
    throw new UnavailableError(`postMessage throws ${error}`); // its stack has overflown, say
  }
}
