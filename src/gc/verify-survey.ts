/**
 * The survey: what one verification knows. Private side tables by page and by block, so that the
 * heap itself is only read, and words that may be damaged are checked once and then taken from
 * here. Blocks are numbered through all runs in use; a block's number indexes the side tables.
 *
 * Nothing is believed before it is checked: `blockAt` and `blockAround` answer NO_BLOCK for any
 * word that is no address of a carved block, so no later pass reads through a wild address.
 */

import {
  ABANDONED,
  CONTROL_SUSPECT,
  GENERATIONS,
  MAX_KINDS,
  type ObjectRef,
  PAGE_RECORD_SHIFT,
  PAGE_WORDS,
  PAGE_WORDS_SHIFT,
  THREAD_UNDO,
} from '../memory/layout.ts';
import { type Memory, threadRecordOf } from '../memory/memory.ts';
import { Findings } from './verify-findings.ts';

export const NO_BLOCK = -1;

/** What a page begins. */
export const TILE_NONE = 0;
export const TILE_IN_USE = 1;
export const TILE_FREE = 2;
export const TILE_SCRATCH = 3;

/**
 * What a block holds: first the objects that may hold containers, then those that cannot, then
 * backing. DAMAGED: reported already, and not looked into.
 */
export const ROLE_FREE = 0;
export const ROLE_STRUCT = 1;
export const ROLE_ARRAY = 2;
export const ROLE_MAP = 3; // or a set
export const ROLE_TUPLE = 4;
export const ROLE_RECORD = 5; // a struct that cannot hold a container
export const ROLE_FLAT_TUPLE = 6; // a tuple that does not hold a container
export const ROLE_STRING = 7;
export const ROLE_BIGINT = 8;
export const ROLE_DATE = 9;
export const ROLE_BYTES = 10;
export const ROLE_NODE = 11;
export const ROLE_CHUNK = 12;
export const ROLE_DAMAGED = 13;
/** In `holders` only: garbage that is being swept, whatever it is. */
export const ROLE_CONDEMNED = 14;
/** Up to here roles are those of objects that may hold containers; up to there, of objects. */
export const ROLE_LAST_CONTAINER = ROLE_TUPLE;
export const ROLE_LAST_OBJECT = ROLE_BYTES;

// Marks of a block: what lists it is on, or what was found out about it.
export const MARK_FREE = 1;
export const MARK_REMOTE = 2;
/** Backing or an interned string that was found from its owner. */
export const MARK_CLAIMED = 4;
/** Garbage: its count is a link. UNLINKED: of these, its references are void. */
export const MARK_CONDEMNED = 8;
export const MARK_UNLINKED = 16;
/** Garbage that was found in its list. */
export const MARK_LISTED = 32;
/** A container that is not tracked, so that it must not hold another. */
export const MARK_UNTRACKED = 64;

const LINE_START = 0;
const LINE_BLOCK_WORDS = 1;
const LINE_CARVED = 2;
const LINE_FIRST = 3;
const LINE_WORDS = 4;

/** `holders` has the role of an object beside the number of its holders: one access for both. */
export const HOLDER_ROLE_SHIFT = 28;
export const HOLDERS_MAX = (1 << HOLDER_ROLE_SHIFT) - 1;

/** How the objects of a struct kind look, by kind. Read off the descriptors. */
export class KindSurvey {
  /** Whether the record of a kind is written. */
  readonly isWritten = new Uint8Array(MAX_KINDS);
  /** Whether the other tables tell of a kind: its descriptor or its record could be read. */
  readonly isKnown = new Uint8Array(MAX_KINDS);
  readonly references = new Int32Array(MAX_KINDS);
  readonly values = new Int32Array(MAX_KINDS);
  readonly valuesAt = new Int32Array(MAX_KINDS);
  readonly words = new Int32Array(MAX_KINDS);
  readonly info = new Int32Array(MAX_KINDS);
  /** Per kind, a byte per reference slot: 1 for a string field. Null when not known. */
  readonly isString: (Uint8Array | null)[] = [];
}

/** The state of one verification. */
export class Survey {
  readonly mem: Memory;
  readonly i32: Int32Array;
  readonly locals: readonly ObjectRef[];
  readonly findings = new Findings();
  readonly kinds = new KindSurvey();

  // By page.
  readonly tiles: Uint8Array;
  /** The head of the run in use that a page belongs to; 0 when there is none. */
  readonly heads: Int32Array;

  // By head page of a run in use.
  readonly blockWords: Int32Array;
  readonly carved: Int32Array;
  readonly firstBlock: Int32Array;
  readonly inverse: Float64Array;
  /** By page, side by side for `blockAt`: start and block size of its run, blocks, first block. */
  readonly lines: Int32Array;
  /** Lengths of the two free lists; -1 when broken. */
  readonly freeCount: Int32Array;
  readonly remoteCount: Int32Array;
  /** 1: blocks are allocated from it, since it is the first run of a bin. */
  readonly isFirstInBin: Uint8Array;
  /** Cards in which its objects of generation 0, or 1, lie. */
  readonly youngCards: Int32Array;
  readonly middleCards: Int32Array;

  // By block.
  blockCount = 0;
  roles = new Uint8Array(0);
  marks = new Uint8Array(0);
  /** Role and references found; for a chunk, its number in the map it was claimed for. */
  holders = new Int32Array(0);

  /** Words in live blocks, counted by headers. */
  liveWords = 0;
  freeRunPages = 0;
  scratchPages = 0;
  /** Tracked objects by generation, garbage that is being swept left out. */
  readonly generationSizes = new Int32Array(GENERATIONS + 1);
  /** False once references were lost from sight: then counts cannot be compared. */
  isCountable = true;
  /** Whether counts may be too high: a thread has died that was changing some. */
  readonly isSuspect: boolean;
  /** Arrays whose elements are references, or words that look like numbers. */
  readonly undoLogs = new Set<number>();
  /** False once containers were lost from sight: then backing may seem to belong to nobody. */
  isBackingKnown = true;
  isInternTableKnown = true;
  /** Objects that are marked as garbage, and objects in the lists of such. */
  condemned = 0;
  listed = 0;
  /** False once objects may be missing from a generation, or stand in a wrong one. */
  areGenerationsKnown = true;
  /** False once it is doubtful what is condemned. */
  areCondemnedKnown = true;

  // About the object at hand, whose references are being counted.
  isHolderCondemned = false;
  /** Set when it is found to hold a container. */
  holdsContainer = false;

  /** Leaves of the vector walked last: address, words, and the index of the first word of each. */
  readonly leaves: number[] = [];
  readonly leafWords: number[] = [];
  readonly leafIndex: number[] = [];
  /** Words of an entry of the map or set at hand. */
  entryWords = 0;
  /** Chunks of the map at hand, and the number of the first entry of each in the map. */
  readonly chunks: number[] = [];
  readonly chunkFirst: number[] = [];

  constructor(mem: Memory, locals: readonly ObjectRef[]) {
    this.mem = mem;
    this.i32 = mem.i32;
    this.locals = locals;
    this.isSuspect = mem.i32[CONTROL_SUSPECT] !== 0;
    for (let id = 1; id < ABANDONED; id++) {
      const log = mem.i32[threadRecordOf(mem, id) + THREAD_UNDO];
      if (log !== 0) this.undoLogs.add(log);
    }
    const { pages } = mem;
    this.tiles = new Uint8Array(pages);
    this.heads = new Int32Array(pages);
    this.blockWords = new Int32Array(pages);
    this.carved = new Int32Array(pages);
    this.firstBlock = new Int32Array(pages);
    this.inverse = new Float64Array(pages);
    this.lines = new Int32Array(pages * LINE_WORDS);
    this.freeCount = new Int32Array(pages);
    this.remoteCount = new Int32Array(pages);
    this.isFirstInBin = new Uint8Array(pages);
    this.youngCards = new Int32Array(pages);
    this.middleCards = new Int32Array(pages);
  }

  /** Makes the side tables by block, when all runs are known. */
  allocateBlockTables(): void {
    this.roles = new Uint8Array(this.blockCount);
    this.marks = new Uint8Array(this.blockCount);
    this.holders = new Int32Array(this.blockCount);
  }

  /** Puts the roles beside the holders, when all are known. */
  copyRoles(): void {
    const { roles, marks, holders } = this;
    for (let block = 0; block < roles.length; block++) {
      const isCondemned = (marks[block] & MARK_CONDEMNED) !== 0;
      holders[block] = (isCondemned ? ROLE_CONDEMNED : roles[block]) << HOLDER_ROLE_SHIFT;
    }
  }

  /** From here on it is unknown what objects, references and backing there are. */
  loseSight(): void {
    this.isCountable = false;
    this.isBackingKnown = false;
    this.areGenerationsKnown = false;
    this.areCondemnedKnown = false;
  }

  /** From here on it is unknown what is garbage, and so which counts are counts. */
  doubtGarbage(): void {
    this.isCountable = false;
    this.areGenerationsKnown = false;
    this.areCondemnedKnown = false;
  }

  /** Adds a run in use of `length` pages, cut into blocks of which `carved` were handed out. */
  addRun(page: number, length: number, blockWords: number, carved: number): void {
    this.heads.fill(page, page, page + length);
    this.blockWords[page] = blockWords;
    this.carved[page] = carved;
    this.firstBlock[page] = this.blockCount;
    this.inverse.fill(1 / blockWords, page, page + length);
    const line = [page * PAGE_WORDS, blockWords, carved, this.blockCount];
    for (let i = 0; i < length; i++) this.lines.set(line, (page + i) * LINE_WORDS);
    this.blockCount += carved;
  }

  /** The number of the carved block that begins at `word`; NO_BLOCK when none does. */
  blockAt(word: number): number {
    const page = word >>> PAGE_WORDS_SHIFT;
    if (page >= this.heads.length) return NO_BLOCK; // beyond the end, or negative
    const { lines } = this;
    const line = page * LINE_WORDS;
    const offset = word - lines[line + LINE_START];
    // Half a word more, so that rounding cannot fall below the quotient of an exact multiple.
    const block = Math.floor((offset + 0.5) * this.inverse[page]);
    if (block >= lines[line + LINE_CARVED]) return NO_BLOCK; // also on pages that hold no blocks
    if (block * lines[line + LINE_BLOCK_WORDS] !== offset) return NO_BLOCK;
    return lines[line + LINE_FIRST] + block;
  }

  /** The address of a block by its number. O(pages). */
  wordOf(block: number): number {
    for (let page = 0; page < this.tiles.length; page++) {
      const index = block - this.firstBlock[page];
      if (this.tiles[page] !== TILE_IN_USE || index < 0 || index >= this.carved[page]) continue;
      return page * PAGE_WORDS + index * this.blockWords[page];
    }
    return 0;
  }

  /** The address of the carved block in which `word` lies; 0 when it lies in none. */
  blockAround(word: number): number {
    const page = word >>> PAGE_WORDS_SHIFT;
    if (page >= this.heads.length) return 0;
    const head = this.heads[page];
    if (head === 0) return 0;
    const start = head * PAGE_WORDS;
    const block = Math.floor((word - start + 0.5) * this.inverse[page]);
    return block < this.carved[head] ? start + block * this.blockWords[head] : 0;
  }

  /** The number of the chunk at `word` among those of the map at hand; NO_BLOCK when none of it. */
  chunkNumber(word: number): number {
    const block = this.blockAt(word);
    if (block === NO_BLOCK || this.roles[block] !== ROLE_CHUNK) return NO_BLOCK;
    const number = this.holders[block];
    return this.chunks[number] === word ? number : NO_BLOCK;
  }

  /** The page whose record stands at `record`; 0 when none does. */
  pageOfRecord(record: number): number {
    const { pageTable, pages } = this.mem;
    const page = (record - pageTable) >> PAGE_RECORD_SHIFT;
    if (pageTable + (page << PAGE_RECORD_SHIFT) !== record) return 0;
    return page > 0 && page < pages ? page : 0;
  }
}
