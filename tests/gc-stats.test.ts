/** Threads that are lost in a scan, as `heap.gc.getStats()` counts them (semantics B5). */
import { expect, test } from 'vitest';
import { Collector } from '../src/gc/collector.ts';
import { lostScanners, noteLostInCollection, noteLostScanners } from '../src/gc/figures.ts';
import { joinJob, SCANNER_OS_ID, scannerAt } from '../src/gc/job.ts';
import { ObjectList } from '../src/gc/object-list.ts';
import { searchTogether } from '../src/gc/referrers-shared.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { GC_PARALLEL_MIN, GC_POOL, GC_SCANNERS, GC_SHARED_MIN } from '../src/memory/layout.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { ring } from './support/shapes.ts';
import { withHeap } from './support/with-heap.ts';

/** No system gives a thread this number. */
const NOBODY = 2 ** 30;
const MANUAL = { thresholds: [0, 0, 0] as const, scanners: 3 };
const isLinux = process.platform === 'linux';

const lostByGeneration = (heap: Heap) => heap.gc.getStats().map((stats) => stats.lostScanners);

/** Takes a seat as a thread that is dead by now. */
function joinAndDie(mem: Mutator): void {
  mem.i32[scannerAt(joinJob(mem)) + SCANNER_OS_ID] = NOBODY;
}

/** Lets every collection be shared with helpers, of which so many are dead. */
function withDead(mem: Mutator, dead: number): Collector {
  const collector = new Collector(mem);
  mem.i32[GC_SHARED_MIN] = 0;
  mem.i32[GC_PARALLEL_MIN] = 0;
  mem.i32[GC_SCANNERS] = dead + 1;
  mem.i32[GC_POOL] = dead;
  collector.summon = () => {
    for (let i = 0; i < dead; i++) joinAndDie(mem);
  };
  return collector;
}

test.runIf(isLinux)('B5 helpers that die in a scan are booked on its generation', () => {
  withHeap(MANUAL, (heap) => {
    const { mem } = sessionOf(heap);
    expect(lostByGeneration(heap)).toEqual([0, 0, 0]);
    heap.run(() => {
      const collector = withDead(mem, 2);
      const reported: number[] = [];
      collector.onLost = (helpers) => reported.push(helpers);
      ring(heap, 5);
      expect(collector.collect(1).generation).toBe(1);
      expect(reported).toEqual([2]);
    });
    expect(lostByGeneration(heap)).toEqual([0, 2, 0]);
    heap.run(() => {
      ring(heap, 7);
      expect(withDead(mem, 1).collect(2).collected).toBe(5); // locals hold the other ring
    });
    expect(lostByGeneration(heap)).toEqual([0, 2, 1]);
    expect(lostScanners(mem)).toBe(3);
    mem.i32[GC_POOL] = 0;
    expect(heap.gc.collect()).toBe(7);
    expect(lostByGeneration(heap)).toEqual([0, 2, 1]);
  });
});

test.runIf(isLinux)('B5 helpers that die in a search for referrers belong to no collection', () => {
  withHeap(MANUAL, (heap) => {
    const { mem } = sessionOf(heap);
    heap.run(() => {
      const result = searchTogether(mem, new Set([5]), new ObjectList(), () => joinAndDie(mem));
      expect(result).toEqual({ isComplete: false, lost: 1 });
    });
    heap.gc.collect();
    expect(lostByGeneration(heap)).toEqual([0, 0, 0]);
    expect(lostScanners(mem)).toBe(1);
  });
});

test('B5 what was lost since the last collection is booked on the next', () => {
  withHeap(MANUAL, (heap) => {
    const { mem } = sessionOf(heap);
    noteLostInCollection(mem, 0);
    noteLostInCollection(mem, 2);
    noteLostScanners(mem, 1);
    expect(lostByGeneration(heap)).toEqual([0, 0, 0]);
    heap.gc.collect(0);
    expect(lostByGeneration(heap)).toEqual([2, 0, 0]);
    noteLostInCollection(mem, 1);
    heap.gc.collect(2);
    heap.gc.collect(2);
    expect(lostByGeneration(heap)).toEqual([2, 0, 1]);
    expect(lostScanners(mem)).toBe(4);
  });
});
