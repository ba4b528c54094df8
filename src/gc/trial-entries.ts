/**
 * The entries of trial deletion by a list: what they say of an object under test, and what a
 * reference changes there.
 *
 * An entry is 0 for whatever is not under test. The updates of both passes leave it so, by
 * arithmetic instead of branches, which random graphs would make the processor guess wrong.
 */

import { PAGE_WORDS_SHIFT } from '../memory/layout.ts';
import type { ObjectList } from './object-list.ts';
import { entryOf } from './side-tables.ts';

/** Set in the entry of a member. */
export const MEMBER = 1;
/** Set when a member is found reachable. */
export const REACHED_SHIFT = 1;
export const REACHED = MEMBER << REACHED_SHIFT;
export const MEMBER_REACHED = MEMBER | REACHED;
/** From here on: gcRefs, the references to a member that are not known to be from members. */
export const GC_REFS_SHIFT = 2;

/** The entry of a member that is not reached, and that only members hold. */
export const UNHELD = MEMBER;
/**
 * From this many references on a member counts as reached: its gcRefs might not fit. Garbage needs
 * as many references between members, which take half of the largest heap.
 */
export const COUNTED_MAX = 2 ** (31 - GC_REFS_SHIFT);

/**
 * The member at `entry`, reachable if `isHeld`, refers to `referent`, so many times. False when
 * `referent` has had its turn, and was taken for reachable because of references like this alone.
 */
export function handOn(
  map: Int32Array,
  words: Int32Array,
  entry: number,
  isHeld: number,
  referent: number,
  times: number,
): boolean {
  const m = map[referent >>> PAGE_WORDS_SHIFT];
  if (m === 0) return true;
  const at = entryOf(m, referent);
  const word = words[at];
  const isMember = word & MEMBER;
  const left = word - (Math.imul(isMember, times) << GC_REFS_SHIFT);
  if (at < entry) {
    words[at] = left | ((isMember & isHeld) << REACHED_SHIFT);
    return true;
  }
  words[at] = left;
  return left !== UNHELD;
}

/** A member refers to `referent`, so many times. */
export function subtract(
  map: Int32Array,
  words: Int32Array,
  referent: number,
  times: number,
): void {
  const m = map[referent >>> PAGE_WORDS_SHIFT];
  if (m === 0) return;
  const at = entryOf(m, referent);
  words[at] -= Math.imul(words[at] & MEMBER, times) << GC_REFS_SHIFT;
}

/** A member that is reached refers to `referent`. Entries below `cursor` are still to come. */
export function reach(
  map: Int32Array,
  words: Int32Array,
  worklist: ObjectList,
  cursor: number,
  referent: number,
): void {
  const m = map[referent >>> PAGE_WORDS_SHIFT];
  if (m === 0) return;
  const at = entryOf(m, referent);
  if (at < cursor) {
    words[at] |= (words[at] & MEMBER) << REACHED_SHIFT;
  } else if (words[at] === UNHELD) {
    words[at] = MEMBER_REACHED;
    worklist.push(referent);
  }
}
