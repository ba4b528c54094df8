/**
 * What a read section leaves to be done under the lock: handles that were kept without a row at
 * hand get one, rows of handles that were released are emptied.
 */

import type { Handle } from './handle.ts';

/** The debts of one thread. */
export class ReadingDebts {
  /** Handles to be kept, and how often. */
  readonly promised = new Map<Handle, number>();
  /** Rows to be emptied, with their counts. */
  readonly postponed: number[] = [];

  /** Whether there is anything to be done. */
  get isOpen(): boolean {
    return this.promised.size !== 0 || this.postponed.length !== 0;
  }

  /** Promises to keep a handle, once more. */
  promise(handle: Handle): void {
    this.promised.set(handle, (this.promised.get(handle) ?? 0) + 1);
  }

  /** Takes one promise back. False: there was none. */
  takePromise(handle: Handle): boolean {
    const keeps = this.promised.get(handle);
    if (keeps === undefined) return false;
    if (keeps === 1) this.promised.delete(handle);
    else this.promised.set(handle, keeps - 1);
    return true;
  }
}
