/**
 * The scan: trial deletion by several threads at once, without an atomic operation per edge.
 *
 * Every page belongs to one scanner, which alone writes its side table and visits its objects.
 * An edge to another's object is sent to it (`rings.ts`).
 *
 *   init    for each member x of mine: gcRefs(x) := refcount(x)
 *   count   for each member x of mine, for each reference to y: gcRefs(y) -= 1
 *   reach   visit what is held from outside: its references are reached, and visited in turn
 *
 * What is known of a member stands in an entry of a byte: see `entries.ts`. The first two phases
 * are in `scan-count.ts`.
 *
 * Afterwards the members whose entry is UNHELD are unreachable: exactly, when the world is still.
 * Beside the mutators they are a guess, for stale and torn words were read; then every address is
 * checked before it is used, and nothing is decided from it but what to look at again.
 *
 * Reaching goes through the pages in order as long as there is much to visit, since then memory is
 * read in order: what is reached is PENDING until the sweep comes by. It goes down first, as
 * references mostly lead from newer objects to older ones, then up, and so on. When little is left
 * it is visited one by one, from a worklist, which is what long chains need.
 */

import { threadCpuMs } from '../base/cpu.ts';
import {
  ENTRY_VALUE,
  ENTRY_WORDS,
  HEADER_INFO,
  HEADER_WORDS,
  PAGE_WORDS,
  PAGE_WORDS_SHIFT,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { hasValues, tracedEnd, VALUES } from '../object/ranges.ts';
import {
  COUNT_BITS,
  ENTRIES_PER_WORD,
  entryShift,
  entryWord,
  HELD_BITS,
  PENDING,
  PENDING_BITS,
  REACHED,
  tableLength,
} from './entries.ts';
import {
  advance,
  JOB_DONE,
  JOB_REACHING,
  JOB_RUN_COUNT,
  JOB_RUNS,
  jobState,
  RUN_BLOCK_WORDS,
  RUN_END,
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
import { OWNER_MASK, OWNER_SHIFT, TABLE_BASE_MASK } from './side-tables.ts';

/** With at most so many members pending, they are visited one by one. */
const WORKLIST_MAX = 4096;
/** One thread's part in a job. */
export class Scanner extends CountingScanner {
  declare private readonly worklist: ObjectList;
  declare private pending: number;
  /** Whether pages are swept; else members are visited from the worklist. */
  declare private isSweeping: boolean;
  /** While sweeping: the map word of the page, the table word that is visited, the direction. */
  declare private sweptMap: number;
  declare private cursor: number;
  declare private direction: number;
  declare private readonly receiveReached: (object: number) => void;

  constructor(mem: Memory, me: number, isToEnd: (() => boolean) | null) {
    super(mem, me, isToEnd);
    this.worklist = new ObjectList();
    this.pending = 0;
    this.isSweeping = true;
    this.sweptMap = -1;
    this.cursor = 0;
    this.direction = 1;
    this.receiveReached = (object) => this.reach(object);
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
    const { i32, rings } = this;
    const activity = scannerAt(this.me) + SCANNER_ACTIVITY;
    this.pendHeld();
    for (;;) {
      while (this.hasWork() || rings.receiveAll(this.receiveReached) > 0) {
        if (this.isAborted()) return false;
        if (this.pending > WORKLIST_MAX) this.sweepPages();
        else if (this.hasWork()) this.visitOneByOne();
      }
      rings.publishAll();
      Atomics.add(i32, activity, 1); // even: idle
      while (!rings.hasMail()) {
        if (jobState(this.mem) === JOB_DONE) return true;
        if (this.isAborted()) return false;
        if (this.isOver()) advance(this.mem, JOB_REACHING, JOB_DONE);
        else this.pause();
      }
      Atomics.add(i32, activity, 1);
    }
  }

  /** Whether members are pending, or on the worklist: mail may have put them there. */
  private hasWork(): boolean {
    return this.pending > 0 || this.worklist.length > 0;
  }

  /**
   * Whether nobody has work, and none is on its way. A scanner says that it works before it takes
   * its mail; so if all are idle, the rings empty, and nobody has stirred meanwhile, it is over.
   */
  private isOver(): boolean {
    const before = this.activities();
    if (before < 0 || !this.rings.areEmpty()) return false;
    return this.activities() === before;
  }

  /** The sum of all scanners' activities; -1 when one of them works. */
  private activities(): number {
    let sum = 0;
    for (let scanner = 0; scanner < this.scanners; scanner++) {
      const activity = Atomics.load(this.i32, scannerAt(scanner) + SCANNER_ACTIVITY);
      if ((activity & 1) !== 0) return -1;
      sum += activity;
    }
    return sum;
  }

  /** Whatever is held from outside is to be visited. */
  private pendHeld(): void {
    const { i32, map, dirty } = this;
    const end = i32[JOB_RUNS] + i32[JOB_RUN_COUNT] * RUN_WORDS;
    for (let run = i32[JOB_RUNS]; run < end; run += RUN_WORDS) {
      if (i32[run + RUN_OWNER] !== this.me) continue;
      const first = i32[run + RUN_START] >>> PAGE_WORDS_SHIFT;
      const last = ((i32[run + RUN_END] >>> 0) - 1) >>> PAGE_WORDS_SHIFT;
      for (let page = first; page <= last; page++) {
        const table = i32[map + page] & TABLE_BASE_MASK;
        const words = tableLength(i32[map + page]);
        let held = 0;
        for (let word = table; word < table + words; word++) {
          if ((i32[word] & HELD_BITS) !== 0) held += this.pendWord(word);
        }
        if (held === 0) continue;
        this.pending += held;
        dirty[page] = 1;
      }
    }
  }

  private pendWord(word: number): number {
    const { i32 } = this;
    let held = 0;
    for (let shift = 0; shift < 32; shift += 8) {
      if (((i32[word] >>> shift) & (HELD_BITS & 0xff)) === 0) continue;
      i32[word] = (i32[word] & ~(0xff << shift)) | (PENDING << shift);
      held++;
    }
    return held;
  }

  /** Visits pending members in the order of their addresses, up or down. */
  private sweepPages(): void {
    const { i32, dirty } = this;
    this.isSweeping = true;
    this.direction = -this.direction;
    const isUp = this.direction > 0;
    const count = i32[JOB_RUN_COUNT];
    for (let i = 0; i < count; i++) {
      const run = i32[JOB_RUNS] + (isUp ? i : count - 1 - i) * RUN_WORDS;
      if (i32[run + RUN_OWNER] !== this.me) continue;
      const first = i32[run + RUN_START] >>> PAGE_WORDS_SHIFT;
      const last = ((i32[run + RUN_END] >>> 0) - 1) >>> PAGE_WORDS_SHIFT;
      for (let k = first; k <= last; k++) {
        const page = isUp ? k : first + last - k;
        if (dirty[page] === 0) continue;
        dirty[page] = 0;
        this.sweepPage(run, page);
        if (this.isAborted()) return;
      }
      this.rings.receiveAll(this.receiveReached);
    }
  }

  private sweepPage(run: number, page: number): void {
    const { i32 } = this;
    const m = i32[this.map + page];
    const table = m & TABLE_BASE_MASK;
    const words = tableLength(m);
    const step = this.direction;
    this.sweptMap = m;
    for (let i = 0; i < words; i++) {
      const word = step > 0 ? table + i : table + words - 1 - i;
      for (let bits = i32[word] & PENDING_BITS; bits !== 0; bits = i32[word] & PENDING_BITS) {
        const shift = (31 - Math.clz32(bits)) & ~7;
        i32[word] ^= (PENDING ^ REACHED) << shift;
        this.pending--;
        this.cursor = word;
        this.visit(this.objectAt(run, page, m, (word - table) * ENTRIES_PER_WORD + (shift >>> 3)));
      }
    }
    this.sweptMap = -1; // what is reached on this page from here on waits for the next sweep
  }

  /** The object of an entry: the first block of the page in that stretch of words. */
  private objectAt(run: number, page: number, m: number, entry: number): number {
    const { i32 } = this;
    const start = i32[run + RUN_START];
    const blockWords = i32[run + RUN_BLOCK_WORDS];
    const from = page * PAGE_WORDS + entry * (1 << (m & 31)) - start;
    return start + Math.ceil(from / blockWords) * blockWords;
  }

  /** Visits what is pending, and what that reaches, from a worklist; stops when that grows long. */
  private visitOneByOne(): void {
    const { worklist } = this;
    if (this.pending > 0) this.gatherPending();
    this.isSweeping = false;
    while (worklist.length > 0) {
      if (worklist.length > WORKLIST_MAX) {
        this.putOff();
        return;
      }
      this.visit(worklist.pop());
    }
    if (this.isAborted()) worklist.clear();
  }

  /** Moves all pending members to the worklist. */
  private gatherPending(): void {
    const { i32, dirty } = this;
    const end = i32[JOB_RUNS] + i32[JOB_RUN_COUNT] * RUN_WORDS;
    for (let run = i32[JOB_RUNS]; run < end && this.pending > 0; run += RUN_WORDS) {
      if (i32[run + RUN_OWNER] !== this.me) continue;
      const first = i32[run + RUN_START] >>> PAGE_WORDS_SHIFT;
      const last = ((i32[run + RUN_END] >>> 0) - 1) >>> PAGE_WORDS_SHIFT;
      for (let page = first; page <= last; page++) {
        if (dirty[page] === 0) continue;
        dirty[page] = 0;
        this.gatherPage(run, page);
      }
    }
    this.pending = 0;
  }

  private gatherPage(run: number, page: number): void {
    const { i32, worklist } = this;
    const m = i32[this.map + page];
    const table = m & TABLE_BASE_MASK;
    const end = table + tableLength(m);
    for (let word = table; word < end; word++) {
      for (let bits = i32[word] & PENDING_BITS; bits !== 0; bits = i32[word] & PENDING_BITS) {
        const shift = (31 - Math.clz32(bits)) & ~7;
        i32[word] ^= (PENDING ^ REACHED) << shift;
        this.pending--;
        const entry = (word - table) * ENTRIES_PER_WORD + (shift >>> 3);
        worklist.push(this.objectAt(run, page, m, entry));
      }
    }
  }

  /** The worklist is too long: its members are pending again, and will be swept by address. */
  private putOff(): void {
    const { i32, worklist, dirty } = this;
    while (worklist.length > 0) {
      const object = worklist.pop();
      const page = object >>> PAGE_WORDS_SHIFT;
      this.write(i32[this.map + page], object, PENDING);
      dirty[page] = 1;
      this.pending++;
    }
    this.isSweeping = true;
  }

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
      const { end, shape } = ranges;
      const step = shape === VALUES ? VALUE_WORDS : ENTRY_WORDS;
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
    const { i32 } = this;
    const page = referent >>> PAGE_WORDS_SHIFT;
    if (page >= this.pages) return;
    const m = i32[this.map + page];
    if (m === 0) return;
    const owner = (m >>> OWNER_SHIFT) & OWNER_MASK;
    if (owner !== this.me) {
      this.send(owner, referent, this.receiveReached);
      return;
    }
    const word = entryWord(m, referent);
    const shift = entryShift(m, referent);
    const entry = (i32[word] >>> shift) & 0xff;
    if ((entry & COUNT_BITS) !== 1) return; // no member, or reached before
    if (this.isSweeping) {
      i32[word] ^= (entry ^ PENDING) << shift;
      this.pending++;
      // Further on this page the sweep comes by anyway.
      const isAhead = m === this.sweptMap && (word - this.cursor) * this.direction >= 0;
      if (!isAhead) this.dirty[page] = 1;
    } else {
      i32[word] ^= (entry ^ REACHED) << shift;
      this.worklist.push(referent);
    }
  }
}
