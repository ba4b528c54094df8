/**
 * What can be asked of the graph: which objects are tracked, and who refers to whom. All of it
 * walks the heap or its young cards, with the GIL held.
 *
 * Immortal and frozen objects and garbage that is being swept are no objects of any generation.
 * Immortal ones are named as referrers all the same: the named roots are what users look for.
 */

import {
  GC_FINALIZED,
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  type ObjectRef,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { gatherMembers, OLDEST } from './members.ts';
import { ObjectList } from './object-list.ts';
import { type Helpers, searchReferrers } from './referrers-shared.ts';

/** All generations but the permanent one. */
export const ALL_GENERATIONS = -1;

/** The objects of one generation, or of all: those that collections examine, by address. */
export function listObjects(mem: Memory, generation: number): ObjectList {
  const list = new ObjectList();
  gatherMembers(mem, generation === ALL_GENERATIONS ? OLDEST : generation, list);
  if (generation === ALL_GENERATIONS || generation === 0) return list;
  const { refs, length } = list;
  list.length = 0;
  for (let i = 0; i < length; i++) {
    const info = mem.i32[refs[i] + HEADER_INFO];
    if ((info & GC_GENERATION_MASK) === generation) list.push(refs[i]);
  }
  return list;
}

/** Whether the collector sees an object. Immortal ones are never garbage, so it does not. */
export function isExamined(mem: Memory, object: ObjectRef): boolean {
  const info = mem.i32[object + HEADER_INFO];
  return (info & GC_TRACKED) !== 0 && mem.i32[object + HEADER_COUNT] > 0;
}

/** Whether the finalizer of an object has run. */
export function isFinalized(mem: Memory, object: ObjectRef): boolean {
  return (mem.i32[object + HEADER_INFO] & GC_FINALIZED) !== 0;
}

/**
 * The tracked objects that refer to any of `targets`, each once, by address. O(heap). `helpers`
 * are asked when it is worth it.
 */
export function findReferrers(
  mem: Memory,
  targets: readonly ObjectRef[],
  helpers: Helpers,
): ObjectList {
  const found = new ObjectList();
  if (targets.length > 0) searchReferrers(mem, new Set(targets), found, helpers);
  return found;
}
