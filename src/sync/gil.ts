/**
 * The GIL: the one lock that orders all mutation. After Drepper, "Futexes Are Tricky", with the
 * owner's name in the word and, after CPython's, a forced hand-over.
 *
 * The lock word (CONTROL_GIL, atomic)
 *
 *      31            10    9          8         7     0
 *     ┌────────────────┬──────────┬───────────┬────────┐
 *     │       0        │ HANDOVER │ CONTENDED │ owner  │   owner: a thread id, 0: free
 *     └────────────────┴──────────┴───────────┴────────┘
 *
 *   FREE  --acquire (CAS by the new owner)-->             OWNED
 *   OWNED --a waiter is about to park (CAS)-->            OWNED | CONTENDED
 *   OWNED | CONTENDED --waited a switch interval (CAS)--> OWNED | CONTENDED | HANDOVER
 *   OWNED --release (CAS)-->                              FREE
 *   OWNED | CONTENDED --release (store), signal one-->    FREE
 *   ... | HANDOVER --hand over (store)-->                 the waiter's | CONTENDED
 *
 * Only the owner takes its name out of the word; waiters only add flags, and only while there is
 * an owner. So at every moment the word names whoever must be alive for the lock to move on.
 *
 * A thread's park word (THREAD_PARK, atomic)
 *
 *   AWAKE --begins to wait (own store)-->  PARKED
 *   PARKED --release (CAS)-->              SIGNALLED   the lock may be free: look and compete
 *   SIGNALLED --looked (own CAS)-->        PARKED
 *   PARKED, SIGNALLED --hand over (CAS)--> GRANTED     the lock word names this thread next
 *   PARKED --gives up (own CAS)-->         AWAKE       fails when GRANTED: then it owns the lock
 *   any --has the lock (own store)-->      AWAKE
 *
 * The holder grants before it stores the waiter's name: if it dies between the two, the word still
 * names the dead holder and every waiter, the granted one too, finds that out. A granted thread
 * stays GRANTED until it has woken up with the lock: if it dies before, no section has begun.
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
  COLLECTOR_THREAD,
  CONTROL_DEPOSING,
  CONTROL_GIL,
  CONTROL_LOOKED_AT,
  CONTROL_STATE,
  CONTROL_SWITCH_US,
  CONTROL_TICKET,
  CONTROL_WAITERS,
  DIED_HOLDING,
  DIED_RECOVERING,
  HEAP_CLOSED,
  HEAP_OPEN,
  HEAP_RECOVERING,
  THREAD_DIED,
  THREAD_HANDOVERS,
  THREAD_PARK,
  THREAD_TICKET,
  THREAD_WAIT_US,
  THREAD_WAITS,
  WAITER_WORDS,
} from '../memory/layout.ts';
import { type Memory, threadRecordOf } from '../memory/memory.ts';
import { closedError, throwIfBroken } from './heap-state.ts';
import { isAlive } from './liveness.ts';
import { osThreadOf } from './thread-table.ts';

const OWNER_MASK = 0xff;
const CONTENDED = 1 << 8;
const HANDOVER = 1 << 9;
assert(COLLECTOR_THREAD < OWNER_MASK, 'gil: every owner has a name in the lock word');

const AWAKE = 0;
const PARKED = 1;
const SIGNALLED = 2;
const GRANTED = 3;

/** Longest slice of a wait, in milliseconds, and how often the owner's life is looked at. */
const SLICE_MS = 20;
const LIVENESS_MS = 20;
/** A granted waiter looks this often whether the lock word names it. */
const GRANTED_SLICE_MS = 0.1;

/**
 * Takes the lock, waiting at most `timeoutMs`. Not re-entrant: sections keep their own depth.
 *
 * @throws LockTimeoutError, HeapClosedError; HeapCorruptionError when its owner has died.
 */
export function acquireGil(mem: Memory, timeoutMs: number): void {
  const { i32, threadId } = mem;
  if (Atomics.compareExchange(i32, CONTROL_GIL, 0, threadId) !== 0) acquireSlow(mem, timeoutMs);
  if (i32[CONTROL_STATE] !== HEAP_OPEN) settle(mem);
}

/** Takes the lock if it is free. Returns whether it was. */
export function tryAcquireGil(mem: Memory): boolean {
  if (Atomics.compareExchange(mem.i32, CONTROL_GIL, 0, mem.threadId) !== 0) return false;
  if (mem.i32[CONTROL_STATE] === HEAP_OPEN) return true;
  releaseGil(mem);
  return false;
}

/** Gives the lock up; to the thread that has waited longest when a hand-over was asked for. */
export function releaseGil(mem: Memory): void {
  const { i32, threadId } = mem;
  if (Atomics.compareExchange(i32, CONTROL_GIL, threadId, 0) !== threadId) releaseSlow(mem);
}

/**
 * Gives the lock up to the thread that has waited longest, if one waits, whether it has asked for
 * a hand-over or not. For a collector that takes the lock again and again. Returns whether one
 * waited.
 */
export function yieldGil(mem: Memory): boolean {
  const isWanted = (Atomics.load(mem.i32, CONTROL_GIL) & CONTENDED) !== 0;
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
  return Atomics.load(mem.i32, CONTROL_GIL) & OWNER_MASK;
}

/** Throws unless the calling thread holds the lock. */
export function assertHoldsGil(mem: Memory): void {
  assert((mem.i32[CONTROL_GIL] & OWNER_MASK) === mem.threadId, 'gil: held by the calling thread');
}

/**
 * Whether the lock has nothing to do with the record of a dead thread, which the caller is to take
 * over: it waits no more, nor does it hold the lock. False when it died in its section, or with the
 * lock on its way to it: waiters must first find that out.
 */
export function tryForgetDead(mem: Memory, id: number): boolean {
  const at = threadRecordOf(mem, id) + THREAD_PARK;
  for (const state of [PARKED, SIGNALLED]) {
    if (Atomics.compareExchange(mem.i32, at, state, AWAKE) === state) setWaiterBit(mem, id, false);
  }
  return Atomics.load(mem.i32, at) === AWAKE && gilOwner(mem) !== id;
}

/** The lock is held, of a heap that is not open: rebuilds it, or refuses. */
function settle(mem: Memory): void {
  try {
    throwIfBroken(mem);
    if (Atomics.load(mem.i32, CONTROL_STATE) === HEAP_CLOSED) throw closedError();
    assert(mem.recover !== null, 'gil: a thread that takes the lock can recover the heap');
    mem.recover();
  } catch (error) {
    releaseGil(mem);
    throw error;
  }
  Atomics.compareExchange(mem.i32, CONTROL_STATE, HEAP_RECOVERING, HEAP_OPEN);
}

function acquireSlow(mem: Memory, timeoutMs: number): void {
  const { i32, thread } = mem;
  throwIfBroken(mem);
  const start = performance.now();
  i32[thread + THREAD_TICKET] = Atomics.add(i32, CONTROL_TICKET, 1);
  Atomics.store(i32, thread + THREAD_PARK, PARKED);
  setWaiterBit(mem, mem.threadId, true);
  try {
    waitForGil(mem, start, timeoutMs);
  } finally {
    setWaiterBit(mem, mem.threadId, false);
    Atomics.store(i32, thread + THREAD_PARK, AWAKE);
    i32[thread + THREAD_WAITS]++;
    i32[thread + THREAD_WAIT_US] += Math.round((performance.now() - start) * 1000);
  }
}

/** The loop of a waiter: returns when the lock word names the calling thread. */
function waitForGil(mem: Memory, start: number, timeoutMs: number): void {
  const { i32, threadId } = mem;
  const switchMs = i32[CONTROL_SWITCH_US] / 1000;
  for (;;) {
    const word = Atomics.load(i32, CONTROL_GIL);
    const owner = word & OWNER_MASK;
    if (owner === threadId) return; // handed over
    if (owner === 0) {
      // Others may be parked: leave CONTENDED behind, so that our release looks for them.
      if (Atomics.compareExchange(i32, CONTROL_GIL, word, threadId | CONTENDED) === word) return;
      continue;
    }
    const now = performance.now();
    const waited = now - start;
    const wanted = word | CONTENDED | (waited >= switchMs ? HANDOVER : 0);
    if (wanted !== word) {
      Atomics.compareExchange(i32, CONTROL_GIL, word, wanted);
      continue;
    }
    throwIfBroken(mem);
    if (waited >= timeoutMs || isTimeToLook(mem)) {
      if (isDeadThread(mem, owner)) {
        takeFromDead(mem, word);
        continue;
      }
      dropDeadWaiter(mem);
    }
    if (waited >= timeoutMs && withdraw(mem)) throw new LockTimeoutError(timeoutMs, owner);
    const patience = waited < switchMs ? switchMs - waited : patienceAfterRequest(mem, switchMs);
    park(mem, Math.min(patience, SLICE_MS, Math.max(timeoutMs - waited, 0.1)));
  }
}

/**
 * How long a waiter sleeps that has asked for the lock. The one whose turn is next asks again after
 * a switch interval, should another have got it; a crowd of others need not wake up as often.
 */
function patienceAfterRequest(mem: Memory, switchMs: number): number {
  return longestWaiting(mem, false) === mem.threadId ? switchMs : SLICE_MS;
}

/** Whether nobody has looked for a while who lives. The one who asks first looks for all. */
function isTimeToLook(mem: Memory): boolean {
  const { i32 } = mem;
  const now = Date.now() | 0; // wraps; only differences count
  const last = Atomics.load(i32, CONTROL_LOOKED_AT);
  if (Math.abs((now - last) | 0) < LIVENESS_MS) return false;
  return Atomics.compareExchange(i32, CONTROL_LOOKED_AT, last, now) === last;
}

/** Whether thread `id` has ended. Its record is read twice: it may pass to a new thread. */
export function isDeadThread(mem: Memory, id: number): boolean {
  const before = osThreadOf(mem, id);
  if (isAlive(before)) return false;
  const after = osThreadOf(mem, id);
  return after.id === before.id && after.startTicks === before.startTicks;
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
  const owner = word & OWNER_MASK;
  if (Atomics.load(i32, CONTROL_GIL) === word && isDeadThread(mem, owner)) {
    const wasGranted = Atomics.load(i32, threadRecordOf(mem, owner) + THREAD_PARK) === GRANTED;
    if (Atomics.compareExchange(i32, CONTROL_GIL, word, threadId | CONTENDED) === word) {
      if (wasGranted) {
        Atomics.store(i32, threadRecordOf(mem, owner) + THREAD_PARK, AWAKE);
        setWaiterBit(mem, owner, false);
      } else {
        noteDeathInSection(mem, owner);
      }
    }
  }
  Atomics.compareExchange(i32, CONTROL_DEPOSING, threadId, 0);
}

/** Takes the place of a thread in a word, if it has died. */
function tryReplace(mem: Memory, at: number, id: number): boolean {
  return isDeadThread(mem, id) && Atomics.compareExchange(mem.i32, at, id, mem.threadId) === id;
}

/** The calling thread has the lock of `owner`, who died in its section. */
function noteDeathInSection(mem: Memory, owner: number): void {
  const { i32 } = mem;
  const state = Atomics.compareExchange(i32, CONTROL_STATE, HEAP_OPEN, HEAP_RECOVERING);
  const where = state === HEAP_RECOVERING ? DIED_RECOVERING : DIED_HOLDING;
  i32[threadRecordOf(mem, owner) + THREAD_DIED] = where;
}

/**
 * A dead waiter stands in the way of others: a signal to it is lost, a grant delays. The one that
 * would be woken next is looked at; one that is GRANTED by now is left to `takeFromDead`.
 */
function dropDeadWaiter(mem: Memory): void {
  const next = longestWaiting(mem, false);
  if (next === 0 || next === mem.threadId || !isDeadThread(mem, next)) return;
  tryForgetDead(mem, next);
}

/** Sleeps until signalled, granted, or the slice is over. */
function park(mem: Memory, sliceMs: number): void {
  const { i32 } = mem;
  const at = mem.thread + THREAD_PARK;
  const state = Atomics.load(i32, at);
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

function releaseSlow(mem: Memory): void {
  const { i32, threadId } = mem;
  const word = Atomics.load(i32, CONTROL_GIL);
  assert((word & OWNER_MASK) === threadId, 'gil: released by its owner');
  if ((word & HANDOVER) !== 0) {
    const heir = wakeLongestWaiting(mem, GRANTED);
    if (heir !== 0) {
      i32[mem.thread + THREAD_HANDOVERS]++;
      Atomics.store(i32, CONTROL_GIL, heir | CONTENDED);
      Atomics.notify(i32, threadRecordOf(mem, heir) + THREAD_PARK, 1);
      return;
    }
  }
  Atomics.store(i32, CONTROL_GIL, 0);
  const woken = wakeLongestWaiting(mem, SIGNALLED);
  if (woken !== 0) Atomics.notify(i32, threadRecordOf(mem, woken) + THREAD_PARK, 1);
}

/**
 * Moves the thread that began to wait first to `state`. Returns its id; 0 when nobody waits. A
 * thread already SIGNALLED is awake and will look, so nobody else is signalled.
 */
function wakeLongestWaiting(mem: Memory, state: number): number {
  const { i32 } = mem;
  for (;;) {
    const id = longestWaiting(mem, state === SIGNALLED);
    if (id === 0) return 0;
    const at = threadRecordOf(mem, id) + THREAD_PARK;
    if (Atomics.compareExchange(i32, at, PARKED, state) === PARKED) return id;
    if (state !== GRANTED) continue;
    if (Atomics.compareExchange(i32, at, SIGNALLED, GRANTED) === SIGNALLED) return id;
  }
}

/** The waiter with the oldest ticket; 0 when there is none, or when one SIGNALLED is enough. */
function longestWaiting(mem: Memory, oneIsEnough: boolean): number {
  const { i32 } = mem;
  let longest = 0;
  for (let group = 0; group < WAITER_WORDS; group++) {
    let bits = Atomics.load(i32, CONTROL_WAITERS + group);
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits);
      bits ^= 1 << bit;
      const id = group * 32 + bit + 1;
      const parkState = Atomics.load(i32, threadRecordOf(mem, id) + THREAD_PARK);
      if (parkState === SIGNALLED && oneIsEnough) return 0;
      if (parkState !== PARKED && parkState !== SIGNALLED) continue;
      if (longest === 0 || beganEarlier(mem, id, longest)) longest = id;
    }
  }
  return longest;
}

/** Tickets wrap: the difference tells which is older. */
function beganEarlier(mem: Memory, a: number, b: number): boolean {
  const ticket = (id: number) => mem.i32[threadRecordOf(mem, id) + THREAD_TICKET];
  return ((ticket(a) - ticket(b)) | 0) < 0;
}

/** Whether thread `id` is noted as one that waits for the lock. */
export function isMarkedWaiting(mem: Memory, id: number): boolean {
  const index = id - 1;
  const bits = Atomics.load(mem.i32, CONTROL_WAITERS + (index >>> 5));
  return (bits & (1 << (index & 31))) !== 0;
}

function setWaiterBit(mem: Memory, id: number, waiting: boolean): void {
  const index = id - 1;
  const at = CONTROL_WAITERS + (index >>> 5);
  const bit = 1 << (index & 31);
  if (waiting) Atomics.or(mem.i32, at, bit);
  else Atomics.and(mem.i32, at, ~bit);
}
