/**
 * Verification, interning: the table holds every short string once, in its bucket, and no other.
 */

import {
  CONTROL_INTERN_BUCKETS,
  CONTROL_INTERN_COUNT,
  CONTROL_INTERN_ROOT,
  STRING_HASH,
  STRING_LINK,
} from '../memory/layout.ts';
import { hashOfString, haveEqualText, isShort } from './verify-strings.ts';
import { MARK_CLAIMED, NO_BLOCK, ROLE_DAMAGED, ROLE_STRING, type Survey } from './verify-survey.ts';
import { collectLeaves, hasWordsBeyond } from './verify-vectors.ts';

/** A member of a longer chain is compared with so many before it only: hashes may all be equal. */
export const COMPARED_MAX = 64;

/** Checks the intern table. Strings missing from it are found when all blocks are looked over. */
export function checkInternTable(survey: Survey): void {
  const { i32, findings } = survey;
  const buckets = i32[CONTROL_INTERN_BUCKETS];
  const covered = collectLeaves(survey, CONTROL_INTERN_ROOT, 0);
  if (covered < 0) {
    survey.isInternTableKnown = false;
    return;
  }
  if (buckets < 0 || covered < buckets || hasWordsBeyond(survey, 0, buckets)) {
    findings.add('INTERN_TABLE_WRONG', CONTROL_INTERN_BUCKETS, covered, buckets);
    survey.isInternTableKnown = false;
    return;
  }
  let count = 0;
  for (let leaf = 0; leaf < survey.leaves.length; leaf++) {
    const from = survey.leafIndex[leaf];
    const words = Math.min(survey.leafWords[leaf], buckets - from);
    for (let i = 0; i < words; i++) {
      count += checkChain(survey, i32[survey.leaves[leaf] + i], from + i, buckets);
    }
  }
  const counted = i32[CONTROL_INTERN_COUNT];
  if (survey.isInternTableKnown && counted !== count) {
    findings.add('INTERN_COUNT_WRONG', CONTROL_INTERN_COUNT, count, counted);
  }
}

/** Marks the strings of one chain. Returns their number. */
function checkChain(survey: Survey, first: number, bucket: number, buckets: number): number {
  const { i32, marks, findings } = survey;
  const before: number[] = [];
  let count = 0;
  for (let string = first; string !== 0; string = i32[string + STRING_LINK]) {
    const block = survey.blockAt(string);
    const role = block === NO_BLOCK ? NO_BLOCK : survey.roles[block];
    if (role !== ROLE_STRING || !isShort(i32, string)) {
      if (role !== ROLE_DAMAGED) findings.add('INTERN_LINK_BROKEN', bucket, 0, string);
      survey.isInternTableKnown = false;
      break;
    }
    if ((marks[block] & MARK_CLAIMED) !== 0) {
      findings.add('INTERN_TWICE', string, 1, 2);
      survey.isInternTableKnown = false;
      break;
    }
    marks[block] |= MARK_CLAIMED;
    count++;
    checkPlace(survey, string, bucket, buckets);
    if (before.some((other) => isSameString(i32, other, string))) {
      findings.add('INTERN_EQUAL', string, 1, 2);
    }
    if (before.length < COMPARED_MAX) before.push(string);
  }
  return count;
}

/** A wrong stored hash has its own finding, so either hash may explain the bucket. */
function checkPlace(survey: Survey, string: number, bucket: number, buckets: number): void {
  const { i32 } = survey;
  const stored = bucketFor(i32[string + STRING_HASH], buckets);
  if (stored === bucket || bucketFor(hashOfString(i32, string), buckets) === bucket) return;
  survey.findings.add('INTERN_BUCKET_WRONG', string, stored, bucket);
}

function isSameString(i32: Int32Array, a: number, b: number): boolean {
  return i32[a + STRING_HASH] === i32[b + STRING_HASH] && haveEqualText(i32, a, b);
}

/** The bucket of a hash in a table that grew to `buckets` one by one (Litwin, 1980). */
export function bucketFor(hash: number, buckets: number): number {
  const level = 2 ** Math.floor(Math.log2(buckets));
  const bucket = hash & (level * 2 - 1);
  return bucket < buckets ? bucket : hash & (level - 1);
}
