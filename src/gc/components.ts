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
  ENTRY_WORDS,
  HEADER_INFO,
  HEADER_WORDS,
  PAGE_WORDS_SHIFT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
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
  /** Bytes of the private tables that were needed. */
  readonly bytes: number;
}

/**
 * Sorts candidates into batches of whole components, each of at most `size` objects unless a single
 * component is larger.
 */
export function findBatches(mem: Memory, candidates: ObjectList, size: number): Batches {
  const { length } = candidates;
  if (length <= size) {
    return {
      objects: candidates.refs.slice(0, length),
      ends: length === 0 ? [] : [length],
      bytes: 0,
    };
  }
  const finder = new ComponentFinder(mem, candidates);
  finder.uniteAll();
  return finder.batches(size);
}

class ComponentFinder {
  declare private readonly mem: Memory;
  declare private readonly refs: Int32Array;
  declare private readonly length: number;
  /** Per candidate: its parent; a root is its own. */
  declare private readonly parents: Int32Array;
  /** From address to number plus one. */
  declare private readonly tables: SideTables;
  declare private readonly ranges: Ranges;

  constructor(mem: Memory, candidates: ObjectList) {
    this.mem = mem;
    this.refs = candidates.refs;
    this.length = candidates.length;
    this.parents = new Int32Array(candidates.length);
    this.tables = new SideTables(mem);
    this.ranges = new Ranges(mem);
    const { refs, tables, length } = this;
    let page = -1;
    for (let i = 0; i < length; i++) {
      if (refs[i] >>> PAGE_WORDS_SHIFT === page) continue;
      page = refs[i] >>> PAGE_WORDS_SHIFT;
      tables.cover(refs[i]);
    }
    for (let i = 0; i < length; i++) {
      this.parents[i] = i;
      tables.words[entryOf(tables.map[refs[i] >>> PAGE_WORDS_SHIFT], refs[i])] = i + 1;
    }
  }

  uniteAll(): void {
    const { mem, refs, length } = this;
    const { i32 } = mem;
    for (let i = 0; i < length; i++) {
      const object = refs[i];
      const info = i32[object + HEADER_INFO];
      const end = tracedEnd(mem, object, info);
      for (let at = object + HEADER_WORDS; at < end; at++) {
        if (i32[at] !== 0) this.unite(i, i32[at]);
      }
      if (hasValues(mem, info)) this.uniteValues(i, object, info);
    }
  }

  private uniteValues(i: number, object: number, info: number): void {
    const { ranges } = this;
    const { i32 } = this.mem;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape } = ranges;
      const step = shape === VALUES ? VALUE_WORDS : ENTRY_WORDS;
      for (let { at } = ranges; at < end; at += step) {
        if (i32[at + VALUE_HIGH] === TAG_REFERENCE) this.unite(i, i32[at + VALUE_LOW]);
        if (shape === VALUES) continue;
        const value = at + ENTRY_VALUE;
        if (i32[value + VALUE_HIGH] === TAG_REFERENCE) this.unite(i, i32[value + VALUE_LOW]);
      }
    }
  }

  private unite(i: number, referent: number): void {
    const { map, words } = this.tables;
    const page = referent >>> PAGE_WORDS_SHIFT;
    if (page >= map.length || map[page] === 0) return;
    const number = words[entryOf(map[page], referent)];
    if (number === 0) return; // no candidate
    const a = this.rootOf(i);
    const b = this.rootOf(number - 1);
    if (a < b) this.parents[b] = a;
    else if (b < a) this.parents[a] = b;
  }

  private rootOf(i: number): number {
    const { parents } = this;
    let at = i;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]];
      at = parents[at];
    }
    return at;
  }

  /** Sorts by component (a counting sort: roots are the first of their components). */
  batches(size: number): Batches {
    const { refs, parents, length, tables } = this;
    const uniting = parents.byteLength + tables.bytes;
    tables.discard();
    const starts = new Int32Array(length + 1);
    for (let i = 0; i < length; i++) {
      parents[i] = this.rootOf(i);
      starts[parents[i] + 1]++;
    }
    const ends: number[] = [];
    let begin = 0;
    for (let root = 0; root < length; root++) {
      const count = starts[root + 1];
      starts[root + 1] += starts[root];
      if (count === 0 || starts[root + 1] - begin <= size) continue;
      if (starts[root] > begin) ends.push(starts[root]);
      begin = starts[root];
    }
    if (begin < length) ends.push(length);
    const objects = new Int32Array(length);
    for (let i = 0; i < length; i++) objects[starts[parents[i]]++] = refs[i];
    // Each batch by address, as the test wants it.
    let from = 0;
    for (const to of ends) {
      objects.subarray(from, to).sort();
      from = to;
    }
    const sorting = parents.byteLength + starts.byteLength + objects.byteLength;
    const bytes = refs.byteLength + Math.max(uniting, sorting);
    return { objects, ends, bytes };
  }
}
