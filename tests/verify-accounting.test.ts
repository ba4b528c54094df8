/** The one rule that no damage of the heap breaks alone: the sums of `memory/accounting.ts`. */
import { expect, test, vi } from 'vitest';
import type { WordCounts } from '../src/memory/accounting.ts';
import { codesOf, expectSound } from './support/bare-heap.ts';
import { createSample } from './support/sample-heap.ts';

const skew = vi.hoisted(() => ({ liveWords: 0 }));
vi.mock('../src/memory/accounting.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../src/memory/accounting.ts')>();
  const countWords = (mem: Parameters<typeof original.countWords>[0]): WordCounts => {
    const counts = original.countWords(mem);
    return { ...counts, liveWords: counts.liveWords + skew.liveWords };
  };
  return { ...original, countWords };
});

test('words that are counted as live and are not are found as ACCOUNTING_WRONG', () => {
  const { mem, locals } = createSample();
  expectSound(mem, locals);
  skew.liveWords = 2;
  expect(codesOf(mem, locals)).toEqual(['ACCOUNTING_WRONG']);
});
