/**
 * Entries: what a scan by several threads knows of each object, in tables of bits.
 *
 * Edges lead anywhere, so what counts is how much memory is written at random: in a near cache an
 * edge costs a nanosecond or two, in a far one ten, in memory more than fifty. So there is a table
 * per question, with as few bits for an object as the answer needs:
 *
 *   tally      4 bits   references from members that this scanner has visited, modulo 16; every
 *                       sixteenth is told to the owner of the page
 *   unreached  1 bit    a member that its owner has not visited
 *   marks      1 bit    reached, as this scanner has found: its owner is to visit it
 *   taken      1 bit    this scanner visits it, though it is another's
 *
 * There is one table of what is unreached, in which the owner of a page writes the bits of its
 * objects. The others are a scanner's own and cover all pages, so that it writes them whoever owns
 * the page. All are read by anybody, tallies when all have counted, the rest at any time.
 *
 * An object has the same number in every table. Pages are numbered one after the other, each from a
 * multiple of 32 on, so that no two of them share a word; the map of a job says where:
 *
 *      31                 8 7     5 4     0
 *     ┌────────────────────┬───────┬───────┐
 *     │ first number / 32  │ owner │ shift │     0: no object of this page is under test
 *     └────────────────────┴───────┴───────┘
 *
 * Within a page there is a number for every 2^shift words: see `side-tables.ts`.
 */

import { assert } from '../base/assert.ts';
import { SCANNERS_MAX } from '../base/options.ts';
import { PAGE_WORDS } from '../memory/layout.ts';
import { PAGE_OFFSET_MASK } from './side-tables.ts';

/** Numbers of a word in tables of bits: pages begin at multiples. */
export const BITS = 32;
const BITS_SHIFT = 5;
/** Where the first number stands in a map word, in units of BITS. */
const FIRST_SHIFT = 8;
/** The owner of a page, in its map word. */
const OWNER_SHIFT = 5;
const OWNER_MASK = 7;
assert(SCANNERS_MAX <= OWNER_MASK + 1, 'entries: a map word has room for the owner');
/** A tally counts up to here, and begins anew. */
export const TALLY_MAX = 15;
/** The first number: that of a page without objects under test would be 0. */
export const FIRST_NUMBER = BITS;

/** The map word of a page whose numbers begin at `first`; its owner is 0. */
export const mapWord = (first: number, shift: number): number =>
  ((first >>> BITS_SHIFT) << FIRST_SHIFT) | shift;

/** The owner of a page. */
export const ownerOf = (m: number): number => (m >>> OWNER_SHIFT) & OWNER_MASK;

/** The map word `m` with another owner. */
export const withOwner = (m: number, owner: number): number =>
  (m & ~(OWNER_MASK << OWNER_SHIFT)) | (owner << OWNER_SHIFT);

/** The first number of a page. */
export const firstNumber = (m: number): number => (m >>> (FIRST_SHIFT - BITS_SHIFT)) & -BITS;

/** The number of an object, by the map word of its page. */
export const numberOf = (m: number, object: number): number =>
  ((m >>> (FIRST_SHIFT - BITS_SHIFT)) & -BITS) + ((object & PAGE_OFFSET_MASK) >>> m);

/** The object of number `entry` of a page: the first block in that stretch of words. */
export function objectAt(
  start: number, // of the run
  blockWords: number,
  page: number,
  m: number,
  entry: number,
): number {
  const from = page * PAGE_WORDS + entry * (1 << (m & 31)) - start;
  return start + Math.ceil(from / blockWords) * blockWords;
}

/** How many numbers a page with this shift takes. */
export const numbersOf = (shift: number): number => Math.max(BITS, PAGE_WORDS >>> shift);

/** Words of a page in tables of bits. */
export const bitWords = (m: number): number => numbersOf(m & 31) >>> BITS_SHIFT;

/** Words of a table of bits, of a table of tallies, for so many numbers. */
export const bitsLength = (numbers: number): number => numbers >>> BITS_SHIFT;
export const tallyLength = (numbers: number): number => numbers >>> 3;

/**
 * The tables of a job: where they stand.
 *
 *   TABLES_NUMBERS    constant  how many numbers there are
 *   TABLES_UNREACHED  constant
 *   per scanner, on a cache line of its own:
 *     TABLES_TALLY    constant
 *     TABLES_MARKS    constant
 *     TABLES_TAKEN    constant
 *     TABLES_SEEN     atomic    see `scan.ts`
 */
export const TABLES_NUMBERS = 0;
export const TABLES_UNREACHED = 1;
export const TABLES_TALLY = 0;
export const TABLES_MARKS = 1;
export const TABLES_TAKEN = 2;
export const TABLES_SEEN = 3;
const LINE_WORDS = 16;

/** The words of one scanner in the tables at `tables`. */
export const tablesOf = (tables: number, scanner: number): number =>
  tables + LINE_WORDS * (1 + scanner);

/** Words that say where the tables of `scanners` scanners stand. */
export const tablesLength = (scanners: number): number => LINE_WORDS * (1 + scanners);
