/**
 * Who notices that another thread has died, and who is told.
 *
 * A thread that dies in a section is found by whoever waits for the lock. One that dies elsewhere
 * leaves rows, pages and its place: for those all attached threads look now and then, one for all,
 * while their event loops run, and at once when a worker that they have started ends. Deaths are
 * written down in the heap, so every thread can tell its listeners of all of them.
 */

import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { HeapClosedError, HeapCorruptionError, LockTimeoutError } from './base/errors.ts';
import { countDeaths, type DeathRecord, readDeaths } from './gc/deaths.ts';
import { recoverDead } from './gc/forget-thread.ts';
import type { Session } from './session.ts';
import { isShownAlive } from './sync/attachments.ts';
import { lookSoon } from './sync/gil.ts';
import { hasDeadThread, isTimeToScan } from './sync/thread-table.ts';

/** How often a thread looks, in milliseconds. */
const LOOK_MS = 250;

/** Looks for a worker that has ended, a millisecond apart, until the system shows it no more. */
const LOOKS = 20;

const EVENT = 'threaddeath';

/** Called with what was recovered of a thread that has died. */
export type DeathListener = (death: DeathRecord) => void;

/** The sessions of this thread that look. */
const looking = new Set<ThreadDeaths>();
let isWatchingWorkers = false;

/** Looks when a worker ends that this thread starts from now on. */
function watchWorkers(): void {
  if (isWatchingWorkers) return;
  isWatchingWorkers = true;
  process.on('worker', (worker: Worker) => {
    const { threadId } = worker; // it is -1 later
    worker.once('exit', () => {
      for (const deaths of looking) deaths.lookFor(threadId, LOOKS);
    });
  });
}

/** The deaths of other threads, as one thread sees them. */
export class ThreadDeaths {
  readonly #session: Session;
  readonly #listeners = new EventEmitter();
  readonly #timer: NodeJS.Timeout;
  /** Deaths that the listeners know of. */
  #told: number;
  #isRecovering = false;

  constructor(session: Session) {
    this.#session = session;
    this.#told = countDeaths(session.mem);
    this.#timer = setInterval(() => this.#lookInTurn(), LOOK_MS).unref();
    looking.add(this);
    watchWorkers();
  }

  /** This thread leaves the heap. */
  stop(): void {
    clearInterval(this.#timer);
    looking.delete(this);
  }

  on(listener: DeathListener): void {
    if (this.#listeners.listenerCount(EVENT) === 0) this.#told = countDeaths(this.#session.mem);
    this.#listeners.on(EVENT, listener);
  }

  off(listener: DeathListener): void {
    this.#listeners.off(EVENT, listener);
  }

  #lookInTurn(): void {
    if (!this.#session.isOpen) this.stop();
    else if (isTimeToScan(this.#session.mem, LOOK_MS)) this.look();
    else this.#tell();
  }

  /** As `look`, since the worker of this number has ended. */
  lookFor(nodeThreadId: number, looks: number): void {
    if (!this.#session.isOpen) return;
    this.look();
    if (looks <= 1 || !isShownAlive(this.#session.mem, nodeThreadId)) return;
    setTimeout(() => this.lookFor(nodeThreadId, looks - 1), 1).unref();
  }

  /** Looks whether a thread has died, recovers what it has left, and tells of it. */
  look(): void {
    const { mem, waiting } = this.#session;
    if (!hasDeadThread(mem)) {
      this.#tell();
      return;
    }
    lookSoon(mem);
    if (!this.#isRecovering) void this.#recover();
    waiting.lookSoon();
  }

  async #recover(): Promise<void> {
    const { waiting, mem } = this.#session;
    this.#isRecovering = true;
    try {
      await waiting.enter(() => void recoverDead(mem), false, { timeoutMs: LOOK_MS });
    } catch (error) {
      // Next time; or the heap is closed or broken: whoever uses it is told.
      const isExpected =
        error instanceof LockTimeoutError ||
        error instanceof HeapClosedError ||
        error instanceof HeapCorruptionError;
      if (!isExpected) throw error;
    } finally {
      this.#isRecovering = false;
    }
    this.#tell();
  }

  #tell(): void {
    const session = this.#session;
    const { mem } = session;
    if (this.#listeners.listenerCount(EVENT) === 0 || countDeaths(mem) === this.#told) return;
    session.waiting
      .enter(() => readDeaths(mem, this.#told), false, { timeoutMs: LOOK_MS })
      .then(
        (deaths) => this.#tellOf(deaths),
        () => {}, // next time
      );
  }

  #tellOf(deaths: readonly DeathRecord[]): void {
    for (const death of deaths) {
      if (death.number <= this.#told) continue; // told meanwhile
      this.#told = death.number;
      // A listener that throws must not keep the others from hearing.
      setImmediate(() => this.#listeners.emit(EVENT, death));
    }
  }
}
