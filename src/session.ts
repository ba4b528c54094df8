/**
 * A session: what one thread keeps for one heap. Its sections, its handles, its struct classes.
 *
 * Every operation of the facade runs inside a section: `single` opens one for an operation that
 * is called outside. The end of an outermost section is a safepoint.
 */

import type { InspectOptions } from 'node:util';
import { HeapClosedError, HeapExhaustedError } from './base/errors.ts';
import { ByteViews } from './byte-views.ts';
import { Collections } from './collections.ts';
import { Handle, type HandleClass } from './handle.ts';
import { HandleTable } from './handle-table.ts';
import { KeptScope } from './kept-scope.ts';
import { MapIterators } from './map-iterators.ts';
import { GC_COUNTS, GC_TRIGGER, THREAD_SECTIONS } from './memory/layout.ts';
import type { Mutator } from './object/mutator.ts';
import { handleIn } from './proxy-targets.ts';
import { acquireGil, isHandoverRequested, releaseGil, tryAcquireGil } from './sync/gil.ts';
import { throwIfBroken } from './sync/heap-state.ts';

/** What a session needs to know of the classes of handles, which in turn need sessions. */
export interface HandleFamily {
  /** The class of the handles of a kind. */
  findClass(session: Session, kind: number): HandleClass;
  /** What is printed of a handle. */
  inspect(handle: Handle, depth: number, options: InspectOptions): unknown;
  /** What JSON.stringify writes of a handle. */
  toJSON(handle: Handle): unknown;
}

/** A session of one thread with one heap. */
export class Session {
  // Declared, not defined: written once, in the constructor, they are constants to V8.
  declare readonly mem: Mutator;
  declare readonly handles: HandleTable;
  declare readonly iterators: MapIterators;
  declare readonly views: ByteViews;
  declare readonly collections: Collections;
  readonly #family: HandleFamily;
  /** False once this thread has left the heap. */
  isOpen = true;
  /** Called when the lock is lost in the middle of a section: the heap is closed or broken. */
  onLost: (() => void) | null = null;
  /** What lets go of counts that no row stands for, should this thread leave the heap meanwhile. */
  readonly onLeave = new Set<() => void>();
  /** Whether the running section is that of a single operation, whose results are kept. */
  #isSingle = false;
  /** The running scope outside of sections; null when there is none. */
  #scope: KeptScope | null = null;

  constructor(mem: Mutator, family: HandleFamily) {
    this.mem = mem;
    this.#family = family;
    this.handles = new HandleTable(
      mem,
      (kind) => family.findClass(this, kind),
      () => this.#tryReleaseForgotten(),
    );
    this.handles.onRelease = (handle) => this.#scope?.removeOne(handle);
    this.handles.onDispose = (handle) => this.#scope?.removeAccess(handle);
    this.iterators = new MapIterators(mem, () => this.#tryReleaseForgotten());
    this.views = new ByteViews(mem, () => this.#tryReleaseForgotten());
    this.collections = new Collections(this);
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
    }
    if (isPostponed) this.collections.afterEnd();
  }

  /** Whether a collection is due, or has ended and somebody here wants to know. */
  #isCollectionDue(): boolean {
    const { i32 } = this.mem;
    return i32[GC_COUNTS] > i32[GC_TRIGGER] || this.collections.isWaiting;
  }

  /** Runs one operation of the facade, in a section of its own when there is none. */
  single<H, A, B, R>(operation: (s: Session, h: H, a?: A, b?: B) => R, h: H, a?: A, b?: B): R {
    if (this.mem.depth !== 0) return this.#attempt(operation, h, a, b);
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
      if (!(error instanceof HeapExhaustedError) || !this.collections.afterExhaustion())
        throw error;
    }
    return operation(this, h, a, b);
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
    this.#scope?.addAccess(handle);
  }

  /** Keeps a handle at the program's wish: no scope ends that. @throws HeapExhaustedError */
  keep(handle: Handle): void {
    this.#attempt(keepHandle, handle);
    this.#scope?.addKeep(handle);
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
    const { mem } = this;
    if (mem.depth !== 0) {
      mem.depth++;
      try {
        return refusePromise(body());
      } finally {
        if (mem.depth !== 0) mem.depth--;
      }
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

  /** As `run`, for methods whose result may be an array: the handles in it are kept as well. */
  runForResults<T>(body: () => T): T {
    if (this.mem.depth !== 0) return this.run(body, Number.POSITIVE_INFINITY);
    return this.run(() => {
      const result = body();
      if (Array.isArray(result)) for (const item of result) this.#keepIfHandle(item);
      return result;
    }, Number.POSITIVE_INFINITY);
  }

  /** Runs `body` and ends the acquisitions made in it, but for its result. */
  scope<T>(body: () => T): T {
    this.assertOpen();
    return this.mem.depth === 0 ? this.#scopeOutside(body) : this.#scopeInside(body);
  }

  #scopeInside<T>(body: () => T): T {
    const { handles } = this;
    const scope = handles.openScope();
    let result: T | undefined;
    try {
      result = refusePromise(body());
      return result;
    } finally {
      const handle = handleIn(result);
      if (handle?.$session === this) handles.closeScopeExcept(scope, handle);
      else handles.closeScope(scope);
    }
  }

  #scopeOutside<T>(body: () => T): T {
    const scope = new KeptScope(this.#scope);
    this.#scope = scope;
    let result: unknown;
    try {
      const returned = refusePromise(body());
      result = returned;
      return returned;
    } finally {
      this.#scope = null; // what the scope ends is no release of the program
      const ended = scope.end(handleIn(result) ?? null);
      if (this.isOpen) for (const handle of ended) handle[Symbol.dispose]();
      this.#scope = scope.outer;
    }
  }

  /** Lets another thread in if one has asked for the lock. Locals stay valid. */
  safepoint(): void {
    const { mem, handles } = this;
    if (handles.hasForgotten) handles.releaseForgotten();
    if (this.#isCollectionDue()) this.collections.atSafepoint();
    if (!isHandoverRequested(mem)) return;
    if (!handles.lendLocals()) return;
    const { depth } = mem;
    mem.depth = 0;
    releaseGil(mem);
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

const keepHandle = (session: Session, handle: Handle): void => session.handles.keep(handle);

function refusePromise<T>(result: T): T {
  if ((typeof result !== 'object' && typeof result !== 'function') || result === null)
    return result;
  if (result instanceof Handle) return result;
  if (typeof (result as { then?: unknown }).then !== 'function') return result;
  // Nobody will await it: its failure must not end the process on top of our error.
  if (result instanceof Promise) result.catch(() => {});
  throw new TypeError(
    'a section must be synchronous, but its callback returned a promise; ' +
      'await before or after the section, and keep() the handles you need in between',
  );
}
