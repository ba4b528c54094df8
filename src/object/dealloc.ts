/**
 * Death by count: at once, in the thread that dropped the last reference.
 *
 *   dealloc(x):  for each y that x references: if --count(y) == 0: dealloc(y)
 *                free x
 *
 * Without the recursion: the objects still to be freed are linked through their own count words,
 * so a chain of any length dies with constant stack and no memory (CPython: the trashcan).
 */

import { freeBlock } from '../memory/blocks.ts';
import {
  GC_CONTAINER,
  HEADER_COUNT,
  HEADER_INFO,
  type ObjectRef,
  TAG_REFERENCE,
  UNDO_NOTED,
  VALUE_HIGH,
  VALUE_LOW,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { dropCount } from './refcount.ts';
import { dropChunks, dropOutside, dropReferences } from './references.ts';
import { countDeath } from './tracking.ts';

/** Drops one reference to an object; the last one buries it and what dies with it. */
export function decref(mem: Memory, object: number): void {
  if (dropCount(mem, object)) dealloc(mem, object);
}

/**
 * Frees an object whose last reference is gone, and all that dies with it. In an atomic section,
 * what its log may tell of dies when that ends: see `undo-log.ts`.
 */
export function dealloc(mem: Memory, object: number): void {
  const info = mem.i32[object + HEADER_INFO];
  if ((info & UNDO_NOTED) !== 0 && isDeferred(mem, object, info)) return;
  if ((info & GC_CONTAINER) !== 0) countDeath(mem, info);
  const worklist = dropReferences(mem, object, info, 0);
  freeBlock(mem, object as WordIndex);
  if (worklist !== 0) bury(mem, worklist);
}

// Apart from `dealloc`: that is short, so that it is compiled into what calls it.
function isDeferred(mem: Memory, object: number, info: number): boolean {
  return mem.undo?.defers(object, info) ?? false;
}

/** Drops what garbage holds outside of itself. See `gc/sweep.ts`. */
export function unlinkGarbage(mem: Memory, object: number, info: number): void {
  const worklist = dropOutside(mem, object, info);
  if (worklist !== 0) bury(mem, worklist);
}

/** Frees the objects of a worklist, and all that dies with them. */
function bury(mem: Memory, worklist: number): void {
  let head = worklist;
  while (head !== 0) {
    const object = head;
    const info = mem.i32[object + HEADER_INFO];
    const next = mem.i32[object + HEADER_COUNT];
    if ((info & UNDO_NOTED) !== 0 && isDeferred(mem, object, info)) {
      head = next;
      continue;
    }
    if ((info & GC_CONTAINER) !== 0) countDeath(mem, info);
    head = dropReferences(mem, object, info, next);
    freeBlock(mem, object as WordIndex);
  }
}

/** Drops the entries of a list of map chunks that no map has any more, and the chunks. */
export function buryChunks(mem: Memory, first: number): void {
  bury(mem, dropChunks(mem, first, 0));
}

/** Drops the reference that a value (low, high) may be. Its slot holds another value by now. */
export function dropValue(mem: Memory, low: number, high: number): void {
  if (high === TAG_REFERENCE) decref(mem, low);
}

/** Drops the reference in the value at `at`. */
export function dropValueAt(mem: Memory, at: number): void {
  dropValue(mem, mem.i32[at + VALUE_LOW], mem.i32[at + VALUE_HIGH]);
}

/** Drops a reference that may be null. */
export function decrefUnlessNull(mem: Memory, object: ObjectRef): void {
  if (object !== 0) decref(mem, object);
}
