/**
 * Random graphs: what the collector frees is what the naive trace calls unreachable, object by
 * object. Each heap lives through several graphs that are changed, collected by halves, frozen.
 * A failure names its seed.
 */
import { expect, test } from 'vitest';
import { freezeAll, unfreezeAll } from '../src/gc/generations.ts';
import { findUnreachable } from '../src/gc/trace.ts';
import { expectSound } from './support/bare-heap.ts';
import { addGraph, changeGraph, GraphHeap, liveObjects, SHAPES } from './support/graphs.ts';
import { SEED, withRandom } from './support/random.ts';

const HEAPS = 60;
const ROUNDS = 40;

for (const mutators of [1, 3]) {
  test(`${HEAPS * ROUNDS} collections free what a trace cannot reach (${mutators} mutators)`, () => {
    let collected = 0;
    for (let i = 0; i < HEAPS; i++) {
      withRandom((random) => {
        const heap = new GraphHeap(random, mutators);
        const { mem, locals } = heap;
        for (let round = 0; round < ROUNDS; round++) {
          addGraph(heap, random.pick(Object.values(SHAPES)), random.between(1, 30));
          changeGraph(heap, random.int(6));
          if (random.chance(0.03)) freezeAll(mem);
          if (random.chance(0.06)) unfreezeAll(mem);
          while (locals.length > 6) heap.release();
          collected += heap.collect(random.pick([0, 0, 0, 1, 1, 2])).collected;
          if (round % 10 === 9) expectSound(mem, locals);
        }
        unfreezeAll(mem);
        collected += heap.collect(2).collected;
        expect(findUnreachable(mem, locals)).toEqual([]);
        while (locals.length > 0) heap.release(0);
        collected += heap.collect(2).collected;
        expectSound(mem, []);
        // What lives on is immortal: the declarations of the structs.
        expect(liveObjects(mem).size).toBe(heap.layouts.length);
      }, SEED + i);
    }
    expect(collected).toBeGreaterThan(HEAPS * ROUNDS);
  });
}
