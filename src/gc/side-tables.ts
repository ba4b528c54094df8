/**
 * Side tables: a word of the collector's for every object under test, apart from the objects.
 *
 * A page's table has an entry for every 2^shift words, so that no two blocks share one: at most
 * eight bytes per object. Where it stands is said by a word of the map, one per page of the heap:
 *
 *      31                 8 7     5 4     0
 *     ┌────────────────────┬───────┬───────┐
 *     │ first entry / 256  │   0   │ shift │     0: no object of this page is under test
 *     └────────────────────┴───────┴───────┘
 *
 * What an entry says is up to whoever uses the table; it is 0 for whatever is not under test. Map
 * and tables are private to a thread. Those that scanners share have bits: see `scan-tables.ts`.
 */

import { PAGE_BLOCK_WORDS, PAGE_WORDS, PAGE_WORDS_SHIFT } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { runRecordOf } from '../memory/pages.ts';

/** Tables begin at multiples of this many words: the bits below have the map's other fields. */
const TABLE_ALIGN = 256;
const TABLE_BASE_MASK = -TABLE_ALIGN;
export const PAGE_OFFSET_MASK = PAGE_WORDS - 1;

/** Private tables larger than this are given back after the collection (4 MiB). */
const KEPT_WORDS = 2 ** 20;

/** Entries of a page whose blocks have `blockWords`: log2 of the words that share one. */
export function shiftOf(blockWords: number): number {
  return Math.min(31 - Math.clz32(blockWords), PAGE_WORDS_SHIFT);
}

/** Words of the table of a page with this shift, alignment included. */
function tableWords(shift: number): number {
  return Math.max(PAGE_WORDS >>> shift, TABLE_ALIGN);
}

/**
 * Private tables of one thread, for tests over lists of objects. Between two tests every entry is
 * 0: a test clears the entries of its members, which are the only ones it has written.
 */
export class SideTables {
  declare readonly mem: Memory;
  /** Per page of the heap: see above. */
  declare readonly map: Int32Array;
  declare words: Int32Array;
  /** Pages that have a table. */
  declare private readonly pages: number[];
  declare private used: number;

  constructor(mem: Memory) {
    this.mem = mem;
    this.map = new Int32Array(mem.pages);
    this.words = new Int32Array(16 * 4096);
    this.pages = [];
    this.used = TABLE_ALIGN; // an entry at 0 would look like a page without table
  }

  /** Makes sure that the page of `object` has a table. */
  cover(object: number): void {
    const page = object >>> PAGE_WORDS_SHIFT;
    if (this.map[page] === 0) this.addPage(page, object);
  }

  private addPage(page: number, object: number): void {
    const { mem } = this;
    const shift = shiftOf(mem.i32[runRecordOf(mem, object) + PAGE_BLOCK_WORDS]);
    const end = this.used + tableWords(shift);
    if (end > this.words.length) {
      const larger = new Int32Array(Math.max(this.words.length * 2, end));
      larger.set(this.words.subarray(0, this.used));
      this.words = larger;
    }
    this.map[page] = this.used | shift;
    this.used = end;
    this.pages.push(page);
  }

  /** Whether no page has a table: then every entry is 0. */
  get isClear(): boolean {
    return this.pages.length === 0;
  }

  /** Bytes of tables in use. */
  get bytes(): number {
    return this.used * 4;
  }

  /** Forgets all pages. Every entry is 0 by now. */
  clear(): void {
    for (const page of this.pages) this.map[page] = 0;
    this.pages.length = 0;
    this.used = TABLE_ALIGN;
    if (this.words.length > KEPT_WORDS) this.words = new Int32Array(16 * 4096);
  }
}

/** Where the entry of `object` stands, in a table described by the map word `m`. */
export function entryOf(m: number, object: number): number {
  return (m & TABLE_BASE_MASK) + ((object & PAGE_OFFSET_MASK) >>> m);
}
