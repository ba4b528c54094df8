/** Rounds: threads that share one heap, played from the main thread. */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Heap } from '../../src/index.ts';
import { describeThreads, formatRound, type Round, shrinkRound } from '../../src/testing.ts';
import { Barrier, createBarrier } from './barrier.ts';
import { Hangs, type Pool } from './pool.ts';
import { figuresOf, NOTHING, type Outcome, outcomeOf, SHRINK_MS } from './programs.ts';
import type { RoundFailure, RoundOutcome } from './round-thread.ts';
import { watch } from './watchdog.ts';

/** How long threads may take to begin, at least, in milliseconds. */
const START_MS = 60_000;
/** How long threads may take to leave a heap that has failed, in milliseconds. */
const LEAVE_MS = 1000;
/** How long the lock of such a heap is waited for, in milliseconds. */
const LOCK_MS = 200;
/** How long a round that is being made shorter may hang, and how often, until it is enough. */
const SHRINK_PATIENCE_MS = 5000;
const SHRINK_HANGS_MAX = 2;

/** How long to wait, and how much to try. */
export interface Limits {
  /** How long no thread may get on, in milliseconds. */
  readonly patienceMs: number;
  /** How many shorter programs or rounds may be tried when one fails. */
  readonly shrinkRuns: number;
}

/** What a round came to. */
export interface RoundResult {
  readonly operations: number;
  readonly collections: number;
  readonly peakBytes: number;
  /** Parcels that were handed over. */
  readonly parcels: number;
  /** How many operations each thread has done. */
  readonly done: readonly number[];
  readonly failure: RoundFailure | null;
}

/**
 * Plays a round on a heap of its own. Its threads are ended when it hangs.
 *
 * @param patienceMs how long no thread may get on, in milliseconds
 * @throws Hangs, with what the threads were doing
 */
export async function playRound(
  pool: Pool,
  round: Round,
  patienceMs: number,
): Promise<RoundResult> {
  const heap = Heap.create(round.heap);
  const threads = round.programs.length;
  const memory = createBarrier(threads);
  const barrier = new Barrier(memory);
  const ports = connect(threads);
  const outcomes = new Array<RoundOutcome>(threads).fill(EMPTY);
  const parts = outcomes.map(async (_, thread) => {
    const own = ports[thread] as (MessagePort | null)[];
    const task = { round, thread, token: heap.share(), barrier: memory, ports: own };
    try {
      await pool.run(thread, 'round', task, {
        transfer: own.filter((port) => port !== null),
        onNews: ({ outcome }) => {
          if (outcome !== undefined) outcomes[thread] = outcome;
        },
      });
    } catch (error) {
      const failure = { kind: 'error', message: `died: ${error}`, thread, step: -1, objects: 0 };
      if (barrier.stop(thread)) outcomes[thread] = { ...EMPTY, failure: failure as RoundFailure };
    }
  });
  const hasEnded = await watchRound(barrier, patienceMs, Promise.all(parts));
  const failure = outcomes.find((outcome) => outcome.failure !== null)?.failure ?? null;
  if (!hasEnded) {
    const what = `round ${round.seed} of ${threads} threads has stopped for ${patienceMs / 1000} s`;
    const hangs = failure === null ? new Hangs(`${what}\n${describeThreads(heap)}`) : null;
    for (let thread = 0; thread < threads; thread++) pool.discard(thread);
    if (hangs !== null) throw hangs; // the heap is left as it is: whoever holds its lock is gone
  }
  const figures = await closeHeap(heap, failure === null);
  // Behind the operations of its program a thread drops everything, by operations too.
  const done = outcomes.map((outcome, thread) =>
    Math.min(outcome.operations, round.programs[thread]?.operations.length ?? 0),
  );
  const operations = done.reduce((sum, n) => sum + n, 0);
  const parcels = outcomes.reduce((sum, outcome) => sum + outcome.parcels, 0);
  return { ...figures, operations, parcels, done, failure };
}

const EMPTY: RoundOutcome = { operations: 0, parcels: 0, failure: null };

/** A port from each thread to each other one. */
function connect(threads: number): (MessagePort | null)[][] {
  const ports = Array.from({ length: threads }, () =>
    new Array<MessagePort | null>(threads).fill(null),
  );
  for (let a = 0; a < threads; a++) {
    for (let b = 0; b < a; b++) {
      const { port1, port2 } = new MessageChannel();
      (ports[a] as (MessagePort | null)[])[b] = port1;
      (ports[b] as (MessagePort | null)[])[a] = port2;
    }
  }
  return ports;
}

/** Waits for the end of a round as long as it gets on. Resolves to whether it has come. */
async function watchRound(
  barrier: Barrier,
  patienceMs: number,
  end: Promise<unknown>,
): Promise<boolean> {
  let endWatch = () => {};
  const hangs = new Promise<false>((resolve) => {
    endWatch = watch({
      progress: () => barrier.progress,
      patienceMs: () => {
        if (barrier.hasFailed) return LEAVE_MS;
        return barrier.hasBegun ? patienceMs : Math.max(patienceMs, START_MS);
      },
      onHang: () => resolve(false),
    });
  });
  try {
    return await Promise.race([end.then(() => true), hangs]);
  } finally {
    endWatch();
  }
}

/** Closes a heap. What it has done is nothing to go by when it is broken. */
async function closeHeap(
  heap: Heap,
  isSound: boolean,
): Promise<{ collections: number; peakBytes: number }> {
  try {
    if (!isSound) heap.run(() => {}, { timeoutMs: LOCK_MS });
    const collections = heap.gc.getStats().reduce((sum, stats) => sum + stats.collections, 0);
    const { committedBytes } = heap.stats();
    await heap.close();
    return { collections, peakBytes: committedBytes };
  } catch (error) {
    if (isSound) throw error;
    return { collections: 0, peakBytes: 0 };
  }
}

/** Plays a round; one that fails is made shorter. `again` says how to play it once more. */
export async function tryRound(
  pool: Pool,
  round: Round,
  limits: Limits,
  again: string,
): Promise<Outcome & { parcels: number }> {
  let result: RoundResult;
  try {
    result = await playRound(pool, round, limits.patienceMs);
  } catch (error) {
    return { ...outcomeOf(error, again), parcels: 0 };
  }
  const { failure, done: _, ...figures } = result;
  if (failure === null) return { ...NOTHING, ...figures };
  const { thread, step } = failure;
  const message = `round ${round.seed}, thread ${thread}, step ${step}: ${failure.message}`;
  const program = await shorten(pool, round, failure, limits);
  return { ...figuresOf(failure), ...figures, failure: { message, program } };
}

/** The text of what still fails: the thread's own program if it does so alone, or a round. */
async function shorten(
  pool: Pool,
  round: Round,
  { thread }: RoundFailure,
  { patienceMs: longest, shrinkRuns }: Limits,
): Promise<string> {
  if (shrinkRuns === 0) return formatRound(round);
  const { seed, heap, programs } = round;
  const { operations = [], hostile } = programs[thread] ?? {};
  const program = { seed, heap, operations, ...(hostile && { hostile }) };
  const patienceMs = Math.min(longest, SHRINK_PATIENCE_MS);
  const task = { program, shrinkRuns };
  const text = await pool.run(0, 'shrink', task, { patienceMs }).catch(() => null);
  if (text !== null) return text;
  let hangs = 0;
  const run = async (smaller: Round) => {
    if (hangs >= SHRINK_HANGS_MAX) return null;
    try {
      const { failure, done } = await playRound(pool, smaller, patienceMs);
      return failure && { kind: failure.kind, operations: done };
    } catch (error) {
      if (!(error instanceof Hangs)) throw error;
      hangs++;
      return null; // that is another failure
    }
  };
  return formatRound(await shrinkRound(round, { run, maxMs: SHRINK_MS, maxRuns: shrinkRuns }));
}
