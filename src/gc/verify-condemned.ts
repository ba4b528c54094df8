/**
 * Verification, garbage that is being swept: two lists threaded through the count words. A sweep
 * may be left off between two objects, so that they are not empty.
 */

import {
  GC_CONDEMNED,
  GC_CONDEMNED_LIST,
  GC_UNLINKED,
  GC_UNLINKED_LIST,
  HEADER_COUNT,
  HEADER_INFO,
} from '../memory/layout.ts';
import {
  MARK_CONDEMNED,
  MARK_LISTED,
  MARK_UNLINKED,
  NO_BLOCK,
  type Survey,
} from './verify-survey.ts';

const SWEEP_BITS = GC_CONDEMNED | GC_UNLINKED;

/** Marks what stands in the lists. Before headers are read: in a list a count is a link. */
export function checkGarbageLists(survey: Survey): void {
  markGarbage(survey, GC_CONDEMNED_LIST, GC_CONDEMNED);
  markGarbage(survey, GC_UNLINKED_LIST, SWEEP_BITS);
}

/** Walks a list whose objects should have these bits. */
function markGarbage(survey: Survey, head: number, bits: number): void {
  const { i32, marks, findings } = survey;
  for (let word = i32[head]; word !== 0; word = i32[word + HEADER_COUNT]) {
    const block = survey.blockAt(word);
    const info = block === NO_BLOCK ? 0 : i32[word + HEADER_INFO];
    if (info === 0) {
      findings.add('CONDEMNED_LIST_BROKEN', head, 0, word);
      survey.doubtGarbage();
      return;
    }
    if ((marks[block] & MARK_LISTED) !== 0) {
      findings.add('CONDEMNED_CYCLE', head, 0, word);
      survey.doubtGarbage();
      return;
    }
    marks[block] |= bits === SWEEP_BITS ? MARK_LISTED | MARK_UNLINKED : MARK_LISTED;
    survey.listed++;
    const found = info & SWEEP_BITS;
    if (found === bits || found === GC_UNLINKED) continue; // the latter is wrong in any list
    findings.add('CONDEMNED_LIST_WRONG', word, bits, found);
    survey.doubtGarbage();
    return;
  }
}

/** Finds garbage that is in no list. */
export function checkGarbageLost(survey: Survey): void {
  const { marks, findings } = survey;
  if (!survey.areCondemnedKnown || survey.condemned === survey.listed) return;
  const block = marks.findIndex(
    (mark) => (mark & (MARK_CONDEMNED | MARK_LISTED)) === MARK_CONDEMNED,
  );
  findings.add('CONDEMNED_LOST', survey.wordOf(block), 1, 0);
  survey.doubtGarbage();
}
