/**
 * The scan: trial deletion by several threads at once, without an atomic operation per edge.
 *
 * Every page belongs to one scanner, its owner, which visits its objects. What is known of them
 * stands in tables that have a single writer each, or one per page: see `scan-tables.ts`.
 *
 *   count    for each member x of mine, for each reference to y: my tally of y += 1
 *   compare  for each member x of mine: it is unreached, and marked if all tallies of x together
 *            are less than its references
 *   reach    visit what is marked and unreached: it is reached, and its referents are marked
 *
 * The first two phases are in `scan-count.ts`. Afterwards the members that are unreached are
 * unreachable: exactly, when the world is still. Beside the mutators they are a guess, for stale
 * and torn words were read; then every address is checked before it is used, and nothing is decided
 * from it but what to look at again.
 *
 * Reaching goes through the pages in order as long as there is much to visit, since then memory is
 * read in order, and marking is all that a reference takes. It goes down first, as references
 * mostly lead from newer objects to older ones, then up, and so on. When little is left it is
 * visited one by one, from a worklist, which is what long chains need. Then a scanner takes what
 * belongs to others as well: a chain that leads to and fro would have them wait for each other at
 * every step. An object may be visited twice, if two come upon it at the same moment, which costs
 * nothing else.
 *
 * It is over when nobody has anything to visit. A scanner that finds nothing more is idle. It looks
 * for marks of the others again whenever one of them has stirred: `SCANNER_ACTIVITY` counts up when
 * a scanner begins or ends to work, and now and then in between, always after it has marked. What
 * the activities of the others summed up to before a look that found nothing is at `seenOf`. So
 * if all are idle and have seen the last activity of all others, it is over.
 */

import { threadCpuMs } from '../base/cpu.ts';
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
import { hasValues, tracedEnd, VALUES } from '../object/ranges.ts';
import {
  advance,
  JOB_DONE,
  JOB_REACHING,
  JOB_RUN_COUNT,
  JOB_RUNS,
  jobState,
  lastPageOf,
  RUN_BLOCK_WORDS,
  RUN_OWNER,
  RUN_START,
  RUN_WORDS,
  SCANNER_ACTIVITY,
  SCANNER_CPU_US,
  SCANNER_SCANNED,
  scannerAt,
} from './job.ts';
import { ObjectList } from './object-list.ts';
import { CountingScanner } from './scan-count.ts';
import {
  bitWords,
  entryInPage,
  marksOf,
  objectAt,
  ownerOf,
  seenOf,
  takenOf,
} from './scan-tables.ts';

/** With at most so many members pending, they are visited one by one. */
const WORKLIST_MAX = 4096;
/** With more than so many on the worklist, some are left to others that have nothing to do. */
const HAND_OVER_MIN = 16;
/** Pages between two times that a scanner tells the others of its marks. */
const NEWS_PAGES = 16;

/** One thread's part in a job. */
export class Scanner extends CountingScanner {
  declare private readonly worklist: ObjectList;
  /** How far this scanner's marks are from what is unreached, and what it has taken. */
  declare private readonly marks: number;
  declare private readonly taken: number;
  /** The same of the others. */
  declare private readonly otherMarks: readonly number[];
  declare private readonly otherTaken: readonly number[];
  /** Whether visits only mark: pages are swept. Else what they reach comes onto the worklist. */
  declare private isSweeping: boolean;
  /** Of the next sweep: 1 up, -1 down. */
  declare private direction: number;

  constructor(mem: Memory, me: number, isToEnd: (() => boolean) | null) {
    super(mem, me, isToEnd);
    const others: number[] = [];
    for (let scanner = 0; scanner < this.scanners; scanner++) {
      if (scanner !== me) others.push(scanner);
    }
    this.worklist = new ObjectList();
    this.marks = marksOf(me);
    this.taken = takenOf(me);
    this.otherMarks = others.map(marksOf);
    this.otherTaken = others.map(takenOf);
    this.isSweeping = true;
    this.direction = -1;
  }

  /** Takes part in the job until it is done. Returns whether it was, and not aborted. */
  scan(): boolean {
    const cpu = threadCpuMs();
    const isDone = this.count() && this.reachAll();
    const at = scannerAt(this.me);
    this.i32[at + SCANNER_SCANNED] = this.scanned;
    this.i32[at + SCANNER_CPU_US] = Math.round((threadCpuMs() - cpu) * 1000);
    return isDone;
  }

  /** Visits all members that can be reached from outside. False: the job was aborted. */
  private reachAll(): boolean {
    const { i32 } = this;
    const activity = scannerAt(this.me) + SCANNER_ACTIVITY;
    const seen = seenOf(this.mem, this.me);
    for (;;) {
      if (!this.visitAll()) return false;
      Atomics.add(i32, activity, 1); // even: idle
      for (;;) {
        if (jobState(this.mem) === JOB_DONE) return true;
        if (this.isAborted()) return false;
        const news = this.activityOfOthers();
        if (news !== i32[seen]) {
          if (this.findPending(null)) break;
          Atomics.store(i32, seen, news);
        }
        if (this.isOver()) advance(this.mem, JOB_REACHING, JOB_DONE);
        else this.pause();
      }
      Atomics.add(i32, activity, 1);
    }
  }

  /** Visits what can be found to be visited. False: the job was aborted. */
  private visitAll(): boolean {
    const { worklist } = this;
    while (this.findPending(worklist)) {
      while (worklist.length > 0) {
        if (worklist.length > WORKLIST_MAX) {
          this.putOff();
          this.sweepPages();
        } else {
          this.visitOneByOne();
        }
        if (this.isAborted()) return false;
      }
    }
    return true;
  }

  /** The sum of the activities of all others. */
  private activityOfOthers(): number {
    let sum = 0;
    for (let scanner = 0; scanner < this.scanners; scanner++) {
      if (scanner !== this.me) sum += this.activityOf(scanner);
    }
    return sum;
  }

  private activityOf(scanner: number): number {
    return Atomics.load(this.i32, scannerAt(scanner) + SCANNER_ACTIVITY);
  }

  /** Whether nobody has anything to visit. */
  private isOver(): boolean {
    const { i32, scanners } = this;
    let sum = 0;
    for (let scanner = 0; scanner < scanners; scanner++) {
      const activity = this.activityOf(scanner);
      if ((activity & 1) !== 0) return false;
      sum += activity;
    }
    for (let scanner = 0; scanner < scanners; scanner++) {
      const seen = Atomics.load(i32, seenOf(this.mem, scanner));
      if (seen !== sum - this.activityOf(scanner)) return false;
    }
    // Who has begun to work meanwhile has said so before: then the above need not be true any more.
    return this.activityOfOthers() + this.activityOf(this.me) === sum;
  }

  /** Of the objects of a word of `unreached`, those that this scanner is to visit. */
  private pendingIn(word: number): number {
    const { i32, otherMarks, otherTaken } = this;
    let marks = i32[word + this.marks];
    for (let i = 0; i < otherMarks.length; i++) marks |= i32[word + otherMarks[i]];
    const pending = marks & i32[word];
    return pending === 0 || otherTaken.length === 0 ? pending : pending & ~this.takenIn(word);
  }

  /** Of the objects of a word, those that others have taken. */
  private takenIn(word: number): number {
    const { i32, otherTaken } = this;
    let taken = 0;
    for (let i = 0; i < otherTaken.length; i++) taken |= i32[word + otherTaken[i]];
    return taken;
  }

  /**
   * Moves members that are to be visited to `list`, until it is longer than WORKLIST_MAX; null:
   * only looks whether there are any. Returns whether there were.
   */
  private findPending(list: ObjectList | null): boolean {
    const { i32 } = this;
    const end = i32[JOB_RUNS] + i32[JOB_RUN_COUNT] * RUN_WORDS;
    for (let run = i32[JOB_RUNS]; run < end; run += RUN_WORDS) {
      if (i32[run + RUN_OWNER] !== this.me) continue;
      const start = i32[run + RUN_START];
      const blockWords = i32[run + RUN_BLOCK_WORDS];
      const last = lastPageOf(this.mem, run);
      for (let page = start >>> PAGE_WORDS_SHIFT; page <= last; page++) {
        const m = i32[this.map + page];
        const from = this.tables.bitsAt[page];
        const to = from + bitWords(m);
        for (let word = from; word < to; word++) {
          const pending = this.pendingIn(word);
          if (pending === 0) continue;
          if (list === null) return true;
          i32[word] ^= pending;
          for (let bits = pending; bits !== 0; bits &= bits - 1) {
            const entry = ((word - from) << 5) + 31 - Math.clz32(bits & -bits);
            list.push(objectAt(start, blockWords, page, m, entry));
          }
          if (list.length > WORKLIST_MAX) return true;
        }
      }
    }
    return list !== null && list.length > 0;
  }

  /** Visits pending members in the order of their addresses, up or down. */
  private sweepPages(): void {
    const { i32 } = this;
    const isUp = this.direction > 0;
    const count = i32[JOB_RUN_COUNT];
    let news = NEWS_PAGES;
    this.isSweeping = true;
    this.direction = -this.direction;
    for (let i = 0; i < count; i++) {
      const run = i32[JOB_RUNS] + (isUp ? i : count - 1 - i) * RUN_WORDS;
      if (i32[run + RUN_OWNER] !== this.me) continue;
      const first = i32[run + RUN_START] >>> PAGE_WORDS_SHIFT;
      const last = lastPageOf(this.mem, run);
      for (let k = first; k <= last; k++) {
        this.sweepPage(run, isUp ? k : first + last - k, isUp);
        if (--news > 0) continue;
        news = NEWS_PAGES;
        this.tellNews();
        if (this.isAborted()) return;
      }
    }
  }

  /** The others are to look for marks. */
  private tellNews(): void {
    Atomics.add(this.i32, scannerAt(this.me) + SCANNER_ACTIVITY, 2); // still odd
  }

  private sweepPage(run: number, page: number, isUp: boolean): void {
    const { i32, marks } = this;
    const start = i32[run + RUN_START];
    const blockWords = i32[run + RUN_BLOCK_WORDS];
    const m = i32[this.map + page];
    const from = this.tables.bitsAt[page];
    const words = bitWords(m);
    for (let i = 0; i < words; i++) {
      const word = isUp ? from + i : from + words - 1 - i;
      let bits = this.pendingIn(word);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(isUp ? bits & -bits : bits);
        i32[word] ^= 1 << bit;
        bits ^= 1 << bit;
        const entry = ((word - from) << 5) + bit;
        this.markReferents(objectAt(start, blockWords, page, m, entry));
        bits |= i32[word + marks] & i32[word]; // the visit may have marked some here
      }
    }
  }

  /** Visits what is on the worklist, and what that reaches; stops when the worklist grows long. */
  private visitOneByOne(): void {
    const { worklist } = this;
    this.isSweeping = false;
    for (let visits = 1; worklist.length > 0 && worklist.length <= WORKLIST_MAX; visits++) {
      this.visit(worklist.pop());
      if (visits % WORKLIST_MAX !== 0) continue;
      if (this.isAborted()) return;
      if (worklist.length > HAND_OVER_MIN && this.scanners > 1) this.handOver();
    }
  }

  /** What belongs to others that have nothing to do is left to them. */
  private handOver(): void {
    const { worklist, map } = this;
    const { refs, length } = worklist;
    worklist.clear();
    for (let i = 0; i < length; i++) {
      const owner = ownerOf(this.i32[map + (refs[i] >>> PAGE_WORDS_SHIFT)]);
      const isIdle = (this.activityOf(owner) & 1) === 0; // this scanner is not
      if (isIdle) this.leaveToOwner(refs[i]);
      else worklist.push(refs[i]);
    }
    if (worklist.length < length) this.tellNews();
  }

  /** The worklist is too long: its members are to be swept by address, each by its owner. */
  private putOff(): void {
    const { worklist } = this;
    for (let i = 0; i < worklist.length; i++) this.leaveToOwner(worklist.refs[i]);
    worklist.clear();
  }

  private leaveToOwner(object: number): void {
    const { i32, tables, marks, taken } = this;
    const page = object >>> PAGE_WORDS_SHIFT;
    const m = i32[this.map + page];
    const entry = entryInPage(m, object);
    const word = tables.bitsAt[page] + (entry >>> 5);
    i32[word + marks] |= 1 << entry;
    if (ownerOf(m) === this.me) i32[word] |= 1 << entry;
    else i32[word + taken] &= ~(1 << entry);
  }

  /** Marks what a member refers to. */
  private markReferents(object: number): void {
    const { i32, mem, map, marks, pages } = this;
    const { bitsAt } = this.tables;
    const info = i32[object + HEADER_INFO];
    const end = tracedEnd(mem, object, info);
    for (let at = object + HEADER_WORDS; at < end; at++) {
      const referent = i32[at];
      const page = referent >>> PAGE_WORDS_SHIFT;
      if (page >= pages) continue;
      const m = i32[map + page];
      if (m === 0) continue;
      const entry = entryInPage(m, referent);
      i32[bitsAt[page] + marks + (entry >>> 5)] |= 1 << entry;
    }
    if (hasValues(mem, info)) this.visitValues(object, info);
  }

  /** What a member refers to comes onto the worklist. */
  private visit(object: number): void {
    const { i32, mem } = this;
    const info = i32[object + HEADER_INFO];
    const end = tracedEnd(mem, object, info);
    for (let at = object + HEADER_WORDS; at < end; at++) if (i32[at] !== 0) this.reach(i32[at]);
    if (hasValues(mem, info)) this.visitValues(object, info);
  }

  private visitValues(object: number, info: number): void {
    const { i32, ranges } = this;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape, step } = ranges;
      for (let { at } = ranges; at < end; at += step) {
        if (i32[at + VALUE_HIGH] === TAG_REFERENCE) this.reach(i32[at + VALUE_LOW]);
        if (shape === VALUES) continue;
        const value = at + ENTRY_VALUE;
        if (i32[value + VALUE_HIGH] === TAG_REFERENCE) this.reach(i32[value + VALUE_LOW]);
      }
    }
  }

  /** `referent`, whatever that is, is referred to by a member that is reached. */
  private reach(referent: number): void {
    const { i32, marks, taken } = this;
    const page = referent >>> PAGE_WORDS_SHIFT;
    if (page >= this.pages) return;
    const m = i32[this.map + page];
    if (m === 0) return;
    const entry = entryInPage(m, referent);
    const word = this.tables.bitsAt[page] + (entry >>> 5);
    const bit = 1 << entry;
    if (this.isSweeping) {
      i32[word + marks] |= bit;
      return;
    }
    if ((i32[word] & ~i32[word + taken] & ~this.takenIn(word) & bit) === 0) return;
    if (ownerOf(m) === this.me) {
      i32[word] ^= bit;
    } else {
      for (const other of this.otherMarks) if ((i32[word + other] & bit) !== 0) return;
      if ((i32[word + marks] & bit) !== 0) return; // its owner is to visit it
      i32[word + taken] |= bit;
    }
    this.worklist.push(referent);
  }
}
