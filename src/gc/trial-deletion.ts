/**
 * The test, serially: trial deletion over a list of objects (CPython's `deduce_unreachable`).
 *
 *   gcRefs(x) := refcount(x) - references to x from members
 *   reachable := members with gcRefs > 0, and what members they reach
 *   the other members are unreachable
 *
 * With exact counts and a still graph this is exact for any set of members: what is not reachable
 * from outside of it can never be reached again. Nothing is written but side tables.
 */

import { assert } from '../base/assert.ts';
import {
  ENTRY_WORDS,
  HEADER_COUNT,
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
import { ObjectList } from './object-list.ts';
import { entryOf, REACHED, SideTables } from './side-tables.ts';

/** An entry of a member that only members hold. */
const UNHELD = 1;

/** The test, with what one thread keeps for it. */
export class TrialDeletion {
  declare readonly mem: Memory;
  declare readonly tables: SideTables;
  /** The objects under test. */
  declare readonly members: ObjectList;
  declare private readonly worklist: ObjectList;
  declare private readonly ranges: Ranges;

  constructor(mem: Memory) {
    this.mem = mem;
    this.tables = new SideTables(mem);
    this.members = new ObjectList();
    this.worklist = new ObjectList();
    this.ranges = new Ranges(mem);
  }

  /** Finds out which members are unreachable; `isUnreachable` then tells. */
  deduceUnreachable(): void {
    this.updateRefs();
    this.subtractRefs();
    this.reachFromOutside();
  }

  /** Whether the test has found a member unreachable. */
  isUnreachable(member: number): boolean {
    const { map, words } = this.tables;
    return words[entryOf(map[member >>> PAGE_WORDS_SHIFT], member)] === UNHELD;
  }

  /** Ends the test: all entries become 0 again, the list empty. */
  clear(): void {
    const { tables, members } = this;
    const { map, words } = tables;
    const { refs, length } = members;
    for (let i = 0; i < length; i++) {
      words[entryOf(map[refs[i] >>> PAGE_WORDS_SHIFT], refs[i])] = 0;
    }
    tables.clear();
    members.clear();
  }

  /** gcRefs := refcount. */
  private updateRefs(): void {
    const { tables, members } = this;
    const { i32 } = this.mem;
    const { refs, length } = members;
    let page = -1;
    for (let i = 0; i < length; i++) {
      const object = refs[i];
      if (object >>> PAGE_WORDS_SHIFT === page) continue;
      page = object >>> PAGE_WORDS_SHIFT;
      tables.cover(object);
    }
    const { map, words } = tables;
    for (let i = 0; i < length; i++) {
      const object = refs[i];
      const count = i32[object + HEADER_COUNT];
      assert(count > 0, 'test: members are alive');
      words[entryOf(map[object >>> PAGE_WORDS_SHIFT], object)] = 2 * count + 1;
    }
  }

  /** gcRefs := references from outside. */
  private subtractRefs(): void {
    const { mem, members } = this;
    const { i32 } = mem;
    const { map, words } = this.tables;
    const { refs, length } = members;
    for (let i = 0; i < length; i++) {
      const object = refs[i];
      const info = i32[object + HEADER_INFO];
      const end = tracedEnd(mem, object, info);
      for (let at = object + HEADER_WORDS; at < end; at++) {
        if (i32[at] !== 0) subtract(map, words, i32[at]);
      }
      if (hasValues(mem, info)) this.subtractValues(object, info);
    }
  }

  private subtractValues(object: number, info: number): void {
    const { ranges } = this;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape } = ranges;
      let { at } = ranges;
      if (shape === VALUES) {
        for (; at < end; at += VALUE_WORDS) {
          if (i32[at + VALUE_HIGH] === TAG_REFERENCE) subtract(map, words, i32[at + VALUE_LOW]);
        }
      } else {
        for (; at < end; at += ENTRY_WORDS) subtractEntry(i32, map, words, at);
      }
    }
  }

  /** Marks all members that are reachable from outside. */
  private reachFromOutside(): void {
    const { members, worklist } = this;
    const { map, words } = this.tables;
    const { refs, length } = members;
    for (let i = 0; i < length; i++) {
      const member = refs[i];
      const at = entryOf(map[member >>> PAGE_WORDS_SHIFT], member);
      assert(words[at] >= UNHELD || words[at] === REACHED, 'test: gcRefs >= 0');
      if (words[at] <= UNHELD) continue;
      words[at] = REACHED;
      this.reachReferences(member);
      while (worklist.length !== 0) this.reachReferences(worklist.pop());
    }
  }

  private reachReferences(object: number): void {
    const { mem, worklist } = this;
    const { i32 } = mem;
    const { map, words } = this.tables;
    const info = i32[object + HEADER_INFO];
    const end = tracedEnd(mem, object, info);
    for (let at = object + HEADER_WORDS; at < end; at++) {
      if (i32[at] !== 0) reach(map, words, worklist, i32[at]);
    }
    if (hasValues(mem, info)) this.reachValues(object, info);
  }

  private reachValues(object: number, info: number): void {
    const { ranges, worklist } = this;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape } = ranges;
      let { at } = ranges;
      if (shape === VALUES) {
        for (; at < end; at += VALUE_WORDS) {
          if (i32[at + VALUE_HIGH] === TAG_REFERENCE) {
            reach(map, words, worklist, i32[at + VALUE_LOW]);
          }
        }
      } else {
        for (; at < end; at += ENTRY_WORDS) reachEntry(i32, map, words, worklist, at);
      }
    }
  }
}

function subtract(map: Int32Array, words: Int32Array, referent: number): void {
  const m = map[referent >>> PAGE_WORDS_SHIFT];
  if (m === 0) return;
  const at = entryOf(m, referent);
  if ((words[at] & 1) !== 0) words[at] -= 2;
}

/** Key and value of a map's entry stand in a row. */
function subtractEntry(i32: Int32Array, map: Int32Array, words: Int32Array, entry: number): void {
  for (let at = entry; at < entry + 2 * VALUE_WORDS; at += VALUE_WORDS) {
    if (i32[at + VALUE_HIGH] === TAG_REFERENCE) subtract(map, words, i32[at + VALUE_LOW]);
  }
}

function reach(map: Int32Array, words: Int32Array, worklist: ObjectList, referent: number): void {
  const m = map[referent >>> PAGE_WORDS_SHIFT];
  if (m === 0) return;
  const at = entryOf(m, referent);
  if (words[at] <= 0) return; // no member, or reached
  words[at] = REACHED;
  worklist.push(referent);
}

function reachEntry(
  i32: Int32Array,
  map: Int32Array,
  words: Int32Array,
  worklist: ObjectList,
  entry: number,
): void {
  for (let at = entry; at < entry + 2 * VALUE_WORDS; at += VALUE_WORDS) {
    if (i32[at + VALUE_HIGH] === TAG_REFERENCE) reach(map, words, worklist, i32[at + VALUE_LOW]);
  }
}
