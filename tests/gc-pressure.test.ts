/** What automatic collections keep in bounds, and what a full heap does (semantics C5, C10, B2). */
import { expect, test } from 'vitest';
import { HeapExhaustedError } from '../src/base/errors.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { GC_BACKGROUND_MIN } from '../src/memory/layout.ts';
import { chain, type NodeHandle, nodeStruct, ring } from './support/shapes.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };

const collections = (heap: Heap) => heap.gc.getStats().map((stats) => stats.collections);

/** All collections of a heap run in this thread, whatever their size. */
function keepInThread(heap: Heap): void {
  heap.run(() => {
    sessionOf(heap).mem.i32[GC_BACKGROUND_MIN] = 2 ** 30;
  });
}

test('C5 fast producers of cycles that hold a large live ring stay within the thresholds', () => {
  withHeap({ thresholds: [100, 5, 5], growthFactor: 0 }, (heap) => {
    keepInThread(heap);
    const live = ring(heap, 10_000);
    heap.gc.collect();
    let most = 0;
    for (let i = 0; i < 20_000; i++) {
      heap.run(() => {
        const cycle = ring(heap, 3);
        cycle.right = live;
      });
      if (i % 50 === 0) most = Math.max(most, heap.gc.countObjects());
    }
    // Garbage never survives a young collection here, so no more than 101 containers of it wait.
    expect(most).toBeLessThanOrEqual(10_000 + 101);
    expect(collections(heap)[2]).toBe(1); // the test's own: nothing became long-lived
    live.release();
    heap.gc.collect();
    expect(heap.gc.countObjects()).toBe(0);
  });
});

test('C5 cycles that live through some collections are collected by the older generations', () => {
  withHeap({ thresholds: [100, 5, 5], growthFactor: 0 }, (heap) => {
    keepInThread(heap);
    const queue: NodeHandle[] = [];
    let most = 0;
    for (let i = 0; i < 20_000; i++) {
      queue.push(ring(heap, 3));
      if (queue.length > 200) queue.shift()?.release();
      if (i % 50 === 0) most = Math.max(most, heap.gc.countObjects());
    }
    expect(most).toBeLessThan(10_000);
    const [young, middle, old] = heap.gc.getStats();
    expect(young.collected + middle.collected + old.collected).toBeGreaterThan(50_000);
    for (const handle of queue) handle.release();
    heap.gc.collect();
    expect(heap.gc.countObjects()).toBe(0);
  });
});

test('C5 what is promoted and dies by its count is pending no more', () => {
  withHeap({ ...MANUAL, growthFactor: 0 }, (heap) => {
    keepInThread(heap);
    const live = chain(heap, 1000);
    heap.gc.collect();
    const promoted = chain(heap, 900);
    heap.gc.collect(1);
    heap.gc.collect(1);
    promoted.release(); // CPython would count 900 as pending (gh-122569)
    heap.gc.disable();
    heap.gc.setThreshold(10, 1, 1);
    heap.gc.enable();
    const young = chain(heap, 11);
    expect(collections(heap)[2]).toBe(1);
    const more = chain(heap, 900);
    heap.gc.collect(1);
    heap.gc.collect(1);
    const last = chain(heap, 11);
    expect(collections(heap)[2]).toBe(2);
    for (const handle of [live, young, more, last]) handle.release();
  });
});

const WIDE_BYTES = 512;

/** Makes objects of 512 bytes that hold themselves, `rounds` times 1,000 unless `isEnough`. */
function makeWideGarbage(heap: Heap, rounds: number, isEnough: () => boolean): number {
  const fields: Record<string, 'ref' | 'float64'> = { self: 'ref' };
  for (let i = 0; i < WIDE_BYTES / 8 - 2; i++) fields[`f${i}`] = 'float64';
  const Wide = heap.struct('Wide', fields);
  let round = 0;
  for (; round < rounds && !isEnough(); round++) {
    heap.run(() => {
      for (let i = 0; i < 1000; i++) {
        heap.scope(() => {
          const wide = new Wide() as unknown as { self: unknown };
          wide.self = wide;
        });
      }
    });
  }
  return round * 1000;
}

test('C10 live bytes that double start a full collection before the counts would', () => {
  withHeap({ thresholds: [2 ** 30, 1, 1], maxBytes: 256 * 2 ** 20 }, (heap) => {
    keepInThread(heap);
    const made = makeWideGarbage(heap, 400, () => collections(heap)[2] !== 0);
    expect(collections(heap)).toEqual([0, 0, 1]);
    expect(heap.gc.getStats()[2].collected).toBe(made);
    // Below 64 MiB of pages, blocks and what they waste, growth alone starts nothing.
    expect(made * WIDE_BYTES).toBeGreaterThan(56 * 2 ** 20);
    expect(made * WIDE_BYTES).toBeLessThan(66 * 2 ** 20);
  });
});

test('C10 with a growth factor of 0 nothing but the counts starts a collection', () => {
  const maxBytes = 256 * 2 ** 20;
  withHeap({ thresholds: [2 ** 30, 1, 1], growthFactor: 0, maxBytes }, (heap) => {
    makeWideGarbage(heap, 200, () => false);
    expect(collections(heap)).toEqual([0, 0, 0]);
    expect(heap.gc.collect()).toBe(200_000);
  });
});

test('B2 a full heap is collected before an allocation fails', () => {
  withHeap({ ...MANUAL, maxBytes: 2 ** 21 }, (heap) => {
    for (let i = 0; i < 2000; i++) ring(heap, 100).release(); // many times what fits
    expect(collections(heap)[2]).toBeGreaterThan(1);
    heap.gc.collect();
    expect(mortalObjects(heap)).toBe(0);
  });
});

test('B2 a full heap of live objects is collected once, and then the allocation fails', () => {
  withHeap({ ...MANUAL, maxBytes: 2 ** 21 }, (heap) => {
    const NodeClass = nodeStruct(heap);
    const holder = new NodeClass({ id: 0 });
    const fill = () => {
      for (;;) {
        heap.run(() => {
          holder.left = new NodeClass({ id: 1, left: holder.left });
        });
      }
    };
    expect(fill).toThrow(HeapExhaustedError);
    expect(collections(heap)).toEqual([0, 0, 1]);
    expect(heap.verify()).toEqual([]);
    holder.release();
  });
});

test('B2 a full heap is collected while automatic collections are disabled', () => {
  withHeap({ maxBytes: 2 ** 21 }, (heap) => {
    heap.gc.disable();
    using _ = heap.gc.disabled();
    for (let i = 0; i < 2000; i++) ring(heap, 100).release();
    heap.gc.collect();
    expect(mortalObjects(heap)).toBe(0);
  });
});

test('B16 a full heap is freed of garbage also under DEBUG_SAVEALL', () => {
  withHeap({ ...MANUAL, maxBytes: 2 ** 21 }, (heap) => {
    const lines: string[] = [];
    heap.gc.logger = { write: (text) => lines.push(text) };
    heap.gc.setDebug(heap.gc.DEBUG_SAVEALL | heap.gc.DEBUG_STATS);
    while (collections(heap)[2] === 0) ring(heap, 100).release();
    expect(heap.gc.garbage.length).toBe(0);
    expect(lines[0]).toBe('gc: collecting generation 2...\n');
    expect(lines.length).toBe(4);
    heap.gc.setDebug(0);
    heap.gc.collect();
  });
});

test('B19 a callback may fill the heap: it is collected in the middle, and told later', () => {
  withHeap({ ...MANUAL, maxBytes: 2 ** 21 }, (heap) => {
    const calls: string[] = [];
    heap.gc.callbacks.push((phase, { generation }) => {
      calls.push(`${phase} ${generation}`);
      if (calls.length > 1) return;
      while (collections(heap)[2] === 0) ring(heap, 100).release();
    });
    heap.gc.collect(0);
    expect(calls).toEqual(['start 0', 'stop 0']);
    heap.array().release(); // the next safepoint
    expect(calls.slice(2)).toEqual(['start 2', 'stop 2']);
    heap.gc.callbacks.length = 0;
    heap.gc.collect();
  });
});
