/**
 * Random work of two threads on one heap, verified again and again: the heap stays sound, also
 * when allocations fail on purpose. The seed stands in the name.
 */
import { expect, test } from 'vitest';
import { HeapExhaustedError } from '../src/base/errors.ts';
import { countWords } from '../src/memory/accounting.ts';
import { abandonRuns } from '../src/memory/pages.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { releaseThread } from '../src/sync/thread-table.ts';
import { attachBare, createBareHeap, createRandom, expectSound } from './support/bare-heap.ts';
import { startWork, type Work } from './support/work.ts';

function tryStep(work: Work, mem: Mutator): boolean {
  try {
    work.step(mem);
    return true;
  } catch (error) {
    if (!(error instanceof HeapExhaustedError)) throw error;
    return false;
  }
}

for (const seed of [1, 2, 3, 4]) {
  test(`a heap is sound after every piece of random work (seed ${seed})`, () => {
    const random = createRandom(seed);
    const mem = createBareHeap(16 * 2 ** 20);
    let other = attachBare(mem);
    const work = startWork(mem, random);
    for (let round = 0; round < 120; round++) {
      for (let i = 0; i < 100; i++) work.step(random(2) === 0 ? mem : other);
      expectSound(mem, work.locals);
      if (round % 40 === 39) {
        abandonRuns(other, other.threadId);
        releaseThread(other, other.threadId);
        expectSound(mem, work.locals);
        other = attachBare(mem);
      }
    }
  });

  test(`a heap is sound when allocations fail now and then (seed ${seed})`, () => {
    const random = createRandom(seed);
    const mem = createBareHeap(16 * 2 ** 20);
    const work = startWork(mem, random);
    mem.hostile = { shouldFail: () => random(5) === 0 };
    let failures = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 50; i++) if (!tryStep(work, mem)) failures++;
      expectSound(mem, work.locals);
    }
    expect(failures).toBeGreaterThan(100);
  });

  test(`a heap is sound when it is full (seed ${seed})`, () => {
    const random = createRandom(seed);
    const mem = createBareHeap(2 ** 20 + 2 ** 19);
    const other = attachBare(mem);
    const work = startWork(mem, random);
    let failures = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 300; i++) {
        if (!tryStep(work, random(2) === 0 ? mem : other)) failures++;
      }
      expectSound(mem, work.locals);
    }
    expect(failures).toBeGreaterThan(0);
    expect(countWords(mem).liveWords).toBeGreaterThan(0);
  });
}
