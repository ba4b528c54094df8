/** Hostile modes: what goes wrong seldom is made to happen often. After Lua's `ltests`. */

import { HeapCorruptionError } from '../base/errors.ts';
import { type Heap, sessionOf } from '../heap.ts';
import type { HostileAllocation } from '../memory/memory.ts';
import { readCrossovers, writeCrossovers } from './crossovers.ts';
import { poisonFreeMemory, type SpoiledWord } from './poison.ts';

/** What is to happen, until the guard is disposed of. */
export interface HostileOptions {
  /** Allocation number so many of this thread, from 1, fails as if the heap were full. */
  readonly failNth?: number;
  /** Every allocation of this thread whose number is a multiple of this fails. */
  readonly failEvery?: number;
  /**
   * Free memory is overwritten now, after every collection in this thread, and at the end, and
   * whether it was written meanwhile is checked.
   */
  readonly poison?: boolean;
  /**
   * Net allocations of containers, at least 2, after which a collection begins at the next
   * safepoint, in all threads: two of generation 0, then one of generation 1, and after two of
   * those one of generation 2, if the heap has grown by a quarter. Collections run at safepoints
   * only: the end of a section or of an operation outside of one, and `heap.safepoint()`.
   */
  readonly collectEvery?: number;
  /** Sizes from which on collections work otherwise than serially, for all threads. */
  readonly tune?: TuneOptions;
}

/**
 * Numbers of objects from which on collections change their ways; what is left out stays as it
 * is. 0 makes every collection do so, however small; `Infinity` none.
 */
export interface TuneOptions {
  /** From which on a collection scans page by page, as those do that share the work. */
  readonly pageScanFrom?: number;
  /** From which on other threads are asked to help. */
  readonly parallelFrom?: number;
  /** From which on automatic full collections run beside the mutators. */
  readonly backgroundFrom?: number;
}

/** A hostile mode that is on. Disposing of it ends it. */
export interface Hostility extends Disposable {
  /** Allocations that were made to fail so far. */
  readonly failed: number;
}

/**
 * Makes a heap hostile, until the returned guard is disposed of: for `using`.
 *
 * Failing allocations throw `HeapExhaustedError` at once: what a full heap would do first,
 * collecting everything, is left out. The guard's end throws `HeapCorruptionError` when somebody
 * has written to free memory that was poisoned.
 *
 * @throws RangeError for numbers that are not allowed; HeapClosedError.
 */
export function hostile(heap: Heap, options: HostileOptions): Hostility {
  const { failNth, failEvery, poison = false, collectEvery, tune } = options;
  checkCount('failNth', failNth, 1);
  checkCount('failEvery', failEvery, 1);
  checkCount('collectEvery', collectEvery, 2);
  for (const [name, value] of Object.entries(tune ?? {})) {
    if (value !== Number.POSITIVE_INFINITY) checkCount(name, value, 0);
  }
  const { mem } = sessionOf(heap);
  const failing = new Failing(failNth ?? 0, failEvery ?? 0);
  const ends: (() => void)[] = [];
  if (failNth !== undefined || failEvery !== undefined) {
    const before = mem.hostile;
    mem.hostile = failing;
    ends.push(() => {
      mem.hostile = before;
    });
  }
  if (collectEvery !== undefined) {
    const before = heap.gc.getThreshold();
    heap.gc.setThreshold(collectEvery - 1, 1, 1);
    ends.push(() => heap.gc.setThreshold(...before));
  }
  if (tune !== undefined) ends.push(startTuning(heap, tune));
  if (poison) ends.push(startPoisoning(heap));
  return {
    get failed() {
      return failing.failed;
    },
    [Symbol.dispose]() {
      for (const end of ends.splice(0).reverse()) end();
    },
  };
}

function checkCount(name: string, value: number | undefined, min: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min)) return;
  throw new RangeError(`${name} must be an integer of at least ${min}, not ${String(value)}`);
}

class Failing implements HostileAllocation {
  readonly #nth: number;
  readonly #every: number;
  #count = 0;
  failed = 0;

  constructor(nth: number, every: number) {
    this.#nth = nth;
    this.#every = every;
  }

  shouldFail(): boolean {
    this.#count++;
    const fails = this.#count === this.#nth || this.#count % this.#every === 0;
    if (fails) this.failed++;
    return fails;
  }
}

/** Sets the sizes at which collections change their ways. Returns what ends it. */
function startTuning(heap: Heap, tune: TuneOptions): () => void {
  const before = readCrossovers(heap);
  const { pageScanFrom, parallelFrom, backgroundFrom } = tune;
  const wanted = [pageScanFrom, parallelFrom, backgroundFrom];
  writeCrossovers(
    heap,
    wanted.map((size, i) => size ?? (before[i] as number)),
  );
  return () => writeCrossovers(heap, before);
}

/** Poisons now and after every collection. Returns what ends it. */
function startPoisoning(heap: Heap): () => void {
  const { callbacks } = heap.gc;
  const spoiled: SpoiledWord[] = [];
  const poison = () => spoiled.push(...poisonFreeMemory(heap));
  const callback = (phase: 'start' | 'stop') => {
    if (phase === 'stop') poison();
  };
  poison();
  callbacks.push(callback);
  return () => {
    callbacks.splice(callbacks.indexOf(callback), 1);
    poison();
    const [first] = spoiled;
    if (first === undefined) return;
    const what = `${first.found} at word ${first.word} of the free block ${first.block}`;
    throw new HeapCorruptionError(`${spoiled.length} words of free memory were written: ${what}`);
  };
}
