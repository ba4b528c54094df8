/**
 * Who collects: the transitions of GC_COLLECTING (atomic), and how its end is told.
 *
 *      31                10    9        8          7     0
 *     ┌────────────────────┬──────┬──────────┬────────┐
 *     │ serial number       │ DONE │ EXPLICIT │ thread │   0: nobody
 *     └────────────────────┴──────┴──────────┴────────┘
 *
 *   FREE --claim (CAS)-->                                     a thread's
 *   automatic --claim for an explicit one elsewhere (CAS)-->  that thread's | EXPLICIT
 *   a dead thread's --claim (CAS)-->                          the claiming thread's
 *   EXPLICIT --its result is known (CAS by it)-->             EXPLICIT | DONE
 *   a thread's --release (CAS by it)-->                       FREE; fails if taken over
 *
 * Explicit claims of one thread differ in their serial numbers, so whoever waits for one of them
 * does not take the next for it.
 *
 * The claim orders nothing: collections run under the GIL. It says whose collection is under way,
 * its callbacks included, which run without the lock: meanwhile no automatic collection begins
 * elsewhere, and explicit ones elsewhere return 0. An automatic one never makes an explicit one
 * return 0: its claim is taken over, and it finds that out when it has the lock.
 */

import { GC_COLLECTING, GC_COLLECTIONS, GC_LAST_RESULT } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { isAlive } from '../sync/liveness.ts';
import { osThreadOf } from '../sync/thread-table.ts';

const THREAD_MASK = 0xff;
const EXPLICIT = 1 << 8;
const DONE = 1 << 9;
const SERIAL_SHIFT = 10;

/** Longest slice of a wait, after which the waiter looks whether the other thread lives. */
const SLICE_MS = 20;
/** An automatic collection looks this often whether the thread in its way lives. */
const LIVENESS_MS = 100;

/** Claims the right to an explicit collection. False: another thread is in one. */
export function claimExplicit(mem: Memory): boolean {
  const { i32 } = mem;
  // Every explicit collection increases GC_COLLECTIONS, so the next has another number.
  const serial = Atomics.load(i32, GC_COLLECTIONS) << SERIAL_SHIFT;
  const mine = serial | EXPLICIT | mem.threadId;
  for (;;) {
    const word = Atomics.load(i32, GC_COLLECTING);
    if ((word & EXPLICIT) !== 0 && !isLost(mem, word)) return false;
    if (Atomics.compareExchange(i32, GC_COLLECTING, word, mine) === word) return true;
  }
}

let lookedAt = Number.NEGATIVE_INFINITY;

/** Claims the right to an automatic collection. False: somebody collects. */
export function claimAutomatic(mem: Memory): boolean {
  const { i32 } = mem;
  const word = Atomics.compareExchange(i32, GC_COLLECTING, 0, mem.threadId);
  if (word === 0) return true;
  const now = performance.now();
  if (now - lookedAt < LIVENESS_MS) return false;
  lookedAt = now;
  if (!isLost(mem, word)) return false;
  return Atomics.compareExchange(i32, GC_COLLECTING, word, mem.threadId) === word;
}

/** Whether the calling thread still has the claim that it has made. */
export function hasClaim(mem: Memory): boolean {
  return collectingThread(mem) === mem.threadId;
}

/** The thread whose collection is under way; 0: nobody's. */
export function collectingThread(mem: Memory): number {
  return Atomics.load(mem.i32, GC_COLLECTING) & THREAD_MASK;
}

/** Gives up the claim of the calling thread, if it has one. */
export function releaseClaim(mem: Memory): void {
  const { i32, threadId } = mem;
  const word = Atomics.load(i32, GC_COLLECTING);
  if ((word & THREAD_MASK) !== threadId) return;
  Atomics.compareExchange(i32, GC_COLLECTING, word, 0);
  Atomics.notify(i32, GC_COLLECTING);
}

/** Gives up the claim of a thread that has died, if it had one. */
export function dropClaimOf(mem: Memory, id: number): void {
  const { i32 } = mem;
  const word = Atomics.load(i32, GC_COLLECTING);
  if ((word & THREAD_MASK) !== id) return;
  Atomics.compareExchange(i32, GC_COLLECTING, word, 0);
  Atomics.notify(i32, GC_COLLECTING);
}

/** A collection has ended. */
export function announceEnd(mem: Memory): void {
  Atomics.add(mem.i32, GC_COLLECTIONS, 1);
  Atomics.notify(mem.i32, GC_COLLECTIONS);
}

/** The explicit collection that this thread has claimed gives `result`. */
export function announceResult(mem: Memory, result: number): void {
  const { i32 } = mem;
  const word = Atomics.load(i32, GC_COLLECTING);
  if ((word & THREAD_MASK) !== mem.threadId || (word & EXPLICIT) === 0) return;
  Atomics.store(i32, GC_LAST_RESULT, result);
  Atomics.compareExchange(i32, GC_COLLECTING, word, word | DONE);
  Atomics.notify(i32, GC_COLLECTING);
}

/**
 * Waits until the explicit collection of another thread has ended. Returns its result; null when
 * there is none any more, or none that will end. The caller does not hold the GIL, which that
 * thread needs.
 */
export function joinExplicit(mem: Memory): number | null {
  const { i32 } = mem;
  const word = Atomics.load(i32, GC_COLLECTING);
  if ((word & EXPLICIT) === 0) return null;
  while ((word & DONE) === 0 && Atomics.load(i32, GC_COLLECTING) === word) {
    if (isLost(mem, word)) return null;
    Atomics.wait(i32, GC_COLLECTING, word, SLICE_MS);
  }
  return Atomics.load(i32, GC_LAST_RESULT);
}

/** Whether the thread that has made a claim is gone. The record is read twice: it may pass on. */
function isLost(mem: Memory, word: number): boolean {
  const id = word & THREAD_MASK;
  if (id === mem.threadId) return true; // left behind by a thread that had this number before
  const before = osThreadOf(mem, id);
  if (isAlive(before)) return false;
  const after = osThreadOf(mem, id);
  return after.id === before.id && after.startTicks === before.startTicks;
}
