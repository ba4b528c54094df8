/**
 * The GIL: the one lock that orders all mutation. After Drepper, "Futexes Are Tricky", with the
 * owner's name in the word and, after CPython's, a forced hand-over. The fields of the word are
 * drawn in `lock-word.ts`; READERS, once set, stays in all states.
 *
 *   FREE  --acquire (CAS by the new owner)-->             OWNED
 *   OWNED --a waiter is about to sleep (CAS)-->           OWNED | CONTENDED
 *   OWNED | CONTENDED --waited a switch interval (CAS)--> OWNED | CONTENDED | HANDOVER
 *   OWNED --release (CAS)-->                              FREE
 *   OWNED | CONTENDED --release (AND), signal-->          FREE
 *   ... | HANDOVER --hand over (CAS)-->                   the waiter's | CONTENDED
 *   ... | HANDOVER --offer (CAS)-->                       OFFERED | the waiter's
 *   FREE --readers are in: offer to itself (CAS)-->       OFFERED | its own
 *   OFFERED --taken by its heir (CAS)-->                  OWNED | CONTENDED
 *   OFFERED --patience is over (CAS by anybody)-->        OWNED | CONTENDED
 *   OFFERED --declined by its heir (CAS), signal-->       FREE
 *
 * Only the owner takes its name out of the word; waiters only add flags, and only while there is
 * an owner. So at every moment the word names whoever must be alive for the lock to move on; an
 * offer needs nobody alive, for it lapses.
 *
 * Readers (`readers.ts`) do not own the lock: an owner waits until they have left.
 *
 * A thread that waits blocking is handed the lock. The holder grants before it stores the waiter's
 * name: if it dies between the two, the word still names the dead holder and every waiter, the
 * granted one too, finds that out. A granted thread stays GRANTED until it has woken up with the
 * lock and readers have left: if it dies before, no section has begun. A thread that waits
 * asynchronously is never handed the lock, since its event loop may be busy: it is offered it.
 *
 * No wake-up is relied upon: every wait is a slice, after which the waiter looks again, asks for
 * a hand-over, and now and then looks whether the owner lives.
 *
 * Whoever gets the lock looks at the state of the heap (`heap-state.ts`). If a thread dies while it
 * rebuilds, it dies as the owner of the lock, and the next one begins again. Owners are deposed by
 * one thread at a time, which CONTROL_DEPOSING names: so a record cannot pass from a dead thread to
 * a new one, which might have the lock by then, between the look at it and the exchange of the lock
 * word.
 */

import { assert } from '../base/assert.ts';
import { LockTimeoutError } from '../base/errors.ts';
import {
  CONTROL_DEPOSING,
  CONTROL_GIL,
  CONTROL_LOOKED_AT,
  CONTROL_STATE,
  CONTROL_SWITCH_US,
  DIED_HOLDING,
  DIED_RECOVERING,
  DIED_WAITING,
  HEAP_CLOSED,
  HEAP_OPEN,
  HEAP_RECOVERING,
  THREAD_DIED,
  THREAD_PARK,
  THREAD_WAIT_US,
  THREAD_WAITS,
} from '../memory/layout.ts';
import { type Memory, threadRecordOf } from '../memory/memory.ts';
import { releaseSlow } from './hand-over.ts';
import { closedError, throwIfBroken } from './heap-state.ts';
import { CONTENDED, HANDOVER, heirIn, lockWord, moveLock, ownerIn, READERS } from './lock-word.ts';
import { awaitReaders, findReader } from './readers.ts';
import { isDead } from './thread-table.ts';
import {
  AWAKE,
  beginParking,
  endParking,
  forgetGranted,
  forgetWaiter,
  GRANTED,
  longestAsync,
  longestParked,
  PARKED,
  passOver,
  SIGNALLED,
} from './waiters.ts';

/** Longest slice of a wait, in milliseconds, and how often the owner's life is looked at. */
export const SLICE_MS = 20;
const LIVENESS_MS = 20;
/** A granted waiter looks this often whether the lock word names it. */
const GRANTED_SLICE_MS = 0.1;
/** How long the lock is kept for a thread that it is offered to. */
const OFFER_MS = 1;

/**
 * Takes the lock, waiting at most `timeoutMs`. Not re-entrant: sections keep their own depth.
 *
 * @throws LockTimeoutError, HeapClosedError; HeapCorruptionError when its owner has died.
 */
export function acquireGil(mem: Memory, timeoutMs: number): void {
  const { i32, threadId, idleLock } = mem;
  if (Atomics.compareExchange(i32, CONTROL_GIL, idleLock, idleLock | threadId) !== idleLock) {
    acquireSlow(mem, timeoutMs, false);
  } else if (idleLock !== 0 && findReader(mem) !== 0) {
    acquireSlow(mem, timeoutMs, true);
  }
  if (i32[CONTROL_STATE] !== HEAP_OPEN) settle(mem);
}

/** The lock is had: throws unless sections may begin, and gives it up. @throws HeapClosedError */
export function assertUsable(mem: Memory): void {
  if (mem.i32[CONTROL_STATE] !== HEAP_OPEN) settle(mem);
}

/** Takes the lock if it is free and nobody reads. Returns whether it did. */
export function tryAcquireGil(mem: Memory): boolean {
  if (!tryTake(mem)) return false;
  if (findReader(mem) === 0 && mem.i32[CONTROL_STATE] === HEAP_OPEN) return true;
  releaseGil(mem);
  return false;
}

/** Takes the lock if it is free, or offered to the calling thread. Readers may be in. */
export function tryTake(mem: Memory): boolean {
  const word = lockWord(mem);
  mem.idleLock = word & READERS;
  if (ownerIn(word) !== 0 || (heirIn(word) !== 0 && heirIn(word) !== mem.threadId)) return false;
  return moveLock(mem, word, ownedFrom(mem, word));
}

/**
 * The lock word that makes the calling thread the owner. Others may be asleep: a free word does
 * not tell, so CONTENDED is left behind and our release looks for them.
 */
const ownedFrom = (mem: Memory, word: number): number =>
  (word & READERS) | CONTENDED | mem.threadId;

/** Gives the lock up; to the thread that has waited longest when a hand-over was asked for. */
export function releaseGil(mem: Memory): void {
  const { i32, threadId, idleLock } = mem;
  const owned = idleLock | threadId;
  if (Atomics.compareExchange(i32, CONTROL_GIL, owned, idleLock) !== owned) releaseSlow(mem);
}

/**
 * Gives the lock up to the thread that has waited longest, if one waits, whether it has asked for
 * a hand-over or not. For a collector that takes the lock again and again. Returns whether one
 * waited.
 */
export function yieldGil(mem: Memory): boolean {
  const isWanted = (lockWord(mem) & CONTENDED) !== 0;
  if (isWanted) Atomics.or(mem.i32, CONTROL_GIL, HANDOVER);
  releaseGil(mem);
  return isWanted;
}

/** Whether a waiter has asked for the lock. One plain load: safepoints ask often. */
export function isHandoverRequested(mem: Memory): boolean {
  return (mem.i32[CONTROL_GIL] & HANDOVER) !== 0;
}

/** The thread that holds the lock; 0 when it is free. */
export function gilOwner(mem: Memory): number {
  return ownerIn(lockWord(mem));
}

/** Throws unless the calling thread holds the lock. */
export function assertHoldsGil(mem: Memory): void {
  assert(ownerIn(mem.i32[CONTROL_GIL]) === mem.threadId, 'gil: held by the calling thread');
}

/**
 * Whether the lock has nothing to do with the record of a dead thread, which the caller is to take
 * over: it waits no more, nor does it hold the lock. False when it died in its section, or with the
 * lock on its way to it: waiters must first find that out.
 */
export function tryForgetDead(mem: Memory, id: number): boolean {
  forgetWaiter(mem, id);
  const parkState = Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_PARK);
  return parkState === AWAKE && gilOwner(mem) !== id;
}

/** A dead thread takes the lock from nobody any more: another may get its record. */
export function forgetDeposing(mem: Memory, id: number): void {
  Atomics.compareExchange(mem.i32, CONTROL_DEPOSING, id, 0);
}

/**
 * A dead thread was granted the lock by one that died before it named it. The caller holds the
 * lock, so nobody is about to.
 */
export function forgetUnnamed(mem: Memory, id: number): void {
  const parkState = Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_PARK);
  if (parkState === GRANTED && gilOwner(mem) !== id) forgetGranted(mem, id);
}

/** The lock is held, of a heap that is not open: rebuilds it, or refuses. */
function settle(mem: Memory): void {
  try {
    throwIfBroken(mem);
    if (Atomics.load(mem.i32, CONTROL_STATE) === HEAP_CLOSED) throw closedError();
    assert(mem.recover !== null, 'gil: a thread that takes the lock can recover the heap');
    awaitReaders(mem, 0, Number.POSITIVE_INFINITY);
    mem.recover();
  } catch (error) {
    releaseGil(mem);
    throw error;
  }
  Atomics.compareExchange(mem.i32, CONTROL_STATE, HEAP_RECOVERING, HEAP_OPEN);
}

/** Waits for the lock, unless `isHad`, and then for readers to leave; else gives it up. */
function acquireSlow(mem: Memory, timeoutMs: number, isHad: boolean): void {
  const start = performance.now();
  const expelReaders = () => {
    if (mem.idleLock !== 0) awaitReaders(mem, start, timeoutMs);
  };
  try {
    if (isHad) expelReaders();
    else takeInTurn(mem, timeoutMs, expelReaders);
  } catch (error) {
    // Not before it waits no more: it would hand the lock over to itself, and not know.
    if (gilOwner(mem) === mem.threadId) releaseGil(mem);
    throw error;
  }
}

/**
 * Takes the lock in the order in which threads began to wait. `prepare` runs when it is had, and
 * before this thread is said to be in its section. If it throws, the lock is still had.
 */
export function takeInTurn(mem: Memory, timeoutMs: number, prepare: () => void): void {
  const { i32, thread } = mem;
  throwIfBroken(mem);
  if (tryTake(mem)) {
    prepare();
    return;
  }
  const start = performance.now();
  beginParking(mem);
  try {
    waitForGil(mem, start, timeoutMs);
    prepare();
  } finally {
    endParking(mem);
    i32[thread + THREAD_WAITS]++;
    i32[thread + THREAD_WAIT_US] += Math.round((performance.now() - start) * 1000);
  }
}

/** The loop of a waiter: returns when the lock word names the calling thread. */
function waitForGil(mem: Memory, start: number, timeoutMs: number): void {
  const { i32, threadId } = mem;
  const switchMs = i32[CONTROL_SWITCH_US] / 1000;
  let offeredAt = -1;
  for (;;) {
    const word = lockWord(mem);
    mem.idleLock = word & READERS;
    const owner = ownerIn(word);
    if (owner === threadId) return; // handed over
    const now = performance.now();
    const heir = heirIn(word);
    if (heir === 0) offeredAt = -1;
    else if (offeredAt < 0) offeredAt = now;
    const isLapsed = heir === threadId || now - offeredAt >= OFFER_MS;
    if (owner === 0 && (heir === 0 || isLapsed)) {
      if (moveLock(mem, word, ownedFrom(mem, word))) return;
      continue;
    }
    const waited = now - start;
    if (heir === 0) {
      const wanted = word | CONTENDED | (waited >= switchMs ? HANDOVER : 0);
      if (wanted !== word) {
        moveLock(mem, word, wanted);
        continue;
      }
    }
    throwIfBroken(mem);
    if (heir === 0 && (waited >= timeoutMs || isTimeToLook(mem))) {
      if (isDead(mem, owner)) {
        takeFromDead(mem, word);
        continue;
      }
      dropDeadWaiter(mem);
    }
    if (waited >= timeoutMs && withdraw(mem)) throw new LockTimeoutError(timeoutMs, owner);
    let patience = waited < switchMs ? switchMs - waited : patienceAfterRequest(mem, switchMs);
    if (heir !== 0) patience = OFFER_MS - (now - offeredAt);
    park(mem, Math.min(patience, SLICE_MS, Math.max(timeoutMs - waited, 0.1)));
  }
}

/**
 * How long a waiter sleeps that has asked for the lock. The one whose turn is next asks again after
 * a switch interval, should another have got it; a crowd of others need not wake up as often.
 */
function patienceAfterRequest(mem: Memory, switchMs: number): number {
  return longestParked(mem, false) === mem.threadId ? switchMs : SLICE_MS;
}

/** Whether nobody has looked for a while who lives. The one who asks first looks for all. */
export function isTimeToLook(mem: Memory): boolean {
  const { i32 } = mem;
  const now = Date.now() | 0; // wraps; only differences count
  const last = Atomics.load(i32, CONTROL_LOOKED_AT);
  if (Math.abs((now - last) | 0) < LIVENESS_MS) return false;
  return Atomics.compareExchange(i32, CONTROL_LOOKED_AT, last, now) === last;
}

/** A thread has died: whoever waits for the lock and comes first looks for the dead at once. */
export function lookSoon(mem: Memory): void {
  Atomics.store(mem.i32, CONTROL_LOOKED_AT, (Date.now() - LIVENESS_MS) | 0);
}

/**
 * Takes the lock from its dead owner. One that was GRANTED the lock and had not woken up yet never
 * began its section: the lock simply passes on. Any other died in its section: the heap is to be
 * rebuilt.
 */
function takeFromDead(mem: Memory, word: number): void {
  const { i32, threadId } = mem;
  const deposing = Atomics.compareExchange(i32, CONTROL_DEPOSING, 0, threadId);
  if (deposing !== 0 && !tryReplace(mem, CONTROL_DEPOSING, deposing)) return;
  // The record may have passed to a new thread that holds the lock by now, with equal flags. It
  // has written its system's id before, so the word first, then the record.
  const owner = ownerIn(word);
  if (lockWord(mem) === word && isDead(mem, owner)) {
    const wasGranted = Atomics.load(i32, threadRecordOf(mem, owner) + THREAD_PARK) === GRANTED;
    // Before the word names somebody else: if this thread dies next, that one has to know.
    if (!wasGranted) noteDeathInSection(mem, owner);
    if (moveLock(mem, word, ownedFrom(mem, word)) && wasGranted) {
      i32[threadRecordOf(mem, owner) + THREAD_DIED] = DIED_WAITING;
      forgetGranted(mem, owner);
    }
  }
  Atomics.compareExchange(i32, CONTROL_DEPOSING, threadId, 0);
}

/** Takes the place of a thread in a word, if it has died. */
function tryReplace(mem: Memory, at: number, id: number): boolean {
  return isDead(mem, id) && Atomics.compareExchange(mem.i32, at, id, mem.threadId) === id;
}

/** `owner`, who still has the lock, has died in its section. */
function noteDeathInSection(mem: Memory, owner: number): void {
  const { i32 } = mem;
  const died = threadRecordOf(mem, owner) + THREAD_DIED;
  const state = Atomics.compareExchange(i32, CONTROL_STATE, HEAP_OPEN, HEAP_RECOVERING);
  if (i32[died] !== 0) return; // noted before by one that did not get the lock
  i32[died] = state === HEAP_RECOVERING ? DIED_RECOVERING : DIED_HOLDING;
}

/**
 * A dead waiter stands in the way of others: a signal to it is lost, a grant delays. The one that
 * would be woken next is looked at; one that is GRANTED by now is left to `takeFromDead`.
 */
function dropDeadWaiter(mem: Memory): void {
  for (const next of [longestParked(mem, false), longestAsync(mem)]) {
    if (next !== 0 && next !== mem.threadId && isDead(mem, next)) passOver(mem, next);
  }
}

/** Sleeps until signalled, granted, or the slice is over. */
function park(mem: Memory, sliceMs: number): void {
  const { i32 } = mem;
  const at = mem.thread + THREAD_PARK;
  const state = Atomics.load(i32, at);
  if (state === AWAKE) beginParking(mem); // taken for a dead thread that had this record before
  if (state === PARKED) Atomics.wait(i32, at, PARKED, sliceMs);
  // The lock word names us next: its store is under way, and its notify may be over.
  else if (state === GRANTED) Atomics.wait(i32, at, GRANTED, GRANTED_SLICE_MS);
  Atomics.compareExchange(i32, at, SIGNALLED, PARKED);
}

/** Stops waiting. False when the lock is being handed to this thread: then it gets it. */
function withdraw(mem: Memory): boolean {
  const at = mem.thread + THREAD_PARK;
  return Atomics.compareExchange(mem.i32, at, PARKED, AWAKE) === PARKED;
}
