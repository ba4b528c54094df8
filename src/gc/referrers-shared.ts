/**
 * A search for referrers from the lead's side. The world is stopped: the caller holds the GIL. It
 * lays the runs and the targets out in scratch pages, searches runs itself until none is left, and
 * reads what everybody has found in the order of the addresses.
 *
 * Helpers are called before anything else, and never waited for: a search takes milliseconds, and
 * so does waking them. Only those that have joined are waited for at the end, for a run each.
 */

import { assert } from '../base/assert.ts';
import {
  GC_PAGES_IN_USE,
  GC_SCANNERS,
  PAGE_BLOCK_WORDS,
  PAGE_CARVED,
  type WordIndex,
} from '../memory/layout.ts';
import { type Memory, pageOfRecord, startOf } from '../memory/memory.ts';
import { visitRuns } from '../memory/pages.ts';
import { Scratch } from '../memory/scratch.ts';
import { noteLostScanners } from './figures.ts';
import { isBackgroundOpen } from './generations.ts';
import {
  awaitLeaving,
  beginCounting,
  closeJoining,
  JOB_ABORTED,
  JOB_RUN_COUNT,
  JOB_RUNS,
  JOB_SEARCHES,
  JOB_TARGETS,
  jobState,
  openJob,
  RUN_BLOCK_WORDS,
  RUN_END,
  RUN_START,
} from './job.ts';
import type { ObjectList } from './object-list.ts';
import {
  FOUND_BITS,
  FOUND_COUNT,
  foundWords,
  ReferrerSearch,
  readFound,
  SEARCHED_RUN_WORDS,
  SEARCHING,
  searchRuns,
  TARGETS_AT,
} from './referrers.ts';
import { readyScanners } from './requests.ts';
import { abandonJob, closeJob, type ScanResult } from './shared-scan.ts';

const LINE_WORDS = 16;
/** Pages in use from which on the pool is asked for help: see `src/README.md`, Decisions. */
const SHARED_PAGES_MIN = 64;

/** The pool, as a search sees it. */
export interface Helpers {
  /** Asks the pool for helpers; null where there is none. Must not wait. */
  readonly summon: (() => void) | null;
  /** Told how many helpers have died in the search, which was then repeated without any. */
  readonly onLost: ((helpers: number) => void) | null;
}

/**
 * Appends the tracked objects that refer to any of `targets` to `found`, each once, by address.
 * With the pool when the heap is large and the pool ready. O(heap).
 */
export function searchReferrers(
  mem: Memory,
  targets: ReadonlySet<number>,
  found: ObjectList,
  helpers: Helpers,
): void {
  if (isWorthSharing(mem, helpers)) {
    const { isComplete, lost } = searchTogether(mem, targets, found, helpers.summon);
    if (lost > 0) helpers.onLost?.(lost);
    if (isComplete) return;
  }
  searchAlone(mem, targets, found);
}

function isWorthSharing(mem: Memory, { summon }: Helpers): boolean {
  const { i32 } = mem;
  if (summon === null || i32[GC_SCANNERS] < 2 || i32[GC_PAGES_IN_USE] < SHARED_PAGES_MIN) {
    return false;
  }
  if (isBackgroundOpen(mem)) return false; // it has the one job there can be
  if (readyScanners(mem) > 0) return true;
  summon(); // for the next search
  return false;
}

/** The search by the calling thread, serially. */
export function searchAlone(mem: Memory, targets: ReadonlySet<number>, found: ObjectList): void {
  const { i32 } = mem;
  const search = new ReferrerSearch(mem, targets, found);
  visitRuns(mem, (record) => {
    const start = startOf(pageOfRecord(mem, record));
    const blockWords = i32[record + PAGE_BLOCK_WORDS];
    search.searchRun(start, blockWords, start + i32[record + PAGE_CARVED] * blockWords);
  });
}

/**
 * The search by the calling thread and whoever joins it. Nothing was found when it is not complete:
 * when there is no room for the job, a helper has failed, or has died.
 */
export function searchTogether(
  mem: Memory,
  targets: ReadonlySet<number>,
  found: ObjectList,
  summon: (() => void) | null,
): ScanResult {
  openJob(mem, JOB_SEARCHES);
  summon?.();
  try {
    if (!layOutSearch(mem, targets)) {
      abandonJob(mem);
      return { isComplete: false, lost: 0 };
    }
    beginCounting(mem);
    searchRuns(mem, 0);
  } catch (error) {
    abandonJob(mem);
    throw error;
  }
  closeJoining(mem);
  const lost = awaitLeaving(mem);
  noteLostScanners(mem, lost);
  const isComplete = lost === 0 && jobState(mem) !== JOB_ABORTED;
  if (isComplete) gatherFound(mem, found);
  closeJob(mem);
  return { isComplete, lost };
}

/** Writes down what is to be searched, and for what. False: there is no room. */
function layOutSearch(mem: Memory, targets: ReadonlySet<number>): boolean {
  const { i32 } = mem;
  const scratch = new Scratch(mem);
  const records: WordIndex[] = [];
  let words = 0;
  visitRuns(mem, (record) => {
    records.push(record);
    words += foundWords(i32[record + PAGE_CARVED]);
  });
  const runs = scratch.take(Math.max(1, records.length) * SEARCHED_RUN_WORDS, LINE_WORDS);
  if (runs === 0) return false;
  const list = scratch.take(TARGETS_AT + targets.size, LINE_WORDS);
  if (list === 0) return false;
  let bits: number = scratch.take(Math.max(1, words), LINE_WORDS);
  if (bits === 0) return false;
  let run: number = runs;
  for (const record of records) {
    const start = startOf(pageOfRecord(mem, record));
    const blockWords = i32[record + PAGE_BLOCK_WORDS];
    const blocks = i32[record + PAGE_CARVED];
    i32[run + RUN_START] = start;
    i32[run + RUN_BLOCK_WORDS] = blockWords;
    i32[run + RUN_END] = start + blocks * blockWords;
    i32[run + FOUND_COUNT] = SEARCHING;
    i32[run + FOUND_BITS] = bits;
    bits += foundWords(blocks);
    run += SEARCHED_RUN_WORDS;
  }
  i32[list] = targets.size;
  i32.set([...targets], list + TARGETS_AT);
  i32[JOB_RUNS] = runs;
  i32[JOB_RUN_COUNT] = records.length;
  i32[JOB_TARGETS] = list;
  return true;
}

/** What was found, run by run. All helpers have left, so all that they have written is seen. */
function gatherFound(mem: Memory, found: ObjectList): void {
  const { i32 } = mem;
  const end = i32[JOB_RUNS] + i32[JOB_RUN_COUNT] * SEARCHED_RUN_WORDS;
  for (let run = i32[JOB_RUNS]; run < end; run += SEARCHED_RUN_WORDS) {
    assert(i32[run + FOUND_COUNT] !== SEARCHING, 'search: every run was searched');
    if (i32[run + FOUND_COUNT] > 0) readFound(mem, run, found);
  }
}
