/**
 * Atomic sections: exclusive sections that are undone when they throw, or when their thread dies.
 * What they note stands in `object/undo-log.ts`. They nest: an inner one that throws is undone by
 * itself, and the outer one goes on if it catches that.
 */

import { ATOMIC_DEPTH, type Mutator } from './object/mutator.ts';
import { closeUndo, undoTo } from './object/undo.ts';
import { type UndoLog, undoLogOf } from './object/undo-log.ts';
import { refusePromise } from './session-operations.ts';

/** Runs `body`, in an exclusive section; what it has changed is undone when it throws. */
export function runAtomically<T>(mem: Mutator, body: () => T): T {
  const undo = undoLogOf(mem);
  const isOutermost = mem.undo === null;
  if (isOutermost) {
    mem.undo = undo;
    mem.depth += ATOMIC_DEPTH;
  }
  const mark = undo.mark();
  try {
    return refusePromise(body());
  } catch (error) {
    undoTo(undo, mem, mark);
    undo.mark();
    throw error;
  } finally {
    if (isOutermost && mem.undo !== null) endAtomic(mem, undo);
  }
}

/** Undoes the running atomic section, if there is one: the thread ends in the middle of it. */
export function abandonAtomic(mem: Mutator): void {
  if (mem.undo === null) return;
  const undo = undoLogOf(mem);
  undoTo(undo, mem, 0);
  endAtomic(mem, undo);
}

function endAtomic(mem: Mutator, undo: UndoLog): void {
  mem.depth -= ATOMIC_DEPTH;
  closeUndo(undo, mem);
}
