/** Objects that a thread holds without a handle. */

import { noteChange } from './atomic-sections.ts';
import type { ObjectRef } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import { incref, increfShared } from './object/refcount.ts';
import { addRow, removeRow, reserveRowInReading, reserveRows } from './object/rows.ts';
import type { Session } from './session.ts';

/** An object that a row of this thread holds, whatever becomes of its handles. */
export class Held {
  readonly session: Session;
  readonly ref: ObjectRef;
  readonly #row: number;
  /** Whether its holder is watched: see `forgotten-holders.ts`. */
  isWatched = false;

  /** In a section, one that only reads too. @throws HeapExhaustedError */
  constructor(session: Session, ref: ObjectRef) {
    const { mem } = session;
    if (mem.depth < 0) {
      reserveRowInReading(mem);
      increfShared(mem, ref);
    } else {
      reserveRows(mem, 1);
      incref(mem, ref);
    }
    this.session = session;
    this.ref = ref;
    this.#row = addRow(mem, ref);
  }

  /** The lock is held. */
  release(): void {
    const { mem, coordinator } = this.session;
    if (this.isWatched) coordinator.holders.unwatch(this);
    removeRow(mem, this.#row);
    decref(mem, this.ref);
  }
}

/** What stands for something in an object of the heap, which it holds meanwhile. */
export interface Holder {
  $held: Held | null;
  /** Whether it is held strongly for now: see `forgotten-holders.ts`. */
  $isYoung: boolean;
}

/**
 * Gives `holder` an object to hold. An atomic section that is undone takes it away again.
 *
 * @throws HeapExhaustedError before anything has changed
 */
export function takeHold(session: Session, holder: Holder, ref: ObjectRef): void {
  const held = new Held(session, ref);
  if (session.mem.undo !== null) {
    noteChange(session.mem, {
      undo() {
        holder.$held = null;
        held.release();
      },
    });
  }
  holder.$held = held;
  session.coordinator.holders.add(holder);
}

/** Takes from `holder` what it holds. An atomic section that is undone gives it back. */
export function letGoOf(session: Session, holder: Holder, held: Held): void {
  holder.$held = null;
  if (session.mem.undo === null) {
    held.release();
    return;
  }
  noteChange(session.mem, {
    undo() {
      holder.$held = held;
    },
    commit() {
      held.release();
    },
  });
}
