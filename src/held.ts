/** Objects that a thread holds without a handle. */

import type { ObjectRef } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import { incref } from './object/refcount.ts';
import { addRow, removeRow, reserveRows } from './object/rows.ts';
import type { Session } from './session.ts';

/** An object that a row of this thread holds, whatever becomes of its handles. */
export class Held {
  readonly session: Session;
  readonly ref: ObjectRef;
  readonly #row: number;

  /** The lock is held. @throws HeapExhaustedError */
  constructor(session: Session, ref: ObjectRef) {
    const { mem } = session;
    reserveRows(mem, 1);
    incref(mem, ref);
    this.session = session;
    this.ref = ref;
    this.#row = addRow(mem, ref);
  }

  /** The lock is held. */
  release(): void {
    const { mem } = this.session;
    removeRow(mem, this.#row);
    decref(mem, this.ref);
  }
}
