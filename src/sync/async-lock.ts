/**
 * Waiting for the lock without blocking: what a thread does between turns of its event loop. Its
 * words are in `waiters.ts`; who waits for what in which order is the thread's own affair
 * (`async-sections.ts`).
 *
 * Such a thread competes whenever it is woken. When it has waited for a switch interval it asks for
 * a hand-over, and gets an offer: the lock is kept for it for a moment. When readers are in, it
 * makes the offer to itself, so that no more enter; one that has died is dismissed as soon as
 * somebody looks. Offers lapse; so after PATIENCE_MS it waits
 * blocking, a little, in the queue of all.
 */

import { LockTimeoutError } from '../base/errors.ts';
import { CONTROL_SWITCH_US, THREAD_ASYNC } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { acquireGil, assertUsable, isTimeToLook, lookSoon, SLICE_MS, tryTake } from './gil.ts';
import { declineOffer, offerTo } from './hand-over.ts';
import { CONTENDED, HANDOVER, heirIn, lockWord, moveLock, ownerIn } from './lock-word.ts';
import { beginReading } from './read-lock.ts';
import { dismissDeadReaders, findReader } from './readers.ts';
import { isDead } from './thread-table.ts';
import { ASYNC_WAITING, endAsync } from './waiters.ts';

/** When a thread that was not lucky for so long blocks its event loop for the lock. */
const PATIENCE_MS = 100;
/** For how long: longer the longer it has waited, and not longer than a person would notice. */
const BLOCKING_PART = 1 / 20;
const BLOCKING_MAX_MS = 50;

/**
 * Takes the lock if nobody has it and nobody reads. Returns whether it did.
 *
 * @throws HeapClosedError, HeapCorruptionError
 */
export function tryAcquireAsync(mem: Memory): boolean {
  // Looks for readers behind every take: while the offer had lapsed, new ones may have begun.
  while (tryTake(mem)) {
    if (!isKeptByReaders(mem)) {
      assertUsable(mem);
      return true;
    }
    offerTo(mem, mem.threadId);
    // The last reader may have left before it could see the offer.
    if (findReader(mem) !== 0) break;
  }
  return false;
}

/** Whether threads read. If it is time to look, the dead among them do so no more. */
function isKeptByReaders(mem: Memory): boolean {
  if (findReader(mem) === 0) return false;
  if (!isTimeToLook(mem)) return true;
  dismissDeadReaders(mem);
  return findReader(mem) !== 0;
}

/** Blocks for a section if it was waited for long. Returns whether it has begun. */
export function tryBeginBlocking(mem: Memory, waitedMs: number, isReading: boolean): boolean {
  if (waitedMs < PATIENCE_MS) return false;
  const timeoutMs = Math.min(waitedMs * BLOCKING_PART, BLOCKING_MAX_MS);
  try {
    if (isReading) beginReading(mem, timeoutMs);
    else acquireGil(mem, timeoutMs);
    return true;
  } catch (error) {
    if (error instanceof LockTimeoutError) return false;
    throw error;
  }
}

/** Tells the owner, if there is one, that the calling thread waits, and for how long already. */
export function askForLock(mem: Memory, waitedMs: number): void {
  const isImpatient = waitedMs >= mem.i32[CONTROL_SWITCH_US] / 1000;
  const wanted = CONTENDED | (isImpatient ? HANDOVER : 0);
  for (;;) {
    const word = lockWord(mem);
    if (ownerIn(word) === 0 || (word | wanted) === word) return;
    if (moveLock(mem, word, word | wanted)) return;
  }
}

/** Whether the thread that has the lock is dead: then it is time to wait blocking, in its place. */
export function hasDeadOwner(mem: Memory): boolean {
  const owner = ownerIn(lockWord(mem));
  if (owner === 0 || !isTimeToLook(mem) || !isDead(mem, owner)) return false;
  lookSoon(mem); // that wait finds it out once more, and is not to sleep before
  return true;
}

/** How long the calling thread may sleep that has waited for so long, in milliseconds. */
export function sliceAfter(mem: Memory, waitedMs: number): number {
  const left = mem.i32[CONTROL_SWITCH_US] / 1000 - waitedMs;
  return left > 0 ? Math.min(left, SLICE_MS) : SLICE_MS / 4;
}

/** Resolves when the calling thread is woken; null when it is awake. Keeps no process alive. */
export function waitAsync(mem: Memory): Promise<unknown> | null {
  const result = Atomics.waitAsync(mem.i32, mem.thread + THREAD_ASYNC, ASYNC_WAITING);
  return result.async ? result.value : null;
}

/** The calling thread waits no more; the lock goes to others, should it be offered to it. */
export function stopWaiting(mem: Memory): void {
  endAsync(mem);
  const word = lockWord(mem);
  if (ownerIn(word) === 0 || heirIn(word) !== 0) declineOffer(mem);
}
