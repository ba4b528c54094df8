/**
 * Sections that wait for the lock without blocking the event loop, in the order in which they were
 * asked for. The queue is private to the thread; what other threads see of it is that the thread
 * waits, since when its first section does (`sync/async-lock.ts`).
 *
 * Sections begin in a microtask at the earliest, never inside the call that asks for them. While
 * one waits a timer is armed: it keeps the process alive, and looks again should a wake-up be
 * missed.
 */

import { AsyncResource } from 'node:async_hooks';
import { HeapClosedError, LockTimeoutError } from './base/errors.ts';
import { startTimer } from './base/timer.ts';
import type { Session } from './session.ts';
import {
  askForLock,
  hasDeadOwner,
  sliceAfter,
  stopWaiting,
  tryAcquireAsync,
  tryBeginBlocking,
  waitAsync,
} from './sync/async-lock.ts';
import { gilOwner } from './sync/gil.ts';
import { tryBeginReading } from './sync/read-lock.ts';
import { beginAsync, takeTicket } from './sync/waiters.ts';

/** How a section may be waited for. */
export interface AsyncOptions {
  /** Gives up waiting: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Longest wait in milliseconds; without it the wait is as long as it takes. */
  readonly timeoutMs: number;
}

/** A section that waits for its turn. */
interface Waiting {
  readonly isReading: boolean;
  readonly ticket: number;
  readonly since: number;
  /** Runs the section, whose lock is had, and settles its promise. */
  readonly run: () => void;
  readonly reject: (reason: unknown) => void;
  /** Ends what watches over the wait. */
  readonly dispose: () => void;
}

/** Sections that wait run one after the other for so long before the event loop has its turn. */
const TURN_MS = 5;

/** The sections of one thread that wait for the lock without blocking it. */
export class AsyncSections {
  readonly #session: Session;
  readonly #queue: Waiting[] = [];
  /** Whether a microtask, or an immediate, is to look. */
  #isScheduled = false;
  /** Whether other threads are told that this one waits. */
  #isListed = false;
  #isAsleep = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Runs `body` in a section when it is its turn. @throws what it throws; see `heap.runAsync` */
  enter<T>(body: () => T, isReading: boolean, options: AsyncOptions): Promise<T> {
    const { signal, timeoutMs } = options;
    return new Promise<T>((resolve, reject) => {
      this.#session.assertOpen();
      signal?.throwIfAborted();
      const resource = new AsyncResource('SharcSection');
      const onAbort = () => this.#giveUp(waiting, signal?.reason);
      const onTimeout = () => this.#giveUp(waiting, this.#timeout(timeoutMs));
      const stopTimer = startTimer(onTimeout, timeoutMs);
      const run = () => {
        try {
          resolve(resource.runInAsyncScope(() => this.#session.runEntered(body)));
        } catch (error) {
          reject(error);
        }
      };
      const dispose = () => {
        stopTimer();
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const ticket = takeTicket(this.#session.mem);
      const since = performance.now();
      const waiting: Waiting = { isReading, ticket, since, run, reject, dispose };
      this.#queue.push(waiting);
      if (this.#queue.length === 1) this.#schedule(queueMicrotask);
    });
  }

  /** Looks whether the first section that waits may begin, since something has happened. */
  lookSoon(): void {
    if (this.#queue.length > 0) this.#schedule(queueMicrotask);
  }

  /** This thread leaves the heap: nobody's turn comes any more. */
  close(): void {
    this.#rejectAll(new HeapClosedError('this thread has left the heap'));
  }

  #timeout(timeoutMs: number): LockTimeoutError {
    return new LockTimeoutError(timeoutMs, gilOwner(this.#session.mem));
  }

  #giveUp(waiting: Waiting, reason: unknown): void {
    const at = this.#queue.indexOf(waiting);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    waiting.dispose();
    waiting.reject(reason);
    if (at === 0) this.#schedule(queueMicrotask); // another is the first now, or none
  }

  #schedule(soon: (task: () => void) => void): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    soon(() => {
      this.#isScheduled = false;
      this.#look();
    });
  }

  /** Runs the sections whose turn it is; waits if there are more. */
  #look(): void {
    const start = performance.now();
    try {
      while (this.#queue.length > 0 && this.#tryBegin(this.#queue[0])) {
        const waiting = this.#queue.shift() as Waiting;
        waiting.dispose();
        waiting.run();
        if (performance.now() - start < TURN_MS) continue;
        if (this.#queue.length > 0) this.#schedule(setImmediate);
        return;
      }
    } catch (error) {
      this.#rejectAll(error); // the heap is closed or broken
      return;
    }
    if (this.#queue.length > 0) this.#sleep();
    else this.#stop();
  }

  #tryBegin(waiting: Waiting): boolean {
    if (this.#tryLock(waiting)) return true;
    // Told that this thread waits, others wake it; so it has to look again behind that.
    this.#list(waiting);
    const { mem } = this.#session;
    const waitedMs = performance.now() - waiting.since;
    askForLock(mem, waitedMs);
    return this.#tryLock(waiting) || this.#tryHarder(waiting, waitedMs);
  }

  #tryLock({ isReading }: Waiting): boolean {
    const { mem } = this.#session;
    this.#session.assertOpen();
    if (!(isReading ? tryBeginReading(mem) : tryAcquireAsync(mem))) return false;
    this.#session.noteEntered(isReading);
    return true;
  }

  /** Whoever waits for long, or for a dead thread, waits blocking for a moment. */
  #tryHarder(waiting: Waiting, waitedMs: number): boolean {
    const { mem } = this.#session;
    const patience = hasDeadOwner(mem) ? Number.POSITIVE_INFINITY : waitedMs;
    if (!tryBeginBlocking(mem, patience, waiting.isReading)) return false;
    this.#session.noteEntered(waiting.isReading);
    return true;
  }

  #list({ ticket }: Waiting): void {
    beginAsync(this.#session.mem, ticket);
    this.#isListed = true;
  }

  #sleep(): void {
    const { mem } = this.#session;
    const waitedMs = performance.now() - this.#queue[0].since;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), sliceAfter(mem, waitedMs));
    if (this.#isAsleep) return;
    const woken = waitAsync(mem);
    if (woken === null) {
      this.#schedule(setImmediate);
      return;
    }
    this.#isAsleep = true;
    woken.then(() => {
      this.#isAsleep = false;
      if (this.#queue.length > 0) this.#look();
    });
  }

  #stop(): void {
    clearTimeout(this.#timer);
    if (!this.#isListed) return;
    this.#isListed = false;
    stopWaiting(this.#session.mem);
  }

  #rejectAll(reason: unknown): void {
    for (const waiting of this.#queue.splice(0)) {
      waiting.dispose();
      waiting.reject(reason);
    }
    this.#stop();
  }
}
