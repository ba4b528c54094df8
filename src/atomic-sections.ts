/**
 * Atomic sections: exclusive sections that are undone when they throw, or when their thread dies.
 * What they note stands in `object/undo-log.ts`. They nest: an inner one that throws is undone by
 * itself, and the outer one goes on if it catches that.
 *
 * What they change in JavaScript objects, tokens of mutexes for instance, is noted here, and undone
 * along with the heap. It dies with its thread, so it needs no log that outlives that.
 */

import { AtomicSectionError } from './base/errors.ts';
import { ATOMIC_DEPTH, type Mutator } from './object/mutator.ts';
import { closeUndo, undoTo } from './object/undo.ts';
import { type UndoLog, undoLogOf } from './object/undo-log.ts';
import { refusePromise } from './session-operations.ts';

/** What an atomic section has changed in a JavaScript object. Neither of these may fail. */
export interface Change {
  /** Takes it back, when the heap is as it was before. The lock is held. */
  undo(): void;
  /** Does what could not have been taken back. The lock is held. */
  commit?(): void;
}

/** What the atomic sections of a thread note. */
interface Notes {
  readonly log: UndoLog;
  readonly changes: Change[];
}

const notes = new WeakMap<Mutator, Notes>();
/** Those used last: most threads have one heap. */
let latest: Notes | undefined;

function notesOf(mem: Mutator): Notes {
  const log = undoLogOf(mem);
  if (latest?.log === log) return latest;
  latest = notes.get(mem) ?? { log, changes: [] };
  notes.set(mem, latest);
  return latest;
}

/** In an atomic section: notes what is about to change in a JavaScript object. */
export function noteChange(mem: Mutator, change: Change): void {
  notesOf(mem).changes.push(change);
}

/**
 * Refuses what cannot be undone, before it begins.
 *
 * @throws AtomicSectionError in an atomic section
 */
export function refuseInAtomic(mem: Mutator, what: string): void {
  if (mem.undo !== null) throw new AtomicSectionError(what);
}

/** Runs `body`, in an exclusive section; what it has changed is undone when it throws. */
export function runAtomically<T>(mem: Mutator, body: () => T): T {
  const noted = notesOf(mem);
  const isOutermost = mem.undo === null;
  if (isOutermost) {
    mem.undo = noted.log;
    mem.depth += ATOMIC_DEPTH;
  }
  const mark = noted.log.mark();
  const { length } = noted.changes;
  try {
    return refusePromise(body());
  } catch (error) {
    undo(noted, mem, mark, length);
    noted.log.mark();
    throw error;
  } finally {
    if (isOutermost && mem.undo !== null) endAtomic(mem, noted);
  }
}

/** Undoes the running atomic section, if there is one: the thread ends in the middle of it. */
export function abandonAtomic(mem: Mutator): void {
  if (mem.undo === null) return;
  const noted = notesOf(mem);
  undo(noted, mem, 0, 0);
  endAtomic(mem, noted);
}

/** Undoes what was noted since then, the last first. */
function undo({ log, changes }: Notes, mem: Mutator, mark: number, length: number): void {
  undoTo(log, mem, mark);
  while (changes.length > length) changes.pop()?.undo();
}

function endAtomic(mem: Mutator, { log, changes }: Notes): void {
  mem.depth -= ATOMIC_DEPTH;
  closeUndo(log, mem);
  for (const change of changes.splice(0)) change.commit?.();
}
