/**
 * Who refers to whom: the search for the objects that hold any of a set of targets.
 *
 * Runs are searched one by one, by one thread or by several: each takes the next run that nobody
 * has taken, so who comes late does less, and nobody waits for anybody. What is found in a run is
 * a bit per block; read run by run it is in the order of addresses, whoever has found it. The lead
 * is in `referrers-shared.ts`.
 *
 *   run to search  as a run of `job.ts`, then
 *                  FOUND_COUNT  how many referrers it has; SEARCHING until it is searched
 *                  FOUND_BITS   where its bits are; they hold anything when it has none
 *   targets        how many, then their addresses
 *
 * Immortal objects are referrers, frozen ones and garbage that is being swept are none.
 */

import {
  ENTRY_VALUE,
  GC_CONDEMNED,
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_INFO,
  HEADER_WORDS,
  PERMANENT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { ENTRIES, hasValues, Ranges, tracedEnd } from '../object/ranges.ts';
import {
  JOB_ABORTED,
  JOB_RUN_COUNT,
  JOB_RUNS,
  JOB_TAKEN,
  JOB_TARGETS,
  jobState,
  RUN_BLOCK_WORDS,
  RUN_END,
  RUN_START,
  RUN_WORDS,
  SCANNER_SCANNED,
  scannerAt,
} from './job.ts';
import { ObjectList } from './object-list.ts';

export const FOUND_COUNT = RUN_WORDS;
export const FOUND_BITS = RUN_WORDS + 1;
export const SEARCHED_RUN_WORDS = RUN_WORDS + 2;
/** The run was not searched to its end. */
export const SEARCHING = -1;

const FILTER_BITS = 2 ** 16;
const FILTER_SHIFT = 2; // blocks are at least four words
const FILTER_MASK = FILTER_BITS / 32 - 1;

/** A search for the referrers of a set of objects. */
export class ReferrerSearch {
  declare private readonly mem: Memory;
  declare private readonly targets: ReadonlySet<number>;
  /** By some bits of an address, whether a target may have it. Most references end here. */
  declare private readonly filter: Int32Array;
  declare private readonly ranges: Ranges;
  declare private readonly found: ObjectList;

  constructor(mem: Memory, targets: ReadonlySet<number>, found: ObjectList) {
    this.mem = mem;
    this.targets = targets;
    this.filter = new Int32Array(FILTER_BITS / 32);
    this.ranges = new Ranges(mem);
    this.found = found;
    for (const target of targets) {
      const bit = target >>> FILTER_SHIFT; // a shift takes five bits of it
      this.filter[(bit >>> 5) & FILTER_MASK] |= 1 << bit;
    }
  }

  /** Appends the referrers among the blocks of a run to what was found. */
  searchRun(start: number, blockWords: number, end: number): void {
    const { mem, found } = this;
    const { i32 } = mem;
    for (let object = start; object < end; object += blockWords) {
      const info = i32[object + HEADER_INFO];
      if ((info & (GC_TRACKED | GC_CONDEMNED)) !== GC_TRACKED) continue;
      if ((info & GC_GENERATION_MASK) === PERMANENT) continue;
      if (this.isReferrer(object, info)) found.push(object);
    }
  }

  private isReferrer(object: number, info: number): boolean {
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
      const { end, shape, step } = ranges;
      for (let { at } = ranges; at < end; at += step) {
        if (this.holdsAt(at) || (shape === ENTRIES && this.holdsAt(at + ENTRY_VALUE))) return true;
      }
    }
    return false;
  }

  private holdsAt(at: number): boolean {
    const { i32 } = this.mem;
    return i32[at + VALUE_HIGH] === TAG_REFERENCE && this.isTarget(i32[at + VALUE_LOW]);
  }

  private isTarget(referent: number): boolean {
    const bit = referent >>> FILTER_SHIFT;
    if (((this.filter[(bit >>> 5) & FILTER_MASK] >>> bit) & 1) === 0) return false;
    return this.targets.has(referent);
  }
}

/** Searches runs of the job as scanner `me`, until none is left or the job is aborted. */
export function searchRuns(mem: Memory, me: number): void {
  const { i32 } = mem;
  const list = i32[JOB_TARGETS];
  const first = list + TARGETS_AT;
  const found = new ObjectList();
  const search = new ReferrerSearch(mem, new Set(i32.subarray(first, first + i32[list])), found);
  const runs = i32[JOB_RUNS];
  const count = i32[JOB_RUN_COUNT];
  let searched = 0;
  for (;;) {
    const taken = Atomics.add(i32, JOB_TAKEN, 1);
    if (taken >= count || jobState(mem) === JOB_ABORTED) return;
    const run = runs + taken * SEARCHED_RUN_WORDS;
    search.searchRun(i32[run + RUN_START], i32[run + RUN_BLOCK_WORDS], i32[run + RUN_END] >>> 0);
    if (found.length > 0) writeFound(mem, run, found);
    i32[run + FOUND_COUNT] = found.length;
    found.clear();
    i32[scannerAt(me) + SCANNER_SCANNED] = ++searched;
  }
}

/** Of a list of targets, where the first stands. */
export const TARGETS_AT = 1;

/** Words of the bits of a run with so many blocks. */
export const foundWords = (blocks: number): number => (blocks + 31) >>> 5;

function writeFound(mem: Memory, run: number, { refs, length }: ObjectList): void {
  const { i32 } = mem;
  const start = i32[run + RUN_START];
  const blockWords = i32[run + RUN_BLOCK_WORDS];
  const bits = i32[run + FOUND_BITS];
  const blocks = ((i32[run + RUN_END] >>> 0) - start) / blockWords;
  i32.fill(0, bits, bits + foundWords(blocks)); // scratch pages have held other things before
  for (let i = 0; i < length; i++) {
    const block = (refs[i] - start) / blockWords;
    i32[bits + (block >>> 5)] |= 1 << block; // the shift takes five bits
  }
}

/** Appends what was found in a run to `found`. */
export function readFound(mem: Memory, run: number, found: ObjectList): void {
  const { i32 } = mem;
  const start = i32[run + RUN_START];
  const blockWords = i32[run + RUN_BLOCK_WORDS];
  let word = i32[run + FOUND_BITS];
  let left = i32[run + FOUND_COUNT];
  for (let block = 0; left > 0; block += 32, word++) {
    for (let bits = i32[word]; bits !== 0; bits &= bits - 1, left--) {
      found.push(start + (block + 31 - Math.clz32(bits & -bits)) * blockWords);
    }
  }
}
