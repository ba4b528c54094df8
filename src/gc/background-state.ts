/**
 * The state of the collection in the background: who may do what, and how it is given up.
 *
 * The word GC_BACKGROUND (GIL; a look without the lock is a hint)
 *
 *   IDLE --a collection is due (a mutator, under the GIL)-->          WANTED
 *   WANTED --open (the collector thread, under the GIL)-->            OPEN
 *   OPEN --the scan has ended (the collector thread, under the GIL)--> SETTLING
 *   SETTLING, OPEN --closed (the collector thread, under the GIL)-->  IDLE
 *   WANTED --abandon (any mutator, under the GIL)-->                  IDLE
 *   OPEN, SETTLING --abandon (any mutator, under the GIL)-->          IDLE
 *
 * The collector thread looks at the word whenever it gets the lock: when it is not as it left it,
 * the collection was abandoned, and it stops without touching anything. While it is OPEN it scans
 * without the lock and writes side tables in scratch pages; so whoever abandons it aborts the job
 * and waits until the scanners have left it, or died, before the pages go back. They look at least
 * once per 16 pages, or 4,096 visits.
 *
 * From SETTLING on nobody scans without the lock. The tables are kept in case much is to be tested
 * again; garbage that is condemned any thread can sweep.
 */

import {
  BACKGROUND_WANTED,
  GC_BACKGROUND,
  GC_BACKGROUND_OF,
  GC_BACKGROUND_SERIAL,
  GC_BACKGROUND_YOUNG,
  GC_COUNTS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { releaseEmptyRuns } from '../memory/pages.ts';
import { abortJob, awaitLead, awaitLeaving } from './job.ts';
import { REQUEST_BACKGROUND, request } from './requests.ts';
import { closeJob } from './shared-scan.ts';

export const BACKGROUND_IDLE = 0;
export const BACKGROUND_OPEN = 2;
export const BACKGROUND_SETTLING = 3;

/** What the collection in the background is doing. */
export const backgroundState = (mem: Memory): number => mem.i32[GC_BACKGROUND];

/** Moves it on. By the collector thread, under the GIL. */
export function setBackground(mem: Memory, state: number): void {
  mem.i32[GC_BACKGROUND] = state;
}

/** Asks the collector thread for a collection. The caller holds the GIL; none is under way. */
export function wantBackground(mem: Memory, generation: number): void {
  mem.i32[GC_BACKGROUND_OF] = generation;
  mem.i32[GC_BACKGROUND_YOUNG] = Math.max(0, mem.i32[GC_COUNTS]);
  mem.i32[GC_BACKGROUND_SERIAL]++;
  wantAgain(mem);
}

/** Asks for the last one again: it was begun and given up. */
export function wantAgain(mem: Memory): void {
  setBackground(mem, BACKGROUND_WANTED);
  request(mem, REQUEST_BACKGROUND);
}

/** Gives up the collection in the background, whatever it is doing. The caller holds the GIL. */
export function abandonBackground(mem: Memory): void {
  const state = backgroundState(mem);
  if (state === BACKGROUND_IDLE) return;
  if (state === BACKGROUND_OPEN) {
    abortJob(mem);
    awaitLead(mem);
    awaitLeaving(mem);
  }
  closeBackground(mem);
}

/**
 * No collection is open any more: its side tables go back, and pages may change their size class.
 * Nobody scans; the caller holds the GIL.
 */
export function closeBackground(mem: Memory): void {
  const state = backgroundState(mem);
  if (state === BACKGROUND_OPEN || state === BACKGROUND_SETTLING) closeJob(mem);
  setBackground(mem, BACKGROUND_IDLE);
  releaseEmptyRuns(mem);
}
