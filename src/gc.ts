/** `heap.gc`: the collector as programs see it. CPython's `gc` module, for a heap of threads. */

import type { HeapArray } from './array.ts';
import type { Shareable } from './codec.ts';
import type { GenerationStats } from './gc/figures.ts';
import { freezeAll, unfreezeAll } from './gc/generations.ts';
import type { Durations } from './gc/histogram.ts';
import {
  type CollectOptions,
  checkCollect,
  checkEvery,
  checkFlags,
  checkGeneration,
  checkGenerations,
  checkShare,
  checkThresholds,
  type EveryOptions,
} from './gc-arguments.ts';
import {
  DEBUG_COLLECTABLE,
  DEBUG_LEAK,
  DEBUG_SAVEALL,
  DEBUG_STATS,
  DEBUG_UNCOLLECTABLE,
  type GcLogger,
} from './gc-debug.ts';
import type { CollectionCallback } from './gc-events.ts';
import {
  countOperation,
  finalizedOperation,
  objectsOperation,
  referentsOperation,
  referrersOperation,
  trackedOperation,
} from './gc-queries.ts';
import { type EventSource, type GcSchedule, Schedules } from './gc-schedule.ts';
import {
  changeGuards,
  freezeOperation,
  garbageOperation,
  readCountsOperation,
  readDurationsOperation,
  readStatsOperation,
  readThresholds,
  readWord,
  SHARE_UNIT,
  setDebugFlags,
  setEnabled,
  setShare,
  setThresholds,
} from './gc-settings.ts';
import type { Handle } from './handle.ts';
import {
  GC_DEBUG,
  GC_ENABLED,
  GC_PAUSES,
  GC_SHARE,
  GC_SIZES,
  GC_STOPS,
  NULL_REF,
  PERMANENT,
} from './memory/layout.ts';
import { getrefcountOperation } from './refcounts.ts';
import type { Session } from './session.ts';

export type { EveryOptions } from './gc-arguments.ts';

/** The collector of a heap, as one thread sees it: `heap.gc`. */
export class HeapGc {
  readonly DEBUG_STATS = DEBUG_STATS;
  readonly DEBUG_COLLECTABLE = DEBUG_COLLECTABLE;
  readonly DEBUG_UNCOLLECTABLE = DEBUG_UNCOLLECTABLE;
  readonly DEBUG_SAVEALL = DEBUG_SAVEALL;
  readonly DEBUG_LEAK = DEBUG_LEAK;

  readonly #session: Session;
  readonly #schedules = new Schedules();
  #garbage: HeapArray<Shareable> | undefined;

  /** @internal For the library: a heap makes its own. */
  constructor(session: Session) {
    this.#session = session;
    session.collections.onLeave = () => this.#schedules.stopAll();
  }

  // ── Collecting ─────────────────────────────────────────────────────────────────────────────

  /**
   * Collects now, in this thread: the objects of `generation` (0 to 2, 2 unless given) and of all
   * younger ones. Inside `run` it keeps the lock; else it waits for the lock.
   *
   * Returns how many objects were found unreachable: collected + uncollectable. Returns 0 at once
   * when a collection is under way in this thread (a callback asks for another) or an explicit one
   * in another thread; with `wait` it waits for that one and returns its number. In a section
   * nobody is waited for, since they need the lock: `wait` then collects here.
   *
   * With `maxMs` it collects generation 0, then 1, then 2, none older than `generation`, each only
   * if it is expected to fit in what is left of the time: 0.1 ms, and for every object to examine
   * (those of generation 0 by `getCount`) what collections of that generation have taken per object
   * so far (0.5 us each while they have examined fewer than 1,000 objects). A collection that has
   * begun is finished: it is an estimate, not a bound. Waiting for the lock counts. The numbers are
   * added up.
   *
   * @throws TypeError for what is no integer and no object of these options, RangeError for an
   *   integer other than 0 to 2; HeapClosedError.
   */
  collect(options?: number | CollectOptions): number {
    const { generation = 2, wait = false, maxMs } = checkCollect(options);
    const { collections } = this.#session;
    if (maxMs === undefined) return collections.runExplicit(generation, wait);
    return collections.runWithin(maxMs, generation, wait);
  }

  // ── Automatic collections ──────────────────────────────────────────────────────────────────

  /** Lets automatic collections run: one flag for all threads. Guards count apart. */
  enable(): void {
    this.#session.single(setEnabled, 1);
  }

  /** Stops automatic collections in all threads; not `collect()`, nor those of a full heap. */
  disable(): void {
    this.#session.single(setEnabled, 0);
  }

  /** What `enable` and `disable` have set last. Guards and thresholds do not change it. */
  isEnabled(): boolean {
    return this.#read(GC_ENABLED) === 1;
  }

  /**
   * Stops automatic collections, but those of a full heap, in all threads, until the guard is
   * disposed of: for `using`. Guards nest, across threads too, and leave what `isEnabled` says
   * alone: when the last is gone, everything is as before. A thread that ends, or leaves the
   * heap, closes its guards.
   */
  disabled(): Disposable {
    const session = this.#session;
    session.single(changeGuards, 1);
    let isOpen = true;
    return {
      [Symbol.dispose]() {
        if (!isOpen) return;
        isOpen = false;
        if (session.isOpen) session.single(changeGuards, -1);
      },
    };
  }

  /** The thresholds of generations 0, 1 and 2. */
  getThreshold(): [number, number, number] {
    return this.#session.look(readThresholds, this.#session);
  }

  /**
   * Sets thresholds; those not given stay as they are. Generation g is due when its count exceeds
   * its threshold. A first threshold of 0 stops automatic collections that counts would start.
   *
   * @throws TypeError without arguments, for more than three, and for what is no integer;
   *   RangeError for an integer below 0 or above 2 ** 30. Then nothing has changed.
   */
  setThreshold(threshold0: number, threshold1?: number, threshold2?: number): void;
  setThreshold(...thresholds: number[]): void {
    this.#session.single(setThresholds, checkThresholds(thresholds));
  }

  /**
   * The counts of generations 0, 1 and 2: containers allocated minus containers freed since the
   * last collection of generation 0; collections of generation 0 since the last of 1; of 1 since
   * the last of 2. Exact, for all threads together.
   */
  getCount(): [number, number, number] {
    return this.#session.look(readCountsOperation, this.#session);
  }

  /** The largest part of the time that automatic collections may take; 1: no limit. */
  getThrottle(): number {
    return this.#read(GC_SHARE) / SHARE_UNIT;
  }

  /**
   * Limits automatic collections, of all threads together, to a share of the time: after one that
   * has taken t, none begins for t / share - t, and for a millisecond or less beyond that.
   *
   * @param share from 0.001 to 1, rounded to thousandths; 1 for no limit
   * @throws TypeError, RangeError
   */
  setThrottle(share: number): void {
    this.#session.single(setShare, checkShare(share));
  }

  /**
   * Collects every `ms` milliseconds, automatic collections enabled or not. Does not keep the
   * process alive.
   *
   * @throws TypeError, also for an unknown option; RangeError
   */
  every(options: EveryOptions): GcSchedule {
    const { ms, generation } = checkEvery(options);
    return this.#schedules.every(ms, this.#collectorOf(generation));
  }

  /**
   * Collects at every `event` of an EventEmitter or EventTarget.
   *
   * @throws TypeError for what is neither, or no event of it; RangeError for the generation
   */
  on(source: EventSource, event: string | symbol, generation?: number): GcSchedule {
    return this.#schedules.on(source, event, this.#collectorOf(generation));
  }

  /**
   * Collects when this thread's event loop has been idle for a moment: when it has worked for less
   * than a tenth of the last 50 ms. Once for each stretch of work, this thread's or, as far as
   * allocations tell, another's. Does not keep the process alive.
   *
   * @throws TypeError, RangeError
   */
  onIdle(generation?: number): GcSchedule {
    return this.#schedules.onIdle(this.#session.mem, this.#collectorOf(generation));
  }

  #collectorOf(generation: number | undefined): () => void {
    this.#session.assertOpen();
    const checked = generation === undefined ? 2 : checkGeneration(generation);
    return () => this.#session.collections.runExplicit(checked, false);
  }

  // ── Observing ──────────────────────────────────────────────────────────────────────────────

  /**
   * Functions that this thread calls before and after each collection that it runs, or starts in
   * the background: with 'start' or 'stop', and what is known of the collection. A function that
   * throws makes a process warning; the others are called all the same. They run without internal
   * locks; `collect()` in one returns 0. When a full heap forces a collection in the middle of an
   * operation, both calls come at the end of the section.
   */
  get callbacks(): CollectionCallback[] {
    return this.#session.collections.events.callbacks;
  }

  /**
   * Whether each collection of this thread becomes an entry of the performance timeline: a measure
   * named `sharc:gc`, with the figures as its detail, for a `PerformanceObserver` of measures.
   * False at first, since nothing tells cheaply whether anybody observes.
   */
  get isMeasured(): boolean {
    return this.#session.collections.events.isMeasured;
  }

  set isMeasured(isMeasured: boolean) {
    this.#session.collections.events.isMeasured = Boolean(isMeasured);
  }

  /** What collections have done so far, by generation. */
  getStats(): [GenerationStats, GenerationStats, GenerationStats] {
    return this.#session.look(readStatsOperation, this.#session);
  }

  /** For how long collections have kept the mutators from running, each time. */
  getPauses(): Durations {
    return this.#session.look(readDurationsOperation, GC_PAUSES);
  }

  /** For how long collections have waited for the lock, each time. */
  getTimesToStop(): Durations {
    return this.#session.look(readDurationsOperation, GC_STOPS);
  }

  /**
   * The tracked objects of a generation (0 to 2), or of all (undefined, null or -1). Frozen and
   * immortal objects are in none. Outside a section every handle is kept: release what it gives.
   *
   * @throws TypeError, RangeError
   */
  getObjects(generation?: number | null): Handle[] {
    return this.#session.single(objectsOperation, checkGenerations(generation));
  }

  /** How many objects `getObjects` would return. */
  countObjects(generation?: number | null): number {
    return this.#session.single(countOperation, checkGenerations(generation));
  }

  /**
   * The tracked and immortal objects (`heap.root` is one) that refer directly to any of `objects`,
   * each once. What is no object of a heap (a string, a number, an ordinary object) contributes
   * nothing; frozen objects are left out. Walks the heap, a large one together with the pool.
   *
   * @throws NotShareableError for a handle of another heap; StaleHandleError.
   */
  getReferrers(...objects: unknown[]): Handle[] {
    return this.#session.single(referrersOperation, objects);
  }

  /**
   * What `objects` refer to directly, in order, as often as they do: the elements of arrays, keys
   * and values of maps, atoms included; of structs what `ref`, `string` and `any` fields hold, in
   * the order of declaration, null references left out. Else as `getReferrers`.
   *
   * @throws NotShareableError for a handle of another heap; StaleHandleError.
   */
  getReferents(...objects: unknown[]): Shareable[] {
    return this.#session.single(referentsOperation, objects);
  }

  /**
   * Whether the collector sees a value: a struct that may hold references, or an array or a map
   * that does hold some to such objects. It sees no immortal object, and none of JavaScript's.
   *
   * @throws NotShareableError for a handle of another heap; StaleHandleError.
   */
  isTracked(value: unknown): boolean {
    return this.#session.look(trackedOperation, value);
  }

  /** Whether the finalizer of an object has run. Else as `isTracked`. */
  isFinalized(value: unknown): boolean {
    return this.#session.look(finalizedOperation, value);
  }

  /**
   * The reference count plus one, as `sys.getrefcount` gives it, which counts its argument.
   * `Infinity` for an immortal object.
   *
   * @throws TypeError for what is no handle; NotShareableError, StaleHandleError.
   */
  getrefcount(handle: Handle): number {
    return this.#session.look(getrefcountOperation, handle);
  }

  // ── The permanent generation ───────────────────────────────────────────────────────────────

  /**
   * Moves all tracked objects to the permanent generation, which no collection examines, and sets
   * the counts to 0. Frozen objects still die by their counts; what they hold counts as held.
   */
  freeze(): void {
    this.#session.single(freezeOperation, freezeAll);
  }

  /** Moves all frozen objects to the oldest generation. */
  unfreeze(): void {
    this.#session.single(freezeOperation, unfreezeAll);
  }

  /** How many objects are frozen. */
  getFreezeCount(): number {
    return this.#read(GC_SIZES + PERMANENT);
  }

  // ── Debugging ──────────────────────────────────────────────────────────────────────────────

  /**
   * Sets debug flags, for all threads: a sum of DEBUG_STATS, DEBUG_COLLECTABLE,
   * DEBUG_UNCOLLECTABLE and DEBUG_SAVEALL. A full heap frees garbage whatever they say. While any
   * is set, large automatic collections run in the thread that finds them due, too, at one stop.
   *
   * @throws TypeError, RangeError
   */
  setDebug(flags: number): void {
    this.#session.single(setDebugFlags, checkFlags(flags));
  }

  /** The debug flags that are set. */
  getDebug(): number {
    return this.#read(GC_DEBUG);
  }

  /** Where this thread's debug output goes, line by line: the standard error unless set. */
  get logger(): GcLogger {
    return this.#session.collections.logger ?? process.stderr;
  }

  set logger(logger: GcLogger) {
    if (typeof logger?.write !== 'function') {
      throw new TypeError('a logger needs a method write(text); process.stderr is one');
    }
    this.#session.collections.logger = logger;
  }

  /**
   * Objects that collections have found unreachable and left alone: one array for all threads,
   * in the heap. It fills while DEBUG_SAVEALL is set. Change it as you like: `garbage.length = 0`
   * lets all go; `garbage.splice(0)` returns them, outside a section as handles that are kept.
   */
  get garbage(): HeapArray<Shareable> {
    this.#session.assertOpen();
    if (this.#garbage === undefined || this.#garbage.$ref === NULL_REF) {
      const garbage: unknown = this.#session.single(garbageOperation, this.#session);
      this.#garbage = garbage as HeapArray<Shareable>;
    }
    return this.#garbage;
  }

  #read(word: number): number {
    return this.#session.look(readWord, word);
  }
}
