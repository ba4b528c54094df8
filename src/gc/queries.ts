/**
 * What can be asked of the graph: which objects are tracked, and who refers to whom. All of it
 * walks the heap or its young cards, with the GIL held.
 *
 * Immortal and frozen objects and garbage that is being swept are no objects of any generation.
 * Immortal ones are named as referrers all the same: the named roots are what users look for.
 */

import { visitBlocks } from '../memory/blocks.ts';
import {
  ENTRY_WORDS,
  GC_CONDEMNED,
  GC_FINALIZED,
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  type ObjectRef,
  PERMANENT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { visitRuns } from '../memory/pages.ts';
import { ENTRIES, hasValues, Ranges, tracedEnd } from '../object/ranges.ts';
import { gatherMembers, OLDEST } from './members.ts';
import { ObjectList } from './object-list.ts';

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

/** The tracked objects that refer to any of `targets`, each once, by address. O(heap). */
export function findReferrers(mem: Memory, targets: readonly ObjectRef[]): ObjectList {
  const found = new ObjectList();
  if (targets.length === 0) return found;
  const search = new ReferrerSearch(mem, targets);
  visitRuns(mem, (record) => {
    visitBlocks(mem, record, (block, info) => {
      if ((info & (GC_TRACKED | GC_CONDEMNED)) !== GC_TRACKED) return;
      if ((info & GC_GENERATION_MASK) === PERMANENT) return;
      if (search.isReferrer(block, info)) found.push(block);
    });
  });
  return found;
}

const FILTER_MASK = 0xffff;
const FILTER_SHIFT = 2; // blocks are at least four words

/** Which objects hold one of a set of others. */
class ReferrerSearch {
  declare private readonly mem: Memory;
  declare private readonly targets: ReadonlySet<number>;
  /** By the low bits of an address: whether a target may have it. Most references end here. */
  declare private readonly filter: Uint8Array;
  declare private readonly ranges: Ranges;

  constructor(mem: Memory, targets: readonly ObjectRef[]) {
    this.mem = mem;
    this.targets = new Set(targets);
    this.filter = new Uint8Array(FILTER_MASK + 1);
    this.ranges = new Ranges(mem);
    for (const target of targets) this.filter[(target >>> FILTER_SHIFT) & FILTER_MASK] = 1;
  }

  isReferrer(object: number, info: number): boolean {
    const { mem } = this;
    const end = tracedEnd(mem, object, info);
    for (let at = object + HEADER_WORDS; at < end; at++) {
      if (this.isTarget(mem.i32[at])) return true;
    }
    return hasValues(mem, info) && this.holdsInValues(object, info);
  }

  private holdsInValues(object: number, info: number): boolean {
    const { ranges } = this;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape } = ranges;
      const step = shape === ENTRIES ? ENTRY_WORDS : VALUE_WORDS;
      for (let { at } = ranges; at < end; at += step) {
        // Key and value of an entry stand in a row.
        if (this.holdsAt(at) || (shape === ENTRIES && this.holdsAt(at + VALUE_WORDS))) return true;
      }
    }
    return false;
  }

  private holdsAt(at: number): boolean {
    const { i32 } = this.mem;
    return i32[at + VALUE_HIGH] === TAG_REFERENCE && this.isTarget(i32[at + VALUE_LOW]);
  }

  private isTarget(referent: number): boolean {
    if (this.filter[(referent >>> FILTER_SHIFT) & FILTER_MASK] === 0) return false;
    return this.targets.has(referent);
  }
}
