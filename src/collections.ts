/**
 * Collections as one thread runs them: at safepoints when one is due, when the heap is full, and
 * when the program asks for one.
 *
 * User code (callbacks, loggers, subscribers) hears of each collection, and never runs while an
 * internal lock is held. So a collection that is due at the end of a section waits, when somebody
 * listens, until the lock is free: then come the start callbacks, the lock, the collection, the
 * lock is given up, the stop callbacks. In a section of the program's own it is all done inside.
 * A collection that a full heap forces comes in the middle of an operation: its callbacks, both,
 * follow at the next safepoint, like those of a collection that ends in the background.
 */

import { BackgroundLink, linkToPool } from './background-link.ts';
import {
  AtomicSectionError,
  HeapClosedError,
  LockTimeoutError,
  ReadOnlySectionError,
} from './base/errors.ts';
import {
  announceEnd,
  announceResult,
  claimAutomatic,
  claimExplicit,
  hasClaim,
  joinExplicit,
  releaseClaim,
} from './gc/claim.ts';
import { Collector } from './gc/collector.ts';
import { estimateMs } from './gc/estimate.ts';
import { beginCollection, type Collection } from './gc/figures.ts';
import { dueGeneration, NONE, resetTrigger, throttle } from './gc/generations.ts';
import { OLDEST } from './gc/members.ts';
import { recountIfSuspect } from './gc/recover.ts';
import { DebugRecord, type GcLogger } from './gc-debug.ts';
import { type CollectionReason, GcEvents } from './gc-events.ts';
import { GC_DEBUG, GC_DISABLES } from './memory/layout.ts';
import { heapIdOf } from './memory/memory.ts';
import type { Mutator } from './object/mutator.ts';
import type { Session } from './session.ts';

/** Collections beside the mutators, as whoever runs the collector thread offers them. */
export interface Background {
  /**
   * Starts a collection of `generation` if it is large enough to be worth it. False: it is to be
   * done here. The lock is held.
   */
  start(session: Session, generation: number): boolean;
  /** The figures of what `start` has begun, once, when it has ended; null before. */
  takeEnded(session: Session): Collection | null;
  /** The generation of one that has lost its thread, and is to be done here; else -1. */
  takeLost(mem: Mutator): number;
}

/** A collection that has ended, and what is to be told of it. */
interface Ended {
  readonly collection: Collection;
  readonly reason: CollectionReason;
  /** When it began, on the performance clock. */
  readonly startMs: number;
  readonly debug: DebugRecord | null;
  /** The number under which its start was told; 0: it was not. */
  readonly id: number;
}

/** A collection in the background whose end is to be told. */
interface Pending {
  readonly id: number;
  readonly startMs: number;
  readonly timer: NodeJS.Timeout;
}

/** How often to look whether it has ended, while this thread is not in the heap. */
const LOOK_MS = 25;
/** How long to wait for the lock then. */
const LOCK_MS = 1;

/** The collections of one session. */
export class Collections {
  declare readonly events: GcEvents;
  /** Where debug output goes; null: to the standard error. */
  declare logger: GcLogger | null;
  /** Where automatic collections go when they are large; null: nowhere. */
  declare background: Background | null;
  /** Whether something is to be done at the next safepoint, be a collection due or not. */
  declare isWaiting: boolean;
  /** Called when this thread has left the heap, or lost it. */
  declare onLeave: (() => void) | null;
  /** Guards against automatic collections that this thread holds open. */
  declare openGuards: number;
  declare private readonly session: Session;
  declare private ownCollector: Collector | undefined;
  /** In a collection or its callbacks: a collection that those ask for is none. */
  declare private isRunning: boolean;
  /** The generation of an automatic collection that waits for the lock to be free. */
  declare private postponed: number;
  declare private readonly untold: Ended[];
  /** The collection in the background that was started here, while somebody listened. */
  declare private pending: Pending | null;

  constructor(session: Session) {
    this.session = session;
    this.events = new GcEvents(heapIdOf(session.mem));
    this.logger = null;
    this.background = new BackgroundLink();
    this.isWaiting = false;
    this.onLeave = null;
    this.openGuards = 0;
    this.ownCollector = undefined;
    this.isRunning = false;
    this.postponed = NONE;
    this.untold = [];
    this.pending = null;
  }

  /** What collects for this thread, made when it is first needed. */
  get collector(): Collector {
    if (this.ownCollector === undefined) {
      this.ownCollector = new Collector(this.session.mem);
      linkToPool(this.ownCollector);
    }
    return this.ownCollector;
  }

  /** A section ends, and a collection may be due. The lock is held. True: call `afterEnd`. */
  atEnd(): boolean {
    if (this.isRunning) return false;
    this.takeBackgroundEnd();
    const generation = this.claimDue();
    if (generation === NONE) return this.untold.length !== 0;
    if (this.isHeard) {
      this.postponed = generation;
      return true;
    }
    this.runAutomatic(generation);
    return this.untold.length !== 0;
  }

  /** The section has ended, the lock is free: runs what `atEnd` has put off. */
  afterEnd(): void {
    const generation = this.postponed;
    this.postponed = NONE;
    this.tellAll();
    if (generation !== NONE) this.runAutomatic(generation);
  }

  /** In a long section: a collection may be due. */
  atSafepoint(): void {
    if (this.isRunning) return;
    this.takeBackgroundEnd();
    this.tellAll();
    const generation = this.claimDue();
    if (generation !== NONE) this.runAutomatic(generation);
  }

  /** The heap is full: collects everything. False when that cannot help. The lock is held. */
  afterExhaustion(): boolean {
    const { mem } = this.session;
    if (mem.hostile !== null) return false;
    const startMs = performance.now();
    const debug = this.beginDebug(OLDEST, false);
    mem.undo?.pin();
    const collection = this.collectLocked(OLDEST, debug, null);
    mem.undo?.unpin();
    if (!this.isHeard) return true;
    this.untold.push({ collection, reason: 'exhaustion', startMs, debug, id: 0 });
    this.isWaiting = true;
    return true;
  }

  /**
   * Collects `generation` because the program asks for it. Returns how many objects were found
   * unreachable; 0 at once when a collection is under way here, or an explicit one elsewhere,
   * whose number comes when `wait` says so.
   */
  runExplicit(generation: number, wait: boolean): number {
    return this.explicitly(wait, () => this.run(generation, 'explicit', true));
  }

  /** As `runExplicit`, younger generations first, as long as the next fits in `maxMs`. */
  runWithin(maxMs: number, oldest: number, wait: boolean): number {
    const { session } = this;
    const end = performance.now() + maxMs;
    return this.explicitly(wait, () => {
      let result = 0;
      for (let generation = 0; generation <= oldest; generation++) {
        const costMs = session.run(() => estimateMs(session.mem, generation), Infinity);
        if (performance.now() + costMs > end) break;
        result += this.run(generation, 'explicit', false);
      }
      announceResult(session.mem, result);
      return result;
    });
  }

  /** This thread leaves the heap: nobody else can close its guards. The lock is held. */
  leave(): void {
    const { mem } = this.session;
    mem.i32[GC_DISABLES] -= this.openGuards;
    this.openGuards = 0;
    this.stopLooking();
    releaseClaim(mem); // a thread may end in a callback; the next one with its number has none
    resetTrigger(mem);
  }

  private explicitly(wait: boolean, body: () => number): number {
    const { mem } = this.session;
    this.session.assertOpen();
    if (mem.depth < 0) throw new ReadOnlySectionError('no collection can run');
    if (mem.undo !== null) throw new AtomicSectionError('no collection can run');
    if (this.isRunning) return 0;
    while (!claimExplicit(mem)) {
      if (!wait) return 0;
      // In a section nobody can be waited for: whoever has the claim needs this thread's lock, and
      // is not collecting yet, or not any more.
      if (mem.depth !== 0) break;
      const result = joinExplicit(mem);
      if (result !== null) return result;
    }
    this.isRunning = true;
    try {
      return body();
    } finally {
      this.isRunning = false;
      releaseClaim(mem);
    }
  }

  private get isHeard(): boolean {
    return this.events.isHeard || this.session.mem.i32[GC_DEBUG] !== 0;
  }

  /** The generation that is due and now claimed by this thread; NONE. The lock is held. */
  private claimDue(): number {
    const { mem } = this.session;
    const lost = this.background?.takeLost(mem) ?? NONE;
    const generation = lost === NONE ? dueGeneration(mem) : lost;
    if (generation !== NONE) return claimAutomatic(mem) ? generation : NONE;
    resetTrigger(mem);
    return NONE;
  }

  private runAutomatic(generation: number): void {
    this.isRunning = true;
    try {
      this.run(generation, 'automatic', false);
    } catch (error) {
      if (!(error instanceof HeapClosedError)) throw error; // no safepoint fails of that
    } finally {
      this.isRunning = false;
      releaseClaim(this.session.mem);
    }
  }

  /**
   * One collection with all that is told of it. Returns how many objects it found unreachable,
   * which threads that wait for it learn when `isAnnounced`.
   */
  private run(generation: number, reason: CollectionReason, isAnnounced: boolean): number {
    const { session, events } = this;
    const id = events.isHeard ? events.start(generation, reason) : 0;
    const askedMs = performance.now();
    let ended: Ended | null;
    if (session.mem.depth !== 0) {
      ended = this.runLocked(generation, reason, id, null);
    } else {
      session.enter(Number.POSITIVE_INFINITY);
      try {
        if (generation === OLDEST) recountIfSuspect(session.mem);
        ended = this.runLocked(generation, reason, id, performance.now() - askedMs);
      } finally {
        session.leave();
      }
    }
    if (ended === null) return 0;
    const result = ended.collection.collected + ended.collection.uncollectable;
    if (isAnnounced) announceResult(session.mem, result);
    this.tell(ended);
    return result;
  }

  /** The part under the lock, for which it has waited, or not. Null: the background goes on. */
  private runLocked(
    generation: number,
    reason: CollectionReason,
    id: number,
    waitedMs: number | null,
  ): Ended | null {
    const { mem } = this.session;
    const isAutomatic = reason === 'automatic';
    const ended = { reason, startMs: performance.now(), id };
    // Taken over meanwhile by an explicit one of another thread: it was due no more.
    if (isAutomatic && !hasClaim(mem)) {
      return { ...ended, collection: beginCollection(generation), debug: null };
    }
    if (isAutomatic && this.goesToBackground(generation, id)) return null;
    const debug = this.beginDebug(generation, true);
    const collection = this.collectLocked(generation, debug, waitedMs);
    if (isAutomatic) throttle(mem, collection.durationMs);
    return { ...ended, collection, debug };
  }

  /** Whether an automatic collection runs beside the mutators from now on. */
  private goesToBackground(generation: number, id: number): boolean {
    const { session, background } = this;
    if (background === null) return false;
    this.takeBackgroundEnd(); // one may have ended since this thread has looked
    if (!background.start(session, generation)) return false;
    if (id === 0) return true; // nobody has heard of its start
    const timer = setInterval(() => this.look(), LOOK_MS).unref();
    this.pending = { id, startMs: performance.now(), timer };
    this.isWaiting = true;
    return true;
  }

  /** Between sections: whoever has heard of the start is to hear of the end. */
  private look(): void {
    const { session } = this;
    if (!session.isOpen) this.stopLooking();
    if (!session.isOpen || session.mem.depth !== 0) return;
    if (this.background?.takeEnded(session) == null) return; // a hint: looked at again inside
    try {
      session.run(() => {}, LOCK_MS); // its end is a safepoint
    } catch (error) {
      if (error instanceof LockTimeoutError) return; // the event loop is not to wait: next time
      this.stopLooking(); // the heap is closed or broken: whoever uses it next is told
    }
  }

  private stopLooking(): void {
    if (this.pending !== null) clearInterval(this.pending.timer);
    this.pending = null;
  }

  /** Notes the end of a collection in the background, if this thread has told its start. */
  private takeBackgroundEnd(): void {
    const { pending } = this;
    if (pending === null) return;
    const collection = this.background?.takeEnded(this.session) ?? null;
    if (collection === null) return;
    this.stopLooking();
    const { id, startMs } = pending;
    this.untold.push({ collection, reason: 'automatic', startMs, debug: null, id });
  }

  private collectLocked(
    generation: number,
    debug: DebugRecord | null,
    waitedMs: number | null,
  ): Collection {
    const collection = this.collector.collect(generation, debug, waitedMs);
    debug?.end();
    announceEnd(this.session.mem);
    return collection;
  }

  private beginDebug(generation: number, canSave: boolean): DebugRecord | null {
    const { mem } = this.session;
    return mem.i32[GC_DEBUG] === 0 ? null : new DebugRecord(mem, generation, canSave);
  }

  /** Tells of the collections that ended where nothing could be told. */
  private tellAll(): void {
    this.isWaiting = this.pending !== null;
    if (this.untold.length === 0) return;
    this.isRunning = true;
    try {
      for (const ended of this.untold.splice(0)) {
        const { collection, reason } = ended;
        const id = ended.id || this.events.start(collection.generation, reason);
        this.tell({ ...ended, id });
      }
    } finally {
      this.isRunning = false;
    }
  }

  private tell({ collection, reason, startMs, debug, id }: Ended): void {
    debug?.write(this.logger ?? process.stderr, collection);
    if (this.events.isHeard) this.events.stop(id, collection, reason, startMs);
  }
}
