/**
 * What ends of sections and safepoints do with the handles of a thread.
 *
 * At a safepoint locals are written as rows while the lock is given up. Locals of a read section
 * are not counted; what it keeps is counted atomically; what it releases it gives up afterwards.
 */

import { HeapExhaustedError } from './base/errors.ts';
import { HandleTable } from './handle-table.ts';
import type { ObjectRef } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import { addRow, removeRow, reserveRows } from './object/rows.ts';

/** The handles of one thread, as its sections see them. */
export class SectionHandles extends HandleTable {
  /** Rows that stand for locals while the lock is given up inside a section. */
  private readonly lent: number[] = [];

  /** Ends a read section: all local acquisitions. Returns whether `settle` has something to do. */
  closeReading(): boolean {
    this.closeAll();
    return this.postponed.length !== 0;
  }

  /** Under the lock: empties the rows of what read sections have released. */
  settle(): void {
    const { mem } = this;
    for (const row of this.postponed.splice(0)) decref(mem, removeRow(mem, row));
  }

  /**
   * Writes the locals as rows, so that whoever gets the lock finds what holds their objects.
   *
   * @throws HeapExhaustedError when there is no room: then the lock cannot be given up
   */
  lendLocals(): void {
    const refs = this.localRefs();
    reserveRows(this.mem, refs.length);
    for (const ref of refs) this.lent.push(addRow(this.mem, ref));
  }

  /** As `lendLocals`. False when there is no room. */
  tryLendLocals(): boolean {
    try {
      this.lendLocals();
      return true;
    } catch (error) {
      if (error instanceof HeapExhaustedError) return false;
      throw error;
    }
  }

  /** Takes the rows of `lendLocals` back. */
  reclaimLocals(): void {
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
