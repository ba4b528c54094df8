/**
 * A collection beside the mutators, by the collector thread.
 *
 *   promote  the world stops, again and again: what is young and to be examined is promoted
 *   open     the world stops: side tables are laid out
 *   scan     without the lock: what seems unreachable is a candidate
 *   settle   the world stops, again and again: the exact test over the candidates alone, in batches
 *            of whole components, and over those of large ones at once; garbage is condemned
 *   sweep    the world stops, again and again, for a pause budget at a time
 *
 * Sound whatever the scan has read, since only the test over a still graph decides. Complete for
 * what was garbage at the opening: garbage does not change. States are in `background-state.ts`.
 */

import { threadCpuMs } from '../base/cpu.ts';
import { SharcError } from '../base/errors.ts';
import {
  BACKGROUND_WANTED,
  GC_BACKGROUND_OF,
  GC_BACKGROUND_SERIAL,
  GC_BUDGET_US,
  GC_SCANNERS,
  HEADER_COUNT,
  HEADER_INFO,
  PAGE_BLOCKS,
  PAGE_STATE,
  type WordIndex,
} from '../memory/layout.ts';
import type { Mutator } from '../object/mutator.ts';
import { acquireGil, gilOwner, releaseGil, yieldGil } from '../sync/gil.ts';
import {
  abandonBackground,
  BACKGROUND_IDLE,
  BACKGROUND_OPEN,
  BACKGROUND_SETTLING,
  backgroundState,
  closeBackground,
  setBackground,
} from './background-state.ts';
import { type Collector, noteFull } from './collector.ts';
import { type Batches, findBatches } from './components.ts';
import {
  beginCollection,
  book,
  type Collection,
  noteBackground,
  noteCondemned,
  notePause,
  noteStop,
  takeCondemned,
} from './figures.ts';
import {
  promoteInCards,
  resetCounts,
  resetTrigger,
  throttle,
  untrackIfAtomic,
} from './generations.ts';
import { leaveLead, openJob } from './job.ts';
import { isMember, OLDEST } from './members.ts';
import {
  addScanFigures,
  awaitHelpers,
  closeJob,
  helpersCpuMs,
  layOutJob,
  layOutRetest,
  leadScan,
  runsOf,
  visitAtomic,
} from './shared-scan.ts';
import { condemn, isSweepPending, SWEEP_ALL, sweep } from './sweep.ts';

/** What the collector thread offers. */
export interface BackgroundHooks {
  /** Posts a task to every worker of the pool, at once. Returns how many there are. */
  startScanners(): number;
  /** Whether the collector thread is to end. */
  isStopRequested(): boolean;
}

/** Objects of a batch, unless a component has more. A stop takes as many as the budget allows. */
const BATCH_OBJECTS = 512;
/** A component is large from so many objects on, and from an eighth of all that was scanned. */
const LARGE_MIN = 20_000;
const LARGE_SHIFT = 3;
/** Steps of a sweep between two looks at the clock. */
const SWEEP_STEPS = 128;
/** Cards of a run whose objects are promoted between two looks at the clock. */
const CARDS_AT_ONCE = 8;
const CARDS_MASK = 2 ** CARDS_AT_ONCE - 1;

/** The collection was abandoned: nothing of it is left. */
class Abandoned extends Error {}

/**
 * Runs the collection that is wanted, if it still is. In the collector thread, without the lock.
 *
 * @throws what has failed inside; the collection is then done with the world stopped all the same.
 */
export function runBackgroundCollection(collector: Collector, hooks: BackgroundHooks): void {
  const collection = new BackgroundCollection(collector, hooks);
  try {
    collection.run();
  } catch (error) {
    if (error instanceof Abandoned) return;
    collection.recover(error);
    throw error;
  } finally {
    collector.test.clear();
    collector.found.clear();
  }
}

class BackgroundCollection {
  readonly #mem: Mutator;
  readonly #collector: Collector;
  readonly #hooks: BackgroundHooks;
  readonly #begin = performance.now();
  readonly #cpu = threadCpuMs();
  readonly #collection: Collection;
  readonly #budgetMs: number;
  readonly #serial: number;
  #stoppedAt = 0;
  /** Whether members of the generation may have been promoted out of it. */
  #isPromoted = false;
  /** The runs where what is to be examined was young. */
  #young: readonly WordIndex[] = [];
  /** Side tables of the scan, and processor time of its helpers. */
  #scanBytes = 0;
  #helpersCpuMs = 0;

  constructor(collector: Collector, hooks: BackgroundHooks) {
    this.#mem = collector.mem;
    this.#collector = collector;
    this.#hooks = hooks;
    this.#collection = beginCollection(collector.mem.i32[GC_BACKGROUND_OF]);
    this.#serial = collector.mem.i32[GC_BACKGROUND_SERIAL];
    this.#budgetMs = collector.mem.i32[GC_BUDGET_US] / 1000;
  }

  run(): void {
    this.#promoteYounger();
    this.#stop(BACKGROUND_WANTED);
    const isOpen = this.#open();
    if (!isOpen) {
      this.#collectStopped();
      return;
    }
    this.#resume();
    const atomic = this.#scan();
    this.#stop(BACKGROUND_OPEN);
    for (const container of atomic) untrackIfAtomic(this.#mem, container);
    addScanFigures(this.#mem, this.#collection);
    this.#helpersCpuMs += helpersCpuMs(this.#mem);
    setBackground(this.#mem, BACKGROUND_SETTLING);
    this.#resume();
    this.#settle();
    this.#sweep();
    this.#stop(BACKGROUND_SETTLING);
    this.#close();
    this.#resume();
  }

  /**
   * Something has failed: what the collection has begun is given up, and done by the plainest
   * means. Not when the heap itself is lost, nor in the middle of a change.
   */
  recover(error: unknown): void {
    const mem = this.#mem;
    if (error instanceof SharcError || gilOwner(mem) === mem.threadId) return;
    leaveLead(mem);
    acquireGil(mem, Number.POSITIVE_INFINITY);
    this.#collector.test.clear();
    this.#collector.found.clear();
    const isOurs = this.#state() !== BACKGROUND_IDLE;
    if (isOurs) abandonBackground(mem);
    if (isOurs) this.#collectStopped();
    else releaseGil(mem);
  }

  /** The state of this collection: idle when it was given up, whatever others are asked for. */
  #state(): number {
    const isLast = this.#mem.i32[GC_BACKGROUND_SERIAL] === this.#serial;
    return isLast ? backgroundState(this.#mem) : BACKGROUND_IDLE;
  }

  // ── Stops ──────────────────────────────────────────────────────────────────────────────────

  /** Stops the world. @throws Abandoned when the collection is not in `state` any more. */
  #stop(state: number): void {
    const asked = performance.now();
    acquireGil(this.#mem, Number.POSITIVE_INFINITY);
    this.#stoppedAt = performance.now();
    if (this.#state() !== state) {
      releaseGil(this.#mem);
      throw new Abandoned();
    }
    noteStop(this.#mem, this.#collection, this.#stoppedAt - asked);
  }

  /** Lets the world run. When somebody waited for the lock, it gets as long as the stop was. */
  #resume(): void {
    const pauseMs = performance.now() - this.#stoppedAt;
    notePause(this.#mem, this.#collection, pauseMs);
    if (yieldGil(this.#mem)) Atomics.wait(SLEEP, 0, 0, pauseMs);
  }

  #stoppedFor(): number {
    return performance.now() - this.#stoppedAt;
  }

  // ── Phases ─────────────────────────────────────────────────────────────────────────────────

  /** Fixes what is examined. False: there are no pages for side tables. */
  #open(): boolean {
    const mem = this.#mem;
    const { generation } = this.#collection;
    // What was young has been promoted: it is where it was.
    const isThere = (record: WordIndex) => mem.i32[record + PAGE_STATE] === PAGE_BLOCKS;
    const runs = generation < OLDEST ? this.#young.filter(isThere) : runsOf(mem, OLDEST);
    openJob(mem);
    const scanners = Math.max(1, mem.i32[GC_SCANNERS] - 1); // one core stays with the mutators
    const summon = scanners > 1 ? () => void this.#hooks.startScanners() : null;
    const bytes = layOutJob(mem, runs, OLDEST, () => awaitHelpers(mem, scanners, summon));
    if (bytes === 0) return false;
    this.#scanBytes = bytes;
    this.#noteSideBytes(bytes);
    setBackground(mem, BACKGROUND_OPEN);
    return true;
  }

  /**
   * Everything younger that is to be examined is promoted beforehand, in as many stops as it takes:
   * what is allocated behind them stays young, and is not examined.
   */
  #promoteYounger(): void {
    const mem = this.#mem;
    const { generation } = this.#collection;
    const withMiddle = generation > 0;
    this.#stop(BACKGROUND_WANTED);
    resetCounts(mem, generation);
    this.#isPromoted = true;
    mem.i32[GC_BACKGROUND_OF] = Math.min(generation + 1, OLDEST); // should this thread be killed
    resetTrigger(mem);
    this.#young = runsOf(mem, withMiddle ? 1 : 0);
    for (const record of this.#young) {
      for (let shift = 0; shift < 32; shift += CARDS_AT_ONCE) {
        if (this.#stoppedFor() >= this.#budgetMs) {
          this.#resume();
          this.#stop(BACKGROUND_WANTED);
        }
        promoteInCards(mem, record, withMiddle, CARDS_MASK << shift, this.#collector.found);
      }
    }
    this.#resume();
  }

  /** Finds candidates. Returns containers that a full collection may untrack. */
  #scan(): number[] {
    const mem = this.#mem;
    const { found } = this.#collector;
    const { isComplete, lost, cause } = leadScan(mem, found, this.#hooks.isStopRequested);
    const atomic: number[] = [];
    if (isComplete && this.#collection.generation === OLDEST) {
      visitAtomic(mem, (container) => atomic.push(container));
    }
    leaveLead(mem);
    if (isComplete) return atomic;
    // A helper has died or failed, or this thread is to end: or the collection was abandoned.
    this.#stop(BACKGROUND_OPEN);
    closeJob(mem);
    if (lost > 0) this.#collector.onLost?.(lost, cause);
    if (lost > 0 || !this.#hooks.isStopRequested()) {
      this.#collectStopped();
    } else {
      closeBackground(mem);
      releaseGil(mem);
    }
    throw new Abandoned();
  }

  /** Tests the candidates exactly, some at a time. */
  #settle(): void {
    const { found } = this.#collector;
    const large = Math.max(LARGE_MIN, this.#collection.candidates >>> LARGE_SHIFT);
    const batches = findBatches(this.#mem, found, BATCH_OBJECTS, large);
    this.#noteSideBytes(this.#scanBytes + batches.bytes);
    found.clear();
    if (batches.isAll) {
      this.#stop(BACKGROUND_SETTLING);
      closeJob(this.#mem);
      this.#resume();
    }
    let from = 0;
    let next = 0;
    while (next < batches.ends.length) {
      this.#stop(BACKGROUND_SETTLING);
      do {
        const to = batches.ends[next++];
        this.#settleBatch(batches, from, to);
        from = to;
      } while (next < batches.ends.length && this.#stoppedFor() < this.#budgetMs / 2);
      this.#resume();
    }
    if (!batches.isAll) this.#settleLarge();
  }

  /**
   * Tests all candidates that are left at once: those of large components. A list of so many would
   * need tables that fit no cache, so this is a second scan. By this thread alone: nobody waits for
   * the pool while the world stands still.
   */
  #settleLarge(): void {
    const mem = this.#mem;
    const { found } = this.#collector;
    this.#stop(BACKGROUND_SETTLING);
    const scan = layOutRetest(mem) ? leadScan(mem, found) : null;
    if (scan !== null && scan.lost > 0) this.#collector.onLost?.(scan.lost, scan.cause);
    if (!scan?.isComplete) {
      this.#collectStopped();
      throw new Abandoned();
    }
    closeJob(mem);
    this.#condemnFound();
    this.#resume();
  }

  /** What was found is garbage. From the last: the list of the condemned is a stack. */
  #condemnFound(): void {
    const { found } = this.#collector;
    for (let i = found.length - 1; i >= 0; i--) condemn(this.#mem, found.refs[i]);
    noteCondemned(this.#mem, found.length);
    found.clear();
  }

  /** Members of the batch that live are tested; what is unreachable is condemned. */
  #settleBatch(batches: Batches, from: number, to: number): void {
    const mem = this.#mem;
    const { i32 } = mem;
    const { test, found } = this.#collector;
    const { members } = test;
    for (let i = from; i < to; i++) {
      const object = batches.objects[i];
      const isAlive = isMember(i32[object + HEADER_INFO], OLDEST) && i32[object + HEADER_COUNT] > 0;
      if (isAlive) members.push(object);
    }
    test.deduceUnreachable(found);
    this.#noteSideBytes(this.#scanBytes + batches.objects.byteLength + test.bytes);
    this.#condemnFound();
    test.clear();
  }

  /** Side tables of the moment. */
  #noteSideBytes(bytes: number): void {
    this.#collection.sideBytes = Math.max(this.#collection.sideBytes, bytes);
  }

  /** Frees what is condemned, for a budget at a time. */
  #sweep(): void {
    const mem = this.#mem;
    while (isSweepPending(mem)) {
      this.#stop(BACKGROUND_SETTLING);
      while (!sweep(mem, SWEEP_ALL, SWEEP_STEPS)) {
        if (this.#stoppedFor() >= this.#budgetMs) break;
      }
      this.#resume();
    }
  }

  #close(): void {
    const mem = this.#mem;
    const collection = this.#collection;
    closeBackground(mem);
    collection.collected = takeCondemned(mem);
    if (collection.generation === OLDEST) noteFull(mem);
    resetTrigger(mem);
    collection.durationMs = performance.now() - this.#begin;
    collection.cpuMs = threadCpuMs() - this.#cpu + this.#helpersCpuMs;
    throttle(mem, collection.cpuMs);
    book(mem, collection);
    noteBackground(mem, collection);
  }

  /** Collects here and now, with the world stopped: it cannot be done beside the mutators. */
  #collectStopped(): void {
    const mem = this.#mem;
    closeBackground(mem);
    const { generation } = this.#collection;
    const collection = this.#isPromoted
      ? this.#collector.collectPromoted(generation)
      : this.#collector.collect(generation);
    noteBackground(mem, collection);
    releaseGil(mem);
  }
}

/** A word of this thread's own, to sleep on. */
const SLEEP = new Int32Array(new SharedArrayBuffer(4));
