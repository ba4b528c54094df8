/**
 * Members: the objects of a collection. Which headers they have, and how they are gathered.
 *
 * A collection of generation g examines the tracked objects of g and all younger ones. The young
 * are found by their cards, all of them by walking the pages. Immortal objects are no members, and
 * frozen ones neither: what they hold counts as held from outside.
 */

import { ALL_CARDS, visitCardsInOrder } from '../memory/cards.ts';
import {
  CARD_SHIFT,
  GC_CONDEMNED,
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  PAGE_BLOCK_WORDS,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_RUN,
  PAGE_WORDS,
  type WordIndex,
} from '../memory/layout.ts';
import { type Memory, pageOfRecord, startOf } from '../memory/memory.ts';
import { liveBlocksOf, visitRuns } from '../memory/pages.ts';
import { LARGE_CLASS } from '../memory/size-classes.ts';
import type { ObjectList } from './object-list.ts';

/** The oldest generation that collections examine. */
export const OLDEST = 2;

/** Whether an info word is that of an object that collections of `generation` examine. */
export function isMember(info: number, generation: number): boolean {
  if ((info & (GC_TRACKED | GC_CONDEMNED)) !== GC_TRACKED) return false;
  return (info & GC_GENERATION_MASK) <= generation;
}

/**
 * Appends the members of a collection of `generation` to `members`: page by page, the blocks of
 * each by address. The young come roughly in the order of their allocation.
 */
export function gatherMembers(mem: Memory, generation: number, members: ObjectList): void {
  if (generation < OLDEST) {
    visitCardsInOrder(mem, generation > 0, (record, cards) => {
      gatherCards(mem, record, cards, generation, members);
    });
    return;
  }
  visitRuns(mem, (record) => gatherCards(mem, record, ALL_CARDS, OLDEST, members));
}

/** Blocks in use: objects of all kinds, and the backing of containers. O(pages). */
export function countBlocks(mem: Memory): number {
  let blocks = 0;
  visitRuns(mem, (record) => {
    blocks += liveBlocksOf(mem, record);
  });
  return blocks;
}

/** Gathers from the cards of a run. Neighbouring cards are one stretch. */
export function gatherCards(
  mem: Memory,
  record: WordIndex,
  cards: number,
  generation: number,
  members: ObjectList,
): void {
  const { i32 } = mem;
  if (i32[record + PAGE_CLASS] === LARGE_CLASS) return; // containers are small themselves
  const words = i32[record + PAGE_RUN] * PAGE_WORDS;
  if (cards === ALL_CARDS) {
    gatherStretch(mem, record, 0, words, generation, members);
    return;
  }
  for (let page = 0; page < words; page += PAGE_WORDS) {
    for (let mask = cards, base = 0; mask !== 0; ) {
      const skipped = 31 - Math.clz32(mask & -mask);
      mask >>>= skipped;
      const length = Math.clz32(mask & (mask + 1)) === 32 ? bitLength(mask) : trailingOnes(mask);
      const from = page + ((base + skipped) << CARD_SHIFT);
      const to = from + (length << CARD_SHIFT);
      gatherStretch(mem, record, from, to, generation, members);
      mask = length === 32 ? 0 : mask >>> length;
      base += skipped + length;
    }
  }
}

const bitLength = (mask: number): number => 32 - Math.clz32(mask);
const trailingOnes = (mask: number): number => 31 - Math.clz32(~mask & -~mask);

/** Gathers from the blocks of a run that begin from `from` words behind its start to `to`. */
function gatherStretch(
  mem: Memory,
  record: WordIndex,
  from: number,
  to: number,
  generation: number,
  members: ObjectList,
): void {
  const { i32 } = mem;
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const start = startOf(pageOfRecord(mem, record));
  const carvedEnd = i32[record + PAGE_CARVED] * blockWords;
  const end = start + Math.min(to, carvedEnd);
  let block = start + Math.ceil(from / blockWords) * blockWords;
  for (; block < end; block += blockWords) {
    const info = i32[block + HEADER_INFO];
    if (isMember(info, generation) && i32[block + HEADER_COUNT] > 0) members.push(block);
  }
}
