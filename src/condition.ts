/**
 * `HeapCondition`: waiting until another thread says that something has changed. Names of
 * `Atomics.Condition` (TC39, proposal-structs).
 *
 * A condition has an array of those that wait, in order: for each a ticket, and its thread and
 * attachment. `notify` takes the first ones out whose threads live: a waiter has been notified once
 * its ticket is not there any more. So a notification goes to one that began to wait before it, is
 * not spent on one that waits no longer, and does not die with a thread.
 */

import { WaitTimeoutError } from './base/wait-errors.ts';
import { CoordinationObject, createCoordination, readState } from './coordination-object.ts';
import { refOfWhat, refToChange } from './coordinator.ts';
import { Held } from './held.ts';
import { type ObjectRef, TAG_INT32, VALUE_HIGH, VALUE_LOW } from './memory/layout.ts';
import type { Memory } from './memory/memory.ts';
import { holdsMutex, LOCK, LOCK_ASYNC, UnlockToken, unlockHeld } from './mutex.ts';
import {
  appendElement,
  arrayLength,
  createArray,
  elementAt,
  moveElements,
  reserveElements,
} from './object/array.ts';
import {
  CONDITION,
  CONDITION_LINE,
  CONDITION_TICKET,
  CONDITION_WAITERS,
  WAITER_PARTS,
} from './object/coordination.ts';
import { decref } from './object/dealloc.ts';
import { createStruct } from './object/struct.ts';
import { encodeNumber } from './object/value.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import { isGone, isOwn, ownSerial } from './sync/attachments.ts';
import { wakeWholeLine } from './sync/line.ts';
import {
  type AsyncWaitOptions,
  assertMayWait,
  checkTimeout,
  NOT_YET,
  type NotYet,
  type Way,
  waitFor,
  waitOn,
} from './waiting.ts';
import { type Argument, assertMayBegin, checkAsyncOptions, waitOnAsync } from './waiting-async.ts';

/**
 * A condition variable. Wait in a loop, or with a predicate: between the notification and the lock
 * another thread may have come first.
 */
export class HeapCondition extends CoordinationObject {
  /** Waits that were not notified yet, those of threads that have died among them. */
  get waiting(): number {
    return readState(this, CONDITION).waiting as number;
  }

  /**
   * Unlocks, waits until it is notified, and locks again. Nobody can notify in between the
   * unlocking and the wait.
   *
   * @throws TypeError when the token holds no lock of this heap; WouldBlockError in nested and in
   *   read sections; AtomicSectionError; HeapExhaustedError; HeapClosedError.
   */
  wait(token: UnlockToken): void {
    this.#waitOnce(token, Number.POSITIVE_INFINITY);
  }

  /**
   * As `wait`, for at most `timeoutMs`; locking again takes as long as it takes. Returns whether it
   * was notified.
   *
   * With a predicate it waits until that returns true, which is asked first, and after each
   * notification, while the lock is held. Returns what it returned last.
   *
   * @throws as `wait`; RangeError for a time below 0; what the predicate throws.
   */
  waitFor(token: UnlockToken, timeoutMs: number, predicate?: () => boolean): boolean {
    const limitMs = checkTimeout(timeoutMs ?? Number.NaN);
    if (predicate === undefined) return this.#waitOnce(token, limitMs);
    if (typeof predicate !== 'function') {
      throw new TypeError(`the predicate must be a function, not ${show(predicate)}`);
    }
    assertMayWait(this.$session, NOTIFIED);
    heldBy(this.$session, token);
    const end = performance.now() + limitMs;
    for (;;) {
      if (predicate()) return true;
      const left = end - performance.now();
      if (left <= 0 || !this.#waitOnce(token, left)) return Boolean(predicate());
    }
  }

  /**
   * As `wait`, without blocking. When it was notified, or its time is over, or its signal says so,
   * it locks again, and settles then. Resolves to whether it was notified.
   *
   * A notification that has come by the time at which it gives up counts: then it resolves to true.
   *
   * @throws (rejects) the reason of the signal; TypeError; HeapExhaustedError; HeapClosedError;
   *   AtomicSectionError: in an atomic section none can begin.
   */
  async waitAsync(token: UnlockToken, options: AsyncWaitOptions = {}): Promise<boolean> {
    const { $session: session } = this;
    const limits = checkAsyncOptions(options);
    assertMayBegin(session, NOTIFIED);
    const held = heldBy(session, token);
    const ticket = this.#enlist(token, true);
    let failure: { readonly reason: unknown } | null = null;
    let isNotified = true;
    try {
      await waitOnAsync(ticket.condition as Held, NOTIFIED, ticket, limits);
    } catch (reason) {
      isNotified = false;
      if (!(reason instanceof WaitTimeoutError)) failure = { reason };
    }
    try {
      await waitOnAsync(held, LOCK_ASYNC, { token });
      token.$isWaiting = false;
    } catch (error) {
      giveUpToken(token);
      throw error;
    }
    if (failure !== null) throw failure.reason;
    return isNotified;
  }

  /**
   * Wakes `count` of those that wait, the first first; all unless a count is given. Returns how
   * many there were. They go on when they have locked the mutex.
   *
   * @throws RangeError for anything but an integer of at least 0, or Infinity
   */
  notify(count: number = Number.POSITIVE_INFINITY): number {
    if (count !== Number.POSITIVE_INFINITY && !(Number.isInteger(count) && count >= 0)) {
      throw new RangeError(`notify() wakes an integer of at least 0, or Infinity, not ${count}`);
    }
    return this.$session.single(notifyOperation, this as HeapCondition, count);
  }

  get [Symbol.toStringTag](): string {
    return 'HeapCondition';
  }

  #enlist(token: UnlockToken, isAsync: boolean): Ticket {
    return this.$session.single(enlistOperation, this as HeapCondition, token, isAsync);
  }

  #waitOnce(token: UnlockToken, timeoutMs: number): boolean {
    const { $session: session } = this;
    assertMayWait(session, NOTIFIED);
    const held = heldBy(session, token);
    const ticket = this.#enlist(token, false);
    let isNotified = true;
    try {
      waitFor(this, NOTIFIED, ticket, timeoutMs);
    } catch (error) {
      if (!(error instanceof WaitTimeoutError)) {
        giveUpToken(token);
        throw error;
      }
      isNotified = false;
    }
    try {
      waitOn(session, () => held.ref, LOCK, token);
      token.$isWaiting = false;
    } catch (error) {
      giveUpToken(token);
      throw error;
    }
    return isNotified;
  }
}

/** What a token holds. @throws TypeError unless it holds a lock of this heap */
function heldBy(session: Session, token: UnlockToken): Held {
  if (!(token instanceof UnlockToken)) {
    throw new TypeError(`a condition is waited for with an UnlockToken, not ${show(token)}`);
  }
  const { $held: held } = token;
  if (held === null || !token.locked) throw new TypeError('this token holds no lock');
  if (held.session === session) return held;
  throw new TypeError('this token holds a lock of another heap, or of an earlier session');
}

/** The wait has failed, and its mutex is not locked any more. */
function giveUpToken(token: UnlockToken): void {
  const held = token.$held;
  token.$held = null;
  token.$isWaiting = false;
  if (held?.session.isOpen) held.session.run(() => held.release(), Number.POSITIVE_INFINITY);
}

/** One that waits. */
class Ticket implements Argument {
  readonly number: number;
  /** What holds the condition until an async wait is over. */
  condition: Held | null;

  constructor(number: number, condition: Held | null) {
    this.number = number;
    this.condition = condition;
  }

  letGo(): void {
    this.condition?.release();
    this.condition = null;
  }
}

const NOTIFIED: Way<Ticket, true> = {
  call: 'condition.wait()',
  instead: 'waitAsync()',
  what: CONDITION,
  line: CONDITION_LINE,
  isUnordered: true,
  attempt: (session, ref, { number }): true | NotYet =>
    placeOf(session.mem, ref, number) < 0 ? true : NOT_YET,
  withdraw({ mem }, ref, { number }): true | NotYet {
    const place = placeOf(mem, ref, number);
    if (place < 0) return true;
    removeWaiters(mem, ref, place, WAITER_PARTS);
    return NOT_YET;
  },
};

const waitersOf = ({ i32 }: Memory, ref: ObjectRef) => i32[ref + CONDITION_WAITERS] as ObjectRef;

/** A new condition. @throws HeapExhaustedError */
export const newCondition = (session: Session): HeapCondition =>
  createCoordination(session, CONDITION, (mem, kind) => {
    const waiters = createArray(mem);
    try {
      const condition = createStruct(mem, kind);
      mem.i32[condition + CONDITION_WAITERS] = waiters;
      return condition;
    } catch (error) {
      decref(mem, waiters);
      throw error;
    }
  });

/** An element of the array of waiters; 0 when a program has put something else there. */
function partAt(mem: Memory, waiters: ObjectRef, index: number): number {
  if (index >= arrayLength(mem, waiters)) return 0;
  const at = elementAt(mem, waiters, index);
  return mem.i32[at + VALUE_HIGH] === TAG_INT32 ? mem.i32[at + VALUE_LOW] : 0;
}

/** Where a waiter begins in the array; -1 when it is not there. */
function placeOf(mem: Memory, ref: ObjectRef, ticket: number): number {
  const waiters = waitersOf(mem, ref);
  const length = arrayLength(mem, waiters);
  for (let place = 0; place < length; place += WAITER_PARTS) {
    if (partAt(mem, waiters, place) === ticket) return place;
  }
  return -1;
}

function removeWaiters(mem: Memory, ref: ObjectRef, from: number, parts: number): void {
  const waiters = waitersOf(mem, ref);
  const count = Math.min(parts, arrayLength(mem, waiters) - from);
  moveElements(mem, waiters, from + count, -count);
}

/** Unlocks, and puts a waiter at the end of the array: all of it or nothing. */
function enlistOperation(
  session: Session,
  condition: HeapCondition,
  token?: UnlockToken,
  isAsync?: boolean,
): Ticket {
  const { mem } = session;
  const ref = refOfWhat(session, condition, CONDITION);
  const by = token as UnlockToken;
  const held = by.$held as Held;
  if (!holdsMutex(session, held)) throw new TypeError('this token holds no lock');
  const waiters = waitersOf(mem, ref);
  reserveElements(mem, waiters, arrayLength(mem, waiters) + WAITER_PARTS);
  const own = isAsync ? new Held(session, ref) : null;
  const next = (mem.i32[ref + CONDITION_TICKET] + 1) | 0;
  const number = next === 0 ? 1 : next; // 0 is what cannot be read
  mem.i32[ref + CONDITION_TICKET] = number;
  for (const part of [number, mem.threadId, ownSerial(mem)]) {
    encodeNumber(part);
    appendElement(mem, waiters);
  }
  unlockHeld(session, held);
  by.$isWaiting = true;
  return new Ticket(number, own);
}

function notifyOperation(session: Session, condition: HeapCondition, count?: number): number {
  const { mem } = session;
  const ref = refToChange(session, condition, CONDITION);
  const waiters = waitersOf(mem, ref);
  const length = arrayLength(mem, waiters);
  let place = 0;
  let notified = 0;
  for (; place < length && notified < (count as number); place += WAITER_PARTS) {
    const thread = partAt(mem, waiters, place + 1);
    const serial = partAt(mem, waiters, place + 2);
    if (thread !== 0 && (isOwn(mem, thread, serial) || !isGone(mem, thread, serial))) notified++;
  }
  if (place === 0) return 0;
  removeWaiters(mem, ref, 0, place);
  wakeWholeLine(mem, session.coordinator.wakeUps, ref + CONDITION_LINE);
  return notified;
}
