/**
 * Poison: free memory is overwritten, so that whoever still reads it finds nonsense, and whoever
 * still writes it is found out.
 *
 * Freeing a block is too hot a path for a hook. So the free blocks are walked now and then. The
 * first word behind the header of a free block gets a mark of its own, made of the block's address
 * and size: allocation overwrites that word for objects of every kind. So a block that carries its
 * mark was not handed out since, and all its other words must be poisoned still.
 */

import { type Heap, sessionOf } from '../heap.ts';
import {
  CONTROL_RUNS_OPENED,
  CONTROL_TOP_PAGE,
  HEADER_INFO,
  HEADER_WORDS,
  PAGE_BLOCK_WORDS,
  PAGE_BLOCKS,
  PAGE_CARVED,
  PAGE_FREE_RUN,
  PAGE_RUN,
  PAGE_STATE,
  PAGE_WORDS,
} from '../memory/layout.ts';
import { pageRecordOf, startOf } from '../memory/memory.ts';
import type { Mutator } from '../object/mutator.ts';

/** By heap, as this thread has it: runs of pages opened at the last walk. */
const opened = new WeakMap<Mutator, number>();

/** What is written: as a reference it leads nowhere, as a value it is a number. */
export const POISON_FREED = 0x6b6b6b6b;

const MARK_WORDS = 1;
/** Sizes of blocks come in above the low bits of their addresses. */
const MARK_SHIFT = 12;

/** A word of free memory that was written after it was poisoned. */
export interface SpoiledWord {
  /** The address of the free block. */
  readonly block: number;
  /** The address of the word. */
  readonly word: number;
  readonly found: number;
}

/**
 * Overwrites all free memory of a heap. Returns what was written there since the last time.
 * O(free memory).
 */
export function poisonFreeMemory(heap: Heap): SpoiledWord[] {
  const { mem } = sessionOf(heap);
  const spoiled: SpoiledWord[] = [];
  let isChecked = false;
  heap.run(() => {
    // A run that was opened since has cut its pages into other blocks: then marks mean nothing.
    isChecked = opened.get(mem) === runsOpened(mem);
    opened.set(mem, runsOpened(mem));
    const top = mem.i32[CONTROL_TOP_PAGE] as number;
    for (let page: number = mem.firstPage; page < top; ) {
      const record = pageRecordOf(mem, page);
      const state = mem.i32[record + PAGE_STATE];
      const words = (mem.i32[record + PAGE_RUN] as number) * PAGE_WORDS;
      const start = startOf(page);
      if (state === PAGE_FREE_RUN) mem.i32.fill(POISON_FREED, start, start + words);
      if (state === PAGE_BLOCKS) poisonRun(mem, record, start, words, spoiled);
      page += mem.i32[record + PAGE_RUN] as number;
    }
  });
  return isChecked ? spoiled : [];
}

/** How many runs of pages were opened so far. */
const runsOpened = (mem: Mutator): number => mem.i32[CONTROL_RUNS_OPENED] as number;

function poisonRun(
  mem: Mutator,
  record: number,
  start: number,
  words: number,
  spoiled: SpoiledWord[],
): void {
  const { i32 } = mem;
  const blockWords = i32[record + PAGE_BLOCK_WORDS] as number;
  const end = start + (i32[record + PAGE_CARVED] as number) * blockWords;
  for (let block = start; block < end; block += blockWords) {
    if (i32[block + HEADER_INFO] !== 0) continue;
    const first = block + HEADER_WORDS;
    const mark = POISON_FREED ^ block ^ (blockWords << MARK_SHIFT);
    if (i32[first] === mark) findSpoiled(mem, block, blockWords, spoiled);
    i32.fill(POISON_FREED, first, block + blockWords);
    i32[first] = mark;
  }
  i32.fill(POISON_FREED, end, start + words);
}

function findSpoiled(mem: Mutator, block: number, words: number, spoiled: SpoiledWord[]): void {
  for (let word = block + HEADER_WORDS + MARK_WORDS; word < block + words; word++) {
    const found = mem.i32[word] as number;
    if (found !== POISON_FREED) spoiled.push({ block, word, found });
  }
}
