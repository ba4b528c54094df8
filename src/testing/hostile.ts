/** Hostile modes: what goes wrong seldom is made to happen often. After Lua's `ltests`. */

import { HeapCorruptionError } from '../base/errors.ts';
import { checkOptions } from '../gc-arguments.ts';
import { type Heap, sessionOf } from '../heap.ts';
import type { HostileAllocation } from '../memory/memory.ts';
import { show } from '../struct-fields.ts';
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
   * only: the end of a section or of an operation outside of one, and `heap.safepoint()`. None runs
   * while automatic ones are disabled.
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
 * has written to free memory that was poisoned. Guards of one thread may end in any order; the
 * newest that is open counts. What holds for all threads, `collectEvery` and `tune`, is put back as
 * the first open guard of the thread has found it.
 *
 * @throws TypeError for options that there are not, RangeError for numbers that are not allowed;
 *   HeapClosedError.
 */
export function hostile(heap: Heap, options: HostileOptions): Hostility {
  checkHostile(options);
  const { failNth, failEvery, poison = false, collectEvery, tune } = options;
  const modes = modesOf(heap);
  const failing = new Failing(failNth ?? 0, failEvery ?? 0);
  const ends: (() => void)[] = [];
  if (failNth !== undefined || failEvery !== undefined) {
    ends.push(modes.failing.begin({ hostile: failing }));
  }
  if (collectEvery !== undefined) {
    ends.push(modes.thresholds.begin({ 0: collectEvery - 1, 1: 1, 2: 1 }));
  }
  if (tune !== undefined) {
    const { pageScanFrom, parallelFrom, backgroundFrom } = tune;
    ends.push(modes.crossovers.begin({ 0: pageScanFrom, 1: parallelFrom, 2: backgroundFrom }));
  }
  if (poison) ends.push(startPoisoning(heap));
  return {
    get failed() {
      return failing.failed;
    },
    [Symbol.dispose]() {
      runAll(ends.splice(0).reverse());
    },
  };
}

/** Runs all of them, also when one throws. @throws the first error */
function runAll(ends: readonly (() => void)[]): void {
  const errors: unknown[] = [];
  for (const end of ends) {
    try {
      end();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

const HOSTILE_OPTIONS = ['failNth', 'failEvery', 'poison', 'collectEvery', 'tune'];
const TUNE_OPTIONS = ['pageScanFrom', 'parallelFrom', 'backgroundFrom'];

/** Options of `hostile`. @throws TypeError, RangeError */
export function checkHostile(options: unknown): void {
  const { failNth, failEvery, poison, collectEvery, tune }: HostileOptions = checkOptions(
    options,
    'hostile()',
    HOSTILE_OPTIONS,
  );
  checkCount('failNth', failNth, 1);
  checkCount('failEvery', failEvery, 1);
  checkCount('collectEvery', collectEvery, 2);
  if (poison !== undefined && typeof poison !== 'boolean') {
    throw new TypeError(`poison must be a boolean, not ${show(poison)}`);
  }
  if (tune === undefined) return;
  for (const [name, value] of Object.entries(checkOptions(tune, 'tune', TUNE_OPTIONS))) {
    if (value !== Number.POSITIVE_INFINITY) checkCount(name, value, 0);
  }
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

/** Settings that several modes change at once: what is open counts, and what was there before. */
class Layers<T extends object> {
  readonly #read: () => T;
  readonly #write: (settings: T) => void;
  /** What modes want that are open, the newest last; undefined parts are left as they are. */
  readonly #open: object[] = [];
  #before: T | undefined;

  constructor(read: () => T, write: (settings: T) => void) {
    this.#read = read;
    this.#write = write;
  }

  /** A mode begins. Returns what ends it. */
  begin(wanted: { readonly [Name in keyof T]?: T[Name] | undefined }): () => void {
    if (this.#open.length === 0) this.#before = this.#read();
    const layer = Object.fromEntries(
      Object.entries(wanted).filter(([, part]) => part !== undefined),
    );
    this.#open.push(layer);
    this.#apply();
    return () => {
      this.#open.splice(this.#open.indexOf(layer), 1);
      this.#apply();
    };
  }

  #apply(): void {
    this.#write(Object.assign({}, this.#before, ...this.#open));
  }
}

type Sizes = Readonly<Record<0 | 1 | 2, number>>;

/** The modes of one thread for one heap. */
interface Modes {
  readonly failing: Layers<{ hostile: HostileAllocation | null }>;
  readonly thresholds: Layers<Sizes>;
  readonly crossovers: Layers<Sizes>;
}

const allModes = new WeakMap<Heap, Modes>();

function modesOf(heap: Heap): Modes {
  const { mem } = sessionOf(heap);
  const known = allModes.get(heap);
  if (known !== undefined) return known;
  const sizes = ([a, b, c]: readonly number[]): Sizes => ({ 0: a ?? 0, 1: b ?? 0, 2: c ?? 0 });
  const made: Modes = {
    failing: new Layers(
      () => ({ hostile: mem.hostile }),
      ({ hostile }) => {
        mem.hostile = hostile;
      },
    ),
    thresholds: new Layers(
      () => sizes(heap.gc.getThreshold()),
      (all) => heap.gc.setThreshold(all[0], all[1], all[2]),
    ),
    crossovers: new Layers(
      () => sizes(readCrossovers(heap)),
      (all) => writeCrossovers(heap, [all[0], all[1], all[2]]),
    ),
  };
  allModes.set(heap, made);
  return made;
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
    const at = callbacks.indexOf(callback);
    if (at >= 0) callbacks.splice(at, 1);
    poison();
    const [first] = spoiled;
    if (first === undefined) return;
    const what = `${first.found} at word ${first.word} of the free block ${first.block}`;
    throw new HeapCorruptionError(`${spoiled.length} words of free memory were written: ${what}`);
  };
}
