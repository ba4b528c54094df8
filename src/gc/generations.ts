/**
 * Generations: counts, thresholds, promotion, and which generation is due.
 *
 *   new objects --collect(0)--> 1 --collect(1)--> 2;  freeze: all --> 3 --unfreeze--> 2
 *
 * The rules are CPython's (semantics C1 to C5): generation g is due when its count exceeds its
 * threshold, the oldest that is due is collected with all younger ones, and the oldest of all only
 * when it has grown by a quarter of what was alive after its last collection. Here deaths count:
 * it must have grown, not only been promoted into (gh-122569).
 */

import { countWords } from '../memory/accounting.ts';
import { visitBlocks } from '../memory/blocks.ts';
import { addCards, cardsOf, promoteCards, takeCards } from '../memory/cards.ts';
import {
  GC_BACKGROUND,
  GC_BACKGROUND_MIN,
  GC_BACKGROUND_YOUNG,
  GC_CONDEMNED,
  GC_COUNTS,
  GC_DISABLES,
  GC_ENABLED,
  GC_GENERATION_MASK,
  GC_GROWTH_PERCENT,
  GC_LIVE_AFTER_FULL,
  GC_LONG_LIVED,
  GC_NOT_BEFORE,
  GC_OLD_AFTER_FULL,
  GC_PAGES_IN_USE,
  GC_PAGES_WANTED,
  GC_SHARE,
  GC_SIZES,
  GC_THRESHOLDS,
  GC_TRACKED,
  GC_TRIGGER,
  GENERATIONS,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_SHIFT,
  PAGE_BLOCKS,
  PAGE_STATE,
  PERMANENT,
  type WordIndex,
} from '../memory/layout.ts';
import { GROWTH_PAGES_MIN, type Memory, NEVER } from '../memory/memory.ts';
import { visitRuns } from '../memory/pages.ts';
import { holdsContainer } from '../object/references.ts';
import { isLazilyTracked } from '../object/tracking.ts';
import { closeGuardsOfDead } from '../sync/thread-table.ts';
import { gatherCards, OLDEST } from './members.ts';
import type { ObjectList } from './object-list.ts';

/** The counts of all generations, as `gc.get_count()`. */
export function readCounts(mem: Memory): [number, number, number] {
  const { i32 } = mem;
  return [Math.max(0, i32[GC_COUNTS]), i32[GC_COUNTS + MIDDLE], i32[GC_COUNTS + OLDEST]];
}

/** Sets the counts for a collection of `generation` that begins. */
export function resetCounts(mem: Memory, generation: number): void {
  const { i32 } = mem;
  const older = generation + 1;
  if (generation < OLDEST) i32[GC_COUNTS + older]++;
  for (let g = 0; g <= generation; g++) i32[GC_COUNTS + g] = 0;
}

/** Whether automatic collections may run. */
export function isAutomatic(mem: Memory): boolean {
  return mem.i32[GC_ENABLED] === 1 && mem.i32[GC_DISABLES] === 0;
}

/** While guards are open, a safepoint looks after so many objects whether their threads live. */
export const GUARDED_TRIGGER = 10_000;

/** Sets the count above which safepoints look closer, from thresholds and switches. */
export function resetTrigger(mem: Memory): void {
  const { i32 } = mem;
  const threshold = i32[GC_THRESHOLDS];
  const isGrown = !isBackgroundOpen(mem) && i32[GC_PAGES_IN_USE] >= i32[GC_PAGES_WANTED];
  if (i32[GC_ENABLED] !== 1 || threshold === 0) i32[GC_TRIGGER] = NEVER;
  else if (!isAutomatic(mem)) i32[GC_TRIGGER] = Math.max(0, i32[GC_COUNTS]) + GUARDED_TRIGGER;
  else i32[GC_TRIGGER] = isGrown ? -NEVER : threshold;
}

/** The generation between the youngest and the oldest. */
const MIDDLE = 1;
/** Of what is large, so much more may become young while a collection is under way. */
const OUTRUN = 2;
/** No generation is due. */
export const NONE = -1;

/** The generation that an automatic collection is to examine now; NONE when none is due. */
export function dueGeneration(mem: Memory): number {
  const { i32 } = mem;
  if (i32[GC_ENABLED] !== 1 || i32[GC_THRESHOLDS] === 0 || isThrottled(mem)) return NONE;
  if (!isAutomatic(mem) && !closeGuardsOfDead(mem)) return NONE;
  if (!isBackgroundOpen(mem) && hasGrown(mem)) return OLDEST;
  if (i32[GC_COUNTS] <= i32[GC_THRESHOLDS]) return NONE;
  const generation = oldestDue(mem);
  return isBackgroundOpen(mem) ? dueBeside(mem, generation) : generation;
}

/**
 * The generation that is to be collected here and now although a collection is under way beside the
 * mutators. What is large waits for its turn there. But a program that makes objects faster than
 * they are collected must not outrun it: so the young may be as many as when it was asked for, or
 * as the older ones, and are collected then.
 */
function dueBeside(mem: Memory, generation: number): number {
  const { i32 } = mem;
  const large = i32[GC_BACKGROUND_MIN];
  if (expectedMembers(mem, generation) < large) return generation;
  const [young] = readCounts(mem);
  if (young < large) return 0;
  const older = i32[GC_SIZES + MIDDLE] + i32[GC_SIZES + OLDEST];
  const limit = Math.max(OUTRUN * large, i32[GC_BACKGROUND_YOUNG] + large, older);
  return young < limit ? NONE : 0;
}

function oldestDue(mem: Memory): number {
  const { i32 } = mem;
  for (let g = GENERATIONS - 1; g > 0; g--) {
    if (i32[GC_COUNTS + g] <= i32[GC_THRESHOLDS + g]) continue;
    if (g === OLDEST && (isOldestYoung(mem) || isBackgroundOpen(mem))) continue;
    return g;
  }
  return 0;
}

/** Whether a collection beside the mutators is under way. */
export function isBackgroundOpen(mem: Memory): boolean {
  return mem.i32[GC_BACKGROUND] !== 0;
}

/** About how many objects a collection would examine. */
export function expectedMembers(mem: Memory, generation: number): number {
  const [young] = readCounts(mem);
  let members = young;
  for (let g = 1; g <= generation; g++) members += mem.i32[GC_SIZES + g];
  return members;
}

/** The 25 % rule: the oldest generation has hardly grown since its last collection. */
function isOldestYoung(mem: Memory): boolean {
  const { i32 } = mem;
  const pending = Math.max(0, i32[GC_SIZES + OLDEST] - i32[GC_OLD_AFTER_FULL]);
  return pending < i32[GC_LONG_LIVED] / 4;
}

/** Whether live bytes exceed those after the last full collection by the growth factor. */
function hasGrown(mem: Memory): boolean {
  const { i32 } = mem;
  if (i32[GC_PAGES_IN_USE] < i32[GC_PAGES_WANTED]) return false;
  const { liveWords } = countWords(mem);
  const factor = i32[GC_GROWTH_PERCENT] / 100;
  const isLarger = liveWords >= i32[GC_LIVE_AFTER_FULL] * factor;
  // Pages are not words: look again when there are more of them.
  if (!isLarger) i32[GC_PAGES_WANTED] = Math.ceil(i32[GC_PAGES_IN_USE] * (1 + factor / 16));
  return isLarger;
}

/** Longest wait of the throttle: moments are compared modulo 2 ** 32 ms. */
const WAIT_MAX_MS = 2 ** 30;

/** Milliseconds by a clock that all threads share, and that nobody sets. */
function clockMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

function isThrottled(mem: Memory): boolean {
  const { i32 } = mem;
  if (i32[GC_SHARE] === 1000 || i32[GC_NOT_BEFORE] === 0) return false;
  const waitMs = (i32[GC_NOT_BEFORE] - Math.floor(clockMs())) | 0;
  if (waitMs > 0 && waitMs <= WAIT_MAX_MS) return true;
  i32[GC_NOT_BEFORE] = 0; // before the difference wraps around, and seems to lie ahead again
  return false;
}

/**
 * An automatic collection has taken `durationMs`: the next keeps its share of the time. The end of
 * the wait is rounded up to a millisecond, so that short ones do not become none.
 */
export function throttle(mem: Memory, durationMs: number): void {
  const share = mem.i32[GC_SHARE] / 1000;
  if (share === 1) return;
  const waitMs = Math.min(durationMs / share - durationMs, WAIT_MAX_MS - 1);
  mem.i32[GC_NOT_BEFORE] = Math.ceil(clockMs() + waitMs) | 0 || 1;
}

/** The next growth to look for, after a full collection. */
export function resetGrowth(mem: Memory): void {
  const { i32 } = mem;
  i32[GC_LIVE_AFTER_FULL] = countWords(mem).liveWords;
  const factor = i32[GC_GROWTH_PERCENT] / 100;
  if (factor === 0) return;
  i32[GC_PAGES_WANTED] = Math.max(GROWTH_PAGES_MIN, Math.ceil(i32[GC_PAGES_IN_USE] * factor));
}

/** Moves a survivor to generation `to`. */
export function promote(mem: Memory, object: number, to: number): void {
  const { i32 } = mem;
  const info = i32[object + HEADER_INFO];
  const from = info & GC_GENERATION_MASK;
  if (from === to) return;
  i32[object + HEADER_INFO] = (info & ~GC_GENERATION_MASK) | to;
  i32[GC_SIZES + from]--;
  i32[GC_SIZES + to]++;
}

/** Moves survivors to generation `to`. */
export function promoteAll(mem: Memory, survivors: ObjectList, to: number): void {
  const { i32 } = mem;
  const { refs, length } = survivors;
  let young = 0;
  let middle = 0;
  for (let i = 0; i < length; i++) {
    const info = i32[refs[i] + HEADER_INFO];
    const from = info & GC_GENERATION_MASK;
    if (from === to) continue;
    i32[refs[i] + HEADER_INFO] = (info & ~GC_GENERATION_MASK) | to;
    if (from === 0) young++;
    else middle++;
  }
  i32[GC_SIZES] -= young;
  i32[GC_SIZES + MIDDLE] -= middle;
  i32[GC_SIZES + to] += young + middle;
}

/**
 * Promotes the young objects (and the middle ones when `withMiddle`) in cards of a run by one
 * generation, and moves the cards on. `list` is empty, before and afterwards.
 */
export function promoteInCards(
  mem: Memory,
  record: WordIndex,
  withMiddle: boolean,
  mask: number,
  list: ObjectList,
): void {
  if (mem.i32[record + PAGE_STATE] !== PAGE_BLOCKS) return; // the run has been released meanwhile
  const cards = cardsOf(mem, record, withMiddle) & mask;
  if (cards === 0) return;
  const generation = withMiddle ? MIDDLE : 0;
  gatherCards(mem, record, cards, generation, list);
  promoteAll(mem, list, generation + 1);
  list.clear();
  takeCards(mem, record, withMiddle, cards);
  if (!withMiddle) addCards(mem, record, true, cards);
}

/** Untracks a tracked container that holds no other any more. Declared structs stay as they are. */
export function untrackIfAtomic(mem: Memory, object: number): void {
  const { i32 } = mem;
  const info = i32[object + HEADER_INFO];
  const kind = info >>> KIND_SHIFT;
  if ((info & GC_TRACKED) === 0 || !isLazilyTracked(mem, kind)) return;
  if (holdsContainer(mem, object)) return;
  i32[GC_SIZES + (info & GC_GENERATION_MASK)]--;
  i32[object + HEADER_INFO] = info & ~(GC_TRACKED | GC_GENERATION_MASK);
}

/** All members of a collection of `generation` are promoted: their cards follow. */
export function promoteGenerations(mem: Memory, generation: number): void {
  promoteCards(mem, generation > 0);
}

/** Freezes all tracked objects: no collection examines them until `unfreeze`. */
export function freezeAll(mem: Memory): void {
  moveTracked(mem, (from) => (from === PERMANENT ? from : PERMANENT));
  promoteGenerations(mem, OLDEST);
  const { i32 } = mem;
  i32[GC_OLD_AFTER_FULL] = 0;
  i32[GC_LONG_LIVED] = 0;
  for (let g = 0; g < GENERATIONS; g++) i32[GC_COUNTS + g] = 0;
}

/** Returns frozen objects to the oldest generation. */
export function unfreezeAll(mem: Memory): void {
  const { i32 } = mem;
  const frozen = i32[GC_SIZES + PERMANENT];
  moveTracked(mem, (from) => (from === PERMANENT ? OLDEST : from));
  i32[GC_OLD_AFTER_FULL] += frozen;
  i32[GC_LONG_LIVED] += frozen;
}

function moveTracked(mem: Memory, target: (from: number) => number): void {
  const { i32 } = mem;
  visitRuns(mem, (record) => {
    visitBlocks(mem, record, (block, info) => {
      if ((info & (GC_TRACKED | GC_CONDEMNED)) !== GC_TRACKED) return;
      if (i32[block + HEADER_COUNT] < 0) return; // immortal: no collection examines it anyway
      promote(mem, block, target(i32[block + HEADER_INFO] & GC_GENERATION_MASK));
    });
  });
}
