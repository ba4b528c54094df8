/**
 * Verification, values and references: what slots hold, and how often every object is held.
 */

import {
  NAN_HIGH,
  SIMPLE_ABSENT,
  SIMPLE_UNDEFINED,
  TAG_INT32,
  TAG_MIN,
  TAG_REFERENCE,
  TAG_SIMPLE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import {
  HOLDER_ROLE_SHIFT,
  HOLDERS_MAX,
  NO_BLOCK,
  ROLE_CONDEMNED,
  ROLE_DAMAGED,
  ROLE_FREE,
  ROLE_LAST_CONTAINER,
  ROLE_LAST_OBJECT,
  type Survey,
} from './verify-survey.ts';

/** Counts that `holder` holds `target`. Returns the target's role, ROLE_FREE when there is none. */
export function countReference(survey: Survey, target: number, holder: number): number {
  const block = survey.blockAt(target);
  if (block === NO_BLOCK) return reportDangling(survey, target, holder);
  const word = survey.holders[block];
  const role = word >>> HOLDER_ROLE_SHIFT;
  if (role === ROLE_FREE || role > ROLE_LAST_OBJECT) {
    if (survey.roles[block] === ROLE_DAMAGED) return ROLE_DAMAGED;
    if (role !== ROLE_CONDEMNED) return reportDangling(survey, target, holder);
    // Garbage is not counted any more: its count word is a link.
    if (!survey.isHolderCondemned && survey.areCondemnedKnown) {
      survey.findings.add('CONDEMNED_REFERENCED', holder, 0, target);
    }
    return survey.roles[block];
  }
  if (role <= ROLE_LAST_CONTAINER) survey.holdsContainer = true;
  if ((word & HOLDERS_MAX) === HOLDERS_MAX)
    survey.isCountable = false; // more than can be told
  else survey.holders[block] = word + 1;
  return role;
}

function reportDangling(survey: Survey, target: number, holder: number): number {
  survey.findings.add('DANGLING_REFERENCE', holder, 0, target);
  survey.isCountable = false;
  return ROLE_FREE;
}

const words = new Int32Array(2);
const double = new Float64Array(words.buffer);

/** Checks the value at `at`, and counts the reference it may be. */
export function checkValue(survey: Survey, at: number, holder: number): void {
  const low = survey.i32[at + VALUE_LOW];
  const high = survey.i32[at + VALUE_HIGH];
  if (high === TAG_REFERENCE) countReference(survey, low, holder);
  else if (high === TAG_INT32) return;
  else if (high >= 0 || high < TAG_MIN) checkDouble(survey, low, high, holder);
  else if (high !== TAG_SIMPLE) survey.findings.add('VALUE_TAG_UNKNOWN', holder, TAG_SIMPLE, high);
  else if (low < SIMPLE_UNDEFINED || low > SIMPLE_ABSENT) {
    survey.findings.add('VALUE_SIMPLE_WRONG', holder, SIMPLE_ABSENT, low);
  }
}

function checkDouble(survey: Survey, low: number, high: number, holder: number): void {
  words[VALUE_LOW] = low;
  words[VALUE_HIGH] = high;
  const number = double[0];
  if (Number.isNaN(number)) {
    if (low !== 0 || high !== NAN_HIGH) {
      survey.findings.add('VALUE_NAN_WRONG', holder, NAN_HIGH, high);
    }
  } else if ((number | 0) === number && !Object.is(number, -0)) {
    survey.findings.add('VALUE_INT_AS_DOUBLE', holder, TAG_INT32, high);
  }
}
