/**
 * `HeapMutex`: a lock that is held across sections, and by async code across awaits. Names and
 * token style of `Atomics.Mutex` (TC39, proposal-structs).
 *
 * The mutex names its owner by thread and attachment. One that finds it locked looks, when it has
 * slept, whether the owner still lives; if not, the mutex passes to it, and its token says so.
 */

import { noteChange } from './atomic-sections.ts';
import { HeapClosedError } from './base/errors.ts';
import { WaitTimeoutError } from './base/wait-errors.ts';
import { CoordinationObject, look } from './coordination-object.ts';
import { noteScalars, refOfWhat, refToChange } from './coordinator.ts';
import { type Held, letGoOf, takeHold } from './held.ts';
import type { ObjectRef } from './memory/layout.ts';
import { MUTEX, MUTEX_LINE, MUTEX_OWNER, MUTEX_SERIAL } from './object/coordination.ts';
import type { Mutator } from './object/mutator.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import { hasLeft, isGone, isOwn, ownSerial } from './sync/attachments.ts';
import { wakeLine } from './sync/line.ts';
import {
  type AsyncWaitOptions,
  checkOptions,
  checkTimeout,
  NOT_YET,
  type NotYet,
  type Waiter,
  type Way,
  waitFor,
} from './waiting.ts';
import { type Argument, waitForAsync } from './waiting-async.ts';

/**
 * What unlocks a mutex, once. Ordinary objects: they stay in their thread. One that is forgotten
 * leaves its mutex locked until its thread ends, but does not keep it alive.
 */
export class UnlockToken {
  /** @internal The mutex while it is locked by this token; also while a condition is waited for. */
  $held: Held | null = null;
  /** @internal Whether a wait is under way that will lock by this token. */
  $isWaiting = false;
  /** @internal */
  $ownerDied = false;
  /** @internal */
  $isYoung = false;

  /** Whether the token holds a lock. */
  get locked(): boolean {
    return this.$held !== null && !this.$isWaiting;
  }

  /**
   * Whether the thread that held the mutex before ended without unlocking it: what the mutex
   * protects may be half changed. Of the last lock by this token.
   */
  get ownerDied(): boolean {
    return this.$ownerDied;
  }

  /**
   * Unlocks the mutex. Returns whether the token held the lock. An atomic section that is undone
   * locks it again. @throws HeapClosedError
   */
  unlock(): boolean {
    const held = this.$held;
    if (held === null || this.$isWaiting) return false;
    if (held.session.isOpen) return held.session.single(unlockOperation, this as UnlockToken);
    this.$held = null;
    return true;
  }

  /** As `unlock`, also when the heap is closed by now. */
  [Symbol.dispose](): void {
    try {
      this.unlock();
    } catch (error) {
      if (!(error instanceof HeapClosedError)) throw error;
    }
  }
}

/** Options of `lockAsync`. */
export interface LockAsyncOptions extends AsyncWaitOptions {
  /** An empty token to be used again. */
  readonly token?: UnlockToken;
}

/**
 * A mutual exclusion lock. Unlike a section it can be held for long, and across `await`: the heap
 * stays open for all others. It protects what programs agree that it protects.
 *
 * A thread that ends while it holds the mutex loses it to the next that wants it, whose token says
 * `ownerDied`.
 */
export class HeapMutex extends CoordinationObject {
  static readonly UnlockToken: typeof UnlockToken = UnlockToken;

  /** Whether somebody holds it, at this moment. */
  get isLocked(): boolean {
    return look(this.$session, isLockedOperation, this as HeapMutex);
  }

  /**
   * Locks, and waits until it can. In the outermost section that is a safepoint.
   *
   * @param token an empty token to be used again
   * @throws TypeError when this thread holds the mutex already: it would wait for itself;
   *   WouldBlockError in nested and in read sections; AtomicSectionError; HeapClosedError.
   */
  lock(token?: UnlockToken): UnlockToken {
    const by = checkToken(token);
    waitFor(this, LOCK, by, Number.POSITIVE_INFINITY);
    return by;
  }

  /**
   * Locks if that is possible within `timeoutMs`, and returns null if not. With 0 it never waits,
   * and may be called in any section that writes; an atomic one that is undone unlocks again.
   *
   * @throws as `lock`, but for a `timeoutMs` of 0; RangeError for a time below 0.
   */
  lockIfAvailable(timeoutMs: number, token?: UnlockToken): UnlockToken | null {
    const by = checkToken(token);
    if (checkTimeout(timeoutMs ?? Number.NaN) === 0) {
      return this.$session.single(tryLockOperation, this as HeapMutex, by) ? by : null;
    }
    try {
      waitFor(this, LOCK, by, timeoutMs);
      return by;
    } catch (error) {
      if (error instanceof WaitTimeoutError) return null;
      throw error;
    }
  }

  /**
   * Locks without blocking. Those of one thread get the mutex in the order in which they asked,
   * also while this thread holds it: another task of it will unlock.
   *
   * @throws (rejects) WaitTimeoutError, the reason of the signal, TypeError, HeapClosedError;
   *   AtomicSectionError: in an atomic section none can begin.
   */
  async lockAsync(options: LockAsyncOptions = {}): Promise<UnlockToken> {
    checkOptions(options, ['timeoutMs', 'signal', 'token']);
    const { token, ...waitOptions } = options;
    const by = checkToken(token);
    by.$isWaiting = true;
    try {
      await waitForAsync(this, LOCK_ASYNC, { token: by }, waitOptions);
    } finally {
      by.$isWaiting = false;
    }
    return by;
  }

  get [Symbol.toStringTag](): string {
    return 'HeapMutex';
  }
}

function checkToken(token: UnlockToken | undefined): UnlockToken {
  if (token === undefined) return new UnlockToken();
  if (!(token instanceof UnlockToken)) {
    throw new TypeError(`a mutex is locked by an UnlockToken, not ${show(token)}`);
  }
  if (token.$held === null && !token.$isWaiting) return token;
  throw new TypeError('this token holds or awaits a lock already; unlock() it, or use another');
}

const isLockedOperation = (session: Session, mutex: HeapMutex): boolean =>
  session.mem.i32[refOfWhat(session, mutex, MUTEX) + MUTEX_OWNER] !== 0;

function tryLockOperation(session: Session, mutex: HeapMutex, token?: UnlockToken): boolean {
  return tryLock(session, refToChange(session, mutex, MUTEX), token as UnlockToken, false);
}

/** Locks if the mutex is free, or its owner gone. */
function tryLock(session: Session, ref: ObjectRef, token: UnlockToken, asks: boolean): boolean {
  const { mem } = session;
  const { i32 } = mem;
  const owner = i32[ref + MUTEX_OWNER];
  if (owner !== 0) {
    const serial = i32[ref + MUTEX_SERIAL];
    if (isOwn(mem, owner, serial)) return false;
    if (asks ? !isGone(mem, owner, serial) : !hasLeft(mem, owner, serial)) return false;
  }
  if (token.$held === null) takeHold(session, token, ref); // after a condition it still has it
  setOwnerDied(mem, token, owner !== 0);
  i32[ref + MUTEX_SERIAL] = ownSerial(mem);
  i32[ref + MUTEX_OWNER] = mem.threadId;
  return true;
}

function setOwnerDied(mem: Mutator, token: UnlockToken, ownerDied: boolean): void {
  const before = token.$ownerDied;
  if (before === ownerDied) return;
  token.$ownerDied = ownerDied;
  if (mem.undo === null) return;
  noteChange(mem, {
    undo() {
      token.$ownerDied = before;
    },
  });
}

const WORDS = { call: 'mutex.lock()', instead: 'lockIfAvailable(0) or lockAsync()' };

/** Locks by a token. */
export const LOCK: Way<UnlockToken, true> = {
  ...WORDS,
  what: MUTEX,
  line: MUTEX_LINE,
  attempt(session, ref, token, waiter: Waiter): true | NotYet {
    const { mem } = session;
    if (tryLock(session, ref, token, waiter.asksSystem)) return true;
    if (isOwn(mem, mem.i32[ref + MUTEX_OWNER], mem.i32[ref + MUTEX_SERIAL])) {
      throw new TypeError(
        'this thread holds the mutex already and would wait for itself; unlock() first, or use ' +
          'lockAsync() if another task of this thread will unlock it',
      );
    }
    return NOT_YET;
  },
};

interface AsyncLock extends Argument {
  readonly token: UnlockToken;
}

/**
 * The same without blocking: the thread may hold the mutex, since its other tasks run meanwhile.
 */
export const LOCK_ASYNC: Way<AsyncLock, true> = {
  ...WORDS,
  what: MUTEX,
  line: MUTEX_LINE,
  attempt: (session, ref, { token }, { asksSystem }) =>
    tryLock(session, ref, token, asksSystem) ? true : NOT_YET,
};

function unlockOperation(session: Session, token: UnlockToken): boolean {
  const held = token.$held as Held;
  noteScalars(session.mem, held.ref);
  const wasLocked = unlockHeld(session, held);
  letGoOf(session, token, held);
  return wasLocked;
}

/** Whether this thread holds the mutex, as it should if one of its tokens does. */
export const holdsMutex = ({ mem }: Session, { ref }: Held): boolean =>
  isOwn(mem, mem.i32[ref + MUTEX_OWNER], mem.i32[ref + MUTEX_SERIAL]);

/**
 * Unlocks a mutex; the token still holds the object. False, and nothing has changed, if it is not
 * this thread's to unlock. The lock is held.
 */
export function unlockHeld(session: Session, held: Held): boolean {
  if (!holdsMutex(session, held)) return false;
  const { mem, coordinator } = session;
  mem.i32[held.ref + MUTEX_OWNER] = 0;
  wakeLine(mem, coordinator.wakeUps, held.ref + MUTEX_LINE, 1);
  return true;
}
