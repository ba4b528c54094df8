/**
 * Blocks: allocation and freeing, the hottest code of the library.
 *
 * The fast paths touch the page record and the block, two cache lines. They are plain accesses:
 * the caller holds the GIL. A block handed out has garbage in word 0 and 0 in word 1; it becomes
 * an object by the store of its info word, and a free block by the store of 0 there.
 *
 * One allocation: `allocateBlock` pops the free list of the run at the head of the thread's bin.
 * When that is empty, `allocateBlockSlow` takes what other threads have freed there (one batch),
 * carves a few new blocks, or goes on to another run.
 */

import { assert } from '../base/assert.ts';
import {
  ABANDONED,
  CARD_SHIFT,
  HEADER_INFO,
  PAGE_BLOCK_WORDS,
  PAGE_CAPACITY,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_FREE,
  PAGE_OWNER,
  PAGE_RECORD_SHIFT,
  PAGE_REMOTE_COUNT,
  PAGE_REMOTE_FREE,
  PAGE_RETIRE_AT,
  PAGE_USED,
  PAGE_WORDS_SHIFT,
  PAGE_YOUNG,
  type WordIndex,
} from './layout.ts';
import { type Memory, pageOfRecord, startOf } from './memory.ts';
import {
  acquireLargeRun,
  acquireRun,
  binOf,
  exhausted,
  linkRun,
  liveBlocksOf,
  markFull,
  releaseEmptyRun,
  runRecordOf,
} from './pages.ts';
import { BLOCK_WORDS, LARGE_CLASS, sizeClassOf } from './size-classes.ts';

/** Blocks are carved in portions of about an OS page, so that untouched memory stays untouched. */
const CARVE_WORDS = 1024;

/**
 * Pops a block of `sizeClass`; its words are not cleared but word 1, which is 0.
 *
 * @throws HeapExhaustedError before anything has changed.
 */
export function allocateBlock(mem: Memory, sizeClass: number): WordIndex {
  const { i32 } = mem;
  const record = i32[mem.bins + sizeClass];
  const block = i32[record + PAGE_FREE];
  if (block === 0 || mem.hostile !== null) return allocateBlockSlow(mem, sizeClass);
  i32[record + PAGE_FREE] = i32[block];
  i32[record + PAGE_USED]++;
  i32[record + PAGE_YOUNG] |= 1 << (block >>> CARD_SHIFT); // the shift takes five bits: the card
  return block as WordIndex;
}

/** Allocates a block of at least `words`, a large one if need be. @throws HeapExhaustedError */
export function allocateWords(mem: Memory, words: number): WordIndex {
  const sizeClass = sizeClassOf(words);
  if (sizeClass !== LARGE_CLASS) return allocateBlock(mem, sizeClass);
  if (mem.hostile?.shouldFail(words)) throw exhausted(mem, words);
  const record = acquireLargeRun(mem, words);
  return startOf(pageOfRecord(mem, record));
}

function allocateBlockSlow(mem: Memory, sizeClass: number): WordIndex {
  const { i32 } = mem;
  if (mem.hostile?.shouldFail(BLOCK_WORDS[sizeClass])) {
    throw exhausted(mem, BLOCK_WORDS[sizeClass]);
  }
  for (;;) {
    let record = i32[mem.bins + sizeClass] as WordIndex;
    if (record === 0) record = acquireRun(mem, sizeClass);
    if (refill(mem, record)) {
      const block = i32[record + PAGE_FREE];
      i32[record + PAGE_FREE] = i32[block];
      i32[record + PAGE_USED]++;
      i32[record + PAGE_YOUNG] |= 1 << (block >>> CARD_SHIFT);
      return block as WordIndex;
    }
    markFull(mem, record);
  }
}

/** Puts blocks on a run's free list if it has any to give. */
function refill(mem: Memory, record: WordIndex): boolean {
  const { i32 } = mem;
  if (i32[record + PAGE_FREE] !== 0) return true;
  const remote = i32[record + PAGE_REMOTE_FREE];
  if (remote !== 0) {
    i32[record + PAGE_USED] -= i32[record + PAGE_REMOTE_COUNT];
    i32[record + PAGE_REMOTE_COUNT] = 0;
    i32[record + PAGE_FREE] = remote;
    i32[record + PAGE_REMOTE_FREE] = 0;
    return true;
  }
  if (i32[record + PAGE_CARVED] < i32[record + PAGE_CAPACITY]) {
    carve(mem, record);
    return true;
  }
  return false;
}

function carve(mem: Memory, record: WordIndex): void {
  const { i32 } = mem;
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const carved = i32[record + PAGE_CARVED];
  const portion = Math.max(1, Math.floor(CARVE_WORDS / blockWords));
  const count = Math.min(portion, i32[record + PAGE_CAPACITY] - carved);
  const first = startOf(pageOfRecord(mem, record)) + carved * blockWords;
  const last = first + (count - 1) * blockWords;
  for (let block = first; block <= last; block += blockWords) {
    i32[block] = block + blockWords;
    i32[block + HEADER_INFO] = 0; // reused pages hold the words of earlier blocks
  }
  i32[last] = 0;
  i32[record + PAGE_CARVED] = carved + count;
  i32[record + PAGE_FREE] = first;
}

/** Frees a block. Its contents are void from here on. */
export function freeBlock(mem: Memory, block: WordIndex): void {
  const { i32 } = mem;
  const record = mem.pageTable + ((block >>> PAGE_WORDS_SHIFT) << PAGE_RECORD_SHIFT);
  i32[block + HEADER_INFO] = 0;
  if (i32[record + PAGE_OWNER] !== mem.threadId) {
    freeBlockSlow(mem, block);
    return;
  }
  i32[block] = i32[record + PAGE_FREE];
  i32[record + PAGE_FREE] = block;
  const used = i32[record + PAGE_USED] - 1;
  i32[record + PAGE_USED] = used;
  if (used === i32[record + PAGE_RETIRE_AT]) releaseEmptyRun(mem, record as WordIndex);
}

/** Frees a block of a further page of a run, of a full run, of another thread, or a large one. */
function freeBlockSlow(mem: Memory, block: WordIndex): void {
  const { i32 } = mem;
  const record = runRecordOf(mem, block);
  const owner = i32[record + PAGE_OWNER];
  assert(owner !== 0, 'page: a live block lies in a run in use');
  if (i32[record + PAGE_CLASS] === LARGE_CLASS) {
    releaseEmptyRun(mem, record);
    return;
  }
  if (Math.abs(owner) === mem.threadId) {
    i32[block] = i32[record + PAGE_FREE];
    i32[record + PAGE_FREE] = block;
    i32[record + PAGE_USED]--;
  } else {
    i32[block] = i32[record + PAGE_REMOTE_FREE];
    i32[record + PAGE_REMOTE_FREE] = block;
    i32[record + PAGE_REMOTE_COUNT]++;
  }
  if (owner < 0) {
    i32[record + PAGE_OWNER] = -owner;
    linkRun(mem, record);
  }
  if (liveBlocksOf(mem, record) === 0 && !isKeptEmpty(mem, record)) releaseEmptyRun(mem, record);
}

/** The run at the head of a living thread's bin is kept, so that alloc and free do not thrash. */
function isKeptEmpty(mem: Memory, record: WordIndex): boolean {
  const owner = mem.i32[record + PAGE_OWNER];
  if (owner === ABANDONED) return false;
  return mem.i32[binOf(mem, owner, mem.i32[record + PAGE_CLASS])] === record;
}

/** Words of the block at `block`, as allocated. */
export function blockWordsOf(mem: Memory, block: WordIndex): number {
  return mem.i32[runRecordOf(mem, block) + PAGE_BLOCK_WORDS];
}

/** The block in which a word lies. */
export function blockContaining(mem: Memory, word: number): WordIndex {
  const record = runRecordOf(mem, word);
  const start = startOf(pageOfRecord(mem, record));
  const blockWords = mem.i32[record + PAGE_BLOCK_WORDS];
  return (start + Math.floor((word - start) / blockWords) * blockWords) as WordIndex;
}

/** Calls `visit` with every block of a run in use that holds an object or backing. */
export function visitBlocks(
  mem: Memory,
  record: WordIndex,
  visit: (block: WordIndex, info: number) => void,
): void {
  const { i32 } = mem;
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const carved = i32[record + PAGE_CARVED];
  let block = startOf(pageOfRecord(mem, record)) as number;
  for (let i = 0; i < carved; i++, block += blockWords) {
    const info = i32[block + HEADER_INFO];
    if (info !== 0) visit(block as WordIndex, info);
  }
}
