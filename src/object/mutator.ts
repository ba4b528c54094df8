/**
 * A mutator: one thread's view of a heap, with what that thread keeps privately.
 *
 * Nothing here must survive the thread. The shared state is in the buffer.
 */

import { emptyPlaces } from '../base/arrays.ts';
import { MAX_KINDS, type ThreadId } from '../memory/layout.ts';
import { Memory } from '../memory/memory.ts';
import { ShapeTable } from './shape-table.ts';
import { StringCache } from './string-cache.ts';
import type { StructLayout } from './struct-layout.ts';
import type { UndoLog } from './undo-log.ts';

/** Added to the depth of atomic sections: above what sections nest. */
export const ATOMIC_DEPTH = 1 << 20;

/** A thread that reads and writes objects. */
export class Mutator extends Memory {
  declare readonly strings: StringCache;
  /** Struct layouts by kind, as far as this thread has met them. */
  declare readonly layouts: (StructLayout | undefined)[];
  /** Shapes by their names, as far as this thread has met them. */
  declare readonly shapes: ShapeTable;
  /** Rows of this thread's root table that were used and are free. */
  declare readonly freeRows: number[];
  /**
   * Nesting of sections: above 0 of exclusive ones, the GIL is held; below 0 of read sections; 0
   * outside. From ATOMIC_DEPTH on: of sections that can be undone.
   */
  declare depth: number;
  /** What atomic sections note; null until a struct or a section asks for it. */
  declare undoLog: UndoLog | null;

  constructor(buffer: SharedArrayBuffer, threadId: ThreadId) {
    super(buffer, threadId);
    this.strings = new StringCache(this);
    this.layouts = emptyPlaces(MAX_KINDS);
    this.shapes = new ShapeTable();
    this.freeRows = [];
    this.depth = 0;
    this.undoLog = null;
  }
}
