/**
 * The first phases of a scan by several threads: each scanner gives its members their refcounts,
 * then takes the references between members off again. See `scan.ts` for the whole, `entries.ts`
 * for what is written.
 */

import {
  ENTRY_VALUE,
  ENTRY_WORDS,
  FIRST_STRUCT_KIND,
  GC_CONTAINER,
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_SHIFT,
  PAGE_WORDS_SHIFT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { hasValues, Ranges, tracedEnd, VALUES } from '../object/ranges.ts';
import {
  COUNT_BITS,
  COUNTED_MAX,
  ENTRIES_PER_WORD,
  entryShift,
  entryWord,
  HEAVY,
  HEAVY_DIRECT,
  UNHELD,
} from './entries.ts';
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
  RUN_BLOCK_WORDS,
  RUN_END,
  RUN_OWNER,
  RUN_START,
  RUN_WORDS,
} from './job.ts';
import { isMember } from './members.ts';
import { Rings } from './rings.ts';
import { OWNER_MASK, OWNER_SHIFT, TABLE_BASE_MASK, tableWords } from './side-tables.ts';

/** Longest wait of a scanner for the others before it looks again, in milliseconds. */
const WAIT_MS = 0.05;

/** What a scanner has, and how it counts. */
export abstract class CountingScanner {
  declare protected readonly mem: Memory;
  declare private readonly isToEnd: (() => boolean) | null;
  declare protected readonly i32: Int32Array;
  declare protected readonly me: number;
  declare protected readonly scanners: number;
  declare protected readonly map: number;
  declare protected readonly pages: number;
  declare private readonly generation: number;
  declare protected readonly rings: Rings;
  declare protected readonly ranges: Ranges;
  /** Pages of this scanner that may have pending members. */
  declare protected readonly dirty: Uint8Array;
  /** Whether only what the last scan has found unreachable is scanned. */
  declare private readonly isRetest: boolean;
  declare protected scanned: number;
  declare private lookedAt: number;
  /** Members with many references: their counts, and where their entries are. */
  declare private readonly heavyCounts: number[];
  declare private readonly heavyObjects: number[];
  /** Of these, the number of those that have no number of their own in the entry. */
  declare private readonly heavyNumbers: Map<number, number>;
  declare private readonly receiveCount: (object: number) => void;

  constructor(mem: Memory, me: number, isToEnd: (() => boolean) | null) {
    const { i32 } = mem;
    this.mem = mem;
    this.isToEnd = isToEnd;
    this.i32 = i32;
    this.me = me;
    this.scanners = i32[JOB_SCANNERS];
    this.map = i32[JOB_MAP];
    this.pages = mem.pages;
    this.generation = i32[JOB_GENERATION];
    this.rings = new Rings(mem, i32[JOB_RINGS], me, this.scanners);
    this.ranges = new Ranges(mem);
    this.dirty = new Uint8Array(mem.pages);
    this.isRetest = i32[JOB_KIND] === JOB_RETESTS;
    this.scanned = 0;
    this.lookedAt = performance.now();
    this.heavyCounts = [];
    this.heavyObjects = [];
    this.heavyNumbers = new Map();
    this.receiveCount = (object) => {
      this.subtractOwn(i32[this.map + (object >>> PAGE_WORDS_SHIFT)], object);
    };
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
    const { i32, rings, receiveCount } = this;
    const end = i32[JOB_RUNS] + i32[JOB_RUN_COUNT] * RUN_WORDS;
    for (let run = i32[JOB_RUNS]; run < end; run += RUN_WORDS) {
      if (i32[run + RUN_OWNER] !== this.me) continue;
      if (this.isRetest) {
        this.initAgain(run);
      } else {
        this.clearTables(run);
        this.initRun(run);
      }
      if (this.isAborted()) return false;
    }
    for (let run = i32[JOB_RUNS]; run < end; run += RUN_WORDS) {
      if (i32[run + RUN_OWNER] !== this.me) continue;
      this.countRun(run);
      rings.receiveAll(receiveCount);
      if (this.isAborted()) return false;
    }
    rings.publishAll();
    Atomics.add(i32, JOB_COUNTED, 1);
    while (Atomics.load(i32, JOB_COUNTED) < this.scanners) {
      if (rings.receiveAll(receiveCount) === 0) this.pause();
      if (this.isAborted()) return false;
    }
    rings.receiveAll(receiveCount); // all that anybody has sent is published by now
    this.endHeavy();
    if (Atomics.add(i32, JOB_READY, 1) === this.scanners - 1) {
      advance(this.mem, JOB_COUNTING, JOB_REACHING);
    }
    while (jobState(this.mem) === JOB_COUNTING) this.pause();
    return !this.isAborted();
  }

  /** Scratch pages have held other things before. */
  private clearTables(run: number): void {
    const { i32, map } = this;
    const first = i32[run + RUN_START] >>> PAGE_WORDS_SHIFT;
    const last = ((i32[run + RUN_END] >>> 0) - 1) >>> PAGE_WORDS_SHIFT;
    for (let page = first; page <= last; page++) {
      const m = i32[map + page];
      const table = m & TABLE_BASE_MASK;
      i32.fill(0, table, table + tableWords(m & 31, ENTRIES_PER_WORD));
      this.dirty[page] = 1;
    }
  }

  private initRun(run: number): void {
    const { i32, map, generation } = this;
    const blockWords = i32[run + RUN_BLOCK_WORDS];
    const end = i32[run + RUN_END] >>> 0;
    let scanned = 0;
    for (let object = i32[run + RUN_START]; object < end; object += blockWords) {
      if (!isMember(i32[object + HEADER_INFO], generation)) continue;
      const count = i32[object + HEADER_COUNT];
      if (count <= 0) continue;
      scanned++;
      const m = i32[map + (object >>> PAGE_WORDS_SHIFT)];
      const entry = 2 * count + 1 <= COUNTED_MAX ? 2 * count + 1 : this.addHeavy(object, count);
      i32[entryWord(m, object)] |= entry << entryShift(m, object);
    }
    this.scanned += scanned;
  }

  /** Members are those that the last scan has found unreachable, if they still are members. */
  private initAgain(run: number): void {
    const { i32, map, generation } = this;
    const blockWords = i32[run + RUN_BLOCK_WORDS];
    const end = i32[run + RUN_END] >>> 0;
    for (let object = i32[run + RUN_START]; object < end; object += blockWords) {
      const m = i32[map + (object >>> PAGE_WORDS_SHIFT)];
      const word = entryWord(m, object);
      const shift = entryShift(m, object);
      const entry = (i32[word] >>> shift) & 0xff;
      if (entry === 0) continue;
      let next = 0;
      if (entry === UNHELD && isMember(i32[object + HEADER_INFO], generation)) {
        const count = i32[object + HEADER_COUNT];
        if (count > 0) {
          next = 2 * count + 1 <= COUNTED_MAX ? 2 * count + 1 : this.addHeavy(object, count);
        }
      }
      i32[word] ^= (entry ^ next) << shift;
    }
  }

  /** A member with more references than an entry can count. Returns its entry. */
  private addHeavy(object: number, count: number): number {
    const number = this.heavyCounts.push(count) - 1;
    this.heavyObjects.push(object);
    if (number < HEAVY_DIRECT) return HEAVY + number;
    this.heavyNumbers.set(object, number);
    return HEAVY + HEAVY_DIRECT;
  }

  private subtractHeavy(entry: number, object: number): void {
    const number = entry - HEAVY;
    if (number < HEAVY_DIRECT) this.heavyCounts[number]--;
    else this.heavyCounts[this.heavyNumbers.get(object) ?? 0]--;
  }

  /** All references are counted: only whether a member is held matters from here on. */
  private endHeavy(): void {
    for (let number = 0; number < this.heavyCounts.length; number++) {
      const object = this.heavyObjects[number];
      const m = this.i32[this.map + (object >>> PAGE_WORDS_SHIFT)];
      this.write(m, object, this.heavyCounts[number] > 0 ? UNHELD + 2 : UNHELD);
    }
  }

  protected write(m: number, object: number, entry: number): void {
    const { i32 } = this;
    const word = entryWord(m, object);
    const shift = entryShift(m, object);
    i32[word] = (i32[word] & ~(0xff << shift)) | (entry << shift);
  }

  private countRun(run: number): void {
    const { i32, mem, map, me, pages } = this;
    const blockWords = i32[run + RUN_BLOCK_WORDS];
    const end = i32[run + RUN_END] >>> 0;
    for (let object = i32[run + RUN_START]; object < end; object += blockWords) {
      const own = i32[map + (object >>> PAGE_WORDS_SHIFT)];
      if (((i32[entryWord(own, object)] >>> entryShift(own, object)) & 0xff) === 0) continue;
      const info = i32[object + HEADER_INFO];
      const slotsEnd = tracedEnd(mem, object, info);
      for (let at = object + HEADER_WORDS; at < slotsEnd; at++) {
        // `subtract`, written out: a call per edge would cost as much as the edge.
        const referent = i32[at];
        const page = referent >>> PAGE_WORDS_SHIFT;
        if (referent === 0 || page >= pages) continue;
        const m = i32[map + page];
        if (m === 0) continue;
        const owner = (m >>> OWNER_SHIFT) & OWNER_MASK;
        if (owner !== me) {
          this.send(owner, referent, this.receiveCount);
          continue;
        }
        const word = entryWord(m, referent);
        const shift = entryShift(m, referent);
        const entry = (i32[word] >>> shift) & 0xff;
        if ((entry & COUNT_BITS) === 1 && entry > UNHELD) i32[word] -= 2 << shift;
        else if (entry >= HEAVY) this.subtractHeavy(entry, referent);
      }
      if (hasValues(mem, info)) this.countValues(object, info);
    }
  }

  private countValues(object: number, info: number): void {
    const { i32, ranges } = this;
    let isAtomic = info >>> KIND_SHIFT < FIRST_STRUCT_KIND;
    for (let more = ranges.begin(object, info); more; more = ranges.next()) {
      const { end, shape } = ranges;
      const step = shape === VALUES ? VALUE_WORDS : ENTRY_WORDS;
      for (let { at } = ranges; at < end; at += step) {
        if (isAtomic && this.isContainerAt(at)) isAtomic = false;
        if (i32[at + VALUE_HIGH] === TAG_REFERENCE) this.subtract(i32[at + VALUE_LOW]);
        if (shape === VALUES) continue;
        const value = at + ENTRY_VALUE;
        if (isAtomic && this.isContainerAt(value)) isAtomic = false;
        if (i32[value + VALUE_HIGH] === TAG_REFERENCE) this.subtract(i32[value + VALUE_LOW]);
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
  private subtract(referent: number): void {
    const { i32 } = this;
    const page = referent >>> PAGE_WORDS_SHIFT;
    if (page >= this.pages) return;
    const m = i32[this.map + page];
    if (m === 0) return;
    const owner = (m >>> OWNER_SHIFT) & OWNER_MASK;
    if (owner === this.me) this.subtractOwn(m, referent);
    else this.send(owner, referent, this.receiveCount);
  }

  private subtractOwn(m: number, referent: number): void {
    const { i32 } = this;
    const word = entryWord(m, referent);
    const shift = entryShift(m, referent);
    const entry = (i32[word] >>> shift) & 0xff;
    if ((entry & COUNT_BITS) !== 1) {
      if (entry >= HEAVY) this.subtractHeavy(entry, referent);
    } else if (entry > UNHELD) {
      i32[word] -= 2 << shift; // it cannot fall below UNHELD but by torn reads
    }
  }

  protected send(to: number, word: number, receive: (word: number) => void): void {
    const { rings } = this;
    while (!rings.hasRoom(to)) {
      if (rings.receiveAll(receive) === 0) this.pause();
      if (this.isAborted()) return;
    }
    rings.send(to, word);
  }
}
