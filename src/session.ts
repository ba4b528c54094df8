/**
 * A session: what one thread keeps for one heap. Its sections, its handles, its struct classes.
 *
 * Every operation of the facade runs inside a section: `single` opens one for an operation that
 * is called outside. The end of an outermost section is a safepoint. Operations that write nothing
 * come through `look`: they may run in read sections, too.
 */

import type { InspectOptions } from 'node:util';
import { AsyncSections } from './async-sections.ts';
import {
  AtomicSectionError,
  HeapClosedError,
  HeapExhaustedError,
  ReadOnlySectionError,
} from './base/errors.ts';
import { ByteViews } from './byte-views.ts';
import { Collections } from './collections.ts';
import { Coordinator } from './coordinator.ts';
import { Handle } from './handle.ts';
import type { HandleFamily } from './handle-family.ts';
import { KeptScopes } from './kept-scope.ts';
import { MapIterators } from './map-iterators.ts';
import { GC_COUNTS, GC_TRIGGER, THREAD_SECTIONS } from './memory/layout.ts';
import type { Mutator } from './object/mutator.ts';
import { handleIn } from './proxy-targets.ts';
import { SectionHandles } from './section-handles.ts';
import {
  keepHandle,
  lendLocals,
  refusePromise,
  reserveUndo,
  runInScope,
  settleOperation,
} from './session-operations.ts';
import { acquireGil, isHandoverRequested, releaseGil, tryAcquireGil } from './sync/gil.ts';
import { throwIfBroken } from './sync/heap-state.ts';
import { beginReading, endReading } from './sync/read-lock.ts';

/** A session of one thread with one heap. */
export class Session {
  // Declared, not defined: written once, in the constructor, they are constants to V8.
  declare readonly mem: Mutator;
  declare readonly handles: SectionHandles;
  declare readonly iterators: MapIterators;
  declare readonly views: ByteViews;
  declare readonly collections: Collections;
  declare readonly waiting: AsyncSections;
  declare readonly coordinator: Coordinator;
  readonly #family: HandleFamily;
  /** False once this thread has left the heap. */
  isOpen = true;
  /** Called when the lock is lost in the middle of a section: the heap is closed or broken. */
  onLost: (() => void) | null = null;
  /** What lets go of counts that no row stands for, should this thread leave the heap meanwhile. */
  readonly onLeave = new Set<() => void>();
  /** Whether the running section is that of a single operation, whose results are kept. */
  #isSingle = false;
  /** The running scope outside of sections, or the task of a pool. */
  readonly scopes = new KeptScopes();

  constructor(mem: Mutator, family: HandleFamily) {
    this.mem = mem;
    this.#family = family;
    this.handles = new SectionHandles(
      mem,
      (kind) => family.findClass(this, kind),
      () => this.#tryReleaseForgotten(),
    );
    this.handles.onRelease = (handle) => this.scopes.current?.removeOne(handle);
    this.handles.onDispose = (handle) => this.scopes.current?.removeAccess(handle);
    this.iterators = new MapIterators(mem, () => this.#tryReleaseForgotten());
    this.views = new ByteViews(mem, () => this.#tryReleaseForgotten());
    this.collections = new Collections(this);
    this.waiting = new AsyncSections(this);
    this.coordinator = new Coordinator(mem);
  }

  /** What is printed of a handle. */
  inspect(handle: Handle, depth: number, options: InspectOptions): unknown {
    return this.#family.inspect(handle, depth, options);
  }

  /** What JSON.stringify writes of a handle. */
  toJSON(handle: Handle): unknown {
    return this.#family.toJSON(handle);
  }

  /** Throws unless this thread is in the heap. @throws HeapClosedError, HeapCorruptionError */
  assertOpen(): void {
    if (this.isOpen) return;
    throwIfBroken(this.mem);
    throw new HeapClosedError('this thread has left the heap');
  }

  /** Begins a section: waits for the lock, at most `timeoutMs`. */
  enter(timeoutMs: number): void {
    const { mem } = this;
    this.assertOpen();
    acquireGil(mem, timeoutMs);
    mem.depth = 1;
    mem.i32[mem.thread + THREAD_SECTIONS]++;
  }

  /** Ends an outermost section: a safepoint. */
  leave(): void {
    const { mem, handles } = this;
    if (mem.depth === 0) return; // the lock was lost at a safepoint: the heap is closed
    let isPostponed = false;
    try {
      handles.closeAll();
      if (handles.hasForgotten) handles.releaseForgotten();
      if (this.iterators.needsAttention) this.iterators.endSection();
      if (this.views.hasForgotten) this.views.release();
      if (this.#isCollectionDue()) isPostponed = this.collections.atEnd();
    } finally {
      mem.depth = 0;
      releaseGil(mem);
      this.#wakeOthers();
    }
    if (isPostponed) this.collections.afterEnd();
  }

  /** Whether a collection is due, or has ended and somebody here wants to know. */
  #isCollectionDue(): boolean {
    const { i32 } = this.mem;
    return i32[GC_COUNTS] > i32[GC_TRIGGER] || this.collections.isWaiting;
  }

  /** Begins a read section: waits for writers, at most `timeoutMs`. */
  enterReading(timeoutMs: number): void {
    const { mem } = this;
    this.assertOpen();
    beginReading(mem, timeoutMs);
    this.noteEntered(true);
  }

  /** A section has begun: its lock is had. */
  noteEntered(isReading: boolean): void {
    const { mem } = this;
    mem.depth = isReading ? -1 : 1;
    mem.i32[mem.thread + THREAD_SECTIONS]++;
  }

  /** Ends an outermost read section. What it has released for the last time dies then. */
  leaveReading(): void {
    const { mem, handles, iterators } = this;
    let isSettled = false;
    try {
      if (iterators.hasBorrowed) iterators.endReading();
      isSettled = !handles.closeReading();
    } finally {
      mem.depth = 0;
      endReading(mem);
    }
    if (!isSettled && this.isOpen) this.single(settleOperation, undefined);
  }

  /** As `single`, for operations that write nothing. */
  look<H, A, B, R>(operation: (s: Session, h: H, a?: A, b?: B) => R, h: H, a?: A, b?: B): R {
    if (this.mem.depth < 0) return operation(this, h, a, b);
    if (this.mem.depth > 0) return this.#attempt(operation, h, a, b);
    return this.single(operation, h, a, b);
  }

  /** Runs one operation of the facade, in a section of its own when there is none. */
  single<H, A, B, R>(operation: (s: Session, h: H, a?: A, b?: B) => R, h: H, a?: A, b?: B): R {
    if (this.mem.depth > 0) {
      if (this.mem.undo?.hasRoom() === false) this.#attempt(reserveUndo, undefined);
      return this.#attempt(operation, h, a, b);
    }
    if (this.mem.depth < 0) throw new ReadOnlySectionError('this changes the heap');
    this.enter(Number.POSITIVE_INFINITY);
    this.#isSingle = true;
    try {
      const result = this.#attempt(operation, h, a, b);
      if (result instanceof Handle) this.#keepResult(result);
      else if (Array.isArray(result)) for (const item of result) this.#keepIfHandle(item);
      return result;
    } finally {
      this.#isSingle = false;
      this.leave();
    }
  }

  /** Runs an operation in a section, and once more if the heap was full. */
  runOperation<R>(operation: (s: Session) => R): R {
    const attempted = () => this.#attempt(operation, undefined);
    return this.run(attempted, Number.POSITIVE_INFINITY);
  }

  /**
   * Runs an operation. In a full heap it has rolled back to its start; then everything is
   * collected, and it is tried once more.
   */
  #attempt<H, A, B, R>(operation: (s: Session, h: H, a?: A, b?: B) => R, h: H, a?: A, b?: B): R {
    try {
      return operation(this, h, a, b);
    } catch (error) {
      this.makeRoom(error);
    }
    return operation(this, h, a, b);
  }

  /** An operation has found no room: collects everything. @throws `error` when that cannot help */
  makeRoom(error: unknown): void {
    if (!(error instanceof HeapExhaustedError)) throw error;
    // In a read section nothing can be collected.
    if (this.mem.depth < 0 || !this.collections.afterExhaustion()) throw error;
  }

  /**
   * Makes sure that a result can be kept, for operations that remove what they return: called
   * before they do. Whatever is no handle, or is kept already, needs no room.
   *
   * @throws HeapExhaustedError
   */
  reserveResult(result: unknown): void {
    if (this.#isSingle && this.#needsRow(result)) this.handles.reserve(1);
  }

  /** As `reserveResult`, for many: all can be kept, or none is. @throws HeapExhaustedError */
  reserveResults(results: readonly unknown[]): void {
    if (!this.#isSingle) return;
    let count = 0;
    for (const result of results) if (this.#needsRow(result)) count++;
    this.handles.reserve(count);
  }

  #needsRow(result: unknown): boolean {
    return result instanceof Handle && this.handles.rowOf(result) === 0;
  }

  /** A handle that leaves its section as a result is kept. */
  #keepResult(handle: Handle): void {
    if (handle.$session !== this || !this.handles.isLocal(handle)) return;
    this.#attempt(keepHandle, handle);
    this.scopes.current?.addAccess(handle);
  }

  /** Keeps a handle at the program's wish: no scope ends that. @throws HeapExhaustedError */
  keep(handle: Handle): void {
    this.#attempt(keepHandle, handle);
    this.scopes.current?.addKeep(handle);
  }

  #keepIfHandle(item: unknown): void {
    if (item instanceof Handle) this.#keepResult(item);
  }

  /**
   * Runs `body` in a section with the GIL held, nested or not.
   *
   * @throws TypeError when the result is a promise: sections are synchronous.
   */
  run<T>(body: () => T, timeoutMs: number): T {
    if (this.mem.depth > 0) return this.#nest(body, 1);
    if (this.mem.depth < 0) {
      throw new ReadOnlySectionError('an exclusive section cannot begin');
    }
    this.enter(timeoutMs);
    try {
      const result = body();
      const handle = handleIn(result);
      if (handle !== undefined) this.#keepResult(handle);
      else refusePromise(result);
      return result;
    } finally {
      this.leave();
    }
  }

  /** Runs `body` in the section that has just begun, and ends that. */
  runEntered<T>(body: () => T): T {
    const isReading = this.mem.depth < 0;
    try {
      const result = body();
      const handle = handleIn(result);
      if (handle !== undefined) this.#keepResult(handle);
      else refusePromise(result);
      return result;
    } finally {
      if (isReading) this.leaveReading();
      else this.leave();
    }
  }

  /**
   * Runs `body` in a read section; in an exclusive section as a part of that.
   *
   * @throws TypeError when the result is a promise: sections are synchronous.
   */
  read<T>(body: () => T, timeoutMs: number): T {
    if (this.mem.depth !== 0) return this.#nest(body, Math.sign(this.mem.depth));
    this.enterReading(timeoutMs);
    return this.runEntered(body);
  }

  #nest<T>(body: () => T, step: number): T {
    const { mem } = this;
    mem.depth += step;
    try {
      return refusePromise(body());
    } finally {
      if (mem.depth !== 0) mem.depth -= step;
    }
  }

  /** As `run`, for methods that write nothing. */
  lookIn<T>(body: () => T): T {
    if (this.mem.depth < 0) return this.#nest(body, -1);
    return this.run(body, Number.POSITIVE_INFINITY);
  }

  /** As `lookIn`, for methods whose result may be an array: the handles in it are kept as well. */
  lookForResults<T>(body: () => T): T {
    if (this.mem.depth !== 0) return this.lookIn(body);
    return this.run(() => {
      const result = body();
      if (Array.isArray(result)) for (const item of result) this.#keepIfHandle(item);
      return result;
    }, Number.POSITIVE_INFINITY);
  }

  /** Runs `body` and ends the acquisitions made in it, but for its result. */
  scope<T>(body: () => T): T {
    this.assertOpen();
    if (this.mem.depth !== 0) return runInScope(this, body);
    return this.scopes.run(
      () => refusePromise(body()),
      (handle) => this.isOpen && handle[Symbol.dispose](),
    );
  }

  /** Wakes those for whom the section, which has ended, has done something. */
  #wakeOthers(): void {
    const { wakeUps } = this.coordinator;
    if (wakeUps.isPending) wakeUps.flush();
  }

  /** Lets another thread in if one has asked for the lock. Locals stay valid. */
  safepoint(): void {
    this.#doWhatIsDue();
    // In a full heap, where locals find no rows, the lock is kept.
    if (isHandoverRequested(this.mem) && this.handles.tryLendLocals()) this.#giveUpLock();
  }

  /**
   * A safepoint at which this thread sleeps: without the lock, and without using the heap.
   *
   * @throws HeapExhaustedError before it sleeps, when there is no room to list the locals
   */
  suspend(sleep: () => void): void {
    this.#doWhatIsDue();
    this.#attempt(lendLocals, undefined);
    this.#giveUpLock(sleep);
  }

  #doWhatIsDue(): void {
    const { mem } = this;
    if (mem.depth < 0) throw new ReadOnlySectionError('there is no safepoint');
    if (mem.undo !== null) throw new AtomicSectionError('there is no safepoint');
    if (this.handles.hasForgotten) this.handles.releaseForgotten();
    if (this.#isCollectionDue()) this.collections.atSafepoint();
  }

  /** The locals are rows by now. */
  #giveUpLock(sleep?: () => void): void {
    const { mem, handles } = this;
    const { depth } = mem;
    mem.depth = 0;
    releaseGil(mem);
    this.#wakeOthers();
    sleep?.();
    try {
      acquireGil(mem, Number.POSITIVE_INFINITY);
    } catch (error) {
      this.onLost?.(); // closed or broken meanwhile: the section ends here
      throw error;
    }
    mem.depth = depth;
    handles.reclaimLocals();
  }

  #tryReleaseForgotten(): void {
    const { mem, handles } = this;
    if (!this.isOpen || mem.depth !== 0 || !tryAcquireGil(mem)) return;
    try {
      handles.releaseForgotten();
      this.iterators.endSection();
      this.views.release();
    } finally {
      releaseGil(mem);
    }
  }
}
