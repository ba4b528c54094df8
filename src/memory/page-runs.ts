/**
 * Runs of pages: the pool from which blocks and large objects take whole pages.
 *
 * A free run's first record has its length, its last record the way back (a boundary tag), so
 * that a released run joins its free neighbours at once. Free runs are listed by length. All
 * words here are under the GIL, and all can be derived again from the page states.
 */

import { assert } from '../base/assert.ts';
import {
  CONTROL_FREE_RUNS,
  CONTROL_TOP_PAGE,
  FREE_RUN_EXACT,
  FREE_RUN_LISTS,
  PAGE_FREE,
  PAGE_FREE_RUN,
  PAGE_NEXT,
  PAGE_OWNER,
  PAGE_PREVIOUS,
  PAGE_RECORD_WORDS,
  PAGE_RUN,
  PAGE_STATE,
  PAGE_TAIL,
  type PageIndex,
  type WordIndex,
} from './layout.ts';
import { type Memory, pageOfRecord, pageRecordOf } from './memory.ts';

/** The list in which free runs of `pages` pages stand. */
export function runListOf(pages: number): number {
  if (pages <= FREE_RUN_EXACT) return pages - 1;
  return Math.min(FREE_RUN_LISTS - 1, FREE_RUN_EXACT + 26 - Math.clz32(pages));
}

/** Takes a run of `pages` pages out of the pool. Returns its first page; 0 when there is none. */
export function takeRun(mem: Memory, pages: number): PageIndex {
  for (let list = runListOf(pages); list < FREE_RUN_LISTS; list++) {
    let record = mem.i32[CONTROL_FREE_RUNS + list];
    while (record !== 0) {
      if (mem.i32[record + PAGE_RUN] >= pages) return splitRun(mem, record, pages);
      record = mem.i32[record + PAGE_NEXT];
    }
  }
  return takeUntouched(mem, pages);
}

/** Takes pages from the top, joined with a free run that ends there when they alone do not do. */
function takeUntouched(mem: Memory, pages: number): PageIndex {
  const { i32 } = mem;
  const top = i32[CONTROL_TOP_PAGE];
  let page = top;
  if (top + pages > mem.pages) {
    const last = freeRunEndingAt(mem, top - 1);
    if (last === 0 || top - i32[last + PAGE_RUN] + pages > mem.pages) return 0 as PageIndex;
    page = pageOfRecord(mem, last);
    unlistRun(mem, last);
  }
  i32[CONTROL_TOP_PAGE] = page + pages;
  return page as PageIndex;
}

function splitRun(mem: Memory, record: number, pages: number): PageIndex {
  const page = pageOfRecord(mem, record);
  const rest = mem.i32[record + PAGE_RUN] - pages;
  unlistRun(mem, record);
  if (rest > 0) listRun(mem, (page + pages) as PageIndex, rest);
  return page;
}

/** Writes the tails of a run in use, so that every page of it knows its head. */
export function writeTails(mem: Memory, page: PageIndex, pages: number): void {
  for (let i = 1; i < pages; i++) {
    const record = pageRecordOf(mem, page + i);
    mem.i32[record + PAGE_FREE] = 0;
    mem.i32[record + PAGE_OWNER] = 0;
    mem.i32[record + PAGE_RUN] = i;
    mem.i32[record + PAGE_STATE] = PAGE_TAIL;
  }
}

/** Returns a run to the pool and joins it with free neighbours. */
export function releaseRun(mem: Memory, page: PageIndex, pages: number): void {
  const { i32 } = mem;
  let first: number = page;
  let length = pages;
  const after = first + length;
  if (after < i32[CONTROL_TOP_PAGE]) {
    const right = pageRecordOf(mem, after);
    if (i32[right + PAGE_STATE] === PAGE_FREE_RUN) {
      length += i32[right + PAGE_RUN];
      unlistRun(mem, right);
    }
  }
  const left = freeRunEndingAt(mem, first - 1);
  if (left !== 0) {
    const joined = i32[left + PAGE_RUN];
    unlistRun(mem, left);
    first -= joined;
    length += joined;
  }
  listRun(mem, first as PageIndex, length);
}

function freeRunEndingAt(mem: Memory, page: number): WordIndex {
  if (page < mem.firstPage) return 0 as WordIndex;
  let record = pageRecordOf(mem, page);
  if (mem.i32[record + PAGE_STATE] === PAGE_TAIL) {
    record = (record - mem.i32[record + PAGE_RUN] * PAGE_RECORD_WORDS) as WordIndex;
  }
  return mem.i32[record + PAGE_STATE] === PAGE_FREE_RUN ? record : (0 as WordIndex);
}

/** Makes pages that are in use no more a free run. They have no free neighbours. */
export function listRun(mem: Memory, page: PageIndex, pages: number): void {
  const { i32 } = mem;
  assert(pages > 0, 'run: has at least one page');
  const record = pageRecordOf(mem, page);
  const head = CONTROL_FREE_RUNS + runListOf(pages);
  const next = i32[head];
  i32[record + PAGE_FREE] = 0;
  i32[record + PAGE_OWNER] = 0;
  i32[record + PAGE_RUN] = pages;
  i32[record + PAGE_NEXT] = next;
  i32[record + PAGE_PREVIOUS] = 0;
  if (next !== 0) i32[next + PAGE_PREVIOUS] = record;
  i32[head] = record;
  i32[record + PAGE_STATE] = PAGE_FREE_RUN;
  if (pages === 1) return;
  const last = pageRecordOf(mem, page + pages - 1);
  i32[last + PAGE_RUN] = pages - 1;
  i32[last + PAGE_OWNER] = 0;
  i32[last + PAGE_STATE] = PAGE_TAIL;
}

function unlistRun(mem: Memory, record: number): void {
  const { i32 } = mem;
  assert(i32[record + PAGE_STATE] === PAGE_FREE_RUN, 'run: only free runs are listed');
  const next = i32[record + PAGE_NEXT];
  const previous = i32[record + PAGE_PREVIOUS];
  if (next !== 0) i32[next + PAGE_PREVIOUS] = previous;
  if (previous !== 0) i32[previous + PAGE_NEXT] = next;
  else i32[CONTROL_FREE_RUNS + runListOf(i32[record + PAGE_RUN])] = next;
  i32[record + PAGE_STATE] = PAGE_TAIL; // part of a longer run, or about to be in use
}
