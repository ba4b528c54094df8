/** A scan that throws costs nothing but the scan: the collection is done serially, and reported. */
import { afterEach, expect, test, vi } from 'vitest';
import { runBackgroundCollection } from '../src/gc/background.ts';
import { BACKGROUND_IDLE, backgroundState, wantBackground } from '../src/gc/background-state.ts';
import { Collector } from '../src/gc/collector.ts';
import { lostScanners } from '../src/gc/figures.ts';
import { JOB_NONE, jobState } from '../src/gc/job.ts';
import { Scanner } from '../src/gc/scan.ts';
import type { Heap } from '../src/heap.ts';
import { sessionOf } from '../src/heap.ts';
import { GC_SCRATCH } from '../src/memory/layout.ts';
import { hostile, ring } from '../src/testing.ts';
import { describeLoss } from '../src/worker-entry.ts';
import { withHeap } from './support/with-heap.ts';

const GARBAGE = 25_000; // enough for a second scan
const OPTIONS = { thresholds: [0, 10, 10], growthFactor: 0, maxBytes: 64 * 2 ** 20 } as const;
const NO_MEMORY = new RangeError('Array buffer allocation failed');

afterEach(() => vi.restoreAllMocks());

const collectedOf = (heap: Heap) =>
  heap.gc.getStats().reduce((sum, { collected }) => sum + collected, 0);

/** Lets scan number `fails`, from 0 on, throw. Returns how many there were. */
function failIn(fails: number): () => number {
  const scan = Scanner.prototype.scan;
  let scans = 0;
  vi.spyOn(Scanner.prototype, 'scan').mockImplementation(function (this: Scanner) {
    if (scans++ === fails) throw NO_MEMORY;
    return scan.call(this);
  });
  return () => scans;
}

type Report = [scanners: number, cause: unknown];

/** What a collector tells of lost scanners. */
function reportsOf(collector: Collector): Report[] {
  const reports: Report[] = [];
  collector.onLost = (scanners, cause) => reports.push([scanners, cause]);
  return reports;
}

/** The collector thread's part, done here. */
function collectInBackground(heap: Heap): Report[] {
  const { mem } = sessionOf(heap);
  heap.run(() => wantBackground(mem, 2));
  const collector = new Collector(mem);
  const reports = reportsOf(collector);
  runBackgroundCollection(collector, { startScanners: () => 0, isStopRequested: () => false });
  return reports;
}

/** No job is open, no page is borrowed, and the next collection works. */
function expectOver(heap: Heap): void {
  const { mem } = sessionOf(heap);
  expect(jobState(mem)).toBe(JOB_NONE);
  expect(mem.i32[GC_SCRATCH]).toBe(0);
  expect(heap.run(() => backgroundState(mem))).toBe(BACKGROUND_IDLE);
  heap.run(() => void ring(heap, GARBAGE));
  expect(heap.gc.collect()).toBe(GARBAGE);
}

test('an explicit collection whose scan throws collects all the same', () => {
  withHeap(OPTIONS, (heap) => {
    const tuned = hostile(heap, { tune: { pageScanFrom: 0 } });
    heap.run(() => void ring(heap, GARBAGE));
    const scans = failIn(0);
    const collector = new Collector(sessionOf(heap).mem);
    const reports = reportsOf(collector);
    expect(heap.run(() => collector.collect(2).collected)).toBe(GARBAGE);
    expect(reports).toEqual([[1, NO_MEMORY]]);
    expect(scans()).toBe(1);
    expect(lostScanners(sessionOf(heap).mem)).toBe(1);
    expect(heap.gc.getStats()[2].lostScanners).toBe(1);
    expectOver(heap);
    tuned[Symbol.dispose]();
  });
});

for (const [fails, what] of ['first', 'second'].entries()) {
  test(`a collection beside the mutators whose ${what} scan throws collects all the same`, () => {
    withHeap(OPTIONS, (heap) => {
      heap.run(() => void ring(heap, GARBAGE));
      const scans = failIn(fails);
      expect(collectInBackground(heap)).toEqual([[1, NO_MEMORY]]);
      expect(scans()).toBe(fails + 1);
      expect(collectedOf(heap)).toBe(GARBAGE);
      expect(lostScanners(sessionOf(heap).mem)).toBe(1);
      expectOver(heap);
    });
  });
}

test('the warning of a scan that has failed says why', () => {
  expect(describeLoss(1, NO_MEMORY)).toContain(NO_MEMORY.message);
  expect(describeLoss(2)).toContain('2 of the threads');
});

test('a pool that cannot be asked costs nothing but its help', () => {
  withHeap(OPTIONS, (heap) => {
    const { mem } = sessionOf(heap);
    const tuned = hostile(heap, { tune: { pageScanFrom: 0, parallelFrom: 0 } });
    const collector = new Collector(mem);
    collector.summon = () => {
      throw new Error('no pool');
    };
    heap.run(() => void ring(heap, GARBAGE));
    expect(heap.run(() => collector.collect(2).collected)).toBe(GARBAGE);
    expectOver(heap);
    tuned[Symbol.dispose]();
  });
});
