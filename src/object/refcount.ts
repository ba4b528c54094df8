/**
 * Reference counts: the primitives. `decref`, which also buries what died, is in `dealloc.ts`.
 *
 * The law: at every safepoint refcount(x) >= the number of slots, rows, named roots and locals
 * that hold x. So a reference is counted before it is published, and unpublished before it is
 * dropped. A negative count is immortal: it never changes again, and a count that runs over the
 * top becomes negative by itself, so saturation is sticky (PEP 683, semantics E3).
 *
 * Plain accesses: every caller holds the GIL, or is in a read section and calls `increfShared`.
 * With `counts: 'atomic'` each change is an `Atomics` call all the same.
 */

import { assert } from '../base/assert.ts';
import { HEADER_COUNT, IMMORTAL_COUNT } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** Counts one more reference to a living object. */
export function incref(mem: Memory, object: number): void {
  if (mem.atomicCounts) {
    increfAtomic(mem, object);
    return;
  }
  const count = mem.i32[object + HEADER_COUNT];
  if (count > 0) mem.i32[object + HEADER_COUNT] = count + 1;
  else assert(count < 0, 'refcount: incref of a living object');
}

/** As `incref`, in a read section, where others may do the same. */
export function increfShared(mem: Memory, object: number): void {
  increfAtomic(mem, object);
}

/** Counts one reference less. Returns whether it was the last: then the caller must dealloc. */
export function dropCount(mem: Memory, object: number): boolean {
  if (mem.atomicCounts) return dropCountAtomic(mem, object);
  const count = mem.i32[object + HEADER_COUNT];
  if (count > 1) {
    mem.i32[object + HEADER_COUNT] = count - 1;
    return false;
  }
  if (count === 1) return true;
  assert(count < 0, 'refcount: decref of a living object');
  return false;
}

function increfAtomic(mem: Memory, object: number): void {
  const at = object + HEADER_COUNT;
  const count = Atomics.load(mem.i32, at);
  assert(count !== 0, 'refcount: incref of a living object');
  if (count > 0) Atomics.add(mem.i32, at, 1);
}

function dropCountAtomic(mem: Memory, object: number): boolean {
  const at = object + HEADER_COUNT;
  const count = Atomics.load(mem.i32, at);
  assert(count !== 0, 'refcount: decref of a living object');
  return count > 0 && Atomics.sub(mem.i32, at, 1) === 1;
}

/** The exact count; negative for an immortal object. */
export function refcountOf(mem: Memory, object: number): number {
  return mem.i32[object + HEADER_COUNT];
}

/** Whether the object is never freed. */
export function isImmortal(mem: Memory, object: number): boolean {
  return mem.i32[object + HEADER_COUNT] < 0;
}

/** Makes an object immortal, for ever. What it holds lives as long as it holds it. */
export function makeImmortal(mem: Memory, object: number): void {
  mem.i32[object + HEADER_COUNT] = IMMORTAL_COUNT;
}
