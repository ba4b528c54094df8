/**
 * The root table of a thread, in shared memory: one row per object that the thread keeps alive
 * from outside the heap. A row owns one count. Row 0 is never used; a free row is 0. Objects stand
 * at even addresses; ROW_ITERATOR says that the row is that of an open iterator of its map, so that
 * whoever releases the rows of a dead thread can close it.
 *
 * The list of free rows is private to the thread: it can be read off the table again.
 */

import { assert } from '../base/assert.ts';
import {
  LEAF_MASK,
  type ObjectRef,
  ROW_ITERATOR,
  THREAD_HELD_COUNT,
  THREAD_HELD_HEIGHT,
  THREAD_HELD_ROOT,
  THREAD_ROWS_COUNT,
  THREAD_ROWS_HEIGHT,
  THREAD_ROWS_ROOT,
} from '../memory/layout.ts';
import { aloneAmongReaders } from '../sync/readers.ts';
import { decref } from './dealloc.ts';
import type { Mutator } from './mutator.ts';
import { ensureWord, freeVector, wordAt } from './vector.ts';

/** Makes sure that the next `count` calls of `addRow` cannot fail. @throws HeapExhaustedError */
export function reserveRows(mem: Mutator, count: number): void {
  while (mem.freeRows.length < count) {
    const row = Math.max(1, mem.i32[mem.thread + THREAD_ROWS_COUNT]);
    ensureWord(mem, mem.thread + THREAD_ROWS_ROOT, row, -mem.threadId);
    mem.i32[mem.thread + THREAD_ROWS_COUNT] = row + 1;
    mem.freeRows.push(row);
  }
}

/** Rows made at a time where others have to wait for that. */
const READING_ROWS = 16;

/** Makes sure that the next `addRow` cannot fail, in a read section. @throws HeapExhaustedError */
export function reserveRowInReading(mem: Mutator): void {
  if (mem.freeRows.length !== 0) return;
  aloneAmongReaders(mem, () => {
    reserveRows(mem, 1);
    const room = mem.i32[mem.thread + THREAD_ROWS_COUNT] & (READING_ROWS - 1);
    // Rows in the same leaf need no memory.
    if (room !== 0) reserveRows(mem, READING_ROWS - room);
  });
}

/** Records that this thread holds `object`, and takes over one count of it. Returns the row. */
export function addRow(mem: Mutator, object: ObjectRef): number {
  reserveRows(mem, 1);
  const row = mem.freeRows.pop() as number;
  mem.i32[wordAt(mem, mem.thread + THREAD_ROWS_ROOT, row)] = object;
  return row;
}

/** The object in a row of this thread. */
export function refInRow(mem: Mutator, row: number): ObjectRef {
  return mem.i32[wordAt(mem, mem.thread + THREAD_ROWS_ROOT, row)] as ObjectRef;
}

/** As `addRow`, for an iterator that is about to be opened. @throws HeapExhaustedError */
export function addIteratorRow(mem: Mutator, map: ObjectRef): number {
  const row = addRow(mem, map);
  mem.i32[wordAt(mem, mem.thread + THREAD_ROWS_ROOT, row)] = map | ROW_ITERATOR;
  return row;
}

/** Empties a row. Its count goes to the caller. */
export function removeRow(mem: Mutator, row: number): ObjectRef {
  const at = wordAt(mem, mem.thread + THREAD_ROWS_ROOT, row);
  const object = (mem.i32[at] & ~ROW_ITERATOR) as ObjectRef;
  assert(object !== 0, 'row: only a row in use is removed');
  mem.i32[at] = 0;
  mem.freeRows.push(row);
  return object;
}

/** Releases all rows of this thread and frees its root table. */
export function releaseRows(mem: Mutator): void {
  const { i32, thread } = mem;
  const count = i32[thread + THREAD_ROWS_COUNT];
  for (let row = 1; row < count; row++) {
    const at = wordAt(mem, thread + THREAD_ROWS_ROOT, row);
    const object = i32[at] & ~ROW_ITERATOR;
    if (object === 0) continue;
    i32[at] = 0;
    decref(mem, object);
  }
  const root = i32[thread + THREAD_ROWS_ROOT];
  const height = i32[thread + THREAD_ROWS_HEIGHT];
  i32[thread + THREAD_ROWS_ROOT] = 0;
  i32[thread + THREAD_ROWS_HEIGHT] = 0;
  i32[thread + THREAD_ROWS_COUNT] = 0;
  freeVector(mem, root, height);
  mem.freeRows.length = 0;
}

// ── Copies half made ─────────────────────────────────────────────────────────────────────────
//
// A stack beside the rows: what a thread holds while a copy in several sections is under way. Each
// word owns one count.

/** Makes sure that the next `hold` cannot fail. @throws HeapExhaustedError */
export function reserveHold(mem: Mutator): void {
  const { i32, thread } = mem;
  const at = thread + THREAD_HELD_ROOT;
  const index = i32[thread + THREAD_HELD_COUNT];
  if ((index & (index - 1)) === 0 || (index & LEAF_MASK) === 0) {
    ensureWord(mem, at, index, -mem.threadId);
  }
}

/** Holds an object, and takes over one count of it. Room is reserved by now. */
export function hold(mem: Mutator, object: ObjectRef): void {
  const { i32, thread } = mem;
  const index = i32[thread + THREAD_HELD_COUNT];
  assert(i32[thread + THREAD_HELD_ROOT] !== 0, 'rows: room was reserved');
  i32[wordAt(mem, thread + THREAD_HELD_ROOT, index)] = object;
  i32[thread + THREAD_HELD_COUNT] = index + 1;
}

/** Lets go of what was held last. Its count goes to the caller. */
export function unhold(mem: Mutator): void {
  const { i32, thread } = mem;
  const index = i32[thread + THREAD_HELD_COUNT] - 1;
  i32[thread + THREAD_HELD_COUNT] = index;
  i32[wordAt(mem, thread + THREAD_HELD_ROOT, index)] = 0;
  if (index === 0) freeHeld(mem);
}

function freeHeld(mem: Mutator): void {
  const { i32, thread } = mem;
  const root = i32[thread + THREAD_HELD_ROOT];
  i32[thread + THREAD_HELD_ROOT] = 0;
  freeVector(mem, root, i32[thread + THREAD_HELD_HEIGHT]);
}
