/**
 * The test, serially: trial deletion over a list of objects (CPython's `deduce_unreachable`).
 *
 *   gcRefs(x) := refcount(x) - references to x from members
 *   reachable := members with gcRefs > 0, and what members they reach
 *   the other members are unreachable
 *
 * The first two steps are two passes over all references, and one where references lead from later
 * members to earlier ones: 26 instead of 41 ns for each object of a chain with random references.
 *
 * With exact counts and a still graph this is exact for any set of members: what is not reachable
 * from outside of it can never be reached again. Nothing is written but side tables.
 */

import { assert } from '../base/assert.ts';
import {
  ENTRY_VALUE,
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_RECORD_SHIFT,
  KIND_SHIFT,
  KIND_TRACED,
  KIND_VALUES,
  PAGE_WORDS_SHIFT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
  WORD_BYTES,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { Ranges, VALUES } from '../object/ranges.ts';
import { ObjectList } from './object-list.ts';
import { entryOf, SideTables } from './side-tables.ts';
import {
  COUNTED_MAX,
  GC_REFS_SHIFT,
  handOn,
  MEMBER,
  MEMBER_REACHED,
  REACHED,
  reach,
  subtract,
  UNHELD,
} from './trial-entries.ts';

/** Entries that are kept between two tests. */
const KEPT_ENTRIES = 2 ** 16;

/** Tests in two passes after one whose single pass was not enough. */
const TWICE_AFTER = 15;

/** The test, with what one thread keeps for it. */
export class TrialDeletion {
  declare readonly mem: Memory;
  declare readonly tables: SideTables;
  /** The objects under test: those of a page in a row, by address. */
  declare readonly members: ObjectList;
  /** Where the entry of each member stands. */
  declare private entries: Int32Array;
  declare private readonly worklist: ObjectList;
  declare private readonly ranges: Ranges;
  /** How many of the next tests take two passes from the beginning. */
  declare private twice: number;

  constructor(mem: Memory) {
    this.mem = mem;
    this.tables = new SideTables(mem);
    this.members = new ObjectList();
    this.entries = new Int32Array(KEPT_ENTRIES);
    this.worklist = new ObjectList();
    this.ranges = new Ranges(mem);
    this.twice = 0;
  }

  /**
   * Tests the members. The unreachable ones go to `found`, in the order of the list; the others
   * stay in `members`, for the caller to read and then to `clear`.
   */
  deduceUnreachable(found: ObjectList): void {
    this.findEntries();
    this.updateRefs();
    if (this.twice > 0) {
      this.twice--;
      this.subtractRefs();
      this.reachFromOutside();
    } else if (!this.testAtOnce()) {
      this.twice = TWICE_AFTER;
      this.forgetReached();
      this.reachFromOutside();
    }
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

  /** Gives every member an entry. */
  private findEntries(): void {
    const { tables, members } = this;
    const { refs, length } = members;
    if (this.entries.length < length) this.entries = new Int32Array(length);
    const { entries } = this;
    const { map } = tables;
    let page = -1;
    let m = 0;
    let previous = 0;
    for (let i = 0; i < length; i++) {
      const object = refs[i];
      if (object >>> PAGE_WORDS_SHIFT !== page) {
        page = object >>> PAGE_WORDS_SHIFT;
        tables.cover(object);
        m = map[page];
      }
      entries[i] = entryOf(m, object);
      assert(entries[i] > previous, 'test: entries are in the order of the members');
      previous = entries[i];
    }
  }

  /** gcRefs := refcount. */
  private updateRefs(): void {
    const { members, entries } = this;
    const { i32 } = this.mem;
    const { words } = this.tables;
    const { refs, length } = members;
    for (let i = 0; i < length; i++) {
      const count = i32[refs[i] + HEADER_COUNT];
      assert(count > 0, 'test: members are alive');
      words[entries[i]] = count < COUNTED_MAX ? (count << GC_REFS_SHIFT) | MEMBER : MEMBER_REACHED;
    }
  }

  /**
   * Both passes in one, from the last member to the first. References mostly lead to older objects,
   * whose turn comes later: then all references to a member from other members are known when its
   * turn comes, and it hands on at once whether it is reachable.
   *
   * A reference to a member that has had its turn does no harm while something else holds that
   * member. False when nothing else does: then it may have handed on what is not so. All references
   * between members are subtracted in either case.
   */
  private testAtOnce(): boolean {
    const { mem, members, entries } = this;
    const { i32, kindTable } = mem;
    const { map, words } = this.tables;
    const { refs, length } = members;
    let isSure = true;
    for (let i = length - 1; i >= 0; i--) {
      const object = refs[i];
      const entry = entries[i];
      const isHeld = words[entry] === UNHELD ? 0 : 1;
      const info = i32[object + HEADER_INFO];
      const record = kindTable + ((info >>> KIND_SHIFT) << KIND_RECORD_SHIFT);
      const end = object + HEADER_WORDS + i32[record + KIND_TRACED];
      for (let at = object + HEADER_WORDS; at < end; at++) {
        if (i32[at] !== 0) isSure = handOn(map, words, entry, isHeld, i32[at], 1) && isSure;
      }
      if (i32[record + KIND_VALUES] === 0) continue;
      isSure = this.handOnValues(object, info, entry, isHeld) && isSure;
    }
    return isSure;
  }

  private handOnValues(object: number, info: number, entry: number, isHeld: number): boolean {
    const { ranges } = this;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    let isSure = true;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape, step } = ranges;
      if (shape === VALUES) {
        isSure = this.handOnRow(entry, isHeld) && isSure;
        continue;
      }
      for (let { at } = ranges; at < end; at += step) {
        if (i32[at + VALUE_HIGH] === TAG_REFERENCE) {
          isSure = handOn(map, words, entry, isHeld, i32[at + VALUE_LOW], 1) && isSure;
        }
        if (i32[at + ENTRY_VALUE + VALUE_HIGH] !== TAG_REFERENCE) continue;
        isSure = handOn(map, words, entry, isHeld, i32[at + ENTRY_VALUE + VALUE_LOW], 1) && isSure;
      }
    }
    return isSure;
  }

  /**
   * Values in a row. Those that refer to the same object one after the other are handed on at once:
   * one by one, each would wait until the one before has written the entry.
   */
  private handOnRow(entry: number, isHeld: number): boolean {
    const { at: from, end, step } = this.ranges;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    let isSure = true;
    let referent = 0;
    let times = 0;
    for (let at = from; at < end; at += step) {
      if (i32[at + VALUE_HIGH] !== TAG_REFERENCE) continue;
      if (i32[at + VALUE_LOW] !== referent) {
        if (times > 0) isSure = handOn(map, words, entry, isHeld, referent, times) && isSure;
        referent = i32[at + VALUE_LOW];
        times = 0;
      }
      times++;
    }
    if (times > 0) isSure = handOn(map, words, entry, isHeld, referent, times) && isSure;
    return isSure;
  }

  /** gcRefs := references from outside. */
  private subtractRefs(): void {
    const { mem, members } = this;
    const { i32, kindTable } = mem;
    const { map, words } = this.tables;
    const { refs, length } = members;
    for (let i = 0; i < length; i++) {
      const object = refs[i];
      const info = i32[object + HEADER_INFO];
      const record = kindTable + ((info >>> KIND_SHIFT) << KIND_RECORD_SHIFT);
      const end = object + HEADER_WORDS + i32[record + KIND_TRACED];
      for (let at = object + HEADER_WORDS; at < end; at++) {
        if (i32[at] !== 0) subtract(map, words, i32[at], 1);
      }
      if (i32[record + KIND_VALUES] !== 0) this.subtractValues(object, info);
    }
  }

  private subtractValues(object: number, info: number): void {
    const { ranges } = this;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape, step } = ranges;
      if (shape === VALUES) {
        this.subtractRow();
        continue;
      }
      for (let { at } = ranges; at < end; at += step) {
        if (i32[at + VALUE_HIGH] === TAG_REFERENCE) subtract(map, words, i32[at + VALUE_LOW], 1);
        if (i32[at + ENTRY_VALUE + VALUE_HIGH] !== TAG_REFERENCE) continue;
        subtract(map, words, i32[at + ENTRY_VALUE + VALUE_LOW], 1);
      }
    }
  }

  /** As `handOnRow`. */
  private subtractRow(): void {
    const { at: from, end, step } = this.ranges;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    let referent = 0;
    let times = 0;
    for (let at = from; at < end; at += step) {
      if (i32[at + VALUE_HIGH] !== TAG_REFERENCE) continue;
      if (i32[at + VALUE_LOW] !== referent) {
        if (times > 0) subtract(map, words, referent, times);
        referent = i32[at + VALUE_LOW];
        times = 0;
      }
      times++;
    }
    if (times > 0) subtract(map, words, referent, times);
  }

  /**
   * Marks all members that are reachable from outside. From the last to the first: references
   * mostly lead to older objects at lower addresses, whose turn comes anyway; the others are
   * visited from the worklist.
   */
  private reachFromOutside(): void {
    const { mem, members, entries, worklist } = this;
    const { i32, kindTable } = mem;
    const { map, words } = this.tables;
    const { refs, length } = members;
    for (let i = length - 1; i >= 0; i--) {
      const entry = words[entries[i]];
      if (entry === UNHELD) continue;
      const cursor = entries[i];
      words[cursor] = entry | REACHED;
      for (let object: number = refs[i]; ; object = worklist.pop()) {
        const info = i32[object + HEADER_INFO];
        const record = kindTable + ((info >>> KIND_SHIFT) << KIND_RECORD_SHIFT);
        const end = object + HEADER_WORDS + i32[record + KIND_TRACED];
        for (let at = object + HEADER_WORDS; at < end; at++) {
          if (i32[at] !== 0) reach(map, words, worklist, cursor, i32[at]);
        }
        if (i32[record + KIND_VALUES] !== 0) this.reachValues(object, info, cursor);
        if (worklist.length === 0) break;
      }
    }
  }

  /** What was handed on too early is taken back; not what is reached because of its count. */
  private forgetReached(): void {
    const { members, entries } = this;
    const { i32 } = this.mem;
    const { words } = this.tables;
    const { refs, length } = members;
    for (let i = 0; i < length; i++) {
      if (i32[refs[i] + HEADER_COUNT] < COUNTED_MAX) words[entries[i]] &= ~REACHED;
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

  private reachValues(object: number, info: number, cursor: number): void {
    const { ranges, worklist } = this;
    const { i32 } = this.mem;
    const { map, words } = this.tables;
    let referent = 0; // the last one: to reach it again changes nothing
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape, step } = ranges;
      for (let { at } = ranges; at < end; at += step) {
        if (i32[at + VALUE_HIGH] === TAG_REFERENCE && i32[at + VALUE_LOW] !== referent) {
          referent = i32[at + VALUE_LOW];
          reach(map, words, worklist, cursor, referent);
        }
        if (shape === VALUES || i32[at + ENTRY_VALUE + VALUE_HIGH] !== TAG_REFERENCE) continue;
        reach(map, words, worklist, cursor, i32[at + ENTRY_VALUE + VALUE_LOW]);
      }
    }
  }
}
