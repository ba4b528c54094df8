/**
 * Beginning and ending read sections. The words and why they suffice: `readers.ts`.
 *
 * Undisturbed, a read section costs four `Atomics` calls: announce, look, retract, look.
 */

import { CONTROL_STATE, HEAP_OPEN } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { assertUsable, releaseGil, takeInTurn } from './gil.ts';
import { declineOffer } from './hand-over.ts';
import { assertHeapOpen, closedError, throwIfBroken } from './heap-state.ts';
import { heirIn, lockWord, OWNER_MASK } from './lock-word.ts';
import { announce, becomeReader, retract, wakeWriter } from './readers.ts';
import { wakeAsync } from './waiters.ts';

/**
 * Begins a read section, waiting at most `timeoutMs`. Not re-entrant: sections keep their depth.
 *
 * @throws LockTimeoutError, HeapClosedError, HeapCorruptionError
 */
export function beginReading(mem: Memory, timeoutMs: number): void {
  if (!mem.isReader) becomeReader(mem);
  announce(mem);
  const word = lockWord(mem);
  const isOpen = mem.i32[CONTROL_STATE] === HEAP_OPEN;
  if (isOpen && (word & OWNER_MASK) === 0) return;
  waitToRead(mem, word, timeoutMs);
  if (mem.i32[CONTROL_STATE] !== HEAP_OPEN) refuseReading(mem);
}

/**
 * Begins a read section if nobody has the lock, nor is to have it next. Returns whether it did.
 *
 * @throws HeapClosedError, HeapCorruptionError
 */
export function tryBeginReading(mem: Memory): boolean {
  if (!mem.isReader) becomeReader(mem);
  announce(mem);
  const word = lockWord(mem);
  const isOurs = heirIn(word) === mem.threadId;
  if (isOurs) declineOffer(mem);
  if ((isOurs || (word & OWNER_MASK) === 0) && mem.i32[CONTROL_STATE] === HEAP_OPEN) return true;
  withdraw(mem, word);
  assertHeapOpen(mem);
  return false;
}

/** Ends a read section. */
export function endReading(mem: Memory): void {
  retract(mem);
  const word = lockWord(mem);
  if ((word & OWNER_MASK) !== 0) wakeNext(mem, word);
}

/** Waits for the lock in the queue of all, and gives it up as a reader. */
function waitToRead(mem: Memory, word: number, timeoutMs: number): void {
  withdraw(mem, word);
  takeInTurn(mem, timeoutMs, () => {});
  assertUsable(mem);
  announce(mem);
  releaseGil(mem);
}

function withdraw(mem: Memory, word: number): void {
  retract(mem);
  wakeNext(mem, word);
}

/** Whoever is to have the lock may wait for this thread to leave, asleep or in its event loop. */
function wakeNext(mem: Memory, word: number): void {
  wakeWriter(mem);
  const heir = heirIn(word);
  if (heir !== 0) wakeAsync(mem, heir);
}

function refuseReading(mem: Memory): never {
  withdraw(mem, lockWord(mem));
  throwIfBroken(mem);
  throw closedError();
}
