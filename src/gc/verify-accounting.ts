/**
 * Verification, accounting: live + free + overhead === maxWords, counted from headers and runs
 * and compared with what `memory/accounting.ts` derives from the counters of the page records.
 */

import { countWords } from '../memory/accounting.ts';
import { CONTROL_TOP_PAGE, PAGE_CAPACITY, PAGE_RUN, PAGE_WORDS } from '../memory/layout.ts';
import { pageRecordOf } from '../memory/memory.ts';
import { type Survey, TILE_IN_USE } from './verify-survey.ts';

/** Checks the sums. Wrong counters have their own findings, and make the sums wrong. */
export function checkAccounting(survey: Survey): void {
  const { i32, mem, tiles, findings } = survey;
  if (findings.list.length !== 0) return;
  const top = i32[CONTROL_TOP_PAGE];
  let blocksWords = 0;
  let overheadWords = (mem.firstPage + survey.scratchPages) * PAGE_WORDS;
  for (let page = 0; page < tiles.length; page++) {
    if (tiles[page] !== TILE_IN_USE) continue;
    const record = pageRecordOf(mem, page);
    const words = i32[record + PAGE_CAPACITY] * survey.blockWords[page];
    blocksWords += words;
    overheadWords += i32[record + PAGE_RUN] * PAGE_WORDS - words;
  }
  const freePages = survey.freeRunPages + mem.pages - top;
  const freeWords = freePages * PAGE_WORDS + blocksWords - survey.liveWords;
  const counts = countWords(mem);
  const check = (expected: number, found: number) => {
    if (expected !== found) findings.add('ACCOUNTING_WRONG', CONTROL_TOP_PAGE, expected, found);
  };
  check(mem.maxWords, survey.liveWords + freeWords + overheadWords);
  check(survey.liveWords, counts.liveWords);
  check(freeWords, counts.freeWords);
  check(overheadWords, counts.overheadWords);
  check(top * PAGE_WORDS, counts.committedWords);
}
