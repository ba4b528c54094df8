/**
 * Random graphs: what the collector frees is what the naive trace calls unreachable, object by
 * object. Each heap lives through many graphs that are changed, collected by generations, frozen.
 * A failure names its seed.
 */
import { expect, test } from 'vitest';
import { freezeAll, unfreezeAll } from '../src/gc/generations.ts';
import { findUnreachable, traceReachable } from '../src/gc/trace.ts';
import { GC_SHARED_MIN } from '../src/memory/layout.ts';
import { makeImmortal } from '../src/object/refcount.ts';
import { expectSound } from './support/bare-heap.ts';
import { addGraph, changeGraph, SHAPES } from './support/graph-shapes.ts';
import { GraphHeap, liveObjects } from './support/graphs.ts';
import { Random, SEED, withRandom } from './support/random.ts';
import { withScanners } from './support/scanners.ts';

const MIB = 2 ** 20;

interface Life {
  /** Graphs, of which each is followed by a collection. */
  readonly rounds: number;
  /** Objects in a graph, at the most. */
  readonly size: number;
  /** Called with the objects that each scanner has examined. */
  readonly note?: (scanned: readonly number[]) => void;
}

/** Lets graphs come and go in a heap, and compares every collection. Returns what was collected. */
function live(heap: GraphHeap, { rounds, size, note }: Life): number {
  const { mem, locals, random } = heap;
  let collected = 0;
  const collect = (generation: number) => {
    const collection = heap.collect(generation);
    collected += collection.collected;
    note?.(collection.scanned);
  };
  for (let round = 0; round < rounds; round++) {
    addGraph(heap, random.pick(Object.values(SHAPES)), random.between(1, size));
    changeGraph(heap, random.int(6));
    if (random.chance(0.03)) freezeAll(mem);
    if (random.chance(0.06)) unfreezeAll(mem);
    if (random.chance(0.005) && locals.length > 0) makeImmortal(mem, random.pick(locals));
    while (locals.length > 6) heap.release();
    collect(random.pick([0, 0, 0, 1, 1, 2]));
    if (round % 10 === 9) expectSound(mem, locals);
  }
  unfreezeAll(mem);
  collect(2);
  expect(findUnreachable(mem, locals)).toEqual([]);
  while (locals.length > 0) heap.release(0);
  collect(2);
  expectSound(mem, []);
  // What lives on is immortal, or held by what is: the declarations of the structs at least.
  expect(liveObjects(mem).size).toBe(traceReachable(mem, []).size);
  return collected;
}

const HEAPS = 50;
const ROUNDS = 40;
const SERIAL = 1 << 30;

for (const [how, mutators, sharedMin] of [
  ['by lists', 1, SERIAL],
  ['by lists, with pages of three threads', 3, SERIAL],
  ['page by page', 1, 1],
  ['page by page, with pages of three threads', 3, 1],
] as const) {
  test(`${HEAPS * ROUNDS} collections ${how} free what a trace cannot reach`, () => {
    let collected = 0;
    for (let i = 0; i < HEAPS; i++) {
      collected += withRandom((random) => {
        const heap = new GraphHeap(random, mutators);
        heap.mem.i32[GC_SHARED_MIN] = sharedMin;
        return live(heap, { rounds: ROUNDS, size: 30 });
      }, SEED + i);
    }
    expect(collected).toBeGreaterThan(HEAPS * ROUNDS);
  });
}

for (const [helpers, rounds, size] of [
  [1, 600, 30],
  [2, 300, 30],
  [1, 40, 3000],
  [3, 20, 3000],
  [1, 10, 40_000], // more than a scanner visits one by one
  [2, 10, 40_000],
] as const) {
  const what = `${rounds} collections of graphs of up to ${size} objects`;
  test(`${what} by ${helpers + 1} scanners free what a trace cannot reach`, async () => {
    const seed = SEED + helpers * rounds;
    const heap = new GraphHeap(new Random(seed), 2, 32 * MIB);
    const scanned: number[] = [];
    const note = (by: readonly number[]) => {
      by.forEach((objects, scanner) => {
        scanned[scanner] = (scanned[scanner] ?? 0) + objects;
      });
    };
    await withScanners(heap.collector, helpers, () => {
      try {
        expect(live(heap, { rounds, size, note })).toBeGreaterThan(rounds);
      } catch (error) {
        if (error instanceof Error) error.message += ` (repeat with SHARC_SEED=${SEED})`;
        throw error;
      }
    });
    // A helper that comes too late does not take part; but they came now and then.
    expect(scanned.filter((objects) => objects > 0).length).toBe(helpers + 1);
  });
}
