/** Size classes: every request is served, and wastes at most an eighth. */
import { expect, test } from 'vitest';
import { PAGE_WORDS, THREAD_BINS, THREAD_WORDS } from '../src/memory/layout.ts';
import {
  BLOCK_WORDS,
  LARGE_CLASS,
  MAX_CLASS_WORDS,
  MIN_BLOCK_WORDS,
  RUN_PAGES,
  RUN_PAGES_MAX,
  SIZE_CLASSES,
  sizeClassOf,
  WASTE_MAX,
} from '../src/memory/size-classes.ts';

/** Words of a run that requests of this size leave unused when the run is full of them. */
function wasteOf(words: number, sizeClass: number): number {
  const runWords = RUN_PAGES[sizeClass]! * PAGE_WORDS;
  const blocks = Math.floor(runWords / BLOCK_WORDS[sizeClass]!);
  return 1 - (blocks * words) / runWords;
}

test('every request is served by a block that is large enough, the smallest that is', () => {
  const wrong: number[] = [];
  for (let words = 1; words <= MAX_CLASS_WORDS; words++) {
    const sizeClass = sizeClassOf(words);
    const fits = sizeClass < SIZE_CLASSES && BLOCK_WORDS[sizeClass]! >= words;
    const isSmallest = sizeClass === 0 || BLOCK_WORDS[sizeClass - 1]! < words;
    if (!fits || !isSmallest) wrong.push(words);
  }
  expect(wrong).toEqual([]);
});

test('no even request wastes more than an eighth, the rest of the run included', () => {
  const wasteful: number[] = [];
  for (let words = MIN_BLOCK_WORDS; words <= MAX_CLASS_WORDS; words += 2) {
    if (wasteOf(words, sizeClassOf(words)) > WASTE_MAX) wasteful.push(words);
  }
  expect(WASTE_MAX).toBeLessThanOrEqual(0.125);
  expect(wasteful).toEqual([]);
});

test('large objects waste at most an eighth of their pages', () => {
  expect(sizeClassOf(MAX_CLASS_WORDS + 1)).toBe(LARGE_CLASS);
  expect(sizeClassOf(2 ** 30)).toBe(LARGE_CLASS);
  for (let words = MAX_CLASS_WORDS + 1; words < 40 * PAGE_WORDS; words += 13) {
    const runWords = Math.ceil(words / PAGE_WORDS) * PAGE_WORDS;
    expect(1 - words / runWords).toBeLessThanOrEqual(WASTE_MAX);
  }
});

test('the classes are even, rising, and have a bin each', () => {
  expect(BLOCK_WORDS.length).toBe(SIZE_CLASSES);
  expect(BLOCK_WORDS[0]).toBe(MIN_BLOCK_WORDS);
  expect(BLOCK_WORDS.at(-1)).toBeGreaterThanOrEqual(MAX_CLASS_WORDS);
  expect(THREAD_BINS + SIZE_CLASSES).toBeLessThanOrEqual(THREAD_WORDS);
  for (let i = 0; i < SIZE_CLASSES; i++) {
    expect(BLOCK_WORDS[i]! % 2).toBe(0);
    expect(RUN_PAGES[i]).toBeLessThanOrEqual(RUN_PAGES_MAX);
    if (i > 0) expect(BLOCK_WORDS[i]).toBeGreaterThan(BLOCK_WORDS[i - 1]!);
  }
});

test('a struct of four references takes 24 bytes, an object of two words 16', () => {
  expect(BLOCK_WORDS[sizeClassOf(6)]).toBe(6);
  expect(BLOCK_WORDS[sizeClassOf(4)]).toBe(4);
});
