/**
 * Verification, pages: runs tile the touched pages, and every record says what its run is.
 *
 * What fails here makes every address behind it doubtful, so the first run that cannot be read
 * ends the verification: its finding is the cause of whatever else would be found.
 */

import {
  CONTROL_TOP_PAGE,
  NODE_BLOCK_WORDS,
  PAGE_BLOCK_WORDS,
  PAGE_BLOCKS,
  PAGE_CAPACITY,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_FREE_RUN,
  PAGE_OWNER,
  PAGE_RUN,
  PAGE_SCRATCH,
  PAGE_STATE,
  PAGE_TAIL,
  PAGE_UNUSED,
  PAGE_WORDS,
} from '../memory/layout.ts';
import { pageRecordOf } from '../memory/memory.ts';
import { BLOCK_WORDS, LARGE_CLASS, RUN_PAGES } from '../memory/size-classes.ts';
import { type Survey, TILE_FREE, TILE_IN_USE, TILE_SCRATCH } from './verify-survey.ts';

/** Reads all runs into the side tables. False when the heap cannot be read any further. */
export function surveyPages(survey: Survey): boolean {
  const { i32, mem } = survey;
  const top = i32[CONTROL_TOP_PAGE];
  if (!isTopPage(survey, top)) {
    survey.findings.add('TOP_PAGE_WRONG', CONTROL_TOP_PAGE, mem.firstPage, top);
    return false;
  }
  let page: number = mem.firstPage;
  let isAfterFree = false;
  while (page < top) {
    const length = surveyRun(survey, page, top);
    if (length === 0) return false;
    const isFree = survey.tiles[page] === TILE_FREE;
    if (isFree && isAfterFree) {
      survey.findings.add('FREE_RUNS_ADJACENT', pageRecordOf(mem, page), 0, length);
    }
    isAfterFree = isFree;
    page += length;
  }
  for (; page < mem.pages; page++) {
    const record = pageRecordOf(mem, page);
    const state = i32[record + PAGE_STATE];
    if (state !== PAGE_UNUSED) survey.findings.add('PAGE_STATE_WRONG', record, PAGE_UNUSED, state);
  }
  survey.allocateBlockTables();
  return true;
}

function isTopPage(survey: Survey, top: number): boolean {
  const { i32, mem } = survey;
  if (top < mem.firstPage || top > mem.pages) return false;
  const stateOf = (page: number) => i32[pageRecordOf(mem, page) + PAGE_STATE];
  if (top > mem.firstPage && stateOf(top - 1) === PAGE_UNUSED) return false;
  return top === mem.pages || stateOf(top) === PAGE_UNUSED;
}

/** Reads one run. Returns its length in pages; 0 when it cannot be read. */
function surveyRun(survey: Survey, page: number, top: number): number {
  const record = pageRecordOf(survey.mem, page);
  const state = survey.i32[record + PAGE_STATE];
  if (state === PAGE_BLOCKS) return surveyRunInUse(survey, page, top);
  if (state === PAGE_FREE_RUN) return surveyFreeRun(survey, page, top);
  if (state === PAGE_SCRATCH) return surveyScratch(survey, page, top);
  survey.findings.add('PAGE_STATE_WRONG', record, PAGE_BLOCKS, state);
  return 0;
}

function surveyFreeRun(survey: Survey, page: number, top: number): number {
  const { i32, mem } = survey;
  const record = pageRecordOf(mem, page);
  const length = i32[record + PAGE_RUN];
  if (length < 1 || length > top - page || (length > 1 && !isTail(survey, page, length - 1))) {
    survey.findings.add('FREE_RUN_TAG_WRONG', record, 1, length);
    return 0;
  }
  const owner = i32[record + PAGE_OWNER];
  if (owner !== 0) survey.findings.add('PAGE_OWNER_WRONG', record, 0, owner);
  survey.tiles[page] = TILE_FREE;
  survey.freeRunPages += length;
  return length;
}

/** A run of the collector's side tables: what its pages hold concerns nobody else. */
function surveyScratch(survey: Survey, page: number, top: number): number {
  const { i32, mem } = survey;
  const record = pageRecordOf(mem, page);
  const length = i32[record + PAGE_RUN];
  const report = (expected: number, found: number) => {
    survey.findings.add('SCRATCH_RUN_WRONG', record, expected, found);
    return 0;
  };
  if (length < 1 || length > top - page) return report(1, length);
  for (let i = 1; i < length; i++) {
    if (!isTail(survey, page, i)) return report(i, i32[pageRecordOf(mem, page + i) + PAGE_RUN]);
  }
  // A run too short leaves tails behind that miss their head.
  const after = page + length;
  if (after < top && isTail(survey, page, length)) return report(length + 1, length);
  const owner = i32[record + PAGE_OWNER];
  if (owner !== 0) report(0, owner);
  survey.tiles[page] = TILE_SCRATCH;
  survey.scratchPages += length;
  return length;
}

function surveyRunInUse(survey: Survey, page: number, top: number): number {
  const { i32, mem } = survey;
  const record = pageRecordOf(mem, page);
  if (!checkShape(survey, page, top)) return 0;
  const length = i32[record + PAGE_RUN];
  for (let i = 1; i < length; i++) {
    if (isTail(survey, page, i)) continue;
    const tail = pageRecordOf(mem, page + i);
    survey.findings.add('PAGE_TAIL_WRONG', tail, i, i32[tail + PAGE_RUN]);
  }
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const carved = i32[record + PAGE_CARVED];
  survey.tiles[page] = TILE_IN_USE;
  survey.addRun(page, length, blockWords, carved);
  return length;
}

/** Whether page number `i` of the run at `page` says so. */
function isTail(survey: Survey, page: number, i: number): boolean {
  const { i32, mem } = survey;
  const record = pageRecordOf(mem, page + i);
  if (i32[record + PAGE_STATE] !== PAGE_TAIL || i32[record + PAGE_OWNER] !== 0) return false;
  return i32[record + PAGE_RUN] === i;
}

/** Checks class, length, block size, capacity and carved blocks of a run in use. */
function checkShape(survey: Survey, page: number, top: number): boolean {
  const { i32, mem, findings } = survey;
  const record = pageRecordOf(mem, page);
  const sizeClass = i32[record + PAGE_CLASS];
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const capacity = i32[record + PAGE_CAPACITY];
  const length = i32[record + PAGE_RUN];
  const expected = shapeOf(survey, page, sizeClass);

  // Three facts follow from the class. When most of them say otherwise, the class is what is wrong.
  const misfits =
    Number(blockWords !== expected.blockWords) +
    Number(capacity !== expected.capacity) +
    Number(length !== expected.length);
  if (misfits > 1) {
    findings.add('PAGE_CLASS_WRONG', record, sizeClass, sizeClass);
    return false;
  }
  if (length !== expected.length || length > top - page) {
    findings.add('RUN_LENGTH_WRONG', record, expected.length, length);
    return false;
  }
  if (blockWords !== expected.blockWords) {
    findings.add('PAGE_BLOCK_WORDS_WRONG', record, expected.blockWords, blockWords);
    return false;
  }
  if (capacity !== expected.capacity) {
    findings.add('PAGE_CAPACITY_WRONG', record, expected.capacity, capacity);
    return false;
  }
  const carved = i32[record + PAGE_CARVED];
  if (carved < 0 || carved > capacity || (sizeClass === LARGE_CLASS && carved !== 1)) {
    findings.add('PAGE_CARVED_WRONG', record, capacity, carved);
    return false;
  }
  return true;
}

interface Shape {
  readonly blockWords: number;
  readonly capacity: number;
  readonly length: number;
}

const NO_SHAPE: Shape = { blockWords: 0, capacity: 0, length: 0 };

/** What the class of a run says of it. */
function shapeOf(survey: Survey, page: number, sizeClass: number): Shape {
  if (sizeClass === LARGE_CLASS) {
    const length = largeLengthOf(survey, page);
    return { blockWords: length * PAGE_WORDS, capacity: 1, length };
  }
  if (sizeClass < 0 || sizeClass > LARGE_CLASS) return NO_SHAPE;
  const blockWords = BLOCK_WORDS[sizeClass];
  // Runs of full nodes may be of one page: then it has no tail.
  const isShort = blockWords === NODE_BLOCK_WORDS && !isTail(survey, page, 1);
  const length = isShort ? 1 : RUN_PAGES[sizeClass];
  return { blockWords, capacity: Math.floor((length * PAGE_WORDS) / blockWords), length };
}

/** The length of a run of one large block is written twice; the tails say which is right. */
function largeLengthOf(survey: Survey, page: number): number {
  const { i32, mem } = survey;
  const record = pageRecordOf(mem, page);
  const length = i32[record + PAGE_RUN];
  const byBlock = i32[record + PAGE_BLOCK_WORDS] / PAGE_WORDS;
  if (length === byBlock || !Number.isInteger(byBlock)) return length;
  if (byBlock < 2 || byBlock > mem.pages - page) return length;
  return isTail(survey, page, byBlock - 1) ? byBlock : length;
}
