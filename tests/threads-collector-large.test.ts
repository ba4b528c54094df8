/**
 * Garbage of one large component, which the collector thread tests page by page, beside garbage of
 * small ones, which it tests by lists, and beside what lives.
 */
import { expect, test } from 'vitest';
import { findUnreachable } from '../src/gc/trace.ts';
import { sessionOf } from '../src/heap.ts';
import { GC_BACKGROUND_NO } from '../src/memory/layout.ts';
import { ring, torus } from '../src/testing.ts';
import { until } from './support/threads.ts';
import { withHeapAsync } from './support/with-heap.ts';

const SMALL = 200;
/** Nodes of the large component: more than are tested by a list. */
const WIDTH = 200;
const HEIGHT = 150;

test('components of all sizes are collected beside the mutators, what lives is not', async () => {
  await withHeapAsync({ thresholds: [0, 10, 10], growthFactor: 0 }, async (heap) => {
    const { mem } = sessionOf(heap);
    const alive = torus(heap, 25, 20);
    heap.run(() => {
      for (let i = 0; i < SMALL; i++) ring(heap, 20);
      torus(heap, WIDTH, HEIGHT);
    });
    const before = mem.i32[GC_BACKGROUND_NO];
    heap.gc.setThreshold(700, 0, 0);
    await until(() => {
      heap.run(() => {});
      return mem.i32[GC_BACKGROUND_NO] > before;
    }, 40);
    const stats = heap.gc.getStats();
    expect(stats.reduce((sum, { collected }) => sum + collected, 0)).toBe(
      SMALL * 20 + WIDTH * HEIGHT,
    );
    heap.run(() => {
      expect(findUnreachable(mem, sessionOf(heap).handles.localRefs())).toEqual([]);
    });
    expect(heap.run(() => alive.right?.left?.id)).toBe(26);
    expect(heap.verify()).toEqual([]);
    alive.release();
    expect(heap.gc.collect()).toBe(500);
  });
});
