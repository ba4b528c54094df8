/**
 * Size classes: the block sizes that runs of pages are cut into.
 *
 * For every request of an even number of words from MIN_BLOCK_WORDS to MAX_CLASS_WORDS there is a
 * class in which a run full of such requests wastes at most an eighth of itself, rest behind the
 * last block included. Larger requests take whole pages, seven of eight or more in use.
 * The table is computed: each class is the largest block that keeps the bound for the smallest
 * request it must serve, in the shortest run that allows one; full nodes have one of their own.
 */

import { assert } from '../base/assert.ts';
import {
  NODE_BLOCK_WORDS,
  NODE_RUN_PAGES,
  NODE_WORDS_MAX,
  PAGE_WORDS,
  THREAD_BINS,
  THREAD_WORDS,
} from './layout.ts';

/** Smallest block: a header and two words. */
export const MIN_BLOCK_WORDS = 4;
/** Pages of the longest run that holds more than one block. */
export const RUN_PAGES_MAX = 16;
/** Largest request that has a class; what is larger is a large object. */
export const MAX_CLASS_WORDS = 7 * PAGE_WORDS;
/** At most this part of a run is wasted. */
export const WASTE_MAX = 1 / 8;

interface SizeClass {
  readonly blockWords: number;
  readonly runPages: number;
}

/** The class of full nodes, which most of the memory of large containers consists of. */
const NODE_CLASS: SizeClass = { blockWords: NODE_BLOCK_WORDS, runPages: NODE_RUN_PAGES };

function buildClasses(): SizeClass[] {
  const classes: SizeClass[] = [];
  let covered = MIN_BLOCK_WORDS - 2;
  while (covered < MAX_CLASS_WORDS) {
    const next = classFor(covered + 2);
    if (covered < NODE_WORDS_MAX && next.blockWords >= NODE_WORDS_MAX) classes.push(NODE_CLASS);
    classes.push(next);
    covered = next.blockWords;
  }
  return classes;
}

function classFor(request: number): SizeClass {
  for (let runPages = 1; runPages <= RUN_PAGES_MAX; runPages++) {
    const runWords = runPages * PAGE_WORDS;
    const blocks = Math.ceil(((1 - WASTE_MAX) * runWords) / request);
    const blockWords = Math.floor(runWords / blocks / 2) * 2;
    if (blockWords >= request) return { blockWords, runPages };
  }
  throw new RangeError(`no size class for ${request} words`);
}

const CLASSES = buildClasses();

export const SIZE_CLASSES = CLASSES.length;
/** The class number that marks a run of one large object. */
export const LARGE_CLASS = SIZE_CLASSES;
/** Words of a block, by class. */
export const BLOCK_WORDS = Int32Array.from(CLASSES, (c) => c.blockWords);
/** Pages of a run, by class. */
export const RUN_PAGES = Int32Array.from(CLASSES, (c) => c.runPages);

assert(THREAD_BINS + SIZE_CLASSES < THREAD_WORDS, 'a thread record has a bin per size class');

/** Requests up to here find their class in a table; above, by bisection. */
const TABLE_WORDS = 2048;
const CLASS_OF_PAIR = Uint8Array.from({ length: TABLE_WORDS / 2 + 1 }, (_, pair) =>
  CLASSES.findIndex((c) => c.blockWords >= pair * 2),
);

/** The class whose blocks hold `words`; LARGE_CLASS when none does. */
export function sizeClassOf(words: number): number {
  if (words <= TABLE_WORDS) return CLASS_OF_PAIR[(words + 1) >>> 1];
  if (words > MAX_CLASS_WORDS) return LARGE_CLASS;
  let low = CLASS_OF_PAIR[TABLE_WORDS / 2];
  let high = SIZE_CLASSES - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (BLOCK_WORDS[middle] >= words) high = middle;
    else low = middle + 1;
  }
  return low;
}
