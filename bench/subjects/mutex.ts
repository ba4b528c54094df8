/**
 * The least lock that blocks: Drepper's mutex ("Futexes Are Tricky", mutex 2), the yardstick for
 * every other lock here. It knows no owner, no fairness and no death of its holder.
 *
 *   UNLOCKED   -> LOCKED      lockMutex, any thread
 *   any        -> CONTENDED   lockMutex, a thread about to wait
 *   LOCKED, CONTENDED -> UNLOCKED   unlockMutex, the holder
 */

const UNLOCKED = 0;
const LOCKED = 1;
const CONTENDED = 2;

export const MUTEX_WORDS = 1;

export function createMutex(i32: Int32Array, mutex: number): number {
  Atomics.store(i32, mutex, UNLOCKED);
  return mutex;
}

export function lockMutex(i32: Int32Array, mutex: number): void {
  if (Atomics.compareExchange(i32, mutex, UNLOCKED, LOCKED) !== UNLOCKED) lockSlow(i32, mutex);
}

function lockSlow(i32: Int32Array, mutex: number): void {
  // A waiter cannot know that it is the last one: a spurious notify is cheaper than a lost one.
  while (Atomics.exchange(i32, mutex, CONTENDED) !== UNLOCKED) {
    Atomics.wait(i32, mutex, CONTENDED);
  }
}

export function unlockMutex(i32: Int32Array, mutex: number): void {
  if (Atomics.exchange(i32, mutex, UNLOCKED) === CONTENDED) Atomics.notify(i32, mutex, 1);
}
