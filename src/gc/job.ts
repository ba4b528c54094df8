/**
 * The job: a scan that several threads share. One at a time; its words are at GC_JOB.
 *
 *   NONE --open (the lead, under the GIL)--> JOINING --begin (the lead)--> COUNTING
 *   COUNTING --all have counted and compared--> REACHING --nobody has work--> DONE --close--> NONE
 *   any --abort (anybody)--> ABORTED --all have left, close--> NONE
 *
 * The lead is scanner 0: the thread that collects, or the collector thread. Helpers are workers of
 * the pool: they join while the job is JOINING and leave when it is DONE or ABORTED. Who comes too
 * late does not take part. Scanners read the heap and write only their own side tables, so a job
 * can be aborted at any moment, and a helper that dies costs nothing but the scan.
 *
 *   JOB_STATE      atomic  as above
 *   JOB_SEQUENCE   atomic  the number of the job that may be joined
 *   JOB_JOINED     atomic  helpers that have joined
 *   JOB_LEFT       atomic  a bit per helper that has left
 *   JOB_COUNTED    atomic  scanners whose tallies are complete
 *   JOB_READY      atomic  scanners that have compared them with the refcounts of their members
 *   per scanner    owner   see SCANNER_... below
 *
 * The words SCANNER_OS_ID are the seats of a job: the number of the thread of the system that sits
 * there, -n while the seat is free in job n, 0 when nobody may take it. A helper takes the first
 * free one by an exchange that says at once who it is, so that its death at any moment is noticed;
 * the lead closes the row by taking the first free seat itself. An exchange that succeeds was for
 * the job that was read before, whose seats had all been put up: so no seat stays empty in between.
 */

import { assert } from '../base/assert.ts';
import { SCANNERS_MAX } from '../base/options.ts';
import { GC_JOB, PAGE_WORDS_SHIFT } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { currentOsThread, isAlive, isThread } from '../sync/liveness.ts';

export const JOB_STATE = GC_JOB;
export const JOB_JOINED = GC_JOB + 1;
export const JOB_LEFT = GC_JOB + 2;
export const JOB_COUNTED = GC_JOB + 3;
export const JOB_READY = GC_JOB + 4;
export const JOB_SCANNERS = GC_JOB + 5; //    constant from COUNTING on
export const JOB_MAP = GC_JOB + 6; //         constant: the map of side tables
export const JOB_RUNS = GC_JOB + 7; //        constant: the runs to scan, RUN_WORDS each
export const JOB_RUN_COUNT = GC_JOB + 8; //   constant
export const JOB_RINGS = GC_JOB + 9; //       constant: see rings.ts
export const JOB_GENERATION = GC_JOB + 10; // constant: members are up to this generation
export const JOB_SEQUENCE = GC_JOB + 11;
export const JOB_ATOMIC = GC_JOB + 12; //     constant: lists of containers without containers
export const JOB_LEAD_LEFT = GC_JOB + 13; //  atomic  1: the lead has left
export const JOB_KIND = GC_JOB + 14; //       constant: JOB_SCANS, JOB_SEARCHES, JOB_RETESTS
export const JOB_TABLES = GC_JOB + 15; //     constant: where the tables stand, see scan-tables.ts

/** What a search for referrers has in the place of words that it does not need. */
export const JOB_TAKEN = JOB_COUNTED; //      atomic  runs that were taken to be searched
export const JOB_TARGETS = JOB_RINGS; //      constant: the objects whose referrers are sought

/** A run to scan: where its blocks begin, how large they are, where they end, who scans it. */
export const RUN_START = 0;
export const RUN_BLOCK_WORDS = 1;
export const RUN_END = 2;
export const RUN_OWNER = 3;
export const RUN_WORDS = 4;

/** A scanner's list of such containers: how many, then their addresses. */
export const ATOMIC_WORDS = 1024;

/** Words of each scanner. */
const SCANNER_AT = GC_JOB + 16;
const SCANNER_WORDS = 6;
export const SCANNER_OS_ID = 0; //    atomic  its seat, see above
export const SCANNER_START = 1; //    start time of that thread, low word
export const SCANNER_START_HIGH = 2;
export const SCANNER_ACTIVITY = 3; // atomic  odd: it has work; counts up at every change
export const SCANNER_SCANNED = 4; //  objects it has examined; of a search, runs
export const SCANNER_CPU_US = 5; //   microseconds of processor time
assert(SCANNER_AT + SCANNERS_MAX * SCANNER_WORDS <= GC_JOB + 64, 'job: fits its words');

/** A seat that nobody may take. */
const CLOSED = 0;
/** The number of a thread whose system has none to tell. */
const NAMELESS = 2 ** 31 - 1;
/** Numbers of jobs begin anew beyond it, so that -n is below 0. */
const SEQUENCE_MASK = 2 ** 30 - 1;
const TICKS_HIGH = 2 ** 32;

export const JOB_SCANS = 0;
export const JOB_SEARCHES = 1;
export const JOB_RETESTS = 2;

export const JOB_NONE = 0;
export const JOB_JOINING = 1;
export const JOB_COUNTING = 2;
export const JOB_REACHING = 3;
export const JOB_DONE = 4;
export const JOB_ABORTED = 5;

/** The last page of a run where blocks are; the one before its first when there are none. */
export const lastPageOf = (mem: Memory, run: number): number =>
  ((mem.i32[run + RUN_END] >>> 0) - 1) >>> PAGE_WORDS_SHIFT;

/** The words of a scanner. */
export const scannerAt = (scanner: number): number => SCANNER_AT + scanner * SCANNER_WORDS;

/** What the job is doing. */
export const jobState = (mem: Memory): number => Atomics.load(mem.i32, JOB_STATE);

/**
 * Opens a job for helpers to join; JOB_RETESTS is the lead's alone. The caller is the lead, and
 * holds the GIL.
 */
export function openJob(mem: Memory, kind = JOB_SCANS): void {
  const { i32 } = mem;
  assert(jobState(mem) === JOB_NONE, 'job: one at a time');
  i32.fill(0, JOB_JOINED, JOB_SEQUENCE);
  i32[JOB_LEAD_LEFT] = 0;
  i32[JOB_KIND] = kind;
  const { id } = currentOsThread();
  Atomics.store(i32, scannerAt(0) + SCANNER_OS_ID, id || NAMELESS);
  writeScanner(mem, 0);
  const job = (Atomics.load(i32, JOB_SEQUENCE) & SEQUENCE_MASK) + 1;
  const isShared = kind !== JOB_RETESTS;
  if (!isShared) i32[JOB_SCANNERS] = 1; // joining is closed
  for (let scanner = 1; scanner < SCANNERS_MAX; scanner++) {
    const at = scannerAt(scanner);
    i32.fill(0, at + SCANNER_OS_ID + 1, at + SCANNER_WORDS);
    Atomics.store(i32, at + SCANNER_OS_ID, isShared ? -job : CLOSED);
  }
  setState(mem, JOB_JOINING); // whoever finds it so, finds all seats put up
  Atomics.store(i32, JOB_SEQUENCE, job); // the last: now the seats may be taken
}

/** Writes down who sits at `scanner`, besides its number. */
function writeScanner(mem: Memory, scanner: number): void {
  const { startTicks } = currentOsThread();
  mem.i32[scannerAt(scanner) + SCANNER_START_HIGH] = Math.floor(startTicks / TICKS_HIGH);
  mem.i32[scannerAt(scanner) + SCANNER_START] = startTicks | 0;
  Atomics.store(mem.i32, scannerAt(scanner) + SCANNER_ACTIVITY, 1);
}

/** Joins the job as a helper. Returns the scanner's number; 0 when it is too late. */
export function joinJob(mem: Memory): number {
  const { i32 } = mem;
  const me = currentOsThread().id || NAMELESS;
  const free = -Atomics.load(i32, JOB_SEQUENCE);
  if (free === CLOSED) return 0; // there was no job yet
  for (let scanner = 1; scanner < SCANNERS_MAX; scanner++) {
    const seat = scannerAt(scanner) + SCANNER_OS_ID;
    const found = Atomics.compareExchange(i32, seat, free, me);
    if (found > 0) continue; // another helper's
    if (found !== free) return 0;
    writeScanner(mem, scanner);
    Atomics.add(i32, JOB_JOINED, 1);
    Atomics.notify(i32, JOB_JOINED);
    return scanner;
  }
  return 0;
}

/** Nobody joins any more. Returns the number of scanners, the lead included. */
export function closeJoining(mem: Memory): number {
  const { i32 } = mem;
  if (i32[JOB_SCANNERS] > 0) return i32[JOB_SCANNERS];
  const free = -Atomics.load(i32, JOB_SEQUENCE);
  let scanners = 1;
  while (
    scanners < SCANNERS_MAX &&
    Atomics.compareExchange(i32, scannerAt(scanners) + SCANNER_OS_ID, free, CLOSED) !== free
  ) {
    scanners++;
  }
  i32[JOB_SCANNERS] = scanners;
  return scanners;
}

/** All is laid out: the scanners begin. Unless the job was aborted: the lock may be gone by now. */
export function beginCounting(mem: Memory): void {
  advance(mem, JOB_JOINING, JOB_COUNTING);
}

/** Moves the job on, unless it was aborted meanwhile. */
export function advance(mem: Memory, from: number, to: number): void {
  if (Atomics.compareExchange(mem.i32, JOB_STATE, from, to) === from) {
    Atomics.notify(mem.i32, JOB_STATE);
  }
}

/** Stops the job: its result is void. */
export function abortJob(mem: Memory): void {
  for (;;) {
    const state = jobState(mem);
    if (state === JOB_NONE || state === JOB_ABORTED) return;
    if (Atomics.compareExchange(mem.i32, JOB_STATE, state, JOB_ABORTED) !== state) continue;
    Atomics.notify(mem.i32, JOB_STATE);
    return;
  }
}

/** Helper number `scanner` leaves: it does not touch the tables any more. */
export function leaveJob(mem: Memory, scanner: number): void {
  Atomics.or(mem.i32, JOB_LEFT, 1 << scanner);
  Atomics.notify(mem.i32, JOB_LEFT);
}

/** The lead leaves: it does not touch the tables any more. */
export function leaveLead(mem: Memory): void {
  Atomics.store(mem.i32, JOB_LEAD_LEFT, 1);
  Atomics.notify(mem.i32, JOB_LEAD_LEFT);
}

/** Waits until the lead has left an aborted job, or died. */
export function awaitLead(mem: Memory): void {
  const { i32 } = mem;
  while (Atomics.load(i32, JOB_LEAD_LEFT) === 0) {
    if (Atomics.wait(i32, JOB_LEAD_LEFT, 0, LOOK_MS) === 'timed-out' && isScannerDead(mem, 0)) {
      return;
    }
  }
}

/** Whether scanner number `scanner` has died. */
export function isScannerDead(mem: Memory, scanner: number): boolean {
  const at = scannerAt(scanner);
  const id = Atomics.load(mem.i32, at + SCANNER_OS_ID);
  const low = mem.i32[at + SCANNER_START] >>> 0;
  const startTicks = mem.i32[at + SCANNER_START_HIGH] * TICKS_HIGH + low;
  if (id === NAMELESS) return false;
  // One that has just sat down has not yet written when it began: then its number has to do.
  return startTicks === 0 ? !isThread(id) : !isAlive({ id, startTicks });
}

/**
 * Waits until all helpers have left, or died. Returns how many have died. Who has left may have
 * died since, which says nothing about the others; so each is asked about by itself.
 */
export function awaitLeaving(mem: Memory): number {
  const { i32 } = mem;
  const scanners = i32[JOB_SCANNERS];
  for (;;) {
    const left = Atomics.load(i32, JOB_LEFT);
    let missing = 0;
    let dead = 0;
    for (let scanner = 1; scanner < scanners; scanner++) {
      if ((left & (1 << scanner)) !== 0) continue;
      missing++;
      if (isScannerDead(mem, scanner)) dead++;
    }
    if (missing === dead) return dead;
    Atomics.wait(i32, JOB_LEFT, left, LOOK_MS);
  }
}

/**
 * Ends the job of a thread that has died in its section, or that a dead thread's section has
 * overtaken. The caller holds the GIL; it leads none itself.
 */
export function stopJob(mem: Memory): void {
  if (jobState(mem) === JOB_NONE) return;
  abortJob(mem);
  closeJoining(mem);
  if (!isScannerDead(mem, 0)) awaitLead(mem);
  awaitLeaving(mem);
  endJob(mem);
}

/** The job is over, and nobody reads or writes its tables. */
export function endJob(mem: Memory): void {
  setState(mem, JOB_NONE);
}

/** How often waiting scanners look whether the others live, in milliseconds. */
export const LOOK_MS = 20;

function setState(mem: Memory, state: number): void {
  Atomics.store(mem.i32, JOB_STATE, state);
  Atomics.notify(mem.i32, JOB_STATE);
}
