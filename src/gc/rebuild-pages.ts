/**
 * Rebuilding, pages: free blocks, bins and free runs, once it is known what lives.
 *
 * A block is free when its info word is 0, or becomes so here: backing that nobody has claimed,
 * short strings that nobody holds. Strings that live are put into the intern table on the way.
 */

import {
  ABANDONED,
  CONTROL_FREE_RUNS,
  CONTROL_INTERN_BUCKETS,
  CONTROL_INTERN_COUNT,
  CONTROL_INTERN_ROOT,
  CONTROL_TOP_PAGE,
  EPOCH_MASK,
  EPOCH_SHIFT,
  FREE_RUN_LISTS,
  GC_CONDEMNED,
  GC_PAGES_IN_USE,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_SHIFT,
  KIND_STRING,
  PAGE_BLOCK_WORDS,
  PAGE_CAPACITY,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_FREE,
  PAGE_FREE_RUN,
  PAGE_OWNER,
  PAGE_REMOTE_COUNT,
  PAGE_REMOTE_FREE,
  PAGE_RETIRE_AT,
  PAGE_RUN,
  PAGE_STATE,
  PAGE_USED,
  type PageIndex,
  STRING_HASH,
  STRING_INTERNED,
  STRING_LINK,
  THREAD_ATTACHED,
  THREAD_BINS,
  THREAD_STATE,
  type WordIndex,
} from '../memory/layout.ts';
import { pageOfRecord, pageRecordOf, startOf, threadRecordOf } from '../memory/memory.ts';
import { listRun } from '../memory/page-runs.ts';
import { linkRun } from '../memory/pages.ts';
import { LARGE_CLASS, SIZE_CLASSES } from '../memory/size-classes.ts';
import { isBackingKind } from '../object/header.ts';
import { bucketOf, FIRST_BUCKETS } from '../object/linear-hash.ts';
import { wordAt } from '../object/vector.ts';
import { repairVector, visitLeaves } from './rebuild-containers.ts';
import { type Ground, isUnclaimed, refuse } from './rebuild-ground.ts';

/** The table belongs to no object. */
const NO_OWNER = 0;

/** Claims the intern table, and empties it. */
export function repairInternTable(ground: Ground): void {
  const { i32 } = ground.mem;
  const room = repairVector(ground, CONTROL_INTERN_ROOT, NO_OWNER);
  const buckets = i32[CONTROL_INTERN_BUCKETS];
  if (buckets > room) i32[CONTROL_INTERN_BUCKETS] = room;
  else if (buckets < FIRST_BUCKETS) i32[CONTROL_INTERN_BUCKETS] = Math.min(room, FIRST_BUCKETS);
  i32[CONTROL_INTERN_COUNT] = 0;
  visitLeaves(ground, CONTROL_INTERN_ROOT, (leaf, words) => void i32.fill(0, leaf, leaf + words));
}

/** Frees what is free, and lists it: blocks by runs, runs by threads, and the pages between. */
export function rebuildPages(ground: Ground): void {
  const { mem } = ground;
  const { i32 } = mem;
  for (let id = 1; id <= ABANDONED; id++) {
    const bins = threadRecordOf(mem, id) + THREAD_BINS;
    i32.fill(0, bins, bins + SIZE_CLASSES);
  }
  const kept: WordIndex[] = [];
  let pages = 0;
  for (const record of ground.runs) {
    if (listBlocks(ground, record) === 0) {
      i32[record + PAGE_STATE] = PAGE_FREE_RUN;
      continue;
    }
    placeRun(ground, record);
    kept.push(record);
    pages += i32[record + PAGE_RUN];
  }
  i32[GC_PAGES_IN_USE] = pages;
  listFreeRuns(ground, kept);
}

/** Lists the free blocks of a run. Returns how many are in use. */
function listBlocks(ground: Ground, record: WordIndex): number {
  const { mem } = ground;
  const { i32 } = mem;
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const start = startOf(pageOfRecord(mem, record));
  const end = start + i32[record + PAGE_CARVED] * blockWords;
  let link: number = record + PAGE_FREE;
  let used = 0;
  for (let block: number = start; block < end; block += blockWords) {
    const info = i32[block + HEADER_INFO];
    if (info === 0 || !isInUse(ground, block, info)) {
      i32[link] = block;
      link = block;
    } else {
      used++;
    }
  }
  i32[link] = 0;
  i32[record + PAGE_USED] = used;
  i32[record + PAGE_REMOTE_FREE] = 0;
  i32[record + PAGE_REMOTE_COUNT] = 0;
  return used;
}

/** Whether a block stays what it is; if not, it is freed. */
function isInUse(ground: Ground, block: number, info: number): boolean {
  const { mem } = ground;
  const { i32 } = mem;
  const kind = info >>> KIND_SHIFT;
  if (isBackingKind(kind)) {
    if (!isUnclaimed(ground, block)) return true;
    i32[block + HEADER_INFO] = 0;
    return false;
  }
  const isShort = kind === KIND_STRING && (info & STRING_INTERNED) !== 0;
  if (i32[block + HEADER_COUNT] !== 0 || (info & GC_CONDEMNED) !== 0) {
    if (isShort) internAgain(ground, block);
    return true;
  }
  if (!isShort) {
    ground.dead.push(block);
    return true;
  }
  i32[mem.deathEpochs + ((block >>> EPOCH_SHIFT) & EPOCH_MASK)]++;
  i32[block + HEADER_INFO] = 0;
  return false;
}

function internAgain({ mem }: Ground, string: number): void {
  const { i32 } = mem;
  const buckets = i32[CONTROL_INTERN_BUCKETS];
  if (buckets === 0) refuse('there are short strings without a table');
  const bucket = wordAt(mem, CONTROL_INTERN_ROOT, bucketOf(i32[string + STRING_HASH], buckets));
  i32[string + STRING_LINK] = i32[bucket];
  i32[bucket] = string;
  i32[CONTROL_INTERN_COUNT]++;
}

/** Puts a run into its owner's bin, or notes that it is full. */
function placeRun(ground: Ground, record: WordIndex): void {
  const { mem } = ground;
  const { i32 } = mem;
  const owner = Math.abs(i32[record + PAGE_OWNER]);
  const isOwned =
    owner > 0 &&
    owner < ABANDONED &&
    i32[threadRecordOf(mem, owner) + THREAD_STATE] === THREAD_ATTACHED;
  const id = isOwned ? owner : ABANDONED;
  const isFull =
    i32[record + PAGE_FREE] === 0 && i32[record + PAGE_CARVED] === i32[record + PAGE_CAPACITY];
  i32[record + PAGE_RETIRE_AT] = 0;
  if (isFull || i32[record + PAGE_CLASS] === LARGE_CLASS) {
    i32[record + PAGE_OWNER] = -id;
    return;
  }
  i32[record + PAGE_OWNER] = id;
  linkRun(mem, record);
}

/** What is between the runs that are kept is free. */
function listFreeRuns({ mem }: Ground, kept: readonly WordIndex[]): void {
  const { i32 } = mem;
  i32.fill(0, CONTROL_FREE_RUNS, CONTROL_FREE_RUNS + FREE_RUN_LISTS);
  let from: number = mem.firstPage;
  const listUpTo = (to: number) => {
    for (let page = from; page < to; page++) {
      const record = pageRecordOf(mem, page);
      i32[record + PAGE_STATE] = PAGE_FREE_RUN;
      i32[record + PAGE_OWNER] = 0;
    }
    if (to > from) listRun(mem, from as PageIndex, to - from);
  };
  for (const record of kept) {
    const page = pageOfRecord(mem, record);
    listUpTo(page);
    from = page + i32[record + PAGE_RUN];
  }
  listUpTo(i32[CONTROL_TOP_PAGE]);
}
