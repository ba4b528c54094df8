/**
 * Verification, the collector's control words: what was chosen, what is counted, what is wanted.
 */

import { SCANNERS_MAX, THRESHOLD_MAX } from '../base/options.ts';
import {
  COLLECTOR_THREAD,
  GC_BACKGROUND,
  GC_BACKGROUND_MIN,
  GC_BUDGET_US,
  GC_COLLECTING,
  GC_COUNTS,
  GC_DISABLES,
  GC_ENABLED,
  GC_GARBAGE_ARRAY,
  GC_GROWTH_PERCENT,
  GC_LONG_LIVED,
  GC_PAGES_IN_USE,
  GC_PAGES_WANTED,
  GC_PARALLEL_MIN,
  GC_SCANNERS,
  GC_SHARE,
  GC_SHARED_MIN,
  GC_THRESHOLDS,
  GC_TRIGGER,
  GC_UNBOOKED,
  GENERATIONS,
  HEADER_COUNT,
  PAGE_RUN,
} from '../memory/layout.ts';
import { NEVER, pageRecordOf } from '../memory/memory.ts';
import { collectingThread } from './claim.ts';
import { GUARDED_TRIGGER } from './generations.ts';
import { ROLE_ARRAY, ROLE_FREE, type Survey, TILE_IN_USE } from './verify-survey.ts';
import { countReference } from './verify-values.ts';

const INT_MAX = 0x7fffffff;

/** Checks that every word has a value it can have, and what can be counted again. */
export function checkCollector(survey: Survey): void {
  const { i32, findings } = survey;
  const pages = pagesInUse(survey);
  if (i32[GC_PAGES_IN_USE] !== pages) {
    findings.add('PAGES_IN_USE_WRONG', GC_PAGES_IN_USE, pages, i32[GC_PAGES_IN_USE]);
  }
  if (checkRanges(survey)) checkTrigger(survey, pages);
}

function pagesInUse(survey: Survey): number {
  const { i32, mem, tiles } = survey;
  let pages = 0;
  for (let page = 0; page < tiles.length; page++) {
    if (tiles[page] === TILE_IN_USE) pages += i32[pageRecordOf(mem, page) + PAGE_RUN];
  }
  return pages;
}

/** Whether all words are in their ranges. */
function checkRanges(survey: Survey): boolean {
  const { i32, findings } = survey;
  const before = findings.list.length;
  const check = (at: number, min: number, max: number, word = i32[at]) => {
    if (word >= min && word <= max) return;
    findings.add('COLLECTOR_WORD_WRONG', at, word < min ? min : max, word);
  };
  check(GC_COUNTS + 1, 0, INT_MAX);
  check(GC_COUNTS + 2, 0, INT_MAX);
  check(GC_ENABLED, 0, 1);
  check(GC_DISABLES, 0, INT_MAX);
  check(GC_LONG_LIVED, 0, INT_MAX);
  check(GC_PAGES_WANTED, 1, INT_MAX);
  check(GC_GROWTH_PERCENT, 0, 10_000);
  check(GC_BUDGET_US, 1, INT_MAX);
  check(GC_SCANNERS, 1, SCANNERS_MAX);
  check(GC_SHARE, 1, 1000);
  check(GC_SHARED_MIN, 0, INT_MAX);
  check(GC_PARALLEL_MIN, 0, INT_MAX);
  check(GC_BACKGROUND_MIN, 0, INT_MAX);
  check(GC_UNBOOKED, 0, INT_MAX);
  check(GC_COLLECTING, 0, COLLECTOR_THREAD, collectingThread(survey.mem));
  for (let g = 0; g < GENERATIONS; g++) {
    const threshold = i32[GC_THRESHOLDS + g];
    if (threshold >= 0 && threshold <= THRESHOLD_MAX) continue;
    findings.add('THRESHOLD_WRONG', GC_THRESHOLDS + g, 0, threshold);
  }
  return findings.list.length === before;
}

/**
 * The trigger is the threshold of generation 0, NEVER when there are no automatic collections, a
 * count to come while only guards stop them, and -NEVER from the moment that the heap has grown to
 * the pages wanted until a safepoint has looked.
 */
function checkTrigger(survey: Survey, pages: number): void {
  const { i32, findings } = survey;
  const trigger = i32[GC_TRIGGER];
  const threshold = i32[GC_THRESHOLDS];
  const isAutomatic = i32[GC_ENABLED] === 1 && i32[GC_DISABLES] === 0;
  const usual = isAutomatic && threshold !== 0 ? threshold : NEVER;
  // While a collection runs beside the mutators nobody starts another one because of growth.
  const isIdle = i32[GC_BACKGROUND] === 0;
  const isGrown = isIdle && usual !== NEVER && pages >= i32[GC_PAGES_WANTED];
  // While only guards stop collections, a safepoint looks now and then whether their threads live.
  const isGuarded = i32[GC_ENABLED] === 1 && i32[GC_DISABLES] !== 0 && threshold !== 0;
  if (isGuarded && trigger >= GUARDED_TRIGGER && trigger !== NEVER) return;
  if ((isAutomatic || isGuarded) && trigger === -NEVER) return;
  if (trigger === usual && !isGrown && !isGuarded) return;
  findings.add('TRIGGER_WRONG', GC_TRIGGER, isGrown ? -NEVER : usual, trigger);
}

/** Counts what `gc.garbage` holds. */
export function checkGarbageArray(survey: Survey): void {
  const { i32, findings } = survey;
  const array = i32[GC_GARBAGE_ARRAY];
  if (array === 0) return;
  const role = countReference(survey, array, GC_GARBAGE_ARRAY);
  if (role === ROLE_FREE || (role === ROLE_ARRAY && i32[array + HEADER_COUNT] < 0)) return;
  findings.add('GARBAGE_ARRAY_WRONG', GC_GARBAGE_ARRAY, 0, array);
  survey.isCountable = false; // the object has one holder too many
}
