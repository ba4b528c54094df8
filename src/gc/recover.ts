/**
 * Recovery: what a thread does that has taken the lock over from one that died in its section.
 * `sync/gil.ts` calls it by way of `mem.recover`, and opens the heap afterwards.
 */

import { HeapCorruptionError } from '../base/errors.ts';
import type { Mutator } from '../object/mutator.ts';
import { markBroken } from '../sync/heap-state.ts';
import { recoverDead } from './forget-thread.ts';
import { rebuild } from './rebuild.ts';

/** Lets a thread recover the heap. Every thread that takes the lock needs it. */
export function enableRecovery(mem: Mutator): void {
  mem.recover = () => recover(mem);
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
