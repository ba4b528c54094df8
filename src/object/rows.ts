/**
 * The root table of a thread, in shared memory: one row per object that the thread keeps alive
 * from outside the heap. A row owns one count. Row 0 is never used; a free row is 0.
 *
 * The list of free rows is private to the thread: it can be read off the table again.
 */

import { assert } from '../base/assert.ts';
import {
  type ObjectRef,
  THREAD_ROWS_COUNT,
  THREAD_ROWS_HEIGHT,
  THREAD_ROWS_ROOT,
} from '../memory/layout.ts';
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

/** Empties a row. Its count goes to the caller. */
export function removeRow(mem: Mutator, row: number): ObjectRef {
  const at = wordAt(mem, mem.thread + THREAD_ROWS_ROOT, row);
  const object = mem.i32[at] as ObjectRef;
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
    const object = i32[at];
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
