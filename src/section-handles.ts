/**
 * What ends of sections and safepoints do with the handles of a thread.
 *
 * At a safepoint locals are written as rows while the lock is given up. Locals of a read section
 * are not counted; what it keeps is counted atomically, and gets its rows under the lock afterwards.
 */

import { HeapExhaustedError } from './base/errors.ts';
import { GRANULE_SHIFT, HandleTable } from './handle-table.ts';
import { type ObjectRef, THREAD_UNLISTED } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import { increfShared } from './object/refcount.ts';
import { addRow, removeRow, reserveRows } from './object/rows.ts';

/** Rows made beside those that a read section needed: the next one will need some, too. */
const SPARE_ROWS = 32;

/** The handles of one thread, as its sections see them. */
export class SectionHandles extends HandleTable {
  /** Rows that stand for locals while the lock is given up inside a section. */
  private readonly lent: number[] = [];
  private unlisted = 0; // locals without a row meanwhile

  /**
   * Ends a read section: all local acquisitions. Returns whether something is left to be done under
   * the lock, by `settle`. Until then what is promised is counted, but in no row.
   */
  closeReading(): boolean {
    const { mem, debts } = this;
    for (const [handle] of debts.promised) {
      increfShared(mem, handle.$ref);
      this.dropLocal(handle);
      this.numbers[handle.$ref >>> GRANULE_SHIFT] = 0;
    }
    this.closeAll();
    mem.i32[mem.thread + THREAD_UNLISTED] += debts.promised.size;
    return debts.isOpen;
  }

  /** Does what read sections have left to be done. @throws HeapExhaustedError: nothing is done. */
  settle(): void {
    const { mem, debts } = this;
    reserveRows(mem, debts.promised.size + (debts.promised.size > 0 ? SPARE_ROWS : 0));
    mem.i32[mem.thread + THREAD_UNLISTED] -= debts.promised.size;
    for (const [handle, keeps] of debts.promised) {
      const row = this.kept.add(handle, 0);
      this.numbers[handle.$ref >>> GRANULE_SHIFT] = -row;
      for (let i = 1; i < keeps; i++) this.kept.keepAgain(row);
    }
    debts.promised.clear();
    for (const row of debts.postponed.splice(0)) decref(mem, removeRow(mem, row));
  }

  /** The heap is full, or lost: what was promised to be kept is not. */
  breakPromises(): void {
    const { mem, debts } = this;
    mem.i32[mem.thread + THREAD_UNLISTED] -= debts.promised.size;
    for (const [handle] of debts.promised) this.end(handle);
    debts.promised.clear();
  }

  /**
   * Writes the locals as rows, so that whoever gets the lock finds what holds their objects. In a
   * full heap some have none: their counts protect them, and are too high should this thread die.
   */
  lendLocals(): void {
    const refs = this.localRefs();
    try {
      for (const ref of refs) this.lent.push(addRow(this.mem, ref));
    } catch (error) {
      if (!(error instanceof HeapExhaustedError)) throw error;
    }
    this.unlisted = refs.length - this.lent.length;
    this.mem.i32[this.mem.thread + THREAD_UNLISTED] += this.unlisted;
  }

  /** Takes the rows of `lendLocals` back. */
  reclaimLocals(): void {
    this.mem.i32[this.mem.thread + THREAD_UNLISTED] -= this.unlisted;
    this.unlisted = 0;
    for (const row of this.lent.splice(0)) removeRow(this.mem, row);
  }

  /** The objects that locals of the running section hold, one count each. */
  localRefs(): ObjectRef[] {
    const refs: ObjectRef[] = [];
    for (let i = 0; i < this.localCount; i++) {
      const handle = this.localAt(i + 1);
      if (handle !== null && this.rowOf(handle) === 0) refs.push(handle.$ref);
    }
    return refs;
  }
}
