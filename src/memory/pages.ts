/**
 * Pages of blocks: who owns them, and which still have free blocks.
 *
 * Every thread allocates from runs of its own. Its bins list, per size class, the runs that may
 * have a free block; the head of a bin is the one allocations come from. A full run stands in no
 * bin and carries its owner negated, so that the one comparison on the path of a free notices it.
 * Runs of threads that have left belong to nobody (ABANDONED) and are adopted before new pages
 * are taken. All words are under the GIL.
 */

import { assert } from '../base/assert.ts';
import { HeapExhaustedError } from '../base/errors.ts';
import { countWords } from './accounting.ts';
import { noteYoungRun } from './cards.ts';
import {
  ABANDONED,
  CONTROL_RUNS_OPENED,
  CONTROL_TOP_PAGE,
  GC_BACKGROUND,
  GC_PAGES_IN_USE,
  GC_PAGES_WANTED,
  GC_TRIGGER,
  HEADER_INFO,
  NODE_BLOCK_WORDS,
  PAGE_BLOCK_WORDS,
  PAGE_BLOCKS,
  PAGE_CAPACITY,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_FREE,
  PAGE_FREE_RUN,
  PAGE_NEXT,
  PAGE_OWNER,
  PAGE_PREVIOUS,
  PAGE_RECORD_WORDS,
  PAGE_REMOTE_COUNT,
  PAGE_REMOTE_FREE,
  PAGE_RETIRE_AT,
  PAGE_RUN,
  PAGE_STATE,
  PAGE_TAIL,
  PAGE_USED,
  PAGE_WORDS,
  type PageIndex,
  THREAD_BINS,
  WORD_BYTES,
  type WordIndex,
} from './layout.ts';
import {
  type Memory,
  NEVER,
  pageOf,
  pageOfRecord,
  pageRecordOf,
  startOf,
  threadRecordOf,
} from './memory.ts';
import { releaseRun, takeRun, writeTails } from './page-runs.ts';
import { BLOCK_WORDS, LARGE_CLASS, RUN_PAGES } from './size-classes.ts';

/** The bin of thread `owner` for runs of `sizeClass`. */
export function binOf(mem: Memory, owner: number, sizeClass: number): WordIndex {
  return (threadRecordOf(mem, owner) + THREAD_BINS + sizeClass) as WordIndex;
}

/** The record of the run in which a block lies: that of its head. */
export function runRecordOf(mem: Memory, block: number): WordIndex {
  const record = pageRecordOf(mem, pageOf(block));
  if (mem.i32[record + PAGE_STATE] !== PAGE_TAIL) return record;
  return (record - mem.i32[record + PAGE_RUN] * PAGE_RECORD_WORDS) as WordIndex;
}

/** Puts a run into its owner's bin: first when the bin is empty, else behind the first. */
export function linkRun(mem: Memory, record: WordIndex): void {
  const { i32 } = mem;
  const bin = binOf(mem, i32[record + PAGE_OWNER], i32[record + PAGE_CLASS]);
  const head = i32[bin];
  if (head === 0) {
    i32[record + PAGE_NEXT] = 0;
    i32[record + PAGE_PREVIOUS] = 0;
    i32[record + PAGE_RETIRE_AT] = -1; // the run allocations come from is kept though empty
    i32[bin] = record;
    noteYoungRun(mem, record);
    return;
  }
  const second = i32[head + PAGE_NEXT];
  i32[record + PAGE_NEXT] = second;
  i32[record + PAGE_PREVIOUS] = head;
  i32[record + PAGE_RETIRE_AT] = 0;
  i32[head + PAGE_NEXT] = record;
  if (second !== 0) i32[second + PAGE_PREVIOUS] = record;
}

/** Takes a run out of its owner's bin. */
export function unlinkRun(mem: Memory, record: WordIndex): void {
  const { i32 } = mem;
  assert(i32[record + PAGE_OWNER] > 0, 'page: a full run stands in no bin');
  const next = i32[record + PAGE_NEXT];
  const previous = i32[record + PAGE_PREVIOUS];
  if (next !== 0) i32[next + PAGE_PREVIOUS] = previous;
  if (previous !== 0) {
    i32[previous + PAGE_NEXT] = next;
    return;
  }
  i32[binOf(mem, i32[record + PAGE_OWNER], i32[record + PAGE_CLASS])] = next;
  if (next === 0) return;
  i32[next + PAGE_RETIRE_AT] = -1;
  noteYoungRun(mem, next as WordIndex);
}

/** Takes a run without free blocks out of its bin until one of its blocks is freed. */
export function markFull(mem: Memory, record: WordIndex): void {
  unlinkRun(mem, record);
  mem.i32[record + PAGE_OWNER] = -mem.i32[record + PAGE_OWNER];
}

/** Returns a run without live blocks to the pool, where it may change its size class. */
export function releaseEmptyRun(mem: Memory, record: WordIndex): void {
  const { i32 } = mem;
  if (isHeldEmpty(mem, record)) return;
  i32[record + PAGE_STATE] = PAGE_FREE_RUN; // the one store by which it is in use no more
  if (i32[record + PAGE_OWNER] > 0) unlinkRun(mem, record);
  i32[GC_PAGES_IN_USE] -= i32[record + PAGE_RUN];
  releaseRun(mem, pageOfRecord(mem, record), i32[record + PAGE_RUN]);
}

/**
 * While a collection is open, pages keep their size class: it may read them without the lock. Empty
 * runs stay in their bins until it ends. Large objects are never read by it.
 */
function isHeldEmpty(mem: Memory, record: WordIndex): boolean {
  return mem.i32[GC_BACKGROUND] !== 0 && mem.i32[record + PAGE_CLASS] !== LARGE_CLASS;
}

/** Pages come into use. Where growth starts collections, a safepoint is to look at live bytes. */
function noteGrowth(mem: Memory, pages: number): void {
  const { i32 } = mem;
  i32[CONTROL_RUNS_OPENED]++;
  i32[GC_PAGES_IN_USE] += pages;
  if (i32[GC_PAGES_IN_USE] < i32[GC_PAGES_WANTED] || i32[GC_TRIGGER] === NEVER) return;
  if (i32[GC_BACKGROUND] !== 0) return; // one is under way, and looks again when it ends
  i32[GC_TRIGGER] = -NEVER; // any count exceeds it
}

/** Live blocks of a run. */
export function liveBlocksOf(mem: Memory, record: WordIndex): number {
  return mem.i32[record + PAGE_USED] - mem.i32[record + PAGE_REMOTE_COUNT];
}

/** Pages in use (8 MiB) below which runs of full nodes are of one page. */
const LONG_RUN_PAGES_MIN = 128;

/**
 * A run of this thread with a free block of `sizeClass`; when no page is free and no thread has
 * such a block, one of a larger class.
 *
 * @throws HeapExhaustedError when there is none of those either.
 */
export function acquireRun(mem: Memory, sizeClass: number): WordIndex {
  const abandoned = mem.i32[binOf(mem, ABANDONED, sizeClass)] as WordIndex;
  if (abandoned !== 0) return adoptRun(mem, abandoned);
  let pages = RUN_PAGES[sizeClass];
  // A run of full nodes may be shorter. In a small heap it would take too large a part.
  const isForNodes = BLOCK_WORDS[sizeClass] === NODE_BLOCK_WORDS;
  if (isForNodes && mem.i32[GC_PAGES_IN_USE] < LONG_RUN_PAGES_MIN) pages = 1;
  let page = takeRun(mem, pages);
  if (page === 0 && releaseEmptyRuns(mem) > 0) page = takeRun(mem, pages);
  if (page === 0 && isForNodes) {
    pages = 1;
    page = takeRun(mem, pages);
  }
  if (page !== 0) return openRun(mem, page, sizeClass, pages);
  const hoarded = findRunWithFreeBlock(mem, sizeClass); // perhaps of a larger class
  if (hoarded !== 0) return adoptRun(mem, hoarded);
  throw exhausted(mem, BLOCK_WORDS[sizeClass]);
}

/** A run for one large object of `words`. @throws HeapExhaustedError */
export function acquireLargeRun(mem: Memory, words: number): WordIndex {
  const pages = Math.ceil(words / PAGE_WORDS);
  let page = takeRun(mem, pages);
  if (page === 0 && releaseEmptyRuns(mem) > 0) page = takeRun(mem, pages);
  if (page === 0) throw exhausted(mem, words);
  return openLargeRun(mem, page, pages);
}

/** The error for a request of `words` that nothing could serve. */
export function exhausted(mem: Memory, words: number): HeapExhaustedError {
  const { liveWords, freeWords } = countWords(mem);
  return new HeapExhaustedError(words * WORD_BYTES, freeWords * WORD_BYTES, liveWords * WORD_BYTES);
}

function openRun(mem: Memory, page: PageIndex, sizeClass: number, pages: number): WordIndex {
  const { i32 } = mem;
  const record = pageRecordOf(mem, page);
  const blockWords = BLOCK_WORDS[sizeClass];
  i32.fill(0, record, record + PAGE_RECORD_WORDS);
  i32[record + PAGE_OWNER] = mem.threadId;
  i32[record + PAGE_BLOCK_WORDS] = blockWords;
  i32[record + PAGE_CAPACITY] = Math.floor((pages * PAGE_WORDS) / blockWords);
  i32[record + PAGE_CLASS] = sizeClass;
  i32[record + PAGE_RUN] = pages;
  writeTails(mem, page, pages);
  i32[record + PAGE_STATE] = PAGE_BLOCKS;
  linkRun(mem, record);
  noteGrowth(mem, pages);
  return record;
}

function openLargeRun(mem: Memory, page: PageIndex, pages: number): WordIndex {
  const { i32 } = mem;
  const record = pageRecordOf(mem, page);
  i32.fill(0, record, record + PAGE_RECORD_WORDS);
  i32[record + PAGE_OWNER] = -mem.threadId; // full from the start
  i32[record + PAGE_BLOCK_WORDS] = pages * PAGE_WORDS;
  i32[record + PAGE_CAPACITY] = 1;
  i32[record + PAGE_CARVED] = 1;
  i32[record + PAGE_USED] = 1;
  i32[record + PAGE_CLASS] = LARGE_CLASS;
  i32[record + PAGE_RUN] = pages;
  i32[startOf(page) + HEADER_INFO] = 0; // no object yet: before the run can be walked
  writeTails(mem, page, pages);
  i32[record + PAGE_STATE] = PAGE_BLOCKS;
  noteGrowth(mem, pages);
  return record;
}

function adoptRun(mem: Memory, record: WordIndex): WordIndex {
  if (mem.i32[record + PAGE_OWNER] > 0) unlinkRun(mem, record);
  mem.i32[record + PAGE_OWNER] = mem.threadId;
  linkRun(mem, record);
  noteYoungRun(mem, record); // allocated from at once, also when it is not the head of its bin
  return record;
}

/** Calls `visit` with the record of every run in use, by address. */
export function visitRuns(mem: Memory, visit: (record: WordIndex) => void): void {
  const { i32 } = mem;
  const top = i32[CONTROL_TOP_PAGE];
  let page: number = mem.firstPage;
  while (page < top) {
    const record = pageRecordOf(mem, page);
    const length = i32[record + PAGE_RUN];
    assert(length > 0, 'page: a run has at least one page');
    if (i32[record + PAGE_STATE] === PAGE_BLOCKS) visit(record);
    page += length;
  }
}

/** Returns the empty runs of all threads to the pool. Returns how many there were. */
export function releaseEmptyRuns(mem: Memory): number {
  const empty: WordIndex[] = [];
  visitRuns(mem, (record) => {
    if (liveBlocksOf(mem, record) === 0) empty.push(record);
  });
  const before = mem.i32[GC_PAGES_IN_USE];
  for (const record of empty) releaseEmptyRun(mem, record);
  return before - mem.i32[GC_PAGES_IN_USE];
}

/** Any thread's run with a free block of the smallest class that will do; 0 when there is none. */
function findRunWithFreeBlock(mem: Memory, sizeClass: number): WordIndex {
  const { i32 } = mem;
  let found = 0 as WordIndex;
  let smallest = LARGE_CLASS;
  visitRuns(mem, (record) => {
    const runClass = i32[record + PAGE_CLASS];
    if (runClass < sizeClass || runClass >= smallest || !hasFreeBlock(mem, record)) return;
    found = record;
    smallest = runClass;
  });
  return found;
}

/** Whether a run has a block to give: freed here, freed by others, or never carved. */
export function hasFreeBlock(mem: Memory, record: WordIndex): boolean {
  const { i32 } = mem;
  if (i32[record + PAGE_FREE] !== 0) return true;
  if (i32[record + PAGE_REMOTE_FREE] !== 0) return true;
  return i32[record + PAGE_CARVED] < i32[record + PAGE_CAPACITY];
}

/**
 * Leaves all runs of thread `owner` to nobody; empty ones return to the pool. Returns how many
 * pages it had.
 */
export function abandonRuns(mem: Memory, owner: number): number {
  const { i32 } = mem;
  const mine: WordIndex[] = [];
  visitRuns(mem, (record) => {
    if (Math.abs(i32[record + PAGE_OWNER]) === owner) mine.push(record);
  });
  let pages = 0;
  for (const record of mine) {
    pages += i32[record + PAGE_RUN];
    if (liveBlocksOf(mem, record) === 0 && !isHeldEmpty(mem, record)) {
      releaseEmptyRun(mem, record);
    } else if (i32[record + PAGE_OWNER] < 0) {
      i32[record + PAGE_OWNER] = -ABANDONED;
    } else {
      unlinkRun(mem, record);
      i32[record + PAGE_OWNER] = ABANDONED;
      linkRun(mem, record);
    }
  }
  return pages;
}
