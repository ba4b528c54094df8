/**
 * Waiting in a line: what mutexes, queues and the others have in common.
 *
 * A `Way` says what is waited for: an attempt under the lock, that does it or says NOT_YET. Whoever
 * has to wait joins the line (`sync/line.ts`), gives the lock up, sleeps, and attempts again.
 * Nothing is decided while it sleeps, so a thread that is killed then has taken nothing.
 *
 * In the outermost section waiting is a safepoint. Further inside, others could see what the outer
 * section has half done, and readers cannot let writers in: there it is refused, always, so that a
 * program does not work only as long as nothing has to be waited for. An atomic section could not
 * be undone any more if others had seen it.
 */

import { refuseInAtomic } from './atomic-sections.ts';
import { WaitTimeoutError, WouldBlockError } from './base/wait-errors.ts';
import { refOfWhat } from './coordinator.ts';
import type { Handle } from './handle.ts';
import type { ObjectRef } from './memory/layout.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import {
  changesSoon,
  claimTurn,
  hasTurn,
  joinLine,
  leaveLine,
  PATIENCE_MS,
  sequenceAt,
  sequenceOf,
  sleepOn,
  sliceAfter,
  wakeLine,
} from './sync/line.ts';

/** What an attempt returns that has to wait. */
export const NOT_YET: unique symbol = Symbol('not yet');
export type NotYet = typeof NOT_YET;

/** What is waited for, and how. */
export interface Way<A, R> {
  /** The call, and what can be called instead where nothing may wait: for errors. */
  readonly call: string;
  readonly instead: string;
  /** What the object is, and where in it the line is. */
  readonly what: number;
  readonly line: number;
  /**
   * Whether waits end in any order. Else those of a thread end in the order in which they began.
   */
  readonly isUnordered?: boolean;
  /** Does it, or says that it cannot be done yet. The lock is held. */
  attempt(session: Session, ref: ObjectRef, argument: A, waiter: Waiter): R | NotYet;
  /**
   * Takes back what attempts in vain have done. Says what has come of them if it is too late for
   * that: others have reckoned with this one. The lock is held.
   */
  withdraw?(session: Session, ref: ObjectRef, argument: A): R | NotYet;
}

/** Who waits in a line: a thread, or the async waiters of one. */
export class Waiter {
  readonly isAsync: boolean;
  /** The line; 0 while it is not in one. */
  line = 0;
  /** The sequence that it has seen. */
  seen = 0;
  /** How often it has slept. */
  slices = 0;
  /** Whether it has slept and nothing has happened: then it is time to ask who still lives. */
  asksSystem = false;
  /** Since when it is woken in vain; 0: it was not yet. */
  #lostSince = 0;

  constructor(isAsync: boolean) {
    this.isAsync = isAsync;
  }

  /** One attempt. The lock is held. */
  look<A, R>(session: Session, ref: ObjectRef, way: Way<A, R>, argument: A): R | NotYet {
    const { mem } = session;
    const line = ref + way.line;
    this.asksSystem = this.line !== 0 && sequenceOf(mem, line) === this.seen;
    if (way.isUnordered || hasTurn(mem, line, this.asksSystem)) {
      const result = way.attempt(session, ref, argument, this);
      if (result !== NOT_YET) {
        this.leave(session);
        return result;
      }
    }
    const sequence = sequenceOf(mem, line);
    if (this.line === 0) {
      joinLine(mem, line, this.isAsync);
      this.line = line;
    } else if (sequence !== this.seen && !way.isUnordered && !this.isAsync) {
      this.#loseRace(session);
    }
    this.seen = sequence;
    return NOT_YET;
  }

  /**
   * Woken in vain, since another one came first. Async waiters never claim a turn: while the event
   * loop is busy, or waits for one of those that have to stand back, nobody would get on.
   */
  #loseRace({ mem }: Session): void {
    const now = performance.now();
    if (this.#lostSince === 0) this.#lostSince = now;
    else if (now - this.#lostSince >= PATIENCE_MS) claimTurn(mem, this.line);
  }

  /** Goes out of the line. The lock is held. */
  leave(session: Session): void {
    if (this.line === 0) return;
    leaveLine(session.mem, session.coordinator.wakeUps, this.line, this.isAsync);
    this.line = 0;
    this.slices = 0;
    this.#lostSince = 0;
  }

  /** As `leave`, for one that gives up: a wake-up that it may have had goes to another. */
  giveUp(session: Session): void {
    if (this.line === 0) return;
    wakeLine(session.mem, session.coordinator.wakeUps, this.line, 1);
    this.leave(session);
  }
}

/** Finds the object of a wait. @throws StaleHandleError, TypeError */
export type Find = () => ObjectRef;

/** A wait of this thread. */
class Wait<A, R> {
  readonly #find: Find;
  readonly #way: Way<A, R>;
  readonly #argument: A;
  readonly #waiter = new Waiter(false);

  constructor(find: Find, way: Way<A, R>, argument: A) {
    this.#find = find;
    this.#way = way;
    this.#argument = argument;
  }

  run(session: Session, timeoutMs: number): R {
    const end = performance.now() + timeoutMs;
    try {
      for (;;) {
        const result = session.single(lookOperation, this as Wait<A, R>);
        if (result !== NOT_YET) return result as R;
        const left = end - performance.now();
        if (left <= 0) throw new WaitTimeoutError(this.#way.call, timeoutMs);
        this.#sleep(session, left);
      }
    } catch (error) {
      if (this.#waiter.line === 0 || !session.isOpen) throw error;
      // Since the last look the lock was free: what has come meanwhile counts.
      const result = session.single(giveUpOperation, this as Wait<A, R>);
      if (result === NOT_YET) throw error;
      return result as R;
    }
  }

  look(session: Session): R | NotYet {
    return this.#waiter.look(session, this.#find(), this.#way, this.#argument);
  }

  giveUp(session: Session): R | NotYet {
    try {
      const { withdraw } = this.#way;
      return withdraw === undefined ? NOT_YET : withdraw(session, this.#find(), this.#argument);
    } finally {
      this.#waiter.giveUp(session);
    }
  }

  #sleep(session: Session, leftMs: number): void {
    const { mem } = session;
    const { line, seen, slices } = this.#waiter;
    const sliceMs = Math.min(sliceAfter(slices), leftMs);
    this.#waiter.slices++;
    const at = sequenceAt(line);
    const sleep = () => {
      if (slices === 0 && changesSoon(mem, at, seen)) return;
      sleepOn(mem, at, seen, sliceMs);
    };
    if (mem.depth === 0) sleep();
    else session.suspend(sleep);
  }
}

function lookOperation<A, R>(session: Session, wait: Wait<A, R>): R | NotYet {
  return wait.look(session);
}

function giveUpOperation<A, R>(session: Session, wait: Wait<A, R>): R | NotYet {
  return wait.giveUp(session);
}

const FIRST = new Waiter(false);

/** An attempt without consequences. */
function attemptOperation<A, R>(
  session: Session,
  handle: Handle,
  way?: Way<A, R>,
  argument?: A,
): R | NotYet {
  const { what, line, attempt, isUnordered } = way as Way<A, R>;
  const ref = refOfWhat(session, handle, what);
  if (!isUnordered && !hasTurn(session.mem, ref + line, false)) return NOT_YET;
  return attempt(session, ref, argument as A, FIRST);
}

/**
 * Waits for what `way` says, and does it.
 *
 * @throws AtomicSectionError; WouldBlockError in a nested or in a read section; WaitTimeoutError;
 *   what the attempt throws; HeapClosedError, HeapCorruptionError.
 */
export function waitFor<A, R>(handle: Handle, way: Way<A, R>, argument: A, timeoutMs: number): R {
  const { $session: session } = handle;
  assertMayWait(session, way);
  const result = session.single(attemptOperation<A, R>, handle, way, argument);
  if (result !== NOT_YET) return result as R;
  const find = () => refOfWhat(session, handle, way.what);
  return new Wait(find, way, argument).run(session, timeoutMs);
}

/** As `waitFor`, on an object that is held by other means than a handle. */
export const waitOn = <A, R>(session: Session, find: Find, way: Way<A, R>, argument: A): R =>
  new Wait(find, way, argument).run(session, Number.POSITIVE_INFINITY);

/** @throws AtomicSectionError, WouldBlockError where a thread may not wait */
export function assertMayWait(session: Session, way: { call: string; instead: string }): void {
  const { depth } = session.mem;
  if (depth === 0 || depth === 1) return;
  refuseInAtomic(session.mem, `${way.call} may have to wait, and cannot`);
  throw new WouldBlockError(way.call, way.instead, depth);
}

/** How long to wait. */
export interface WaitOptions {
  /** Longest wait, in milliseconds; without it the wait is as long as it takes. */
  readonly timeoutMs?: number;
}

/** How long to wait, and what ends the wait before. */
export interface AsyncWaitOptions extends WaitOptions {
  /**
   * Ends the wait: the promise is rejected with the signal's reason, unless what was waited for has
   * come before.
   */
  readonly signal?: AbortSignal | undefined;
}

/** The time limit in options of a wait. @throws TypeError, RangeError */
export function checkOptions(options: unknown, names: readonly string[] = ['timeoutMs']): number {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`the options of a wait must be an object, not ${show(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const known = names.length === 1 ? 'the option is' : 'the options are';
    throw new TypeError(`unknown option '${name}' of a wait; ${known} ${names.join(', ')}`);
  }
  return checkTimeout((options as WaitOptions).timeoutMs);
}

/** A time limit; none when it is undefined. @throws RangeError */
export function checkTimeout(timeoutMs: unknown): number {
  if (timeoutMs === undefined) return Number.POSITIVE_INFINITY;
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return timeoutMs;
  throw new RangeError(`timeoutMs must be a number of at least 0, not ${show(timeoutMs)}`);
}
