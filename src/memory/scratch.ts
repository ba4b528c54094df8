/**
 * Scratch: pages of the heap that a large collection borrows for its side tables.
 *
 * They come out of the pool of pages and go back to it, so what a collection needs is there at
 * once, seen by every scanner, counted, and returned when it ends. Runs of scratch are linked from
 * a control word. Under the GIL, but for the contents.
 */

import {
  GC_SCRATCH,
  PAGE_NEXT,
  PAGE_RECORD_WORDS,
  PAGE_RUN,
  PAGE_SCRATCH,
  PAGE_STATE,
  PAGE_WORDS,
  type WordIndex,
} from './layout.ts';
import { type Memory, pageOfRecord, pageRecordOf, startOf } from './memory.ts';
import { releaseRun, takeRun, writeTails } from './page-runs.ts';

/** Pages that are taken at a time, if there are so many (4 MiB). */
const PORTION_PAGES = 64;

/** Hands out scratch words, page runs at a time. */
export class Scratch {
  declare readonly mem: Memory;
  declare private at: number;
  declare private end: number;
  /** Words handed out. */
  declare words: number;

  constructor(mem: Memory) {
    this.mem = mem;
    this.at = 0;
    this.end = 0;
    this.words = 0;
  }

  /** `words` words with any contents, from a multiple of `align` on; 0 when there is no room. */
  take(words: number, align: number): WordIndex {
    let at = Math.ceil(this.at / align) * align;
    if (at + words > this.end) {
      if (!this.refill(words)) return 0 as WordIndex;
      at = this.at; // pages are aligned to anything
    }
    this.at = at + words;
    this.words += words;
    return at as WordIndex;
  }

  private refill(words: number): boolean {
    const needed = Math.ceil(words / PAGE_WORDS);
    let pages = Math.max(needed, PORTION_PAGES);
    let page = takeScratchRun(this.mem, pages);
    if (page === 0 && pages > needed) {
      pages = needed;
      page = takeScratchRun(this.mem, pages);
    }
    if (page === 0) return false;
    this.at = startOf(page);
    this.end = startOf(page) + pages * PAGE_WORDS;
    return true;
  }
}

function takeScratchRun(mem: Memory, pages: number): number {
  const { i32 } = mem;
  const page = takeRun(mem, pages);
  if (page === 0) return 0;
  const record = pageRecordOf(mem, page);
  i32.fill(0, record, record + PAGE_RECORD_WORDS);
  i32[record + PAGE_RUN] = pages;
  i32[record + PAGE_NEXT] = i32[GC_SCRATCH];
  writeTails(mem, page, pages);
  i32[record + PAGE_STATE] = PAGE_SCRATCH;
  i32[GC_SCRATCH] = record;
  return page;
}

/** Returns all scratch to the pool. Nobody uses it any more. */
export function releaseScratch(mem: Memory): void {
  const { i32 } = mem;
  let record = i32[GC_SCRATCH];
  i32[GC_SCRATCH] = 0;
  while (record !== 0) {
    const next = i32[record + PAGE_NEXT];
    releaseRun(mem, pageOfRecord(mem, record), i32[record + PAGE_RUN]);
    record = next;
  }
}
