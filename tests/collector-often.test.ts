/**
 * Collections at every n-th allocation: in the middle of every operation, where no collection ever
 * runs by itself. Whatever an operation has made so far it owns, so nothing of it may be freed, and
 * counts and containers must be in order at each of these moments.
 */
import { describe, expect, test } from 'vitest';
import { Collector } from '../src/gc/collector.ts';
import { findUnreachable } from '../src/gc/trace.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { attachBare, createBareHeap, createRandom, expectSound } from './support/bare-heap.ts';
import { contentsOf, type OperationCase } from './support/exhaustion.ts';
import { operations } from './support/operations.ts';
import { withHeap } from './support/with-heap.ts';
import { startWork } from './support/work.ts';

const OPTIONS = { maxBytes: 4 * 2 ** 20, thresholds: [0, 0, 0], growthFactor: 0 } as const;

/** Collects the generations in turn, the young ones more often, at every n-th allocation. */
function collectAtEvery(collector: Collector, mutators: readonly Mutator[], n: number) {
  const state = { allocations: 0, collections: 0, collected: 0 };
  let isCollecting = false;
  const shouldFail = () => {
    state.allocations++;
    if (isCollecting || state.allocations % n !== 0) return false;
    isCollecting = true; // a collection allocates nothing, but for large ones: those take pages
    const generation = [0, 1, 0, 2][state.collections++ % 4] as number;
    state.collected += collector.collect(generation).collected;
    isCollecting = false;
    return false;
  };
  for (const mem of mutators) mem.hostile = { shouldFail };
  return state;
}

/** What an operation leaves behind in a heap that collects, and how often it did. */
function runCollecting(heap: Heap, operation: OperationCase<never>, inSection: boolean) {
  const { mem } = sessionOf(heap);
  const state = collectAtEvery(new Collector(mem), [mem], 1);
  const watched = operation.setup(heap);
  const act = () => void operation.run(watched, heap);
  if (inSection) heap.run(act);
  else act();
  mem.hostile = null;
  expect(state.collections).toBe(state.allocations);
  expect(heap.verify()).toEqual([]);
  return contentsOf(heap, operation.watched(watched));
}

for (const inSection of [false, true]) {
  describe(inSection ? 'in a section' : 'outside of sections', () => {
    test.each(Object.keys(operations))('collections disturb nothing: %s', (name) => {
      const operation = operations[name] as OperationCase<never>;
      const options = { ...OPTIONS, leaked: operation.leaked ?? 0 };
      const expected = withHeap(options, (heap) => {
        const state = operation.setup(heap);
        operation.run(state, heap);
        return contentsOf(heap, operation.watched(state));
      });
      const found = withHeap(options, (heap) => runCollecting(heap, operation, inSection));
      expect(found).toEqual(expected);
    });
  });
}

for (const n of [1, 2, 7, 50]) {
  test(`random work with a collection at every allocation number ${n}`, () => {
    const random = createRandom(n);
    const mem = createBareHeap(16 * 2 ** 20);
    const other = attachBare(mem);
    const work = startWork(mem, random);
    const collector = new Collector(mem);
    const state = collectAtEvery(collector, [mem, other], n);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 25 * Math.min(n, 10); i++) work.step(random(2) === 0 ? mem : other);
      expectSound(mem, work.locals);
    }
    mem.hostile = null;
    other.hostile = null;
    expect(state.collections).toBe(Math.floor(state.allocations / n));
    expect(state.collections).toBeGreaterThan(20);
    collector.collect(2);
    expect(findUnreachable(mem, work.locals)).toEqual([]);
    expectSound(mem, work.locals);
  });
}
