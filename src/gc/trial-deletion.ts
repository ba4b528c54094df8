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
  WORD_BYTES,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { hasValues, Ranges, tracedEnd, VALUES } from '../object/ranges.ts';
import { ObjectList } from './object-list.ts';
import { entryOf, REACHED, SideTables } from './side-tables.ts';

/** Entries that are kept between two tests. */
const KEPT_ENTRIES = 2 ** 16;
/** An entry of a member that only members hold. */
const UNHELD = 1;
/** An entry of a member that is reached, and is visited when its turn in the list comes. */
const PENDING = -3;

/** The test, with what one thread keeps for it. */
export class TrialDeletion {
  declare readonly mem: Memory;
  declare readonly tables: SideTables;
  /** The objects under test, in the order of their addresses. */
  declare readonly members: ObjectList;
  /** Where the entry of each member stands. */
  declare private entries: Int32Array;
  declare private readonly worklist: ObjectList;
  declare private readonly ranges: Ranges;
  /** The member whose turn it is: those at lower addresses are still to come. */
  declare private cursor: number;

  constructor(mem: Memory) {
    this.mem = mem;
    this.tables = new SideTables(mem);
    this.members = new ObjectList();
    this.entries = new Int32Array(KEPT_ENTRIES);
    this.worklist = new ObjectList();
    this.ranges = new Ranges(mem);
    this.cursor = 0;
  }

  /**
   * Tests the members. The unreachable ones go to `found`, in the order of the list; the others
   * stay in `members`, for the caller to read and then to `clear`.
   */
  deduceUnreachable(found: ObjectList): void {
    this.updateRefs();
    this.subtractRefs();
    this.reachFromOutside();
    this.sortOut(found);
  }

  /** Most bytes that the test has needed. */
  get bytes(): number {
    return this.tables.bytes + 2 * WORD_BYTES * this.members.length;
  }

  /** Ends the test, also one that has failed in the middle: all entries become 0 again. */
  clear(): void {
    const { tables, members, worklist } = this;
    if (!tables.isClear) {
      const { map, words } = tables;
      const { refs, length } = members;
      for (let i = 0; i < length; i++) {
        words[entryOf(map[refs[i] >>> PAGE_WORDS_SHIFT], refs[i])] = 0;
      }
      tables.clear();
    }
    members.clear();
    worklist.clear();
    if (this.entries.length > KEPT_ENTRIES) this.entries = new Int32Array(KEPT_ENTRIES);
  }

  /** gcRefs := refcount. */
  private updateRefs(): void {
    const { tables, members } = this;
    const { i32 } = this.mem;
    const { refs, length } = members;
    if (this.entries.length < length) this.entries = new Int32Array(length);
    const { entries } = this;
    const { map } = tables;
    let page = -1;
    let m = 0;
    let previous = 0;
    for (let i = 0; i < length; i++) {
      const object = refs[i];
      assert(object > previous, 'test: members are in the order of their addresses');
      previous = object;
      if (object >>> PAGE_WORDS_SHIFT !== page) {
        page = object >>> PAGE_WORDS_SHIFT;
        tables.cover(object);
        m = map[page];
      }
      entries[i] = entryOf(m, object);
    }
    const { words } = tables;
    for (let i = 0; i < length; i++) {
      const count = i32[refs[i] + HEADER_COUNT];
      assert(count > 0, 'test: members are alive');
      words[entries[i]] = 2 * count + 1;
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

  /**
   * Marks all members that are reachable from outside. From the last to the first: references
   * mostly lead to older objects at lower addresses, whose turn comes anyway; the others are
   * visited from the worklist.
   */
  private reachFromOutside(): void {
    const { members, entries, worklist } = this;
    const { words } = this.tables;
    const { refs, length } = members;
    for (let i = length - 1; i >= 0; i--) {
      const entry = words[entries[i]];
      if (entry === UNHELD || entry === REACHED) continue;
      assert(entry > UNHELD || entry === PENDING, 'test: gcRefs >= 0');
      words[entries[i]] = REACHED;
      this.cursor = refs[i];
      this.reachReferences(refs[i]);
      while (worklist.length !== 0) this.reachReferences(worklist.pop());
    }
  }

  /** Separates the unreachable from the others, and clears all entries. */
  private sortOut(found: ObjectList): void {
    const { members, entries, tables } = this;
    const { words } = tables;
    const { refs, length } = members;
    let survivors = 0;
    for (let i = 0; i < length; i++) {
      const at = entries[i];
      if (words[at] === UNHELD) found.push(refs[i]);
      else refs[survivors++] = refs[i];
      words[at] = 0;
    }
    members.length = survivors;
    tables.clear();
  }

  private reachReferences(object: number): void {
    const { mem, worklist, cursor } = this;
    const { i32 } = mem;
    const { map, words } = this.tables;
    const info = i32[object + HEADER_INFO];
    const end = tracedEnd(mem, object, info);
    for (let at = object + HEADER_WORDS; at < end; at++) {
      if (i32[at] !== 0) reach(map, words, worklist, cursor, i32[at]);
    }
    if (hasValues(mem, info)) this.reachValues(object, info);
  }

  private reachValues(object: number, info: number): void {
    const { ranges, worklist, cursor } = this;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape } = ranges;
      let { at } = ranges;
      if (shape === VALUES) {
        for (; at < end; at += VALUE_WORDS) {
          if (i32[at + VALUE_HIGH] === TAG_REFERENCE) {
            reach(map, words, worklist, cursor, i32[at + VALUE_LOW]);
          }
        }
      } else {
        for (; at < end; at += ENTRY_WORDS) this.reachEntry(at);
      }
    }
  }

  private reachEntry(entry: number): void {
    const { worklist, cursor } = this;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    for (let at = entry; at < entry + 2 * VALUE_WORDS; at += VALUE_WORDS) {
      if (i32[at + VALUE_HIGH] !== TAG_REFERENCE) continue;
      reach(map, words, worklist, cursor, i32[at + VALUE_LOW]);
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

/** A member that is reached refers to `referent`. Those below `cursor` are still to come. */
function reach(
  map: Int32Array,
  words: Int32Array,
  worklist: ObjectList,
  cursor: number,
  referent: number,
): void {
  const m = map[referent >>> PAGE_WORDS_SHIFT];
  if (m === 0) return;
  const at = entryOf(m, referent);
  if (words[at] <= 0) return; // no member, or reached
  if (referent < cursor) {
    words[at] = PENDING;
    return;
  }
  words[at] = REACHED;
  worklist.push(referent);
}
