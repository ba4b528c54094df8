/**
 * The state of a heap (CONTROL_STATE, atomic)
 *
 *   OPEN --a waiter has taken the lock from a dead owner-->  RECOVERING
 *   RECOVERING --whoever has the lock has rebuilt the heap--> OPEN
 *   RECOVERING --it cannot be rebuilt-->                      BROKEN
 *   OPEN --its creator closes it-->                           CLOSED
 */

import { HeapClosedError, HeapCorruptionError } from '../base/errors.ts';
import { CONTROL_STATE, HEAP_BROKEN, HEAP_CLOSED } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** Closes the heap for all threads. The caller holds the lock. */
export function markClosed(mem: Memory): void {
  Atomics.store(mem.i32, CONTROL_STATE, HEAP_CLOSED);
}

/** Throws unless sections may begin, as far as can be seen without the lock. */
export function assertHeapOpen(mem: Memory): void {
  throwIfBroken(mem);
  if (Atomics.load(mem.i32, CONTROL_STATE) === HEAP_CLOSED) throw closedError();
}

/** The error of a heap that takes no sections any more. */
export const closedError = () =>
  new HeapClosedError('the heap was closed by the thread that created it');

/** Throws if a thread has died in a section of this heap, and it could not be rebuilt. */
export function throwIfBroken(mem: Memory): void {
  if (Atomics.load(mem.i32, CONTROL_STATE) !== HEAP_BROKEN) return;
  throw new HeapCorruptionError(
    'a thread has died inside a section, and what it left cannot be rebuilt: ' +
      'the heap takes no further sections; create a new one',
  );
}

/** The heap cannot be rebuilt. */
export function markBroken(mem: Memory): void {
  Atomics.store(mem.i32, CONTROL_STATE, HEAP_BROKEN);
}
