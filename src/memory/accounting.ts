/**
 * Exact accounting: every word of the buffer is live, free, or overhead.
 *
 *   live + free + overhead === maxWords
 *
 * Live: blocks in use. Free: free blocks, free runs, pages never touched. Overhead: the tables in
 * front, side tables of a running collection, and the rest behind the last block of a run.
 * Derived from the page records when asked,
 * so that allocation pays nothing for it.
 */

import { assert } from '../base/assert.ts';
import {
  CONTROL_TOP_PAGE,
  PAGE_BLOCK_WORDS,
  PAGE_BLOCKS,
  PAGE_CAPACITY,
  PAGE_REMOTE_COUNT,
  PAGE_RUN,
  PAGE_SCRATCH,
  PAGE_STATE,
  PAGE_USED,
  PAGE_WORDS,
} from './layout.ts';
import { type Memory, pageRecordOf } from './memory.ts';

/** Sizes in words. */
export interface WordCounts {
  /** In blocks in use. */
  readonly liveWords: number;
  /** In free blocks and free or untouched pages. */
  readonly freeWords: number;
  /** Of the free words, those in free blocks of runs in use: for blocks of their size only. */
  readonly freeBlockWords: number;
  /** In tables, and behind the last block of runs. */
  readonly overheadWords: number;
  /** In pages touched so far, tables included: what the system may have committed. */
  readonly committedWords: number;
}

/** Counts the words of all runs. O(pages touched). The caller holds the GIL. */
export function countWords(mem: Memory): WordCounts {
  const { i32 } = mem;
  const top = i32[CONTROL_TOP_PAGE];
  let liveWords = 0;
  let freeWords = (mem.pages - top) * PAGE_WORDS;
  let freeBlockWords = 0;
  let overheadWords = mem.firstPage * PAGE_WORDS;
  let page: number = mem.firstPage;
  while (page < top) {
    const record = pageRecordOf(mem, page);
    const runWords = i32[record + PAGE_RUN] * PAGE_WORDS;
    assert(runWords > 0, 'page: a run has at least one page');
    if (i32[record + PAGE_STATE] === PAGE_BLOCKS) {
      const blockWords = i32[record + PAGE_BLOCK_WORDS];
      const capacity = i32[record + PAGE_CAPACITY];
      const live = i32[record + PAGE_USED] - i32[record + PAGE_REMOTE_COUNT];
      liveWords += live * blockWords;
      freeWords += (capacity - live) * blockWords;
      freeBlockWords += (capacity - live) * blockWords;
      overheadWords += runWords - capacity * blockWords;
    } else if (i32[record + PAGE_STATE] === PAGE_SCRATCH) {
      overheadWords += runWords;
    } else {
      freeWords += runWords;
    }
    page += i32[record + PAGE_RUN];
  }
  return { liveWords, freeWords, freeBlockWords, overheadWords, committedWords: top * PAGE_WORDS };
}
