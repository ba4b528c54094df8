/**
 * What a scan by several threads knows of each object, in tables of bits.
 *
 * Edges lead anywhere, so what counts is how much memory is written at random: in a near cache an
 * edge costs a nanosecond or two, in a far one ten, in memory more than fifty. So there is a table
 * per question, with as few bits for an object as the answer needs:
 *
 *   tally      4 bits   references from members that this scanner has counted, modulo 16
 *   marks      1 bit    reached, as this scanner has found: its owner is to visit it
 *   taken      1 bit    this scanner visits it, though it is another's
 *   unreached  1 bit    a member that its owner has not visited
 *   rounds     8 bits   how often tallies have begun anew, modulo 256
 *
 * The first three are a scanner's own and cover all pages, so that it writes them whoever owns the
 * page. Of the others there is one table, in which the owner of a page writes what concerns its
 * objects. Rounds only the owner reads; the others anybody: tallies when all have counted, bits at
 * any time.
 *
 * An object has the same number in every table. Pages are numbered one after the other, each from a
 * multiple of 32 on, so that no two of them share a word; the map of a job says from which:
 *
 *      31                 8 7     5 4     0
 *     ┌────────────────────┬───────┬───────┐
 *     │ first number / 32  │ owner │ shift │     0: no object of this page is under test
 *     └────────────────────┴───────┴───────┘
 *
 * Within a page there is an entry for every 2^shift words, so that no two blocks share one. The
 * tables are cut into segments of 8,192 numbers, which fit a page: a heap that is almost full has
 * few pages in a row. A segment has all tables of its numbers, at the same distances:
 *
 *     unreached │ rounds │ tally, marks, taken of scanner 0 │ tally, marks, taken of 1 │ …
 */

import { assert } from '../base/assert.ts';
import { SCANNERS_MAX } from '../base/options.ts';
import { PAGE_WORDS } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import type { Scratch } from '../memory/scratch.ts';
import { MIN_BLOCK_WORDS } from '../memory/size-classes.ts';
import { JOB_MAP, JOB_SCANNERS, JOB_TABLES } from './job.ts';
import { PAGE_OFFSET_MASK } from './side-tables.ts';

const BITS = 32;
const LINE_WORDS = 16;

/** A tally counts up to here, and begins anew. */
export const TALLY_MAX = 15;
/** References of one round. */
export const ROUND = TALLY_MAX + 1;
/** As many rounds are counted, and then from 0 again. */
export const ROUNDS_MAX = 255;

// ── Numbers ──────────────────────────────────────────────────────────────────────────────────

const OWNER_SHIFT = 5;
const OWNER_MASK = 7;
assert(SCANNERS_MAX <= OWNER_MASK + 1, 'scan: a map word has room for the owner');

/** Numbers of a segment: no page lies in two. */
const SEGMENT = 2 ** 13;
assert(SEGMENT >= PAGE_WORDS / MIN_BLOCK_WORDS, 'scan: a page fits a segment');
/** The first number: the map word of a page without objects under test is 0. */
export const FIRST_NUMBER = BITS;

/** The map word of a page whose numbers begin at `first`; its owner is 0. */
export const mapWord = (first: number, shift: number): number => ((first / BITS) << 8) | shift;

/** The owner of a page. */
export const ownerOf = (m: number): number => (m >>> OWNER_SHIFT) & OWNER_MASK;

/** The map word `m` with another owner. */
export const withOwner = (m: number, owner: number): number =>
  (m & ~(OWNER_MASK << OWNER_SHIFT)) | (owner << OWNER_SHIFT);

/** The entry of an object: its number less the first of its page. */
export const entryInPage = (m: number, object: number): number => (object & PAGE_OFFSET_MASK) >>> m;

/** The object of an entry: the first block of the run in that stretch of words. */
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

/** How many numbers a page takes. */
const numbersOf = (shift: number): number => Math.max(BITS, PAGE_WORDS >>> shift);

/** Words of a page in a table of bits. */
export const bitWords = (m: number): number => numbersOf(m & 31) / BITS;

/** The first number of a page, when `next` is the first that is free. */
export function placePage(next: number, shift: number): number {
  const isWhole = (next % SEGMENT) + numbersOf(shift) <= SEGMENT;
  return isWhole ? next : Math.ceil(next / SEGMENT) * SEGMENT;
}

/** The first free number behind a page. */
export const behindPage = (first: number, shift: number): number => first + numbersOf(shift);

// ── Tables ───────────────────────────────────────────────────────────────────────────────────

/** Where the tables stand in a segment. */
const ROUNDS = SEGMENT / BITS;
const OWN = ROUNDS + SEGMENT / 4;
const MARKS = SEGMENT / 8;
const TAKEN = MARKS + SEGMENT / BITS;
const OWN_WORDS = TAKEN + SEGMENT / BITS;
assert(OWN + SCANNERS_MAX * OWN_WORDS <= PAGE_WORDS, 'scan: a segment fits a page');

/** How far the marks of a scanner are from what is unreached, and what it has taken. */
export const marksOf = (scanner: number): number => OWN + scanner * OWN_WORDS + MARKS;
export const takenOf = (scanner: number): number => OWN + scanner * OWN_WORDS + TAKEN;
/** How far the tallies of two neighbours are from each other. */
export const TALLY_STEP = OWN_WORDS;

// The words at JOB_TABLES: how many segments there are and for how many scanners they have room,
// a line for each scanner, the addresses of the segments.
const SEGMENTS = 0;
const ROOM = 1;
/** A scanner's word: the sum of the activities of the others that it has seen. Atomic. */
export const seenOf = (mem: Memory, scanner: number): number =>
  mem.i32[JOB_TABLES] + LINE_WORDS * (1 + scanner);

/** Takes scratch for the tables of so many numbers. False when there is no room. */
export function layOutTables(
  mem: Memory,
  scratch: Scratch,
  numbers: number,
  scanners: number,
): boolean {
  const { i32 } = mem;
  const segments = Math.ceil(numbers / SEGMENT);
  const lines = LINE_WORDS * (1 + scanners);
  const tables = scratch.take(lines + segments, LINE_WORDS);
  if (tables === 0) return false;
  i32[JOB_TABLES] = tables;
  i32[tables + SEGMENTS] = segments;
  i32[tables + ROOM] = scanners;
  for (let scanner = 0; scanner < scanners; scanner++) i32[seenOf(mem, scanner)] = -1;
  for (let segment = 0; segment < segments; segment++) {
    const at = scratch.take(OWN + scanners * OWN_WORDS, LINE_WORDS);
    if (at === 0) return false;
    i32[tables + lines + segment] = at;
  }
  return true;
}

/** Calls `visit` with the address of every segment. */
function visitSegments(mem: Memory, visit: (segment: number) => void): void {
  const { i32 } = mem;
  const tables = i32[JOB_TABLES];
  const list = tables + LINE_WORDS * (1 + i32[tables + ROOM]);
  for (let i = 0; i < i32[tables + SEGMENTS]; i++) visit(i32[list + i]);
}

/** Empties the tables that are `me`'s own. */
export function clearOwnTables(mem: Memory, me: number): void {
  visitSegments(mem, (segment) => {
    const own = segment + OWN + me * OWN_WORDS;
    mem.i32.fill(0, own, own + OWN_WORDS);
  });
}

/** What scanners have taken is not unreached, though its owner has never visited it. */
export function noteTaken(mem: Memory): void {
  const { i32 } = mem;
  const scanners = i32[JOB_SCANNERS];
  if (scanners === 1) return; // there are no others to take from
  visitSegments(mem, (segment) => {
    for (let word = segment; word < segment + SEGMENT / BITS; word++) {
      for (let scanner = 0; scanner < scanners; scanner++) {
        i32[word] &= ~i32[word + takenOf(scanner)];
      }
    }
  });
}

/** Where the tables stand, page by page, for one thread. */
export class ScanTables {
  /** The words of a page that say which of its objects are unreached. */
  declare readonly bitsAt: Int32Array;
  /** The words of a page that have the tallies of scanner `me`. */
  declare readonly tallyAt: Int32Array;
  /** The words of a page that count rounds. */
  declare readonly roundsAt: Int32Array;

  constructor(mem: Memory, me: number) {
    const { i32, pages } = mem;
    const tables = i32[JOB_TABLES];
    assert(me < i32[tables + ROOM], 'scan: every scanner has tables');
    const list = tables + LINE_WORDS * (1 + i32[tables + ROOM]);
    const map = i32[JOB_MAP];
    this.bitsAt = new Int32Array(pages);
    this.tallyAt = new Int32Array(pages);
    this.roundsAt = new Int32Array(pages);
    for (let page = 0; page < pages; page++) {
      const m = i32[map + page];
      if (m === 0) continue;
      const first = (m >>> 8) * BITS;
      const segment = i32[list + Math.floor(first / SEGMENT)];
      const number = first % SEGMENT;
      this.bitsAt[page] = segment + number / BITS;
      this.tallyAt[page] = segment + OWN + me * OWN_WORDS + number / 8;
      this.roundsAt[page] = segment + ROUNDS + number / 4;
    }
  }
}
