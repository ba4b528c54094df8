/**
 * The object header: a count and an info word. See the drawing in `memory/layout.ts`.
 */

import {
  FIRST_STRUCT_KIND,
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_CHUNK,
  KIND_NODE,
  KIND_SHIFT,
  type ObjectRef,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** The kind of an object; KIND_FREE for a block that holds none. */
export function kindOf(mem: Memory, object: number): number {
  return mem.i32[object + HEADER_INFO] >>> KIND_SHIFT;
}

/** Whether a block of this kind is the backing of a container, not an object itself. */
export const isBackingKind = (kind: number): boolean => kind === KIND_NODE || kind === KIND_CHUNK;

/** Whether objects of this kind are structs. */
export const isStructKind = (kind: number): boolean => kind >= FIRST_STRUCT_KIND;

/** The generation of an object: 0 young to 2 oldest, 3 permanent. */
export function generationOf(mem: Memory, object: ObjectRef): number {
  return mem.i32[object + HEADER_INFO] & GC_GENERATION_MASK;
}

/** Whether the cycle collector sees the object. */
export function isTracked(mem: Memory, object: ObjectRef): boolean {
  return (mem.i32[object + HEADER_INFO] & GC_TRACKED) !== 0;
}

/**
 * Makes a block an object that its caller owns once: the count first, the info word last, since
 * a block is an object from that store on. The payload is complete by now.
 */
export function publish(mem: Memory, block: number, info: number): ObjectRef {
  mem.i32[block + HEADER_COUNT] = 1;
  mem.i32[block + HEADER_INFO] = info;
  return block as ObjectRef;
}
