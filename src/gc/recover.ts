/**
 * Recovery: what a thread does that has taken the lock over from one that died in its section.
 * `sync/gil.ts` calls it by way of `mem.recover`, and opens the heap afterwards.
 */

import { HeapCorruptionError } from '../base/errors.ts';
import { CONTROL_SUSPECT } from '../memory/layout.ts';
import type { Mutator } from '../object/mutator.ts';
import { markBroken } from '../sync/heap-state.ts';
import { recoverDead } from './forget-thread.ts';
import { rebuild } from './rebuild.ts';

/** Lets a thread recover the heap. Every thread that takes the lock needs it. */
export function enableRecovery(mem: Mutator): void {
  mem.recover = () => recover(mem);
}

/**
 * Counts may be too high, since a thread has died that was changing some without the lock: then
 * they are counted again. The caller holds the lock, in a section that no code of the program has
 * seen yet.
 */
export function recountIfSuspect(mem: Mutator): void {
  if (mem.i32[CONTROL_SUSPECT] !== 0) rebuild(mem);
}

function recover(mem: Mutator): void {
  const began = performance.now();
  try {
    rebuild(mem);
    recoverDead(mem, began);
  } catch (error) {
    if (error instanceof HeapCorruptionError) markBroken(mem);
    throw error;
  }
}
