/**
 * What the cycle collector is told of allocations and deaths, and which containers it sees.
 *
 * count0 is CPython's: containers allocated minus containers freed since the last collection of
 * generation 0, never below 0 (gh-122862). All threads change one word, under the GIL, so it is
 * exact at every moment without flushing anything (semantics B4, gh-142048). Deaths may take the
 * word below 0, which means 0: the next allocation makes it 1. That keeps a branch, and code that
 * must be inlined, off the path of deaths.
 *
 * Structs that can hold references are tracked from birth. Arrays, maps, sets and plain objects are
 * tracked from the first reference to a container that they are given, and untracked again by a
 * full collection that finds none in them (semantics D3). So an untracked container holds no
 * container: nothing reachable only through it can be part of a cycle.
 */

import { addCards } from '../memory/cards.ts';
import {
  CARD_SHIFT,
  FIRST_STRUCT_KIND,
  GC_CONTAINER,
  GC_COUNTS,
  GC_GENERATION_MASK,
  GC_SIZES,
  GC_TRACKED,
  HEADER_INFO,
  KIND_BITS,
  KIND_RECORD_SHIFT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { runRecordOf } from '../memory/pages.ts';
import { slot, storeSlot } from './value.ts';

/** A container was allocated. */
export function countAllocation(mem: Memory): void {
  const count = mem.i32[GC_COUNTS];
  mem.i32[GC_COUNTS] = count < 0 ? 1 : count + 1;
}

/** A container with this info word dies by its count. */
export function countDeath(mem: Memory, info: number): void {
  mem.i32[GC_COUNTS]--;
  mem.i32[GC_SIZES + (info & GC_GENERATION_MASK)]--;
}

/** Stores the value in `slot` at `at`, in the array or map `container`. */
export function storeTracked(mem: Memory, container: number, at: number): void {
  if (slot[VALUE_HIGH] === TAG_REFERENCE) trackIfNeeded(mem, container, slot[VALUE_LOW]);
  storeSlot(mem, at);
}

/** A reference to `referent` is about to be stored in the array or map `container`. */
export function trackIfNeeded(mem: Memory, container: number, referent: number): void {
  if ((mem.i32[container + HEADER_INFO] & GC_TRACKED) !== 0) return;
  if ((mem.i32[referent + HEADER_INFO] & GC_CONTAINER) !== 0) track(mem, container);
}

/**
 * Whether objects of a kind are tracked only while they hold containers. Declared structs are from
 * birth on, tuples for ever or never: for them this costs a look at what they hold, and no more.
 */
export function isLazilyTracked(mem: Memory, kind: number): boolean {
  return kind < FIRST_STRUCT_KIND || (mem.i32[kindRecordBits(mem, kind)] & GC_TRACKED) === 0;
}

const kindRecordBits = (mem: Memory, kind: number) =>
  mem.kindTable + (kind << KIND_RECORD_SHIFT) + KIND_BITS;

/** Makes a container visible to the collector, as a young object. */
function track(mem: Memory, container: number): void {
  mem.i32[container + HEADER_INFO] |= GC_TRACKED;
  addCards(mem, runRecordOf(mem, container), false, 1 << (container >>> CARD_SHIFT));
}
