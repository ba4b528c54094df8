/**
 * Components: candidates that refer to each other, directly or through others, in either direction.
 *
 * Whether a component is garbage does not depend on the others, so components can be settled in
 * several short stops. They are found by union-find (Tarjan, 1975; path halving) beside the
 * mutators. What is read there may be stale, but garbage does not change: a component of garbage is
 * found as it is. For the rest a wrong guess costs nothing, since each batch is tested exactly.
 */

import {
  ENTRY_VALUE,
  HEADER_INFO,
  HEADER_WORDS,
  PAGE_WORDS_SHIFT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { hasValues, Ranges, tracedEnd, VALUES } from '../object/ranges.ts';
import type { ObjectList } from './object-list.ts';
import { entryOf, SideTables } from './side-tables.ts';

/** Candidates in the order of their components, and where batches of whole components end. */
export interface Batches {
  readonly objects: Int32Array;
  /** Indices into `objects`, one behind the end of each batch. */
  readonly ends: readonly number[];
  /** Whether these are all candidates: large components are left out. */
  readonly isAll: boolean;
  /** Bytes of the private tables that were needed. */
  readonly bytes: number;
}

/**
 * Sorts candidates into batches of whole components, each of at most `size` objects unless a single
 * component is larger. Components of more than `large` objects are left out.
 */
export function findBatches(
  mem: Memory,
  candidates: ObjectList,
  size: number,
  large: number,
): Batches {
  const { length } = candidates;
  if (length <= size) {
    return {
      objects: candidates.refs.slice(0, length),
      ends: length === 0 ? [] : [length],
      isAll: true,
      bytes: 0,
    };
  }
  const finder = new ComponentFinder(mem, candidates);
  finder.uniteAll();
  return finder.batches(size, large);
}

/** The entry of a root whose component is left out. */
const LEFT_OUT = -(2 ** 31);

/**
 * The forest stands in side tables: the entry of a candidate is its parent's index there, that of a
 * root is minus the size of its component. Roots have the lowest index, and so the lowest address.
 */
class ComponentFinder {
  declare private readonly mem: Memory;
  declare private readonly refs: Int32Array;
  declare private readonly length: number;
  declare private readonly tables: SideTables;
  declare private readonly ranges: Ranges;

  constructor(mem: Memory, candidates: ObjectList) {
    this.mem = mem;
    this.refs = candidates.refs;
    this.length = candidates.length;
    this.tables = new SideTables(mem);
    this.ranges = new Ranges(mem);
    const { refs, tables, length } = this;
    let page = -1;
    for (let i = 0; i < length; i++) {
      if (refs[i] >>> PAGE_WORDS_SHIFT === page) continue;
      page = refs[i] >>> PAGE_WORDS_SHIFT;
      tables.cover(refs[i]);
    }
    for (let i = 0; i < length; i++) tables.words[this.entryOf(refs[i])] = -1;
  }

  private entryOf(candidate: number): number {
    return entryOf(this.tables.map[candidate >>> PAGE_WORDS_SHIFT], candidate);
  }

  uniteAll(): void {
    const { mem, refs, length } = this;
    const { i32 } = mem;
    for (let i = 0; i < length; i++) {
      const object = refs[i];
      const entry = this.entryOf(object);
      const info = i32[object + HEADER_INFO];
      const end = tracedEnd(mem, object, info);
      for (let at = object + HEADER_WORDS; at < end; at++) {
        if (i32[at] !== 0) this.unite(entry, i32[at]);
      }
      if (hasValues(mem, info)) this.uniteValues(entry, object, info);
    }
  }

  private uniteValues(entry: number, object: number, info: number): void {
    const { ranges } = this;
    const { i32 } = this.mem;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape, step } = ranges;
      for (let { at } = ranges; at < end; at += step) {
        if (i32[at + VALUE_HIGH] === TAG_REFERENCE) this.unite(entry, i32[at + VALUE_LOW]);
        if (shape === VALUES) continue;
        const value = at + ENTRY_VALUE;
        if (i32[value + VALUE_HIGH] === TAG_REFERENCE) this.unite(entry, i32[value + VALUE_LOW]);
      }
    }
  }

  private unite(entry: number, referent: number): void {
    const { map, words } = this.tables;
    const page = referent >>> PAGE_WORDS_SHIFT;
    if (page >= map.length || map[page] === 0) return;
    const other = entryOf(map[page], referent);
    if (words[other] === 0) return; // no candidate
    const a = rootOf(words, entry);
    const b = rootOf(words, other);
    if (a === b) return;
    const root = a < b ? a : b;
    const child = a < b ? b : a;
    words[root] += words[child];
    words[child] = root;
  }

  /** Sorts by component (a counting sort: roots are the first of their components). */
  batches(size: number, large: number): Batches {
    const { refs, length } = this;
    const { words, bytes } = this.tables;
    const ends: number[] = [];
    let begin = 0;
    let total = 0;
    for (let i = 0; i < length; i++) {
      const entry = this.entryOf(refs[i]);
      if (words[entry] > 0) continue;
      const count = -words[entry];
      words[entry] = LEFT_OUT;
      if (count > large) continue;
      words[entry] = -1 - total; // from here on: minus the next place in the order, minus one
      if (total > begin && total + count - begin > size) {
        ends.push(total);
        begin = total;
      }
      total += count;
    }
    if (begin < total) ends.push(total);
    const objects = new Int32Array(total);
    for (let i = 0; i < length; i++) {
      const root = rootOf(words, this.entryOf(refs[i]));
      if (words[root] !== LEFT_OUT) objects[-1 - words[root]--] = refs[i];
    }
    // Each batch by address, as the test wants it.
    let from = 0;
    for (const to of ends) {
      objects.subarray(from, to).sort();
      from = to;
    }
    return {
      objects,
      ends,
      isAll: total === length,
      bytes: refs.byteLength + bytes + objects.byteLength,
    };
  }
}

function rootOf(words: Int32Array, entry: number): number {
  let at = entry;
  for (let parent = words[at]; parent > 0; parent = words[at]) {
    const grandparent = words[parent];
    if (grandparent <= 0) return parent;
    words[at] = grandparent; // path halving
    at = grandparent;
  }
  return at;
}
