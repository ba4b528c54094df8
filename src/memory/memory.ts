/**
 * The views of one thread on the heap's buffer, and where its tables stand.
 *
 * Everything here is constant after construction but `hostile` and `recover`. State that other
 * threads must find lives in the buffer itself.
 */

import { HeapExhaustedError, InvalidTokenError } from '../base/errors.ts';
import { MIN_HEAP_BYTES, type ResolvedOptions } from '../base/options.ts';
import {
  CONTROL_COUNTS,
  CONTROL_FIRST_PAGE,
  CONTROL_ID_HIGH,
  CONTROL_ID_LOW,
  CONTROL_KIND_COUNT,
  CONTROL_MAGIC,
  CONTROL_PAGES,
  CONTROL_STATE,
  CONTROL_SWITCH_US,
  CONTROL_TOP_PAGE,
  CONTROL_VERSION,
  FIRST_STRUCT_KIND,
  GC_BACKGROUND_MIN,
  GC_BUDGET_US,
  GC_ENABLED,
  GC_GROWTH_PERCENT,
  GC_PAGES_WANTED,
  GC_PARALLEL_MIN,
  GC_SCANNERS,
  GC_SHARE,
  GC_SHARED_MIN,
  GC_THRESHOLDS,
  GC_TRIGGER,
  HEAP_OPEN,
  type HeapMap,
  LAYOUT_VERSION,
  layOut,
  MAGIC,
  PAGE_RECORD_SHIFT,
  PAGE_WORDS,
  PAGE_WORDS_SHIFT,
  type PageIndex,
  THREAD_BINS,
  THREAD_WORDS,
  type ThreadId,
  WORD_BYTES,
  type WordIndex,
} from './layout.ts';

/** A count that is never exceeded. */
export const NEVER = 0x7fffffff;
/** Where one way of collecting becomes better than the other: see `src/README.md`, Decisions. */
const SHARED_MIN = 100_000;
const PARALLEL_MIN = 100_000;
export const BACKGROUND_MIN = 20_000;
/** Pages in use (64 MiB) below which growth alone starts no collection. */
export const GROWTH_PAGES_MIN = 1024;

/** Makes allocations fail on purpose. For tests: see `allocateBlock`. */
export interface HostileAllocation {
  /** Called before every allocation; true makes it fail as if the heap were full. */
  shouldFail(words: number): boolean;
}

/** Where an atomic section notes what it is about to change: see `object/undo-log.ts`. */
export interface Undo {
  saveWord(object: number, at: number): void;
  savePair(object: number, at: number): void;
  takeReference(object: number, at: number): boolean;
  takeValue(object: number, at: number): boolean;
  takeElement(array: number, index: number, at: number): boolean;
  saveElements(array: number, from: number): void;
  saveAdded(map: number, entry: number): void;
  takeRemoved(map: number, entry: number): boolean;
  noteEmpty(map: number, chunk: number): void;
  saveRecord(object: number): void;
  saveScalars(object: number): void;
  /** Whether an operation can note what it changes. False: that is not known. */
  hasRoom(): boolean;
  /** Makes sure that an operation can note what it changes. @throws HeapExhaustedError */
  reserve(elements?: number): void;
  /** Whether the death of an object that was noted is put off until the section ends. */
  defers(object: number, info: number): boolean;
  /** Counts what was noted while a collection runs, and no longer. */
  pin(): void;
  unpin(): void;
}

/**
 * One thread's view of a heap's buffer.
 *
 * The fields are declared, not defined, so that the constructor writes each exactly once: V8 then
 * treats them as constants of a constant object, which halves the time of an allocation.
 */
export class Memory implements HeapMap {
  declare readonly buffer: SharedArrayBuffer;
  declare readonly i32: Int32Array;
  declare readonly f32: Float32Array;
  declare readonly f64: Float64Array;
  declare readonly i64: BigInt64Array;
  declare readonly maxWords: number;
  declare readonly pages: number;
  declare readonly threadTable: WordIndex;
  declare readonly deathEpochs: WordIndex;
  declare readonly kindTable: WordIndex;
  declare readonly youngPages: WordIndex;
  declare readonly middlePages: WordIndex;
  declare readonly headNumbers: WordIndex;
  declare readonly pageTable: WordIndex;
  declare readonly firstPage: PageIndex;
  /** Every count change is an `Atomics` call, also where the lock excludes races. */
  declare readonly atomicCounts: boolean;
  /** This thread's number; 0 in a view that allocates nothing. */
  declare readonly threadId: ThreadId;
  /** This thread's record, and the bins in it. */
  declare readonly thread: WordIndex;
  declare readonly bins: WordIndex;
  declare hostile: HostileAllocation | null;
  /** The undo log of the running atomic section; null in any other. */
  declare undo: Undo | null;
  /** The lock word while the lock is free, as this thread knows it: see `sync/gil.ts`. */
  declare idleLock: number;
  /** Whether this thread has said that it may begin read sections. */
  declare isReader: boolean;
  /** Makes the heap sound again when a thread has died in a section. See `gc/recover.ts`. */
  declare recover: (() => void) | null;

  constructor(buffer: SharedArrayBuffer, threadId: ThreadId) {
    const map = layOut(buffer.byteLength);
    this.buffer = buffer;
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.maxWords = map.maxWords;
    this.pages = map.pages;
    this.threadTable = map.threadTable;
    this.deathEpochs = map.deathEpochs;
    this.kindTable = map.kindTable;
    this.youngPages = map.youngPages;
    this.middlePages = map.middlePages;
    this.headNumbers = map.headNumbers;
    this.pageTable = map.pageTable;
    this.firstPage = map.firstPage;
    this.atomicCounts = this.i32[CONTROL_COUNTS] === 1;
    this.threadId = threadId;
    this.thread = threadRecordOf(this, threadId);
    this.bins = (this.thread + THREAD_BINS) as WordIndex;
    this.hostile = null;
    this.undo = null;
    this.idleLock = 0;
    this.isReader = false;
    this.recover = null;
  }
}

/**
 * Reserves the buffer of a heap and writes its constant control words.
 *
 * @throws HeapExhaustedError when the system refuses the address space.
 */
export function createBuffer(options: ResolvedOptions): SharedArrayBuffer {
  const bytes = Math.floor(options.maxBytes / (PAGE_WORDS * WORD_BYTES)) * PAGE_WORDS * WORD_BYTES;
  const buffer = reserve(bytes);
  const { pages, firstPage } = layOut(bytes);
  const i32 = new Int32Array(buffer);
  const id = crypto.getRandomValues(new Int32Array(2));
  i32[CONTROL_VERSION] = LAYOUT_VERSION;
  i32[CONTROL_PAGES] = pages;
  i32[CONTROL_FIRST_PAGE] = firstPage;
  i32[CONTROL_ID_LOW] = id[0];
  i32[CONTROL_ID_HIGH] = id[1];
  i32[CONTROL_COUNTS] = options.counts === 'atomic' ? 1 : 0;
  i32[CONTROL_SWITCH_US] = Math.ceil(options.switchIntervalMs * 1000);
  i32[CONTROL_KIND_COUNT] = FIRST_STRUCT_KIND;
  i32[CONTROL_TOP_PAGE] = firstPage;
  i32.set(options.thresholds, GC_THRESHOLDS);
  i32[GC_ENABLED] = 1;
  i32[GC_TRIGGER] = options.thresholds[0] === 0 ? NEVER : options.thresholds[0];
  i32[GC_GROWTH_PERCENT] = Math.round(options.growthFactor * 100);
  i32[GC_PAGES_WANTED] = options.growthFactor === 0 ? NEVER : GROWTH_PAGES_MIN;
  i32[GC_BUDGET_US] = Math.round(options.pauseBudgetMs * 1000);
  i32[GC_SCANNERS] = options.scanners;
  i32[GC_SHARED_MIN] = SHARED_MIN;
  i32[GC_PARALLEL_MIN] = PARALLEL_MIN;
  i32[GC_BACKGROUND_MIN] = BACKGROUND_MIN;
  i32[GC_SHARE] = Math.round(options.collectorShare * 1000);
  i32[CONTROL_STATE] = HEAP_OPEN;
  i32[CONTROL_MAGIC] = MAGIC; // last: a buffer without it is no heap
  return buffer;
}

/** Reserves address space. @throws HeapExhaustedError when the system refuses it. */
export function reserve(bytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes);
  } catch (cause) {
    throw Object.assign(new HeapExhaustedError(bytes, 0, 0), { cause });
  }
}

/**
 * Checks that a buffer from another thread is a heap of this version.
 *
 * @throws InvalidTokenError when it is not, or when its sizes do not add up.
 */
export function checkBuffer(buffer: unknown): SharedArrayBuffer {
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new InvalidTokenError('it carries no SharedArrayBuffer');
  }
  if (buffer.byteLength % (PAGE_WORDS * WORD_BYTES) !== 0 || buffer.byteLength < MIN_HEAP_BYTES) {
    throw new InvalidTokenError(`a buffer of ${buffer.byteLength} bytes is no heap`);
  }
  const control = new Int32Array(buffer, 0, PAGE_WORDS);
  if (control[CONTROL_MAGIC] !== MAGIC) throw new InvalidTokenError('its buffer is no heap');
  if (control[CONTROL_VERSION] !== LAYOUT_VERSION) {
    const found = control[CONTROL_VERSION];
    throw new InvalidTokenError(`its heap has layout ${found}, this library ${LAYOUT_VERSION}`);
  }
  const { pages, firstPage } = layOut(buffer.byteLength);
  if (control[CONTROL_PAGES] !== pages || control[CONTROL_FIRST_PAGE] !== firstPage) {
    throw new InvalidTokenError('the sizes in its control words do not fit its buffer');
  }
  return buffer;
}

/** A string that tells heaps apart, the same in all threads. */
export function heapIdOf(mem: { readonly i32: Int32Array }): string {
  const word = (at: number) => (mem.i32[at] >>> 0).toString(16).padStart(8, '0');
  return word(CONTROL_ID_HIGH) + word(CONTROL_ID_LOW);
}

/** The record of thread `id`, or of the abandoned pages. */
export function threadRecordOf(mem: Pick<HeapMap, 'threadTable'>, id: number): WordIndex {
  return (mem.threadTable + (id - 1) * THREAD_WORDS) as WordIndex;
}

/** The page in which a word lies. */
export const pageOf = (word: number): PageIndex => (word >>> PAGE_WORDS_SHIFT) as PageIndex;

/** The first word of a page. */
export const startOf = (page: number): WordIndex => (page << PAGE_WORDS_SHIFT) as WordIndex;

/** The record of a page. */
export function pageRecordOf(mem: Memory, page: number): WordIndex {
  return (mem.pageTable + (page << PAGE_RECORD_SHIFT)) as WordIndex;
}

/** The page of a record: the inverse of `pageRecordOf`. */
export function pageOfRecord(mem: Memory, record: number): PageIndex {
  return ((record - mem.pageTable) >>> PAGE_RECORD_SHIFT) as PageIndex;
}
