/**
 * The first phases of a scan by several threads: each scanner counts the references of its members,
 * then says which of its members have more references than were counted. See `scan.ts` for the
 * whole, `scan-tables.ts` for what is written.
 */

import {
  ENTRY_VALUE,
  GC_CONTAINER,
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_SHIFT,
  PAGE_WORDS_SHIFT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { hasValues, Ranges, tracedEnd, VALUES } from '../object/ranges.ts';
import { isLazilyTracked } from '../object/tracking.ts';
import {
  ATOMIC_WORDS,
  abortJob,
  advance,
  isScannerDead,
  JOB_ABORTED,
  JOB_ATOMIC,
  JOB_COUNTED,
  JOB_COUNTING,
  JOB_GENERATION,
  JOB_KIND,
  JOB_MAP,
  JOB_REACHING,
  JOB_READY,
  JOB_RETESTS,
  JOB_RINGS,
  JOB_RUN_COUNT,
  JOB_RUNS,
  JOB_SCANNERS,
  JOB_STATE,
  jobState,
  LOOK_MS,
  lastPageOf,
  RUN_BLOCK_WORDS,
  RUN_END,
  RUN_OWNER,
  RUN_START,
  RUN_WORDS,
} from './job.ts';
import { isMember } from './members.ts';
import { Rings } from './rings.ts';
import {
  bitWords,
  clearOwnTables,
  entryInPage,
  marksOf,
  ownerOf,
  ROUND,
  ROUNDS_MAX,
  ScanTables,
  TALLY_MAX,
  TALLY_STEP,
} from './scan-tables.ts';

/** Longest wait of a scanner for the others before it looks again, in milliseconds. */
const WAIT_MS = 0.05;

/** Words of rounds for a word of bits. */
const ROUNDS_PER_BITS = 8;

/** What a scanner has, and how it counts. */
export abstract class CountingScanner {
  declare protected readonly mem: Memory;
  declare private readonly isToEnd: (() => boolean) | null;
  declare protected readonly i32: Int32Array;
  declare protected readonly me: number;
  declare protected readonly scanners: number;
  declare protected readonly map: number;
  declare protected readonly pages: number;
  /** Where the words of each page stand in the tables. */
  declare readonly tables: ScanTables;
  declare private readonly generation: number;
  declare private readonly rings: Rings;
  declare protected readonly ranges: Ranges;
  /** Whether only what the last scan has found unreachable is scanned. */
  declare private readonly isRetest: boolean;
  declare protected scanned: number;
  declare private lookedAt: number;
  /** Members with thousands of references: how often their rounds have begun anew. */
  declare private readonly heavy: Map<number, number>;
  declare private readonly receiveRound: (object: number) => void;

  constructor(mem: Memory, me: number, isToEnd: (() => boolean) | null) {
    const { i32 } = mem;
    this.mem = mem;
    this.isToEnd = isToEnd;
    this.i32 = i32;
    this.me = me;
    this.scanners = i32[JOB_SCANNERS];
    this.map = i32[JOB_MAP];
    this.pages = mem.pages;
    this.tables = new ScanTables(mem, me);
    this.generation = i32[JOB_GENERATION];
    this.rings = new Rings(mem, i32[JOB_RINGS], me, this.scanners);
    this.ranges = new Ranges(mem);
    this.isRetest = i32[JOB_KIND] === JOB_RETESTS;
    this.scanned = 0;
    this.lookedAt = performance.now();
    this.heavy = new Map();
    this.receiveRound = (object) => this.noteRound(object);
  }

  protected isAborted(): boolean {
    if (this.isToEnd?.()) abortJob(this.mem);
    return Atomics.load(this.i32, JOB_STATE) === JOB_ABORTED;
  }

  /** Waits a moment for the others; now and then looks whether they live. */
  protected pause(): void {
    Atomics.wait(this.i32, JOB_STATE, jobState(this.mem), WAIT_MS);
    if (performance.now() - this.lookedAt < LOOK_MS) return;
    this.lookedAt = performance.now();
    for (let scanner = 0; scanner < this.scanners; scanner++) {
      if (scanner !== this.me && isScannerDead(this.mem, scanner)) abortJob(this.mem);
    }
  }

  /** Counts the references between members. False: the job was aborted. */
  protected count(): boolean {
    const { i32, rings, receiveRound } = this;
    const end = i32[JOB_RUNS] + i32[JOB_RUN_COUNT] * RUN_WORDS;
    this.clearTables(end);
    for (let run = i32[JOB_RUNS]; run < end; run += RUN_WORDS) {
      if (i32[run + RUN_OWNER] !== this.me) continue;
      this.countRun(run);
      rings.receiveAll(receiveRound);
      if (this.isAborted()) return false;
    }
    rings.publishAll();
    Atomics.add(i32, JOB_COUNTED, 1);
    while (Atomics.load(i32, JOB_COUNTED) < this.scanners) {
      if (rings.receiveAll(receiveRound) === 0) this.pause();
      if (this.isAborted()) return false;
    }
    rings.receiveAll(receiveRound); // all that anybody has sent is published by now
    for (let run = i32[JOB_RUNS]; run < end; run += RUN_WORDS) {
      if (i32[run + RUN_OWNER] !== this.me) continue;
      this.compareRun(run);
      if (this.isAborted()) return false;
    }
    this.compareHeavy();
    if (Atomics.add(i32, JOB_READY, 1) === this.scanners - 1) {
      advance(this.mem, JOB_COUNTING, JOB_REACHING);
    }
    while (jobState(this.mem) === JOB_COUNTING) this.pause();
    return !this.isAborted();
  }

  /** Scratch pages have held other things before; before a second scan, tables have the first. */
  private clearTables(end: number): void {
    const { i32, map, tables } = this;
    clearOwnTables(this.mem, this.me);
    for (let run = i32[JOB_RUNS]; run < end; run += RUN_WORDS) {
      if (i32[run + RUN_OWNER] !== this.me) continue;
      const last = lastPageOf(this.mem, run);
      for (let page = i32[run + RUN_START] >>> PAGE_WORDS_SHIFT; page <= last; page++) {
        const words = bitWords(i32[map + page]);
        const rounds = tables.roundsAt[page];
        i32.fill(0, rounds, rounds + words * ROUNDS_PER_BITS);
        const bits = tables.bitsAt[page];
        if (!this.isRetest) i32.fill(0, bits, bits + words);
      }
    }
  }

  /** Adds the references of the members of a run to the tallies of whatever they refer to. */
  private countRun(run: number): void {
    const { i32, mem, map, pages, generation, isRetest } = this;
    const { tallyAt } = this.tables;
    const blockWords = i32[run + RUN_BLOCK_WORDS];
    const end = i32[run + RUN_END] >>> 0;
    for (let object = i32[run + RUN_START]; object < end; object += blockWords) {
      const info = i32[object + HEADER_INFO];
      if (!isMember(info, generation) || i32[object + HEADER_COUNT] <= 0) continue;
      if (isRetest && !this.isUnreached(object)) continue;
      const slotsEnd = tracedEnd(mem, object, info);
      for (let at = object + HEADER_WORDS; at < slotsEnd; at++) {
        // `add`, written out: a call per edge would cost as much as the edge.
        const referent = i32[at];
        const page = referent >>> PAGE_WORDS_SHIFT;
        if (page >= pages) continue;
        const m = i32[map + page];
        if (m === 0) continue; // nor is there anything under test on the page of reference 0
        const entry = entryInPage(m, referent);
        const word = tallyAt[page] + (entry >>> 3);
        const shift = (entry & 7) << 2;
        const tallies = i32[word];
        const isFull = ((tallies >>> shift) & TALLY_MAX) === TALLY_MAX;
        if (isFull) this.beginRound(word, shift, referent, m);
        else i32[word] = (tallies + (1 << shift)) | 0;
      }
      if (hasValues(mem, info)) this.countValues(object, info);
    }
  }

  private isUnreached(object: number): boolean {
    const page = object >>> PAGE_WORDS_SHIFT;
    const entry = entryInPage(this.i32[this.map + page], object);
    return (this.i32[this.tables.bitsAt[page] + (entry >>> 5)] & (1 << entry)) !== 0;
  }

  /** The tally of `object` is at its maximum, and begins anew: its owner must know. */
  private beginRound(word: number, shift: number, object: number, m: number): void {
    this.i32[word] &= ~(TALLY_MAX << shift);
    const owner = ownerOf(m);
    if (owner === this.me) this.noteRound(object);
    else this.send(owner, object, this.receiveRound);
  }

  private noteRound(object: number): void {
    const { i32, heavy } = this;
    const page = object >>> PAGE_WORDS_SHIFT;
    const entry = entryInPage(i32[this.map + page], object);
    const word = this.tables.roundsAt[page] + (entry >>> 2);
    const shift = (entry & 3) << 3;
    const isFull = ((i32[word] >>> shift) & ROUNDS_MAX) === ROUNDS_MAX;
    if (isFull) heavy.set(object, (heavy.get(object) ?? 0) + 1);
    if (isFull) i32[word] &= ~(ROUNDS_MAX << shift);
    else i32[word] = (i32[word] + (1 << shift)) | 0;
  }

  /** Which objects of a run are members, and which of these have references from elsewhere. */
  private compareRun(run: number): void {
    const { i32, map, generation, isRetest } = this;
    const { bitsAt } = this.tables;
    const blockWords = i32[run + RUN_BLOCK_WORDS];
    const end = i32[run + RUN_END] >>> 0;
    let word = 0; // that of the tables: written when all of its objects are compared
    let members = 0;
    let held = 0;
    let scanned = 0;
    for (let object = i32[run + RUN_START]; object < end; object += blockWords) {
      const page = object >>> PAGE_WORDS_SHIFT;
      const entry = entryInPage(i32[map + page], object);
      if (bitsAt[page] + (entry >>> 5) !== word) {
        if (word !== 0) this.writeCompared(word, members, held);
        word = bitsAt[page] + (entry >>> 5);
        members = 0;
        held = 0;
      }
      const count = i32[object + HEADER_COUNT];
      if (!isMember(i32[object + HEADER_INFO], generation) || count <= 0) continue;
      const bit = 1 << entry;
      if (isRetest && (i32[word] & bit) === 0) continue;
      scanned++;
      members |= bit;
      if (count > this.countedAt(page, entry)) held |= bit;
    }
    if (word !== 0) this.writeCompared(word, members, held);
    if (!isRetest) this.scanned += scanned;
  }

  private writeCompared(word: number, members: number, held: number): void {
    this.i32[word] = members;
    this.i32[word + marksOf(this.me)] = held;
  }

  /** The references to a member that all scanners have counted, but for rounds begun anew. */
  private countedAt(page: number, entry: number): number {
    const { i32, me, scanners } = this;
    const { tallyAt, roundsAt } = this.tables;
    const first = tallyAt[page] + (entry >>> 3) - me * TALLY_STEP;
    const shift = (entry & 7) << 2;
    const rounds = (i32[roundsAt[page] + (entry >>> 2)] >>> ((entry & 3) << 3)) & ROUNDS_MAX;
    let count = rounds * ROUND;
    for (let scanner = 0; scanner < scanners; scanner++) {
      count += (i32[first + scanner * TALLY_STEP] >>> shift) & TALLY_MAX;
    }
    return count;
  }

  /** Members with thousands of references were marked too soon, maybe. */
  private compareHeavy(): void {
    const { i32, map } = this;
    for (const [object, times] of this.heavy) {
      const page = object >>> PAGE_WORDS_SHIFT;
      const entry = entryInPage(i32[map + page], object);
      const count = times * (ROUNDS_MAX + 1) * ROUND + this.countedAt(page, entry);
      const marks = this.tables.bitsAt[page] + (entry >>> 5) + marksOf(this.me);
      if (i32[object + HEADER_COUNT] <= count) i32[marks] &= ~(1 << entry);
    }
  }

  private countValues(object: number, info: number): void {
    const { i32, ranges } = this;
    let isAtomic = isLazilyTracked(this.mem, info >>> KIND_SHIFT);
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape, step } = ranges;
      for (let { at } = ranges; at < end; at += step) {
        if (isAtomic && this.isContainerAt(at)) isAtomic = false;
        if (i32[at + VALUE_HIGH] === TAG_REFERENCE) this.add(i32[at + VALUE_LOW]);
        if (shape === VALUES) continue;
        const value = at + ENTRY_VALUE;
        if (isAtomic && this.isContainerAt(value)) isAtomic = false;
        if (i32[value + VALUE_HIGH] === TAG_REFERENCE) this.add(i32[value + VALUE_LOW]);
      }
    }
    if (isAtomic) this.noteAtomic(object);
  }

  /** Whether a value refers to a container, as far as can be seen. */
  private isContainerAt(at: number): boolean {
    const { i32 } = this;
    if (i32[at + VALUE_HIGH] !== TAG_REFERENCE) return false;
    const referent = i32[at + VALUE_LOW];
    if (referent >>> PAGE_WORDS_SHIFT >= this.pages) return true; // torn: no reason to untrack
    return (i32[referent + HEADER_INFO] & GC_CONTAINER) !== 0;
  }

  /** A tracked array or map without containers: the lead may untrack it. Some may be left out. */
  private noteAtomic(container: number): void {
    const { i32 } = this;
    const list = i32[JOB_ATOMIC] + this.me * ATOMIC_WORDS;
    if (i32[list] < ATOMIC_WORDS - 1) i32[list + ++i32[list]] = container;
  }

  /** A reference from a member to `referent`, whatever that is. */
  private add(referent: number): void {
    const { i32 } = this;
    const page = referent >>> PAGE_WORDS_SHIFT;
    if (page >= this.pages) return;
    const m = i32[this.map + page];
    if (m === 0) return;
    const entry = entryInPage(m, referent);
    const word = this.tables.tallyAt[page] + (entry >>> 3);
    const shift = (entry & 7) << 2;
    const tallies = i32[word];
    const isFull = ((tallies >>> shift) & TALLY_MAX) === TALLY_MAX;
    if (isFull) this.beginRound(word, shift, referent, m);
    else i32[word] = (tallies + (1 << shift)) | 0;
  }

  private send(to: number, word: number, receive: (word: number) => void): void {
    const { rings } = this;
    while (!rings.hasRoom(to)) {
      if (rings.receiveAll(receive) === 0) this.pause();
      if (this.isAborted()) return;
    }
    rings.send(to, word);
  }
}
