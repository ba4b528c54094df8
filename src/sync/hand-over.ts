/**
 * Giving the lock up when somebody waits for it: to whom it goes. The transitions are listed in
 * `gil.ts`, the waiters in `waiters.ts`.
 */

import { assert } from '../base/assert.ts';
import { CONTROL_GIL, THREAD_HANDOVERS, THREAD_PARK } from '../memory/layout.ts';
import { type Memory, threadRecordOf } from '../memory/memory.ts';
import {
  CONTENDED,
  HANDOVER,
  heirIn,
  lockWord,
  moveLock,
  OFFERED,
  ownerIn,
  READERS,
} from './lock-word.ts';
import {
  grantLongest,
  isAsyncFirst,
  longestAsync,
  longestParked,
  renewTicket,
  signalLongest,
  wakeAsync,
} from './waiters.ts';

/** Gives the lock up, whatever flags its word carries. */
export function releaseSlow(mem: Memory): void {
  const { i32 } = mem;
  let word = lockWord(mem);
  assert(ownerIn(word) === mem.threadId, 'gil: released by its owner');
  mem.idleLock = word & READERS;
  if ((word & HANDOVER) !== 0 && handOver(mem)) {
    i32[mem.thread + THREAD_HANDOVERS]++;
    return;
  }
  word = Atomics.and(i32, CONTROL_GIL, READERS);
  if ((word & CONTENDED) !== 0) signalLongest(mem);
}

/** Gives the lock to whoever has waited longest. False: nobody waits. */
function handOver(mem: Memory): boolean {
  const async = longestAsync(mem);
  if (async !== 0 && isAsyncFirst(mem, async, longestParked(mem, false))) {
    renewTicket(mem, async); // this is its turn, whether it comes in time or not
    offerTo(mem, async);
    wakeAsync(mem, async);
    return true;
  }
  const heir = grantLongest(mem);
  if (heir === 0) return false;
  nameNext(mem, CONTENDED | heir);
  Atomics.notify(mem.i32, threadRecordOf(mem, heir) + THREAD_PARK, 1);
  return true;
}

/** The owner offers the lock to a thread that waits asynchronously, itself perhaps. */
export const offerTo = (mem: Memory, id: number): void => nameNext(mem, OFFERED | id);

/** The lock is not wanted any more by the calling thread, should it be offered to it. */
export function declineOffer(mem: Memory): void {
  const word = lockWord(mem);
  if (heirIn(word) === mem.threadId) moveLock(mem, word, word & READERS);
  if (ownerIn(lockWord(mem)) === 0) signalLongest(mem);
}

/** Replaces the caller's name and all flags but READERS, which any reader may set meanwhile. */
function nameNext(mem: Memory, next: number): void {
  let word = lockWord(mem);
  while (!moveLock(mem, word, (word & READERS) | next)) word = lockWord(mem);
}
