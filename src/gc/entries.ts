/**
 * Entries: what a scan by several threads knows of an object, in a byte.
 *
 * Edges lead anywhere, so what counts is how much memory the entries take: in a cache an entry
 * costs 2 ns, outside of it 15. So an entry is a byte, four in a word of the page's table:
 *
 *   bit   7      6        5 .. 0
 *       ┌──────┬─────────┬──────────────────┐
 *       │HEAVY │ PENDING │                  │
 *       └──────┴─────────┴──────────────────┘
 *         0        0      2 * gcRefs + 1      a member that is not reached; UNHELD is 1
 *         0        0      2                   REACHED
 *         0        1      2                   reached, and not yet visited
 *         1        a number                   not reached, with many references: counted in a list
 *         0        0      0                   not under test
 */

import { PAGE_WORDS } from '../memory/layout.ts';
import { PAGE_OFFSET_MASK, TABLE_BASE_MASK } from './side-tables.ts';

/** Entry of a member that only members hold, as far as is known. */
export const UNHELD = 1;
/** Largest entry that is a count. */
export const COUNTED_MAX = 0x3f;
export const REACHED = 0x02;
export const PENDING = 0x42;
export const HEAVY = 0x80;
/** Members with more references than fit a byte, that are counted without looking them up. */
export const HEAVY_DIRECT = 0x7f;
/** Of these bits a member whose entry is a count has the first only. */
export const COUNT_BITS = 0x81;
/** The bit of PENDING in each entry of a word, and those of gcRefs. */
export const PENDING_BITS = 0x40404040;
export const HELD_BITS = 0x3e3e3e3e;

/** The word in which the entry of `object` stands, by the map word of its page. */
export const entryWord = (m: number, object: number): number =>
  (m & TABLE_BASE_MASK) + (((object & PAGE_OFFSET_MASK) >>> m) >>> 2);

/** How far to shift that word to have the entry in its low byte. */
export const entryShift = (m: number, object: number): number =>
  (((object & PAGE_OFFSET_MASK) >>> m) & 3) << 3;

/** Entries are bytes. */
export const ENTRIES_PER_WORD = 4;
/** Words of a page's table. */
export const tableLength = (m: number): number =>
  Math.max(1, (PAGE_WORDS >>> (m & 31)) / ENTRIES_PER_WORD);
