/**
 * Seeded storms: random work on a heap leaves it sound, and random damage neither makes the
 * verifier throw nor hang. The seeds stand in the messages.
 */
import { expect, test } from 'vitest';
import { verifyHeap } from '../src/gc/verify.ts';
import {
  ARRAY_LENGTH,
  CONTROL_TOP_PAGE,
  HEADER_INFO,
  KIND_SHIFT,
  PAGE_RECORD_SHIFT,
  PAGE_RECORD_WORDS,
  PAGE_WORDS,
  THREAD_WORDS,
} from '../src/memory/layout.ts';
import { createRandom } from './support/bare-heap.ts';
import { createSample, type Sample } from './support/sample-heap.ts';

const ROUNDS = 2000;
const DAMAGES_MAX = 8;

/** A word that is likely to matter, and one of any kind now and then. */
function chooseWord({ mem, locals }: Sample, random: (limit: number) => number): number {
  const top = mem.i32[CONTROL_TOP_PAGE];
  switch (random(8)) {
    case 0:
      return random(640);
    case 1:
      return mem.threadTable + random(2 * THREAD_WORDS);
    case 2:
      return mem.kindTable + random(22 * 8);
    case 3:
    case 4:
      return mem.pageTable + (mem.firstPage << PAGE_RECORD_SHIFT) + random(16 * PAGE_RECORD_WORDS);
    case 5:
      return locals[random(locals.length)] + random(12);
    case 6:
      return mem.firstPage * PAGE_WORDS + random((top - mem.firstPage) * PAGE_WORDS);
    default: {
      const local = locals[random(locals.length)];
      const inner = mem.i32[local + ARRAY_LENGTH + random(5)];
      return inner > 0 && inner < mem.maxWords - 64 ? inner + random(48) : local;
    }
  }
}

/** A word that looks like something, or like nothing. */
function chooseValue({ mem, locals }: Sample, random: (limit: number) => number): number {
  switch (random(7)) {
    case 0:
      return random(2 ** 32) | 0;
    case 1:
      return random(16);
    case 2:
      return -random(16);
    case 3:
      return locals[random(locals.length)];
    case 4:
      return mem.firstPage * PAGE_WORDS + random(8 * PAGE_WORDS);
    case 5:
      return mem.i32[random(mem.maxWords)];
    default:
      return (random(24) << KIND_SHIFT) | random(1 << 11);
  }
}

test(`${ROUNDS} rounds of random damage neither make it throw nor hang`, {
  timeout: 120_000,
}, () => {
  const sample = createSample();
  const { mem, locals } = sample;
  const sound = mem.i32.slice();
  let found = 0;
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = createRandom(seed);
    const places: number[] = [];
    const damages = 1 + random(DAMAGES_MAX);
    for (let i = 0; i < damages; i++) places.push(chooseWord(sample, random));
    for (const place of places) mem.i32[place] = chooseValue(sample, random);
    const start = performance.now();
    let findings: unknown[];
    try {
      findings = verifyHeap(mem, locals);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(2000);
    if (findings.length !== 0) found++;
    for (const place of places) mem.i32[place] = sound[place];
  }
  expect(verifyHeap(mem, locals)).toEqual([]);
  expect(found).toBeGreaterThan(ROUNDS * 0.75);
  expect(mem.i32[locals[0] + HEADER_INFO]).not.toBe(0);
});
