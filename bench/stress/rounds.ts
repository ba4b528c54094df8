/** Rounds: threads that share one heap, played from the main thread. */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Heap } from '../../src/index.ts';
import { describeThreads, formatRound, type Round, shrinkRound } from '../../src/testing.ts';
import { Barrier, createBarrier } from './barrier.ts';
import type { Pool } from './pool.ts';
import { figuresOf, NOTHING, type Outcome, SHRINK_MS } from './programs.ts';
import type { RoundFailure, RoundOutcome } from './round-thread.ts';

/** How often the watchdog looks, in milliseconds. */
const LOOK_MS = 500;

/** A round gets on no more. Its threads cannot be ended but with the process. */
export class RoundHangs extends Error {
  override readonly name = 'RoundHangs';
}

/** What a round came to. */
export interface RoundResult {
  readonly operations: number;
  readonly collections: number;
  readonly peakBytes: number;
  /** Parcels that were handed over. */
  readonly parcels: number;
  readonly failure: RoundFailure | null;
}

/**
 * Plays a round on a heap of its own.
 *
 * @param patienceMs how long no thread may get on, in milliseconds
 * @throws RoundHangs
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
  const parts = Array.from({ length: threads }, async (_, thread): Promise<RoundOutcome> => {
    const own = ports[thread] as (MessagePort | null)[];
    const task = { round, thread, token: heap.share(), barrier: memory, ports: own };
    try {
      return await pool.run(
        thread,
        'round',
        task,
        own.filter((port) => port !== null),
      );
    } catch (error) {
      const isFirst = barrier.stop(thread);
      const failure = { kind: 'error', message: `died: ${error}`, thread, step: -1, objects: 0 };
      return { ...EMPTY, failure: isFirst ? (failure as RoundFailure) : null };
    }
  });
  const outcomes = await watch(heap, barrier, round, patienceMs, Promise.all(parts));
  const sum = (of: (outcome: RoundOutcome) => number) => outcomes.reduce((n, o) => n + of(o), 0);
  const failure = outcomes.find((outcome) => outcome.failure !== null)?.failure ?? null;
  const figures = readFigures(heap);
  await heap.close().catch(() => {});
  const operations = sum((outcome) => outcome.operations);
  return { ...figures, operations, parcels: sum((outcome) => outcome.parcels), failure };
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

/** Waits for `result` as long as the round gets on. */
async function watch<T>(
  heap: Heap,
  barrier: Barrier,
  { seed, programs }: Round,
  patienceMs: number,
  result: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    let seen = barrier.progress;
    let since = performance.now();
    timer = setInterval(() => {
      const now = performance.now();
      if (barrier.progress !== seen) {
        seen = barrier.progress;
        since = now;
      } else if (now - since > patienceMs) {
        const what = `round ${seed} of ${programs.length} threads has stopped`;
        reject(new RoundHangs(`${what} for ${patienceMs / 1000} s\n${describeThreads(heap)}`));
      }
    }, LOOK_MS);
  });
  try {
    return await Promise.race([result, hangs]);
  } finally {
    clearInterval(timer);
  }
}

function readFigures(heap: Heap): { collections: number; peakBytes: number } {
  try {
    const collections = heap.gc.getStats().reduce((sum, stats) => sum + stats.collections, 0);
    return { collections, peakBytes: heap.stats().committedBytes };
  } catch {
    return { collections: 0, peakBytes: 0 }; // it is broken: what was found says how
  }
}

/** Plays a round; one that fails is made shorter. */
export async function tryRound(
  pool: Pool,
  round: Round,
  patienceMs: number,
): Promise<Outcome & { parcels: number }> {
  const { failure, ...figures } = await playRound(pool, round, patienceMs);
  if (failure === null) return { ...NOTHING, ...figures };
  const { thread, step } = failure;
  const message = `round ${round.seed}, thread ${thread}, step ${step}: ${failure.message}`;
  const program = await shorten(pool, round, failure, patienceMs);
  return { ...figuresOf(failure), ...figures, failure: { message, program } };
}

/** The text of what still fails: the thread's own program if it does so alone, or a round. */
async function shorten(
  pool: Pool,
  round: Round,
  { thread }: RoundFailure,
  patienceMs: number,
): Promise<string> {
  const { seed, heap, programs } = round;
  const { operations = [], hostile } = programs[thread] ?? {};
  const alone = { seed, heap, operations, ...(hostile && { hostile }) };
  const program = await pool.run(0, 'shrink', alone).catch(() => null);
  if (program !== null) return program;
  const run = async (smaller: Round) =>
    (await playRound(pool, smaller, patienceMs)).failure?.kind ?? null;
  return formatRound(await shrinkRound(round, { run, maxMs: SHRINK_MS }));
}
