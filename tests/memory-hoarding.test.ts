/** Free blocks in all threads' pages are used before the heap says that it is full. */
import { expect, test } from 'vitest';
import { HeapExhaustedError } from '../src/base/errors.ts';
import { resolveOptions } from '../src/base/options.ts';
import { countWords } from '../src/memory/accounting.ts';
import { allocateWords, freeBlock } from '../src/memory/blocks.ts';
import { HEADER_INFO, PAGE_WORDS, type WordIndex } from '../src/memory/layout.ts';
import { createBuffer, Memory } from '../src/memory/memory.ts';
import { claimThread } from '../src/sync/thread-table.ts';
import { withRandom } from './support/random.ts';

const MIB = 2 ** 20;
const IN_USE = 1 << 16;

function createThreads(maxBytes: number, count: number): Memory[] {
  const buffer = createBuffer(resolveOptions({ maxBytes }));
  return Array.from({ length: count }, () => new Memory(buffer, claimThread(buffer)));
}

/** Allocates blocks of `words` until there are no more. */
function fill(mem: Memory, words: number): WordIndex[] {
  const blocks: WordIndex[] = [];
  for (;;) {
    try {
      const block = allocateWords(mem, words);
      mem.i32[block + HEADER_INFO] = IN_USE;
      blocks.push(block);
    } catch (error) {
      if (error instanceof HeapExhaustedError) return blocks;
      throw error;
    }
  }
}

for (const words of [4, 6, 40, 700, 3000, 20_000]) {
  test(`what an idle thread has freed serves others: blocks of ${words} words`, () => {
    withRandom((random) => {
      const [mem, hoarder] = createThreads(4 * MIB, 2) as [Memory, Memory];
      const all = fill(hoarder, words);
      const kept = all.filter((_, i) => i % 97 === 0);
      const keep = new Set(kept);
      const freed = all.filter((block) => !keep.has(block));
      for (const block of freed) freeBlock(hoarder, block);
      const taken = fill(mem, words);
      expect(taken.length + kept.length).toBe(all.length);
      // And back again, now with blocks freed by both threads in each other's pages.
      for (const block of taken) freeBlock(random.chance(0.5) ? mem : hoarder, block);
      const first = fill(random.chance(0.5) ? mem : hoarder, words);
      expect(first.length + kept.length).toBe(all.length);
      expect(new Set([...first, ...kept]).size).toBe(all.length);
    });
  });
}

test('empty pages that idle threads keep serve other sizes, large objects included', () => {
  const [mem, ...hoarders] = createThreads(4 * MIB, 8) as [Memory, ...Memory[]];
  for (const hoarder of hoarders) {
    // Every thread keeps the page that its allocations come from, one per size.
    for (let words = 4; words < 1500; words = Math.ceil(words * 1.2)) {
      try {
        freeBlock(hoarder, allocateWords(hoarder, words));
      } catch (error) {
        expect(error).toBeInstanceOf(HeapExhaustedError);
      }
    }
  }
  const words = (mem.pages - mem.firstPage) * PAGE_WORDS;
  const block = allocateWords(mem, words);
  expect(countWords(mem).liveWords).toBe(words);
  freeBlock(hoarders[0]!, block);
  const small = fill(mem, 6);
  expect(small.length * 6).toBeGreaterThan(words * 0.999);
});

test('a full heap serves two threads in turn without losing a block', () => {
  const [first, second] = createThreads(MIB, 2) as [Memory, Memory];
  const all = fill(first, 10);
  const { liveWords } = countWords(first);
  const spare = all.splice(0, 3);
  for (const block of spare) freeBlock(first, block);
  for (let i = 0; i < 2000; i++) {
    const mem = i % 2 === 0 ? first : second;
    const block = allocateWords(mem, 10);
    mem.i32[block + HEADER_INFO] = IN_USE;
    all.push(block);
    freeBlock(i % 3 === 0 ? first : second, all.splice((i * 7919) % all.length, 1)[0]!);
  }
  expect(fill(second, 10).length).toBe(3);
  expect(countWords(first).liveWords).toBe(liveWords);
});
