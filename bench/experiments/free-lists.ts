/** Where do free blocks wait? Blocks of 6 words: header and 4 slots, cleared in every variant. */

import { type Experiment, type Run, sharedWords } from './experiment.ts';

const WORDS = 1 << 18;
const BINS = 64; // a word per size class
const SIZE_CLASS = 2;
const PAGE_TABLE = 1024;
const PAGE_SHIFT = 14;
const RECORD_SHIFT = 4;
const FIRST = 8 << PAGE_SHIFT;
const END = 9 << PAGE_SHIFT;
const BLOCK_WORDS = 6;
const BATCH = 1024;

// Words of a page record.
const FREE = 0;
const USED = 1;
const OWNER = 2;
const RETIRE_AT = 3;
const CLASS = 9;
const THIS_THREAD = 1;

const recordOf = (block: number) => PAGE_TABLE + ((block >>> PAGE_SHIFT) << RECORD_SHIFT);

function linkBlocks(i32: Int32Array): number {
  let head = 0;
  for (let block = FIRST; block + BLOCK_WORDS <= END; block += BLOCK_WORDS) {
    i32[block] = head;
    head = block;
  }
  return head;
}

/** Header, and 4 empty slots. */
function initialize(i32: Int32Array, block: number): void {
  i32[block + 2] = 0;
  i32[block + 3] = 0;
  i32[block + 4] = 0;
  i32[block + 5] = 0;
  i32[block] = 1;
  i32[block + 1] = 1 << 16;
}

function fail(): never {
  throw new Error('the page is not what it was made');
}

/** The list stands in the page's record, beside the number of blocks in use. */
function perPage(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const page = recordOf(FIRST);
  i32[BINS + SIZE_CLASS] = page;
  i32[page + FREE] = linkBlocks(i32);
  i32[page + OWNER] = THIS_THREAD;
  i32[page + RETIRE_AT] = -1;
  const allocate = (sizeClass: number): number => {
    const record = i32[BINS + sizeClass];
    const block = i32[record + FREE];
    if (block === 0) fail();
    i32[record + FREE] = i32[block];
    i32[record + USED]++;
    initialize(i32, block);
    return block;
  };
  const free = (block: number): void => {
    const record = recordOf(block);
    i32[block + 1] = 0;
    if (i32[record + OWNER] !== THIS_THREAD) fail();
    i32[block] = i32[record + FREE];
    i32[record + FREE] = block;
    const used = i32[record + USED] - 1;
    i32[record + USED] = used;
    if (used === i32[record + RETIRE_AT]) fail();
  };
  const kept = new Int32Array(BATCH);
  return {
    'allocate, free': (operations) => {
      let sum = 0;
      for (let i = 0; i < operations; i++) {
        const block = allocate(SIZE_CLASS);
        sum += i32[block];
        free(block);
      }
      return sum;
    },
    'allocate 1024, free 1024': (operations) => {
      let sum = 0;
      for (let done = 0; done < operations; done += BATCH) {
        for (let i = 0; i < BATCH; i++) kept[i] = allocate(SIZE_CLASS);
        for (let i = 0; i < BATCH; i++) {
          sum += i32[kept[i]];
          free(kept[i]);
        }
      }
      return sum;
    },
  };
}

/** The list stands in the thread's record; a page does not know how empty it is. */
function perThread(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  i32[BINS + SIZE_CLASS] = linkBlocks(i32);
  i32[recordOf(FIRST) + OWNER] = THIS_THREAD;
  i32[recordOf(FIRST) + CLASS] = SIZE_CLASS;
  const allocate = (sizeClass: number): number => {
    const block = i32[BINS + sizeClass];
    if (block === 0) fail();
    i32[BINS + sizeClass] = i32[block];
    initialize(i32, block);
    return block;
  };
  const free = (block: number): void => {
    const record = recordOf(block);
    i32[block + 1] = 0;
    if (i32[record + OWNER] !== THIS_THREAD) fail();
    const sizeClass = i32[record + CLASS];
    i32[block] = i32[BINS + sizeClass];
    i32[BINS + sizeClass] = block;
  };
  const kept = new Int32Array(BATCH);
  return {
    'allocate, free': (operations) => {
      let sum = 0;
      for (let i = 0; i < operations; i++) {
        const block = allocate(SIZE_CLASS);
        sum += i32[block];
        free(block);
      }
      return sum;
    },
    'allocate 1024, free 1024': (operations) => {
      let sum = 0;
      for (let done = 0; done < operations; done += BATCH) {
        for (let i = 0; i < BATCH; i++) kept[i] = allocate(SIZE_CLASS);
        for (let i = 0; i < BATCH; i++) {
          sum += i32[kept[i]];
          free(kept[i]);
        }
      }
      return sum;
    },
  };
}

/** Nothing is freed: at the end of the page it begins again. What allocation costs at least. */
function bumpOnly(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  i32[BINS + SIZE_CLASS] = FIRST;
  const allocate = (sizeClass: number): number => {
    let block = i32[BINS + sizeClass];
    if (block + BLOCK_WORDS > END) block = FIRST;
    i32[BINS + sizeClass] = block + BLOCK_WORDS;
    initialize(i32, block);
    return block;
  };
  const kept = new Int32Array(BATCH);
  return {
    'allocate, free': (operations) => {
      let sum = 0;
      for (let i = 0; i < operations; i++) sum += i32[allocate(SIZE_CLASS)];
      return sum;
    },
    'allocate 1024, free 1024': (operations) => {
      let sum = 0;
      for (let done = 0; done < operations; done += BATCH) {
        for (let i = 0; i < BATCH; i++) kept[i] = allocate(SIZE_CLASS);
        for (let i = 0; i < BATCH; i++) sum += i32[kept[i]];
      }
      return sum;
    },
  };
}

export const freeLists: Experiment = {
  name: 'free lists',
  question: 'Where do free blocks wait: at their page, at the thread, nowhere?',
  variants: [
    { name: 'per page, exact used counts (ours)', prepare: perPage },
    { name: 'per thread and size class', prepare: perThread },
    { name: 'bump only, nothing freed', prepare: bumpOnly },
  ],
};
