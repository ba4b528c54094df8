/** `Heap`: a heap as one thread sees it. Everything that users do with one begins here. */

import { isMainThread } from 'node:worker_threads';
import { abandonAtomic, refuseInAtomic, runAtomically } from './atomic-sections.ts';
import {
  bufferOf,
  createHeap,
  type HeapToken,
  isCreator,
  joinHeap,
  leaveHeap,
  tokenOf,
} from './attach.ts';
import { HeapClosedError } from './base/errors.ts';
import { type HeapOptions, resolveOptions } from './base/options.ts';
import { requestCollectorStop, stopCollectorThread } from './collector-thread.ts';
import { countObjects } from './gc/stats.ts';
import { type Finding, verifyHeap } from './gc/verify.ts';
import { HeapGc } from './gc.ts';
import { family } from './handle-classes.ts';
import { HeapData } from './heap-data.ts';
import { kindName } from './kind-names.ts';
import { heapIdOf } from './memory/memory.ts';
import type { Mutator } from './object/mutator.ts';
import {
  checkRead,
  checkReadAsync,
  checkRun,
  checkRunAsync,
  type ReadAsyncOptions,
  type ReadOptions,
  type RunAsyncOptions,
  type RunOptions,
} from './section-options.ts';
import { Session } from './session.ts';
import { type HeapStats, readStats } from './stats.ts';
import { releaseGil } from './sync/gil.ts';
import { assertHeapOpen, markClosed } from './sync/heap-state.ts';
import { releaseThread } from './sync/thread-table.ts';
import { type DeathListener, ThreadDeaths } from './thread-deaths.ts';

export { IMMORTAL_REFCOUNT } from './refcounts.ts';

/** Heaps that this thread has joined and not left, by identity. */
const joined = new Map<string, Heap>();

let readSession: (heap: Heap) => Session;
let leaveOnExit: (heap: Heap) => void;
let isExitWatched = false;

/**
 * A worker leaves its heaps when it ends by itself or by `process.exit()`. The main thread does
 * not: the process ends with it, and waiting for a lock would only delay that.
 */
function leaveAllOnExit(): void {
  if (isExitWatched || isMainThread) return;
  isExitWatched = true;
  process.once('exit', () => {
    for (const heap of [...joined.values()]) leaveOnExit(heap);
  });
}

/** What this thread keeps for `heap`, for the library's other parts. @throws HeapClosedError */
export function sessionOf(heap: Heap): Session {
  const session = readSession(heap);
  session.assertOpen();
  return session;
}

/** A heap of objects that threads share. Made by `Heap.create`, joined by `Heap.attach`. */
export class Heap extends HeapData implements Disposable, AsyncDisposable {
  static {
    readSession = (heap) => heap.#session;
    leaveOnExit = (heap) => Heap.#leaveOnExit(heap);
  }

  /** The collector: CPython's `gc` module. */
  readonly gc: HeapGc;
  readonly #session: Session;
  readonly #deaths: ThreadDeaths;
  readonly #id: string;

  private constructor(mem: Mutator) {
    const session = new Session(mem, family);
    super(session);
    this.#session = session;
    this.#session.onLost = () => this.#forget();
    this.gc = new HeapGc(this.#session);
    this.#deaths = new ThreadDeaths(this.#session);
    this.#id = heapIdOf(mem);
    joined.set(this.#id, this);
    leaveAllOnExit();
  }

  /**
   * Creates a heap and joins it.
   *
   * @throws TypeError for an unknown option, RangeError for a value that is not allowed,
   *   HeapExhaustedError when the system refuses the address space.
   */
  static create(options: HeapOptions = {}): Heap {
    return Heap.#join(createHeap(resolveOptions(options)));
  }

  /**
   * Joins a heap that another thread shares. Joining twice gives the same object.
   *
   * @param token what `heap.share()` returned in the other thread
   * @throws InvalidTokenError; TooManyThreadsError beyond 128 threads; HeapClosedError.
   */
  static attach(token: HeapToken): Heap {
    const mem = bufferOf(token);
    const known = joined.get(heapIdOfBuffer(mem));
    if (known !== undefined) return known;
    return Heap.#join(joinHeap(mem));
  }

  static #join(mem: Mutator): Heap {
    try {
      return new Heap(mem);
    } catch (error) {
      releaseThread(mem, mem.threadId); // no address space for this thread's tables
      throw error;
    }
  }

  /** The thread ends: it leaves if it can. */
  static #leaveOnExit(heap: Heap): void {
    try {
      // process.exit() in a section ends it as an exception would: between two operations.
      abandonAtomic(heap.#session.mem);
      if (heap.#session.mem.depth > 0) heap.#session.leave();
      if (heap.#session.mem.depth < 0) heap.#session.leaveReading();
      heap.detach();
    } catch {
      // The heap is broken: there is nothing to leave, and nobody here to tell.
    }
  }

  /** A token for other threads: pass it through `workerData` or `postMessage`. */
  share(): HeapToken {
    this.#session.assertOpen();
    return tokenOf(this.#session.mem.buffer);
  }

  /** This thread leaves the heap: its handles are released, its pages left to the others. */
  detach(): void {
    this.#leave(false);
  }

  /**
   * Closes the heap when this thread has created it: sections in all threads are refused from
   * then on, and the collector thread ends. In other threads it is `detach`.
   */
  async close(): Promise<void> {
    if (this.#closeIfCreator()) await stopCollectorThread(this.#session.mem);
  }

  [Symbol.dispose](): void {
    if (this.#closeIfCreator()) requestCollectorStop(this.#session.mem);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Leaves the heap, and closes it if this thread has created it. Returns whether it did. */
  #closeIfCreator(): boolean {
    const closes = this.#session.isOpen && isCreator(this.#session.mem);
    this.#leave(closes);
    return closes;
  }

  #leave(closes: boolean): void {
    const session = this.#session;
    if (!session.isOpen) return;
    if (session.mem.depth !== 0) {
      throw new TypeError('a thread cannot leave the heap inside a section; end the section first');
    }
    try {
      session.enter(Number.POSITIVE_INFINITY);
    } catch (error) {
      this.#forget();
      if (error instanceof HeapClosedError) return; // closed by its creator: nothing to release
      throw error;
    }
    try {
      session.iterators.closeAll();
      for (const letGo of session.onLeave) letGo();
      session.collections.leave();
      this.#forget();
      leaveHeap(session.mem, closes);
    } catch (error) {
      if (session.isOpen) this.#forget();
      if (session.mem.depth !== 0) Heap.#giveUp(session.mem, closes);
      throw error;
    }
  }

  /**
   * Something that this thread holds is damaged, so it cannot be released, but others wait for the
   * lock. The record of the thread stays taken for as long as it lives, with what is left in it.
   */
  static #giveUp(mem: Mutator, closes: boolean): void {
    if (closes) markClosed(mem);
    mem.depth = 0;
    releaseGil(mem);
  }

  #forget(): void {
    this.#session.isOpen = false;
    this.#session.waiting.close();
    this.#deaths.stop();
    this.#session.collections.onLeave?.();
    joined.delete(this.#id);
  }

  /**
   * Runs `body` in an exclusive section: atomic for all threads. Handles made inside end with it,
   * but for one that is returned, which is kept. Sections nest.
   *
   * With `{ atomic: true }` everything that it has changed is undone when it throws, or its thread
   * dies: pay for that where it is needed. A safepoint, a collection, a wait, or the begin of one
   * that does not block, inside throws AtomicSectionError. What dies of a change does so when the
   * section ends.
   *
   * @throws what `body` throws; TypeError when it returns a promise; LockTimeoutError;
   *   HeapClosedError; HeapCorruptionError when what a dead thread left cannot be rebuilt.
   */
  run<T>(body: () => T, options?: RunOptions): T {
    if (options === undefined) return this.#session.run(body, Number.POSITIVE_INFINITY);
    const timeoutMs = checkRun(options);
    return this.#session.run(options.atomic === true ? this.#atomic(body) : body, timeoutMs);
  }

  /**
   * Runs `body` in a read section: any number of threads may be in one at the same time, and no
   * thread in an exclusive section. Handles made inside end with it, but for one that is returned,
   * which is kept. Sections nest; inside of an exclusive section it is a part of that.
   *
   * What changes the heap throws, and so does an exclusive section inside. `keep()` and `release()`
   * work: what they have to change in the heap is done when the section has ended. A thread that
   * waits for an exclusive section keeps new readers out, so read sections are best short.
   *
   * @throws what `body` throws; ReadOnlySectionError for what changes the heap; TypeError when
   *   `body` returns a promise; LockTimeoutError; HeapClosedError; HeapExhaustedError when what was
   *   kept finds no room.
   */
  read<T>(body: () => T, options?: ReadOptions): T {
    return this.#session.read(body, options === undefined ? Infinity : checkRead(options));
  }

  /**
   * As `run`, but waits for the lock without blocking the event loop. Sections of one thread that
   * wait begin in the order of these calls, never inside the call itself. The process stays alive
   * while one waits. Among threads, whoever has waited longest is next; a thread whose event loop
   * is busy when its turn comes has to try again.
   *
   * @returns a promise of what `body` returns; it is rejected with what `body` throws, with the
   *   signal's reason, LockTimeoutError, HeapClosedError, TypeError or RangeError for bad options,
   *   AtomicSectionError if the call is made in an atomic section.
   */
  async runAsync<T>(body: () => T, options?: RunAsyncOptions): Promise<T> {
    const wait = checkRunAsync(options);
    refuseInAtomic(this.#session.mem, 'a section that waits cannot begin');
    const section = options?.atomic === true ? this.#atomic(body) : body;
    return this.#session.waiting.enter(section, false, wait);
  }

  /** As `read`, but waits without blocking the event loop: see `runAsync`. */
  async readAsync<T>(body: () => T, options?: ReadAsyncOptions): Promise<T> {
    const wait = checkReadAsync(options);
    refuseInAtomic(this.#session.mem, 'a section that waits cannot begin');
    return this.#session.waiting.enter(body, true, wait);
  }

  #atomic<T>(body: () => T): () => T {
    return () => runAtomically(this.#session.mem, body);
  }

  /** Runs `body`; handles acquired in it end with it, but for one that is returned. */
  scope<T>(body: () => T): T {
    return this.#session.scope(body);
  }

  /** In a long section: lets others have the lock if they ask. Handles stay valid. */
  safepoint(): void {
    if (this.#session.mem.depth !== 0) this.#session.safepoint();
    else this.#session.assertOpen();
  }

  /**
   * Calls `listener` when a thread of this heap has died without leaving it, by `terminate()` for
   * instance, after what it has left was recovered: which thread, where it was, what was released,
   * how long it took. Every thread can listen; a listener does not keep the process alive.
   *
   * @throws TypeError for another event, or a listener that is no function; HeapClosedError,
   *   HeapCorruptionError.
   */
  on(event: 'threaddeath', listener: DeathListener): this {
    checkListener(event, listener);
    this.#session.assertOpen();
    assertHeapOpen(this.#session.mem);
    this.#deaths.on(listener);
    return this;
  }

  /** Undoes one `on`, also when this thread has left the heap. @throws TypeError */
  off(event: 'threaddeath', listener: DeathListener): this {
    checkListener(event, listener);
    this.#deaths.off(listener);
    return this;
  }

  /**
   * What lives in the heap, and how its lock was used. Walks the heap.
   *
   * @throws ReadOnlySectionError in a read section: it asks that nothing changes, and threads that
   *   read may keep handles; HeapClosedError, HeapCorruptionError.
   */
  stats(): HeapStats {
    const session = this.#session;
    return session.run(
      () =>
        readStats(session.mem, countObjects(session.mem), (kind) => kindName(session.mem, kind)),
      Number.POSITIVE_INFINITY,
    );
  }

  /**
   * Checks everything that must hold in a heap. Empty when it is sound. Walks the heap.
   *
   * @throws ReadOnlySectionError in a read section: it asks that nothing changes, and threads that
   *   read may keep handles; HeapClosedError, HeapCorruptionError.
   */
  verify(): Finding[] {
    const session = this.#session;
    return session.run(
      () => verifyHeap(session.mem, session.handles.localRefs()),
      Number.POSITIVE_INFINITY,
    );
  }
}

function heapIdOfBuffer(buffer: SharedArrayBuffer): string {
  return heapIdOf({ i32: new Int32Array(buffer) });
}

function checkListener(event: unknown, listener: unknown): void {
  if (event !== 'threaddeath') {
    throw new TypeError(`a heap has no event ${String(event)}; the event is threaddeath`);
  }
  if (typeof listener !== 'function') throw new TypeError('a listener must be a function');
}
