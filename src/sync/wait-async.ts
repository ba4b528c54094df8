/** Waiting for a shared word without blocking the event loop. */

import type { Memory } from '../memory/memory.ts';

/** A wait that has begun. */
export interface AsyncWait {
  /** Resolves when the word has changed, the slice is over, or the wait was cancelled. */
  readonly ended: Promise<void>;
  /** Ends the wait. From then on it does not keep the process alive. */
  cancel(): void;
}

/**
 * Waits until the word at `at` is no longer `value`, at most for `sliceMs`. The process lives on
 * meanwhile: `Atomics.waitAsync` alone does not hold it, the timer does.
 */
export function awaitChange(mem: Memory, at: number, value: number, sliceMs: number): AsyncWait {
  let cancel = () => {};
  const ended = new Promise<void>((resolve) => {
    const wait = Atomics.waitAsync(mem.i32, at, value, sliceMs);
    if (!wait.async) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, sliceMs);
    cancel = () => {
      clearTimeout(timer);
      resolve();
    };
    wait.value.then(cancel);
  });
  return { ended, cancel: () => cancel() };
}
