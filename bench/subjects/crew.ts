/**
 * Threads that do the same beside each other. They wait in their event loops between laps; in a lap
 * they begin together, each takes its turn, and the lap is over when the last one has ended.
 */

import { once } from 'node:events';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

/** First message to a member. */
export interface CrewTask {
  /** A module with `memberOf(workload, shared, index)`. */
  readonly module: string;
  readonly workload: string;
  readonly shared: unknown;
  readonly index: number;
}

/** What a member says of its turn. */
export interface Turn {
  readonly checksum: number;
  /** What the workload counts besides. */
  readonly count: number;
}

/** One thread's part: in each lap it is told how much to do, or which part of the work. */
export interface Member {
  turn(amount: number): Turn;
}

/** What a module of such a bench exports. */
export interface CrewModule {
  memberOf(workload: string, shared: unknown, index: number): Member | Promise<Member>;
}

/** A request: a turn in the lap of so many threads, or all that is garbage collected. */
export type CrewRequest =
  | { readonly kind: 'turn'; readonly barrier: Int32Array; readonly amount: number }
  | { readonly kind: 'settle' };

/** Times of the process's one clock, in milliseconds; CPU is undefined where nobody tells. */
export interface TimedTurn extends Turn {
  readonly begin: number;
  readonly end: number;
  readonly cpu: number | undefined;
}

/** A lap: what its threads say, and the time from the first begin to the last end. */
export interface Lap {
  readonly milliseconds: number;
  readonly turns: readonly TimedTurn[];
}

const SLICE_MS = 1;

/** Milliseconds, the same clock in all threads. */
export const clockMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Collects what the calling thread has dropped. Returns the bytes that are left in V8's heap. */
export function settle(): number {
  setFlagsFromString('--expose-gc');
  const collect = (globalThis.gc ?? runInNewContext('gc')) as () => void;
  collect();
  collect(); // what the first one only found to be dead
  return getHeapStatistics().used_heap_size;
}

/** All begin together; who comes last lets the others go. A word for who has come. */
export function awaitAll(barrier: Int32Array): void {
  const [, members] = barrier;
  if (Atomics.add(barrier, 0, 1) + 1 === members) Atomics.notify(barrier, 0);
  for (let come = Atomics.load(barrier, 0); come < members; come = Atomics.load(barrier, 0)) {
    // In slices: V8's collector of shared structs waits for threads that sleep in here.
    Atomics.wait(barrier, 0, come, SLICE_MS);
  }
}

/** The threads of one bench. */
export class Crew {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  /** Starts so many threads, and waits until each is ready. */
  static async start(task: Omit<CrewTask, 'index'>, threads: number): Promise<Crew> {
    const workers = Array.from({ length: threads }, (_, index) => {
      const worker = new Worker(new URL('./crew-worker.js', import.meta.url));
      const own: CrewTask = { ...task, index };
      worker.postMessage(own);
      return worker;
    });
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new Crew(workers);
  }

  /** One turn of each of the first `threads` members. */
  async lap(threads: number, amount: number): Promise<Lap> {
    const barrier = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
    barrier[1] = threads;
    const turns = (await this.#ask(threads, { kind: 'turn', barrier, amount })) as TimedTurn[];
    const begin = Math.min(...turns.map((turn) => turn.begin));
    const end = Math.max(...turns.map((turn) => turn.end));
    return { milliseconds: end - begin, turns };
  }

  /** Lets all members collect their garbage. Returns the bytes in their V8 heaps. */
  async settle(): Promise<number> {
    const left = (await this.#ask(this.#workers.length, { kind: 'settle' })) as number[];
    return left.reduce((sum, bytes) => sum + bytes, 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #ask(threads: number, request: CrewRequest): Promise<unknown[]> {
    const asked = this.#workers.slice(0, threads).map(async (worker) => {
      worker.postMessage(request);
      const [answer] = await once(worker, 'message'); // rejects when the member has failed
      return answer;
    });
    return Promise.all(asked);
  }
}
