/**
 * Cards: where young objects may be. See the drawing of page records in `layout.ts`.
 *
 * Every allocation sets the bit of its block's card in the record of the run: one store on a cache
 * line that it writes anyway. Which runs have such bits is noted when a run becomes the head of a
 * bin, since only heads are allocated from; that is off the fast path.
 *
 *   a block allocated since the last young collection lies in a card of PAGE_YOUNG,
 *   and the run's page has its bit in the table of young pages
 *
 * The same holds for the middle generation. Bits too many cost time only. All words are under the
 * GIL and can be set again from the headers.
 */

import {
  CONTROL_TOP_PAGE,
  GC_HEADS,
  PAGE_BLOCKS,
  PAGE_MIDDLE,
  PAGE_OWNER,
  PAGE_RETIRE_AT,
  PAGE_STATE,
  PAGE_YOUNG,
  type WordIndex,
} from './layout.ts';
import { type Memory, pageOfRecord, pageRecordOf } from './memory.ts';

/** The mask of all cards of a page. */
export const ALL_CARDS = -1;

/** Notes that blocks of a run are about to be allocated: it becomes the head of a bin. */
export function noteYoungRun(mem: Memory, record: WordIndex): void {
  const page = pageOfRecord(mem, record);
  setPageBit(mem, mem.youngPages, page);
  mem.i32[mem.headNumbers + page] = ++mem.i32[GC_HEADS];
}

/** Sets cards of a run in the middle generation's mask, or in the young one's. */
export function addCards(mem: Memory, record: WordIndex, isMiddle: boolean, cards: number): void {
  mem.i32[record + (isMiddle ? PAGE_MIDDLE : PAGE_YOUNG)] |= cards;
  setPageBit(mem, isMiddle ? mem.middlePages : mem.youngPages, pageOfRecord(mem, record));
}

/**
 * Calls `visit` with every run that may hold objects of generation 0 (or of 0 and 1 when
 * `withMiddle`), by address, and the mask of the cards.
 */
export function visitCards(
  mem: Memory,
  withMiddle: boolean,
  visit: (record: WordIndex, cards: number) => void,
): void {
  const { i32, youngPages, middlePages } = mem;
  const words = Math.ceil(i32[CONTROL_TOP_PAGE] / 32);
  for (let word = 0; word < words; word++) {
    let bits = i32[youngPages + word];
    if (withMiddle) bits |= i32[middlePages + word];
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits & -bits);
      bits &= bits - 1;
      const record = pageRecordOf(mem, word * 32 + bit);
      if (i32[record + PAGE_STATE] !== PAGE_BLOCKS) continue;
      const cards = cardsOf(mem, record, withMiddle);
      if (cards !== 0) visit(record, cards);
    }
  }
}

/** The same runs in the order in which they were last allocated from: the newest comes last. */
export function visitCardsInOrder(
  mem: Memory,
  withMiddle: boolean,
  visit: (record: WordIndex, cards: number) => void,
): void {
  const { i32, headNumbers } = mem;
  const records: WordIndex[] = [];
  visitCards(mem, withMiddle, (record) => void records.push(record));
  const numberOf = (record: WordIndex) => i32[headNumbers + pageOfRecord(mem, record)];
  // Numbers wrap: the difference tells which is older.
  if (records.length > 1) records.sort((a, b) => (numberOf(a) - numberOf(b)) | 0);
  for (const record of records) visit(record, cardsOf(mem, record, withMiddle));
}

/** The cards of a run with young objects, and with middle ones when `withMiddle`. */
export function cardsOf(mem: Memory, record: WordIndex, withMiddle: boolean): number {
  const young = mem.i32[record + PAGE_YOUNG];
  return withMiddle ? young | mem.i32[record + PAGE_MIDDLE] : young;
}

/** Takes cards of a run out of the masks of young objects, and of middle ones when `withMiddle`. */
export function takeCards(
  mem: Memory,
  record: WordIndex,
  withMiddle: boolean,
  cards: number,
): void {
  mem.i32[record + PAGE_YOUNG] &= ~cards;
  if (withMiddle) mem.i32[record + PAGE_MIDDLE] &= ~cards;
}

/**
 * Moves all young cards on: to the middle generation, or, when `withMiddle`, both out of sight.
 * Heads of bins stay in the table of young pages: they are allocated from without further notice.
 */
export function promoteCards(mem: Memory, withMiddle: boolean): void {
  const { i32, youngPages, middlePages } = mem;
  const words = Math.ceil(i32[CONTROL_TOP_PAGE] / 32);
  for (let word = 0; word < words; word++) {
    const young = i32[youngPages + word];
    const bits = withMiddle ? young | i32[middlePages + word] : young;
    if (bits === 0) continue;
    promoteWord(mem, word, bits, withMiddle);
  }
}

function promoteWord(mem: Memory, word: number, pages: number, withMiddle: boolean): void {
  const { i32, youngPages, middlePages } = mem;
  let stillYoung = 0;
  let middle = withMiddle ? 0 : i32[middlePages + word];
  for (let bits = pages; bits !== 0; bits &= bits - 1) {
    const bit = 31 - Math.clz32(bits & -bits);
    const record = pageRecordOf(mem, word * 32 + bit);
    if (i32[record + PAGE_STATE] !== PAGE_BLOCKS) {
      middle &= ~(1 << bit);
      continue;
    }
    const isHead = i32[record + PAGE_RETIRE_AT] === -1 && i32[record + PAGE_OWNER] > 0;
    if (isHead) stillYoung |= 1 << bit;
    if (withMiddle) {
      i32[record + PAGE_MIDDLE] = 0;
    } else if (i32[record + PAGE_YOUNG] !== 0) {
      i32[record + PAGE_MIDDLE] |= i32[record + PAGE_YOUNG];
      middle |= 1 << bit;
    }
    i32[record + PAGE_YOUNG] = 0;
  }
  i32[youngPages + word] = stillYoung;
  i32[middlePages + word] = middle;
}

function setPageBit(mem: Memory, table: number, page: number): void {
  mem.i32[table + (page >>> 5)] |= 1 << (page & 31);
}
