/**
 * The collector of one thread: a collection in the order of its phases.
 *
 * Everything here runs under the GIL, with the world still. Collections beside the mutators are in
 * `background.ts`, the scan by several threads in `shared-scan.ts`.
 */

import {
  GC_LONG_LIVED,
  GC_OLD_AFTER_FULL,
  GC_PARALLEL_MIN,
  GC_SCANNERS,
  GC_SHARED_MIN,
  GC_SIZES,
  type ObjectRef,
  PERMANENT,
} from '../memory/layout.ts';
import type { Mutator } from '../object/mutator.ts';
import { assertHoldsGil } from '../sync/gil.ts';
import { abandonBackground } from './background-state.ts';
import {
  beginCollection,
  book,
  type Collection,
  notePause,
  noteStop,
  takeCondemned,
} from './figures.ts';
import {
  expectedMembers,
  isBackgroundOpen,
  promote,
  promoteAll,
  promoteGenerations,
  resetCounts,
  resetGrowth,
  resetTrigger,
  untrackIfAtomic,
} from './generations.ts';
import { openJob } from './job.ts';
import { countBlocks, gatherMembers, OLDEST } from './members.ts';
import { ObjectList } from './object-list.ts';
import {
  addScanFigures,
  awaitHelpers,
  closeJob,
  layOutJob,
  leadScan,
  runsOf,
  visitAtomic,
} from './shared-scan.ts';
import { condemn, isSweepPending, markSweep, SWEEP_ALL, sweep } from './sweep.ts';
import { TrialDeletion } from './trial-deletion.ts';

/** Whoever wants to know what a collection has found. It must not change the heap. */
export interface Observer {
  /** Whether unreachable objects are left alone instead of freed: DEBUG_SAVEALL. */
  readonly savesAll: boolean;
  /** Called with every unreachable object, before the first is freed. */
  unreachable(object: ObjectRef): void;
}

/** Collects for one thread. */
export class Collector {
  declare readonly mem: Mutator;
  declare readonly test: TrialDeletion;
  /** What the test has found unreachable. */
  declare readonly found: ObjectList;
  /** Asks the pool for helpers; null where there is none. Must not wait. */
  declare summon: (() => void) | null;
  /** Told how many scanners have died, or failed and why, in a scan that is then done without. */
  declare onLost: ((scanners: number, cause?: unknown) => void) | null;

  constructor(mem: Mutator) {
    this.mem = mem;
    this.test = new TrialDeletion(mem);
    this.found = new ObjectList();
    this.summon = null;
    this.onLost = null;
  }

  /**
   * Collects `generation` and all younger ones, here and now.
   *
   * @param waitedMs how long this collection had to wait for the lock; null when it had it already
   */
  collect(
    generation: number,
    observer: Observer | null = null,
    waitedMs: number | null = null,
  ): Collection {
    const { mem } = this;
    assertHoldsGil(mem);
    const collection = beginCollection(generation);
    if (generation === OLDEST) abandonBackground(mem);
    const expected = expectedMembers(mem, generation);
    resetCounts(mem, generation);
    if (waitedMs !== null) noteStop(mem, collection, waitedMs);
    this.#run(generation, expected, collection, observer);
    return collection;
  }

  /**
   * As `collect` of a generation whose members have been promoted to the next one already, and its
   * counts reset, by a collection beside the mutators that could not go on.
   */
  collectPromoted(generation: number): Collection {
    const { mem } = this;
    assertHoldsGil(mem);
    const collection = beginCollection(generation);
    const holding = Math.min(generation + 1, OLDEST);
    this.#run(holding, expectedMembers(mem, holding), collection, null);
    return collection;
  }

  #run(
    generation: number,
    expected: number,
    collection: Collection,
    observer: Observer | null,
  ): void {
    const { mem } = this;
    const begin = performance.now();
    // What a collection in the background is sweeping is left to it, what is left of one is not.
    if (!isBackgroundOpen(mem)) {
      finishSweep(mem);
      collection.collected = takeCondemned(mem); // of one that was given up
    }
    const mark = markSweep(mem);
    const isShared =
      !isBackgroundOpen(mem) && // it has the one job there can be
      expected >= mem.i32[GC_SHARED_MIN] &&
      this.#collectShared(generation, expected, collection, observer);
    if (!isShared) this.#collectAlone(generation, collection, observer);
    sweep(mem, mark, Number.POSITIVE_INFINITY);
    promoteGenerations(mem, generation);
    if (generation === OLDEST) noteFull(mem);
    resetTrigger(mem);
    collection.durationMs = performance.now() - begin;
    if (collection.cpuMs === 0) collection.cpuMs = collection.durationMs;
    notePause(mem, collection, collection.durationMs);
    book(mem, collection);
  }

  /** Tests a list of members, serially. */
  #collectAlone(generation: number, collection: Collection, observer: Observer | null): void {
    const { mem, test, found } = this;
    const { members } = test;
    gatherMembers(mem, generation, members);
    collection.candidates = members.length;
    collection.scanned = [members.length];
    test.deduceUnreachable(found);
    collection.sideBytes = test.bytes;
    const to = Math.min(generation + 1, OLDEST);
    promoteAll(mem, members, to);
    if (generation === OLDEST) {
      for (let i = 0; i < members.length; i++) untrackIfAtomic(mem, members.refs[i]);
    }
    test.clear();
    this.#condemnFound(to, collection, observer);
  }

  /**
   * Scans page by page, together with the pool when that is ready. False when the collection is
   * too small for it, the heap too full, or a scanner was lost: then nothing has changed.
   */
  #collectShared(
    generation: number,
    expected: number,
    collection: Collection,
    observer: Observer | null,
  ): boolean {
    const { mem, found } = this;
    openJob(mem);
    const wanted =
      mem.i32[GC_SCANNERS] > 1 && expected >= mem.i32[GC_PARALLEL_MIN] ? this.summon : null;
    collection.sideBytes = layOutJob(mem, runsOf(mem, generation), generation, () =>
      awaitHelpers(mem, mem.i32[GC_SCANNERS], wanted),
    );
    if (collection.sideBytes === 0) return false;
    const { isComplete, lost, cause } = leadScan(mem, found);
    if (isComplete) {
      addScanFigures(mem, collection);
      if (generation === OLDEST) visitAtomic(mem, (container) => untrackIfAtomic(mem, container));
    }
    closeJob(mem);
    if (lost > 0) this.onLost?.(lost, cause);
    if (!isComplete) return false;
    const to = Math.min(generation + 1, OLDEST);
    this.#condemnFound(to, collection, observer);
    this.#promoteSurvivors(generation, to);
    return true;
  }

  /** After a scan page by page: members that are not condemned are survivors. */
  #promoteSurvivors(generation: number, to: number): void {
    const { mem, found } = this;
    // Those of the oldest generation are where they belong.
    gatherMembers(mem, Math.min(generation, OLDEST - 1), found);
    promoteAll(mem, found, to);
    found.clear();
  }

  #condemnFound(to: number, collection: Collection, observer: Observer | null): void {
    const { mem, found } = this;
    collection.collected += found.length;
    // From the last: the list of the condemned is a stack, so it is swept by address.
    for (let i = found.length - 1; i >= 0; i--) {
      const object = found.refs[i] as ObjectRef;
      observer?.unreachable(object);
      if (observer?.savesAll !== true) condemn(mem, object);
      else promote(mem, object, to);
    }
    found.clear();
  }
}

/** Ends a sweep that was left off, or that has just begun. */
export function finishSweep(mem: Mutator): void {
  if (isSweepPending(mem)) sweep(mem, SWEEP_ALL, Number.POSITIVE_INFINITY);
}

/** A full collection has ended: what lives now is long-lived. */
export function noteFull(mem: Mutator): void {
  mem.i32[GC_LONG_LIVED] = Math.max(0, countBlocks(mem) - mem.i32[GC_SIZES + PERMANENT]);
  mem.i32[GC_OLD_AFTER_FULL] = mem.i32[GC_SIZES + OLDEST];
  resetGrowth(mem);
}
