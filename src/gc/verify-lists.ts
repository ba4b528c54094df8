/**
 * Verification, lists: the free blocks of every run, the bins of every thread, the free runs.
 */

import {
  ABANDONED,
  CONTROL_FREE_RUNS,
  FREE_RUN_EXACT,
  FREE_RUN_LISTS,
  GC_SCRATCH,
  HEADER_COUNT,
  PAGE_CAPACITY,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_FREE,
  PAGE_NEXT,
  PAGE_OWNER,
  PAGE_PREVIOUS,
  PAGE_REMOTE_COUNT,
  PAGE_REMOTE_FREE,
  PAGE_RETIRE_AT,
  PAGE_RUN,
  THREAD_BINS,
  THREAD_FREE,
  THREAD_STATE,
} from '../memory/layout.ts';
import { pageRecordOf, threadRecordOf } from '../memory/memory.ts';
import { LARGE_CLASS, SIZE_CLASSES } from '../memory/size-classes.ts';
import {
  MARK_FREE,
  MARK_REMOTE,
  type Survey,
  TILE_FREE,
  TILE_IN_USE,
  TILE_SCRATCH,
} from './verify-survey.ts';

/** Marks all blocks on free lists, and checks the lists. */
export function checkFreeLists(survey: Survey): void {
  const { i32, mem, tiles } = survey;
  for (let page = 0; page < tiles.length; page++) {
    if (tiles[page] !== TILE_IN_USE) continue;
    const record = pageRecordOf(mem, page);
    survey.freeCount[page] = markList(survey, page, i32[record + PAGE_FREE], MARK_FREE);
    const remote = markList(survey, page, i32[record + PAGE_REMOTE_FREE], MARK_REMOTE);
    survey.remoteCount[page] = remote;
    const counted = i32[record + PAGE_REMOTE_COUNT];
    if (remote >= 0 && counted !== remote) {
      survey.findings.add('PAGE_REMOTE_COUNT_WRONG', record, remote, counted);
    }
  }
}

/** Marks the blocks of a free list. Returns their number, or -1 when the list is broken. */
function markList(survey: Survey, page: number, first: number, mark: number): number {
  const { i32, marks, findings } = survey;
  const record = pageRecordOf(survey.mem, page);
  const from = survey.firstBlock[page];
  const to = from + survey.carved[page];
  let count = 0;
  for (let word = first; word !== 0; word = i32[word + HEADER_COUNT]) {
    const block = survey.blockAt(word);
    if (block < from || block >= to) {
      findings.add('FREE_LIST_BROKEN', record, 0, word);
      return -1;
    }
    if (marks[block] !== 0) {
      const code = marks[block] === mark ? 'FREE_LIST_CYCLE' : 'FREE_BLOCK_TWICE';
      findings.add(code, record, 0, word);
      return -1;
    }
    marks[block] = mark;
    count++;
  }
  return count;
}

/** What a run's place in the bins should be. */
const PLACE_BIN = 1; // must stand in its owner's bin
const PLACE_NONE = 2; // full: must stand in no bin
const PLACE_DOUBTFUL = 3; // its owner word is reported already

/** Checks owners and the bins of all threads. */
export function checkBins(survey: Survey): void {
  const { mem, tiles } = survey;
  const places = new Uint8Array(tiles.length);
  for (let page = 0; page < tiles.length; page++) {
    if (tiles[page] === TILE_IN_USE) places[page] = placeOf(survey, page);
  }
  const binOfPage = new Int32Array(tiles.length);
  let areWhole = true;
  for (let id = 1; id <= ABANDONED; id++) {
    if (isLeft(survey, id)) continue; // `checkThreads` finds bins left behind
    const bins = threadRecordOf(mem, id) + THREAD_BINS;
    for (let sizeClass = 0; sizeClass < SIZE_CLASSES; sizeClass++) {
      if (!checkBin(survey, { bin: bins + sizeClass, id, sizeClass }, places, binOfPage)) {
        areWhole = false;
      }
    }
  }
  if (!areWhole) return;
  for (let page = 0; page < tiles.length; page++) {
    if (places[page] !== PLACE_BIN || binOfPage[page] !== 0) continue;
    const record = pageRecordOf(mem, page);
    survey.findings.add('RUN_NOT_IN_BIN', record, 1, 0);
  }
}

/** Whether nobody has the thread record `id`; that of the abandoned pages is always in use. */
export function isLeft(survey: Survey, id: number): boolean {
  if (id === ABANDONED) return false;
  return survey.i32[threadRecordOf(survey.mem, id) + THREAD_STATE] === THREAD_FREE;
}

function placeOf(survey: Survey, page: number): number {
  const { i32, mem, findings } = survey;
  const record = pageRecordOf(mem, page);
  const owner = i32[record + PAGE_OWNER];
  const id = Math.abs(owner);
  const isLarge = i32[record + PAGE_CLASS] === LARGE_CLASS;
  if (id === 0 || id > ABANDONED || isLeft(survey, id) || (isLarge && owner > 0)) {
    findings.add('PAGE_OWNER_WRONG', record, isLarge ? -id : id, owner);
    return PLACE_DOUBTFUL;
  }
  if (owner > 0) return PLACE_BIN;
  const hasFree = i32[record + PAGE_FREE] !== 0 || i32[record + PAGE_REMOTE_FREE] !== 0;
  if (!hasFree && i32[record + PAGE_CARVED] === i32[record + PAGE_CAPACITY]) return PLACE_NONE;
  findings.add('RUN_NOT_FULL', record, id, owner);
  return PLACE_DOUBTFUL;
}

interface Bin {
  readonly bin: number;
  readonly id: number;
  readonly sizeClass: number;
}

/** Walks one bin. False when it is broken, so that other runs may be missing from it. */
function checkBin(survey: Survey, at: Bin, places: Uint8Array, binOfPage: Int32Array): boolean {
  const { i32, findings } = survey;
  let previous = 0;
  let record = i32[at.bin];
  while (record !== 0) {
    const page = survey.pageOfRecord(record);
    if (survey.tiles[page] !== TILE_IN_USE) {
      findings.add('BIN_BROKEN', at.bin, 0, record);
      return false;
    }
    const owner = i32[record + PAGE_OWNER];
    const isDoubtful = places[page] === PLACE_DOUBTFUL;
    if (i32[record + PAGE_CLASS] !== at.sizeClass || (owner !== at.id && !isDoubtful)) {
      findings.add('BIN_MEMBER_WRONG', record, at.id, owner);
      return false;
    }
    if (binOfPage[page] !== 0) {
      findings.add('BIN_CYCLE', at.bin, 0, record);
      return false;
    }
    binOfPage[page] = at.bin;
    if (previous === 0) survey.isFirstInBin[page] = 1;
    if (i32[record + PAGE_PREVIOUS] !== previous) {
      findings.add('BIN_LINK_WRONG', record, previous, i32[record + PAGE_PREVIOUS]);
    }
    const retireAt = previous === 0 ? -1 : 0;
    if (i32[record + PAGE_RETIRE_AT] !== retireAt) {
      findings.add('RETIRE_AT_WRONG', record, retireAt, i32[record + PAGE_RETIRE_AT]);
    }
    previous = record;
    record = i32[record + PAGE_NEXT];
  }
  return true;
}

/** Checks the lists of free runs. */
export function checkFreeRuns(survey: Survey): void {
  const { mem, tiles } = survey;
  const isListed = new Uint8Array(tiles.length);
  let areWhole = true;
  for (let list = 0; list < FREE_RUN_LISTS; list++) {
    if (!checkRunList(survey, list, isListed)) areWhole = false;
  }
  if (!areWhole) return;
  for (let page = 0; page < tiles.length; page++) {
    if (tiles[page] !== TILE_FREE || isListed[page] === 1) continue;
    survey.findings.add('FREE_RUN_LOST', pageRecordOf(mem, page), 1, 0);
  }
}

function checkRunList(survey: Survey, list: number, isListed: Uint8Array): boolean {
  const { i32, findings } = survey;
  const head = CONTROL_FREE_RUNS + list;
  let previous = 0;
  let record = i32[head];
  while (record !== 0) {
    const page = survey.pageOfRecord(record);
    if (survey.tiles[page] !== TILE_FREE) {
      findings.add('FREE_RUN_LIST_BROKEN', head, 0, record);
      return false;
    }
    if (isListed[page] === 1) {
      findings.add('FREE_RUN_CYCLE', head, 0, record);
      return false;
    }
    const right = listFor(i32[record + PAGE_RUN]);
    if (right !== list) {
      findings.add('FREE_RUN_LIST_WRONG', record, right, list);
      return false;
    }
    isListed[page] = 1;
    if (i32[record + PAGE_PREVIOUS] !== previous) {
      findings.add('FREE_RUN_LINK_WRONG', record, previous, i32[record + PAGE_PREVIOUS]);
    }
    previous = record;
    record = i32[record + PAGE_NEXT];
  }
  return true;
}

/** Checks that the runs of the collector's side tables can be returned. */
export function checkScratchList(survey: Survey): void {
  const { i32, tiles, findings } = survey;
  const isListed = new Uint8Array(tiles.length);
  let runs = tiles.reduce((n, tile) => n + Number(tile === TILE_SCRATCH), 0);
  for (let record = i32[GC_SCRATCH]; record !== 0; record = i32[record + PAGE_NEXT]) {
    const page = survey.pageOfRecord(record);
    if (tiles[page] !== TILE_SCRATCH || isListed[page] === 1) {
      findings.add('SCRATCH_LIST_WRONG', GC_SCRATCH, 0, record);
      return;
    }
    isListed[page] = 1;
    runs--;
  }
  if (runs !== 0) findings.add('SCRATCH_LIST_WRONG', GC_SCRATCH, runs, 0);
}

/** One list per length up to FREE_RUN_EXACT, then one per power of two. */
function listFor(pages: number): number {
  if (pages <= FREE_RUN_EXACT) return pages - 1;
  let list = FREE_RUN_EXACT - 1;
  for (let power = FREE_RUN_EXACT; power <= pages; power *= 2) list++;
  return Math.min(list, FREE_RUN_LISTS - 1);
}
