/**
 * Rebuilding, the ground: what stands where, read off the pages and headers once.
 *
 * Private tables of the recovering thread, so that nothing of it outlives that thread: a bit per
 * pair of words where an object begins, and one where a backing block begins that nobody has
 * claimed yet. No address is believed that has no such bit.
 */

import { HeapCorruptionError } from '../base/errors.ts';
import {
  ABANDONED,
  CARD_SHIFT,
  CONTROL_KIND_COUNT,
  CONTROL_TOP_PAGE,
  FIRST_STRUCT_KIND,
  GC_CONDEMNED,
  GC_GENERATION_MASK,
  GC_TRACKED,
  GC_UNLINKED,
  GENERATIONS,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_ARRAY,
  KIND_DATE,
  KIND_MAP,
  KIND_SET,
  KIND_SHIFT,
  PAGE_BLOCK_WORDS,
  PAGE_BLOCKS,
  PAGE_CAPACITY,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_MIDDLE,
  PAGE_RUN,
  PAGE_STATE,
  PAGE_WORDS,
  PAGE_YOUNG,
  THREAD_UNDO,
  type WordIndex,
} from '../memory/layout.ts';
import {
  type Memory,
  pageOfRecord,
  pageRecordOf,
  startOf,
  threadRecordOf,
} from '../memory/memory.ts';
import { writeTails } from '../memory/page-runs.ts';
import { BLOCK_WORDS, LARGE_CLASS, RUN_PAGES } from '../memory/size-classes.ts';
import { isBackingKind } from '../object/header.ts';
import type { Mutator } from '../object/mutator.ts';
import { ObjectList } from './object-list.ts';

/** What a rebuild knows. */
export class Ground {
  readonly mem: Mutator;
  /** The runs in use, by address. */
  readonly runs: WordIndex[] = [];
  /** Bits: objects begin here. */
  readonly objects: Int32Array;
  /** Bits: backing begins here that no owner has claimed. */
  readonly backing: Int32Array;
  readonly arrays = new ObjectList();
  /** Sets, too. */
  readonly maps = new ObjectList();
  readonly condemned = new ObjectList();
  /** Objects that nothing refers to. */
  readonly dead = new ObjectList();
  /** Maps whose tables have to be made anew. */
  readonly retabled = new ObjectList();
  /** Tracked objects by generation, garbage left out. */
  readonly sizes = new Int32Array(GENERATIONS + 1);
  /** Open iterators of threads, by map. */
  readonly iterators = new Map<number, number>();
  /** Whether an atomic section is to be undone then: its log names entries by their addresses. */
  readonly canUndo: boolean;

  constructor(mem: Mutator) {
    this.mem = mem;
    this.canUndo = hasUndoLog(mem);
    const words = (mem.i32[CONTROL_TOP_PAGE] * PAGE_WORDS) >>> PAIRS_SHIFT;
    this.objects = new Int32Array(words);
    this.backing = new Int32Array(words);
  }
}

function hasUndoLog(mem: Mutator): boolean {
  for (let id = 1; id < ABANDONED; id++) {
    if (mem.i32[threadRecordOf(mem, id) + THREAD_UNDO] !== 0) return true;
  }
  return false;
}

/** Words of the heap that one word of bits tells about, as a power of two: 32 pairs. */
const PAIRS_SHIFT = 6;

/** Whether an object begins at `word`. Outside of the pages, and at odd words, there is none. */
export const isObject = ({ objects }: Ground, word: number): boolean =>
  (word & 1) === 0 && ((objects[word >>> PAIRS_SHIFT] >>> ((word >>> 1) & 31)) & 1) === 1;

/** Whether backing that nobody has claimed begins at `word`. */
export const isUnclaimed = ({ backing }: Ground, word: number): boolean =>
  (word & 1) === 0 && ((backing[word >>> PAIRS_SHIFT] >>> ((word >>> 1) & 31)) & 1) === 1;

/** Backing has an owner. */
export function claimBacking({ backing }: Ground, word: number): void {
  backing[word >>> PAIRS_SHIFT] &= ~(1 << ((word >>> 1) & 31));
}

/** The heap cannot be what any store of any thread has made it. */
export function refuse(what: string): never {
  throw new HeapCorruptionError(
    `a thread has died inside a section, and ${what}: the heap cannot be rebuilt; create a new one`,
  );
}

/** Finds the runs in use. Everything between them is free. */
export function findRuns(ground: Ground): void {
  const { mem, runs } = ground;
  const { i32 } = mem;
  const top = i32[CONTROL_TOP_PAGE];
  if (top < mem.firstPage || top > mem.pages) refuse('it is not known how many pages are in use');
  for (let page: number = mem.firstPage; page < top; ) {
    const record = pageRecordOf(mem, page);
    if (i32[record + PAGE_STATE] !== PAGE_BLOCKS) {
      page++;
      continue;
    }
    if (!isRun(mem, record, top - page)) refuse(`page ${page} is of no kind`);
    writeTails(mem, pageOfRecord(mem, record), i32[record + PAGE_RUN]);
    runs.push(record);
    page += i32[record + PAGE_RUN];
  }
}

/** Whether a record says what a run of its class can be. */
function isRun({ i32 }: Memory, record: number, room: number): boolean {
  const sizeClass = i32[record + PAGE_CLASS];
  const pages = i32[record + PAGE_RUN];
  const carved = i32[record + PAGE_CARVED];
  const capacity = i32[record + PAGE_CAPACITY];
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  if (pages < 1 || pages > room || carved < 0 || carved > capacity) return false;
  if (sizeClass === LARGE_CLASS) return capacity === 1 && blockWords === pages * PAGE_WORDS;
  if (sizeClass < 0 || sizeClass > LARGE_CLASS || pages > RUN_PAGES[sizeClass]) return false;
  return (
    blockWords === BLOCK_WORDS[sizeClass] &&
    capacity === Math.floor((pages * PAGE_WORDS) / blockWords)
  );
}

/**
 * Reads all headers. Counts become 0, but for those of the immortal; cards are set anew. What is
 * unlinked is freed, and so its backing will be, which nobody claims.
 */
export function readHeaders(ground: Ground): void {
  const { mem } = ground;
  mem.i32.fill(0, mem.youngPages, mem.headNumbers);
  for (const record of ground.runs) readRun(ground, record);
}

function readRun(ground: Ground, record: WordIndex): void {
  const { mem, objects, backing, sizes } = ground;
  const { i32 } = mem;
  const kinds = i32[CONTROL_KIND_COUNT];
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const start = startOf(pageOfRecord(mem, record));
  const end = start + i32[record + PAGE_CARVED] * blockWords;
  let young = 0;
  let middle = 0;
  for (let block: number = start; block < end; block += blockWords) {
    const info = i32[block + HEADER_INFO];
    if (info === 0) continue;
    const kind = info >>> KIND_SHIFT;
    const bit = 1 << ((block >>> 1) & 31);
    if (kind < FIRST_STRUCT_KIND) {
      if (isBackingKind(kind)) {
        backing[block >>> PAIRS_SHIFT] |= bit;
        continue;
      }
      if (kind === 0 || kind > KIND_DATE) refuse(`there is an object of kind ${kind}`);
    } else if (kind >= kinds) refuse(`there is an object of kind ${kind}`);
    if ((info & (GC_CONDEMNED | GC_UNLINKED)) !== 0) {
      if ((info & GC_UNLINKED) !== 0) {
        i32[block + HEADER_INFO] = 0;
        continue;
      }
      ground.condemned.push(block);
    } else if ((info & GC_TRACKED) !== 0) {
      const generation = info & GC_GENERATION_MASK;
      sizes[generation]++;
      if (generation === 0) young |= 1 << (block >>> CARD_SHIFT);
      else if (generation === 1) middle |= 1 << (block >>> CARD_SHIFT);
    }
    objects[block >>> PAIRS_SHIFT] |= bit;
    if (i32[block + HEADER_COUNT] > 0) i32[block + HEADER_COUNT] = 0;
    if (kind === KIND_ARRAY) ground.arrays.push(block);
    else if (kind === KIND_MAP || kind === KIND_SET) ground.maps.push(block);
  }
  noteCards(mem, record, young, middle);
}

function noteCards(mem: Memory, record: WordIndex, young: number, middle: number): void {
  const page = pageOfRecord(mem, record);
  const bit = 1 << (page & 31);
  mem.i32[record + PAGE_YOUNG] = young;
  mem.i32[record + PAGE_MIDDLE] = middle;
  if (young !== 0) mem.i32[mem.youngPages + (page >>> 5)] |= bit;
  if (middle !== 0) mem.i32[mem.middlePages + (page >>> 5)] |= bit;
}
