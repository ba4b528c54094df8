/**
 * A shared scan from the lead's side: it lays the job out in scratch pages, takes part as scanner
 * 0, and reads the result off the side tables.
 */

import { SharcError } from '../base/errors.ts';
import { visitCards } from '../memory/cards.ts';
import {
  GC_POOL,
  PAGE_BLOCK_WORDS,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_WORDS_SHIFT,
  WORD_BYTES,
  type WordIndex,
} from '../memory/layout.ts';
import { type Memory, pageOfRecord, startOf } from '../memory/memory.ts';
import { visitRuns } from '../memory/pages.ts';
import { releaseScratch, Scratch } from '../memory/scratch.ts';
import { LARGE_CLASS } from '../memory/size-classes.ts';
import { type Collection, noteLostInCollection } from './figures.ts';
import {
  ATOMIC_WORDS,
  abortJob,
  awaitLeaving,
  beginCounting,
  closeJoining,
  endJob,
  isScannerDead,
  JOB_ATOMIC,
  JOB_COUNTING,
  JOB_GENERATION,
  JOB_JOINED,
  JOB_JOINING,
  JOB_KIND,
  JOB_MAP,
  JOB_RETESTS,
  JOB_RINGS,
  JOB_RUN_COUNT,
  JOB_RUNS,
  JOB_SCANNERS,
  JOB_SEARCHES,
  JOB_STATE,
  JOB_TABLES,
  jobState,
  joinJob,
  LOOK_MS,
  lastPageOf,
  leaveJob,
  openJob,
  RUN_BLOCK_WORDS,
  RUN_END,
  RUN_OWNER,
  RUN_START,
  RUN_WORDS,
  SCANNER_CPU_US,
  SCANNER_SCANNED,
  scannerAt,
} from './job.ts';
import { OLDEST } from './members.ts';
import type { ObjectList } from './object-list.ts';
import { searchRuns } from './referrers.ts';
import { clearRings, ringsWords } from './rings.ts';
import { Scanner } from './scan.ts';
import {
  behindPage,
  bitWords,
  FIRST_NUMBER,
  layOutTables,
  mapWord,
  noteTaken,
  objectAt,
  placePage,
  type ScanTables,
  withOwner,
} from './scan-tables.ts';
import { shiftOf } from './side-tables.ts';

const LINE_WORDS = 16;
/** Longest wait for helpers that are ready, in milliseconds. */
const HELPERS_MS = 5;

/** How a scan ended. */
export interface ScanResult {
  /** Whether the side tables tell what is reachable; else it was aborted, or a helper died. */
  readonly isComplete: boolean;
  /** Helpers that have died, and the lead when it has failed. */
  readonly lost: number;
  /** Why the lead has failed. */
  readonly cause?: unknown;
}

/** The runs where objects of `generation` or younger ones may be. */
export function runsOf(mem: Memory, generation: number): WordIndex[] {
  const records: WordIndex[] = [];
  const note = (record: WordIndex) => void records.push(record);
  if (generation < OLDEST) visitCards(mem, generation > 0, note);
  else visitRuns(mem, note);
  return records;
}

/**
 * Lays a job out over `candidates`, runs of blocks; members are the objects there up to generation
 * `oldestMember`. The caller holds the GIL, and has opened the job. `awaitHelpers` returns when
 * enough helpers have joined, or none is to be expected.
 *
 * Returns the bytes of side tables; 0 when the heap has no pages left for them: the job is over.
 */
export function layOutJob(
  mem: Memory,
  candidates: readonly WordIndex[],
  oldestMember: number,
  awaitHelpers: () => void,
): number {
  const { i32 } = mem;
  const scratch = new Scratch(mem);
  const records = candidates.filter((record) => i32[record + PAGE_CLASS] !== LARGE_CLASS);
  const map = scratch.take(mem.pages, LINE_WORDS);
  const runs = scratch.take(Math.max(1, records.length) * RUN_WORDS, LINE_WORDS);
  if (map === 0 || runs === 0) return giveUp(mem);
  i32.fill(0, map, map + mem.pages);
  let numbers = FIRST_NUMBER;
  for (let i = 0; i < records.length; i++) {
    numbers = layOutRun(mem, records[i], map, runs + i * RUN_WORDS, numbers);
  }
  i32[JOB_MAP] = map;
  i32[JOB_RUNS] = runs;
  i32[JOB_RUN_COUNT] = records.length;
  i32[JOB_GENERATION] = oldestMember;
  try {
    awaitHelpers();
  } catch (error) {
    const bytes = giveUp(mem); // who cannot ask for help collects by a list
    if (error instanceof SharcError) throw error;
    return bytes;
  }
  const scanners = closeJoining(mem);
  const hasTables = layOutTables(mem, scratch, numbers, scanners);
  if (!hasTables || !layOutScanners(mem, scratch, scanners)) return giveUp(mem);
  return scratch.words * WORD_BYTES;
}

/**
 * Lays out a second scan, by the lead alone, of what the first has found unreachable: over a still
 * graph it is exact. The tables of the first are there, and nobody uses them. False when there is
 * no room for the rest: the tables are gone then, too.
 */
export function layOutRetest(mem: Memory): boolean {
  const { i32 } = mem;
  const kept = [JOB_MAP, JOB_RUNS, JOB_RUN_COUNT, JOB_GENERATION, JOB_TABLES];
  const words = kept.map((at) => i32[at]);
  endJob(mem);
  openJob(mem, JOB_RETESTS);
  for (let i = 0; i < kept.length; i++) i32[kept[i]] = words[i];
  if (layOutScanners(mem, new Scratch(mem), closeJoining(mem))) return true;
  giveUp(mem);
  return false;
}

/** What each scanner needs besides tables. False when there is no room. */
function layOutScanners(mem: Memory, scratch: Scratch, scanners: number): boolean {
  const { i32 } = mem;
  const rings = scratch.take(ringsWords(scanners), LINE_WORDS);
  const atomic = scratch.take(scanners * ATOMIC_WORDS, LINE_WORDS);
  if (rings === 0 || atomic === 0) return false;
  clearRings(mem, rings, scanners);
  for (let scanner = 0; scanner < scanners; scanner++) i32[atomic + scanner * ATOMIC_WORDS] = 0;
  i32[JOB_ATOMIC] = atomic;
  i32[JOB_RINGS] = rings;
  assignRuns(mem, scanners);
  return true;
}

/** There is no room for side tables. Helpers that have joined are sent away. */
function giveUp(mem: Memory): number {
  abandonJob(mem);
  return 0;
}

/** Writes down a run whose numbers begin at `first`. Returns the first number behind it. */
function layOutRun(
  mem: Memory,
  record: WordIndex,
  map: number,
  run: number,
  first: number,
): number {
  const { i32 } = mem;
  const page = pageOfRecord(mem, record);
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const shift = shiftOf(blockWords);
  i32[run + RUN_START] = startOf(page);
  i32[run + RUN_BLOCK_WORDS] = blockWords;
  i32[run + RUN_END] = startOf(page) + i32[record + PAGE_CARVED] * blockWords;
  let next = first;
  for (let at = page; at <= lastPageOf(mem, run); at++) {
    const number = placePage(next, shift);
    i32[map + at] = mapWord(number, shift);
    next = behindPage(number, shift);
  }
  return next;
}

/** Shares the runs out: neighbours together, each scanner the same number of words. */
function assignRuns(mem: Memory, scanners: number): void {
  const { i32 } = mem;
  const runs = i32[JOB_RUNS];
  const end = runs + i32[JOB_RUN_COUNT] * RUN_WORDS;
  let total = 0;
  for (let run = runs; run < end; run += RUN_WORDS) total += runWords(mem, run);
  let before = 0;
  for (let run = runs; run < end; run += RUN_WORDS) {
    const owner = Math.min(scanners - 1, Math.floor((before * scanners) / Math.max(1, total)));
    before += runWords(mem, run);
    i32[run + RUN_OWNER] = owner;
    const last = i32[JOB_MAP] + lastPageOf(mem, run);
    for (let at = i32[JOB_MAP] + (i32[run + RUN_START] >>> PAGE_WORDS_SHIFT); at <= last; at++) {
      i32[at] = withOwner(i32[at], owner);
    }
  }
}

/** Words from the first block of a run to the end of the last. The end may be word 2^31. */
const runWords = (mem: Memory, run: number): number =>
  (mem.i32[run + RUN_END] >>> 0) - mem.i32[run + RUN_START];

/**
 * Scans as scanner 0, with whoever has joined, and puts the unreachable members into `found`, by
 * address. `isToEnd` is asked now and then: true aborts the scan.
 *
 * A scan changes nothing but tables. So what it throws costs nothing but the scan, as the death of
 * a helper does, and counts as one; broken invariants are thrown on.
 */
export function leadScan(
  mem: Memory,
  found: ObjectList,
  isToEnd: (() => boolean) | null = null,
): ScanResult {
  let isComplete = false;
  let failed = 0;
  let cause: unknown;
  try {
    beginCounting(mem);
    const scanner = new Scanner(mem, 0, isToEnd);
    isComplete = scanner.scan();
    if (isComplete) gatherUnreachable(mem, scanner.tables, found);
  } catch (error) {
    abortJob(mem);
    if (error instanceof SharcError) throw error;
    failed = 1;
    cause = error;
  }
  const lost = failed + awaitLeaving(mem);
  noteLostInCollection(mem, lost);
  if (lost > 0) found.clear();
  return { isComplete: isComplete && lost === 0, lost, cause };
}

/**
 * Asks the pool for helpers, and waits a moment for those that are ready, so that `scanners`
 * threads scan. `summon` must not wait; null: no help is wanted.
 */
export function awaitHelpers(mem: Memory, scanners: number, summon: (() => void) | null): void {
  if (summon === null) return;
  summon();
  const { i32 } = mem;
  const deadline = performance.now() + HELPERS_MS;
  for (;;) {
    const joined = Atomics.load(i32, JOB_JOINED);
    const expected = Math.min(scanners - 1, Atomics.load(i32, GC_POOL));
    if (joined >= expected || performance.now() > deadline) return;
    Atomics.wait(i32, JOB_JOINED, joined, 1);
  }
}

/** A worker of the pool takes part in the job that is open, if it is not too late. */
export function scanAsHelper(mem: Memory): void {
  const me = joinJob(mem);
  if (me === 0) return;
  try {
    if (!awaitBegin(mem)) return;
    if (mem.i32[JOB_KIND] === JOB_SEARCHES) searchRuns(mem, me);
    else new Scanner(mem, me, null).scan();
  } catch (error) {
    abortJob(mem);
    throw error;
  } finally {
    leaveJob(mem, me);
  }
}

/** Waits until the lead has laid the job out. False when it was aborted, or the lead has died. */
function awaitBegin(mem: Memory): boolean {
  while (jobState(mem) === JOB_JOINING) {
    if (Atomics.wait(mem.i32, JOB_STATE, JOB_JOINING, LOOK_MS) !== 'timed-out') continue;
    if (isScannerDead(mem, 0)) abortJob(mem);
  }
  return jobState(mem) === JOB_COUNTING;
}

/** Gives up a job that has not begun, or whose helpers are to stop. The caller holds the GIL. */
export function abandonJob(mem: Memory): void {
  abortJob(mem);
  closeJoining(mem);
  awaitLeaving(mem);
  closeJob(mem);
}

/** All that is unreached by now is unreachable. Nobody writes tables any more: the job is done. */
function gatherUnreachable(mem: Memory, { bitsAt }: ScanTables, found: ObjectList): void {
  const { i32 } = mem;
  const end = i32[JOB_RUNS] + i32[JOB_RUN_COUNT] * RUN_WORDS;
  noteTaken(mem);
  for (let run = i32[JOB_RUNS]; run < end; run += RUN_WORDS) {
    const start = i32[run + RUN_START];
    const blockWords = i32[run + RUN_BLOCK_WORDS];
    const last = lastPageOf(mem, run);
    for (let page = start >>> PAGE_WORDS_SHIFT; page <= last; page++) {
      const m = i32[i32[JOB_MAP] + page];
      for (let word = 0; word < bitWords(m); word++) {
        for (let bits = i32[bitsAt[page] + word]; bits !== 0; bits &= bits - 1) {
          const entry = (word << 5) + 31 - Math.clz32(bits & -bits);
          found.push(objectAt(start, blockWords, page, m, entry));
        }
      }
    }
  }
}

/** Calls `visit` with containers that held no container when they were scanned. */
export function visitAtomic(mem: Memory, visit: (container: number) => void): void {
  const { i32 } = mem;
  for (let scanner = 0; scanner < i32[JOB_SCANNERS]; scanner++) {
    const list = i32[JOB_ATOMIC] + scanner * ATOMIC_WORDS;
    for (let i = 1; i <= i32[list]; i++) visit(i32[list + i]);
  }
}

/** Milliseconds of processor time that the helpers have needed. */
export function helpersCpuMs(mem: Memory): number {
  let us = 0;
  for (let scanner = 1; scanner < mem.i32[JOB_SCANNERS]; scanner++) {
    us += mem.i32[scannerAt(scanner) + SCANNER_CPU_US];
  }
  return us / 1000;
}

/** Adds what the scanners have done to the figures of a collection. */
export function addScanFigures(mem: Memory, collection: Collection): void {
  const { i32 } = mem;
  for (let scanner = 0; scanner < i32[JOB_SCANNERS]; scanner++) {
    const at = scannerAt(scanner);
    collection.candidates += i32[at + SCANNER_SCANNED];
    collection.cpuMs += i32[at + SCANNER_CPU_US] / 1000;
    collection.scanned.push(i32[at + SCANNER_SCANNED]);
  }
}

/** Ends a job. All helpers have left. The caller holds the GIL. */
export function closeJob(mem: Memory): void {
  endJob(mem);
  releaseScratch(mem);
}
