/** Blocks: allocated and freed at random by several threads, every word accounted for. */
import { expect, test } from 'vitest';
import { HeapExhaustedError } from '../src/base/errors.ts';
import { resolveOptions } from '../src/base/options.ts';
import { countWords } from '../src/memory/accounting.ts';
import { allocateWords, blockContaining, blockWordsOf, freeBlock } from '../src/memory/blocks.ts';
import { CONTROL_TOP_PAGE, HEADER_INFO, PAGE_WORDS, type WordIndex } from '../src/memory/layout.ts';
import { createBuffer, Memory } from '../src/memory/memory.ts';
import { abandonRuns } from '../src/memory/pages.ts';
import { BLOCK_WORDS, MAX_CLASS_WORDS, sizeClassOf } from '../src/memory/size-classes.ts';
import { claimThread, releaseThread } from '../src/sync/thread-table.ts';
import { type Random, withRandom } from './support/random.ts';

const MIB = 2 ** 20;
/** Marks a block in use in its info word: any kind but 0. */
const IN_USE = 1 << 16;

/** Several threads' views of one heap. One thread runs them in turn: the lock is not needed. */
function createThreads(maxBytes: number, count: number): Memory[] {
  const buffer = createBuffer(resolveOptions({ maxBytes }));
  return Array.from({ length: count }, () => new Memory(buffer, claimThread(buffer)));
}

/** Blocks in use, each with the words that were asked for and the mark written into all of it. */
class Model {
  readonly blocks = new Map<WordIndex, { words: number; mark: number }>();
  #marks = 0;
  liveWords = 0;

  allocate(mem: Memory, words: number): WordIndex {
    const block = allocateWords(mem, words);
    expect(mem.i32[block + HEADER_INFO]).toBe(0);
    const blockWords = blockWordsOf(mem, block);
    expect(blockWords).toBeGreaterThanOrEqual(words);
    expect(block % 2).toBe(0);
    const mark = ++this.#marks;
    for (const at of placesIn(blockWords)) mem.i32[block + at] = mark;
    mem.i32[block + HEADER_INFO] = IN_USE;
    this.blocks.set(block, { words, mark });
    this.liveWords += blockWords;
    return block;
  }

  free(mem: Memory, block: WordIndex): void {
    const { mark } = this.blocks.get(block)!;
    const blockWords = blockWordsOf(mem, block);
    for (const at of placesIn(blockWords)) {
      if (mem.i32[block + at] !== mark) throw new Error(`block ${block} was written into`);
    }
    this.blocks.delete(block);
    this.liveWords -= blockWords;
    freeBlock(mem, block);
  }

  check(mem: Memory): void {
    const { liveWords, freeWords, overheadWords } = countWords(mem);
    if (liveWords + freeWords + overheadWords !== mem.maxWords) throw new Error('words are lost');
    expect(liveWords).toBe(this.liveWords);
  }
}

/** Words of a block that are checked, the header's second word left out. */
const placesIn = (words: number) => [0, 2, 3, words >> 1, words - 1].filter((at) => at !== 1);

function randomWords(random: Random): number {
  if (random.chance(0.7)) return random.between(1, 40);
  if (random.chance(0.7)) return random.between(41, 3000);
  if (random.chance(0.7)) return random.between(3000, 3 * PAGE_WORDS);
  return random.between(3 * PAGE_WORDS, 12 * PAGE_WORDS);
}

test('live, free and overhead are the whole heap after every step of four threads', () => {
  withRandom((random) => {
    const threads = createThreads(8 * MIB, 4);
    const model = new Model();
    let refused = 0;
    for (let step = 0; step < 12_000; step++) {
      const mem = random.pick(threads);
      const filling = Math.floor(step / 2500) % 2 === 0;
      if (random.chance(filling ? 0.7 : 0.3)) {
        try {
          model.allocate(mem, randomWords(random));
        } catch (error) {
          expect(error).toBeInstanceOf(HeapExhaustedError);
          refused++;
        }
      } else if (model.blocks.size > 0) {
        model.free(mem, random.pick([...model.blocks.keys()]));
      }
      if (step % 8 === 0) model.check(mem);
    }
    expect(refused).toBeGreaterThan(0);
    for (const block of [...model.blocks.keys()]) model.free(random.pick(threads), block);
    model.check(threads[0]!);
    expect(countWords(threads[0]!).liveWords).toBe(0);
    // Nothing is in anybody's way: one object can take the whole heap.
    const mem = random.pick(threads);
    model.allocate(mem, (mem.pages - mem.firstPage) * PAGE_WORDS);
    model.check(mem);
  });
});

test('blocks never overlap, whatever sizes follow each other in a page', () => {
  withRandom((random) => {
    const threads = createThreads(2 * MIB, 2);
    const mem = threads[0]!;
    const model = new Model();
    for (let round = 0; round < 60; round++) {
      const words = random.between(2, random.chance(0.5) ? 64 : MAX_CLASS_WORDS);
      for (let i = 0; i < 500; i++) {
        try {
          model.allocate(random.pick(threads), words);
        } catch {
          break;
        }
      }
      const inUse = [...model.blocks.keys()].sort((a, b) => a - b);
      for (let i = 1; i < inUse.length; i++) {
        const end = inUse[i - 1]! + blockWordsOf(mem, inUse[i - 1]!);
        if (end > inUse[i]!) throw new Error(`block ${inUse[i]} begins before ${end}`);
      }
      for (const block of inUse) if (random.chance(0.97)) model.free(random.pick(threads), block);
      model.check(mem);
    }
  });
});

test('a word inside a block leads to the block', () => {
  const [mem] = createThreads(8 * MIB, 1) as [Memory];
  for (const words of [4, 6, 100, 1026, 5000, PAGE_WORDS, 100_000, 10 * PAGE_WORDS]) {
    for (let i = 0; i < 3; i++) {
      const block = allocateWords(mem, words);
      for (const at of [0, 1, words >> 1, words - 1]) {
        expect(blockContaining(mem, block + at)).toBe(block);
      }
    }
  }
});

test('a heap that refuses has not changed, and serves again once something was freed', () => {
  const [mem, other] = createThreads(MIB, 2) as [Memory, Memory];
  const model = new Model();
  const last: WordIndex[] = [];
  for (const words of [6, 100, 3000, 2 * PAGE_WORDS]) {
    for (;;) {
      try {
        last.push(model.allocate(last.length % 3 === 0 ? other : mem, words));
      } catch (error) {
        const { requestedBytes, freeBytes, liveBytes } = error as HeapExhaustedError;
        expect(requestedBytes).toBeGreaterThanOrEqual(words * 4);
        expect(liveBytes).toBe(model.liveWords * 4);
        expect(freeBytes).toBe(countWords(mem).freeWords * 4);
        break;
      }
    }
    model.check(mem);
    const block = last.pop()!;
    model.free(mem, block);
    model.check(mem);
    model.allocate(other, blockWordsOf(mem, block) - 1);
    model.check(mem);
    for (const used of [...model.blocks.keys()]) model.free(mem, used);
    model.check(mem);
    last.length = 0;
  }
});

test('an empty page changes its size class', () => {
  const [mem] = createThreads(MIB, 1) as [Memory];
  const counts = [4, 100, 6, 3000, 24].map((words) => {
    const blocks: WordIndex[] = [];
    for (;;) {
      try {
        blocks.push(allocateWords(mem, words));
        mem.i32[blocks.at(-1)! + HEADER_INFO] = IN_USE;
      } catch {
        break;
      }
    }
    for (const block of blocks) freeBlock(mem, block);
    return blocks.length * BLOCK_WORDS[sizeClassOf(words)]!;
  });
  for (const words of counts) {
    expect(words).toBeGreaterThan((mem.pages - mem.firstPage) * PAGE_WORDS * 0.87);
  }
});

test('freed blocks and pages are used again before new ones', () => {
  const [mem] = createThreads(MIB, 1) as [Memory];
  const blocks = Array.from({ length: 9000 }, () => allocateWords(mem, 6));
  const top = mem.i32[CONTROL_TOP_PAGE];
  for (let i = 0; i < 9000; i++) {
    freeBlock(mem, blocks[i]!);
    blocks[i] = allocateWords(mem, 6);
  }
  expect(mem.i32[CONTROL_TOP_PAGE]).toBe(top);
  for (const block of blocks) freeBlock(mem, block);
  for (let i = 0; i < 2000; i++) allocateWords(mem, [6, 4, 10][i % 3]!);
  expect(mem.i32[CONTROL_TOP_PAGE]).toBe(top);
});

test('the pages of a thread that has left are used before new ones, by whoever needs them', () => {
  withRandom((random) => {
    const [mem, leaver, third] = createThreads(8 * MIB, 3) as [Memory, Memory, Memory];
    const model = new Model();
    for (let i = 0; i < 9000; i++) model.allocate(leaver, random.pick([6, 6, 6, 20, 500]));
    const kept = [...model.blocks.keys()].filter(() => random.chance(0.3));
    const keep = new Set(kept);
    for (const block of [...model.blocks.keys()]) {
      if (!keep.has(block)) model.free(random.pick([mem, leaver, third]), block);
    }
    abandonRuns(leaver, leaver.threadId);
    releaseThread(leaver, leaver.threadId);
    model.check(mem);
    const top = mem.i32[CONTROL_TOP_PAGE];
    for (let i = 0; i < 3000; i++) model.allocate(random.pick([mem, third]), 6);
    expect(mem.i32[CONTROL_TOP_PAGE]).toBe(top);
    model.check(mem);
    // Whoever gets the leaver's number starts with nothing of its.
    const again = new Memory(mem.buffer, claimThread(mem.buffer));
    expect(again.threadId).toBe(leaver.threadId);
    for (let i = 0; i < 1000; i++) model.allocate(again, random.pick([6, 20, 500]));
    for (const block of [...model.blocks.keys()]) {
      model.free(random.pick([mem, third, again]), block);
    }
    model.check(mem);
    expect(countWords(mem).liveWords).toBe(0);
  });
});

test('blocks of full pages whose thread has left can be freed and used again', () => {
  const [mem, leaver] = createThreads(MIB, 2) as [Memory, Memory];
  const model = new Model();
  const blocks: WordIndex[] = [];
  for (;;) {
    try {
      blocks.push(model.allocate(leaver, 24));
    } catch {
      break;
    }
  }
  abandonRuns(leaver, leaver.threadId);
  model.check(mem);
  expect(() => allocateWords(mem, 24)).toThrow(HeapExhaustedError);
  for (let i = 0; i < blocks.length; i += 7) model.free(mem, blocks[i]!);
  for (let i = 0; i < blocks.length; i += 7) model.allocate(mem, 24);
  expect(() => allocateWords(mem, 24)).toThrow(HeapExhaustedError);
  model.check(mem);
});
