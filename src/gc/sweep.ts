/**
 * The sweep: what the test has found unreachable becomes free memory.
 *
 *   condemn   garbage gets its bit and is linked through its count words: nobody can reach it any
 *             more, so nobody needs its count
 *   unlink    each drops its references to objects that are not condemned
 *   free      backing and blocks go back, after all garbage is unlinked
 *
 * Both lists begin in control words, so any thread that holds the GIL can go on with a sweep that
 * was left off between two objects. Membership is a bit of the header. Slots of condemned objects
 * are not cleared: the references of one that is unlinked no longer count, which the verifier and
 * a recount respect.
 */

import { assert } from '../base/assert.ts';
import { freeBlock } from '../memory/blocks.ts';
import {
  GC_CONDEMNED,
  GC_CONDEMNED_LIST,
  GC_GENERATION_MASK,
  GC_SIZES,
  GC_UNLINKED,
  GC_UNLINKED_LIST,
  HEADER_COUNT,
  HEADER_INFO,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { unlinkGarbage } from '../object/dealloc.ts';
import { freeBacking } from '../object/references.ts';

/** Makes an object part of the garbage to be swept. The test has found it unreachable. */
export function condemn(mem: Memory, object: number): void {
  const { i32 } = mem;
  const info = i32[object + HEADER_INFO];
  assert((info & GC_CONDEMNED) === 0, 'sweep: an object is condemned once');
  i32[GC_SIZES + (info & GC_GENERATION_MASK)]--;
  i32[object + HEADER_COUNT] = i32[GC_CONDEMNED_LIST];
  i32[object + HEADER_INFO] = info | GC_CONDEMNED;
  i32[GC_CONDEMNED_LIST] = object;
}

/** Whether garbage waits to be swept. */
export function isSweepPending(mem: Memory): boolean {
  return (mem.i32[GC_CONDEMNED_LIST] | mem.i32[GC_UNLINKED_LIST]) !== 0;
}

/** Where a sweep ends: the garbage that had been condemned before. */
export interface SweepMark {
  readonly condemned: number;
  readonly unlinked: number;
}

/** Everything is swept. */
export const SWEEP_ALL: SweepMark = { condemned: 0, unlinked: 0 };

/** What is condemned by now: a sweep down to this mark leaves it to others. */
export function markSweep(mem: Memory): SweepMark {
  return { condemned: mem.i32[GC_CONDEMNED_LIST], unlinked: mem.i32[GC_UNLINKED_LIST] };
}

/** Sweeps down to a mark, at most `limit` steps, two per object. Returns whether it got there. */
export function sweep(mem: Memory, mark: SweepMark, limit: number): boolean {
  const { i32 } = mem;
  let steps = limit;
  while (i32[GC_CONDEMNED_LIST] !== mark.condemned) {
    if (steps-- <= 0) return false;
    unlinkFirst(mem);
  }
  while (i32[GC_UNLINKED_LIST] !== mark.unlinked) {
    if (steps-- <= 0) return false;
    freeFirst(mem);
  }
  return true;
}

function unlinkFirst(mem: Memory): void {
  const { i32 } = mem;
  const object = i32[GC_CONDEMNED_LIST];
  const info = i32[object + HEADER_INFO];
  i32[GC_CONDEMNED_LIST] = i32[object + HEADER_COUNT];
  i32[object + HEADER_COUNT] = i32[GC_UNLINKED_LIST];
  i32[object + HEADER_INFO] = info | GC_UNLINKED;
  i32[GC_UNLINKED_LIST] = object;
  unlinkGarbage(mem, object, info);
}

function freeFirst(mem: Memory): void {
  const { i32 } = mem;
  const object = i32[GC_UNLINKED_LIST];
  i32[GC_UNLINKED_LIST] = i32[object + HEADER_COUNT];
  freeBacking(mem, object, i32[object + HEADER_INFO]);
  freeBlock(mem, object as WordIndex);
}
