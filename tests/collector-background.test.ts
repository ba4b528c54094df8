/**
 * Collections beside the mutators that cannot go on, are not wanted any more, or are outrun; run
 * here by the thread that has asked for them.
 */
import { expect, test } from 'vitest';
import { BackgroundLink } from '../src/background-link.ts';
import { runBackgroundCollection } from '../src/gc/background.ts';
import { BACKGROUND_IDLE, backgroundState, wantBackground } from '../src/gc/background-state.ts';
import { claimExplicit, collectingThread } from '../src/gc/claim.ts';
import { Collector } from '../src/gc/collector.ts';
import { abortJob } from '../src/gc/job.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import { GC_LONG_LIVED, HEADER_INFO, MAP_FIRST, type ObjectRef } from '../src/memory/layout.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { Ranges } from '../src/object/ranges.ts';
import { raw } from '../src/raw.ts';
import { ring } from '../src/testing.ts';
import { COUNTS, withHeap } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 10, 10], growthFactor: 0 } as const;
const SIZE = 10;
const RINGS = 100;

function dropRings(heap: Heap): void {
  heap.run(() => {
    for (let i = 0; i < RINGS; i++) ring(heap, SIZE);
  });
}

/** Runs a collection beside the mutators, in this thread; `look` stands for another one. */
function runBeside(heap: Heap, generation: number, look: (mem: Mutator) => void = () => {}): void {
  const { mem } = sessionOf(heap);
  heap.run(() => wantBackground(mem, generation));
  runBackgroundCollection(new Collector(mem), {
    startScanners: () => 0,
    isStopRequested: () => {
      look(mem);
      return false;
    },
  });
}

/** Aborts the job, once: what a helper does in which something has failed. */
function failingOnce(): (mem: Mutator) => void {
  let hasFailed = false;
  return (mem) => {
    if (!hasFailed) abortJob(mem);
    hasFailed = true;
  };
}

for (const generation of [0, 1, 2]) {
  test(`a collection of generation ${generation} whose scan fails is done otherwise, once`, () => {
    withHeap(MANUAL, (heap) => {
      dropRings(heap);
      runBeside(heap, generation, failingOnce());
      const stats = heap.gc.getStats();
      expect(stats.map(({ collections }) => collections)).toEqual(
        [0, 1, 2].map((g) => Number(g === generation)),
      );
      expect(stats[generation]?.collected).toBe(RINGS * SIZE);
      expect(heap.gc.getCount()).toEqual([0, Number(generation === 0), Number(generation === 1)]);
      expect(backgroundState(sessionOf(heap).mem)).toBe(BACKGROUND_IDLE);
    });
  });
}

test('an array is untracked beside the mutators by a full collection, not by a young one', () => {
  withHeap(MANUAL, (heap) => {
    const array = heap.array<Heap['root'] | number>();
    array.push(heap.root);
    array.pop();
    expect(heap.gc.isTracked(array)).toBe(true);
    runBeside(heap, 0);
    expect(heap.gc.isTracked(array)).toBe(true);
    runBeside(heap, 2);
    expect(heap.gc.isTracked(array)).toBe(false);
    array.release();
  });
});

const switches: Record<string, (heap: Heap) => void> = {
  'disable()': (heap) => heap.gc.disable(),
  'a guard': (heap) => void heap.gc.disabled(),
  'a threshold of 0': (heap) => heap.gc.setThreshold(0),
  'a debug flag': (heap) => heap.gc.setDebug(2),
};
for (const [name, turn] of Object.entries(switches)) {
  test(`${name} takes back a collection that has not begun`, () => {
    withHeap({ ...MANUAL, thresholds: [700, 10, 10] }, (heap) => {
      const { mem } = sessionOf(heap);
      heap.run(() => wantBackground(mem, 2));
      turn(heap);
      expect(backgroundState(mem)).toBe(BACKGROUND_IDLE);
      heap.gc.setDebug(0);
    });
  });
}

test('a program that outruns the collection beside it collects what is young by itself', () => {
  withHeap({ growthFactor: 0 }, (heap) => {
    const session = sessionOf(heap);
    heap.gc.disable();
    heap.run(() => {
      for (let i = 0; i < 2500; i++) ring(heap, SIZE);
    });
    heap.gc.enable();
    session.collections.background = new (class extends BackgroundLink {
      override start(): boolean {
        const isIdle = backgroundState(session.mem) === BACKGROUND_IDLE;
        if (isIdle) wantBackground(session.mem, 0); // and nobody comes
        return isIdle;
      }
    })();
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      heap.run(() => {
        for (let k = 0; k < 5; k++) ring(heap, SIZE);
      });
      most = Math.max(most, heap.gc.getCount()[0]);
    }
    // 25,000 when it was asked for, and 20,000 more.
    expect(most).toBeLessThanOrEqual(45_000);
    expect(most).toBeGreaterThan(25_000);
    expect(heap.stats().liveObjects).toBeLessThan(2000);
    heap.gc.collect();
  });
});

test('frozen objects are not among the long-lived ones of the 25 % rule', () => {
  withHeap(MANUAL, (heap) => {
    heap.gc.collect();
    const { mem } = sessionOf(heap);
    const before = mem.i32[GC_LONG_LIVED] as number;
    const kept = ring(heap, 5000);
    heap.gc.freeze();
    heap.gc.collect();
    expect((mem.i32[GC_LONG_LIVED] as number) - before).toBeLessThan(20); // the kind's name
    heap.gc.unfreeze();
    expect(mem.i32[GC_LONG_LIVED]).toBeGreaterThanOrEqual(5000);
    kept.release();
    expect(heap.gc.collect()).toBe(5000);
  });
});

test('a thread that leaves in the middle of a collection leaves no claim behind', () => {
  const heap = Heap.create({ ...MANUAL, maxBytes: 2 ** 20, counts: COUNTS });
  const { mem } = sessionOf(heap);
  expect(claimExplicit(mem)).toBe(true);
  heap.detach(); // as when a callback ends the process
  expect(collectingThread(mem)).toBe(0);
});

test('a walk over a map ends where a chunk is none any more', () => {
  withHeap(MANUAL, (heap) => {
    const map = heap.map<number, number>();
    for (let i = 0; i < 1000; i++) map.set(i, i);
    heap.run(() => {
      const { mem } = sessionOf(heap);
      const object = raw(heap).fromHandle(map);
      expect(rangesOf(mem, object)).toBeGreaterThan(1);
      const chunk = mem.i32[object + MAP_FIRST] as number;
      const info = mem.i32[chunk + HEADER_INFO] as number;
      mem.i32[chunk + HEADER_INFO] = 0; // it was freed
      expect(rangesOf(mem, object)).toBe(0);
      mem.i32[chunk + HEADER_INFO] = info;
    });
    map.release();
  });
});

function rangesOf(mem: Mutator, object: ObjectRef): number {
  const ranges = new Ranges(mem);
  let count = 0;
  const info = mem.i32[object + HEADER_INFO] as number;
  for (let more = ranges.begin(object, info); more; more = ranges.next()) count++;
  return count;
}
