/**
 * A heap for one test: made before the body, checked and closed after it.
 *
 * Afterwards the heap must verify clean, and when all that this thread holds is released, what
 * lives on must be immortal: anything else has leaked. A body that leaves cycles behind says how
 * many objects are in them.
 */

import { expect } from 'vitest';
import type { CountsMode, HeapOptions } from '../../src/base/options.ts';
import { Heap, sessionOf } from '../../src/heap.ts';
import { releaseRows } from '../../src/object/rows.ts';

/** Options of a heap under test. */
export interface TestHeapOptions extends HeapOptions {
  /** Objects that live on in cycles when everything is released; 0 unless given. */
  readonly leaked?: number;
  /** Whether to count what leaked; true unless given. */
  readonly checkLeaks?: boolean;
}

/** Counts as the project of this run has them. */
export const COUNTS = (process.env.SHARC_COUNTS ?? 'plain') as CountsMode;

const MIB = 2 ** 20;

/** Makes a heap, runs `body`, verifies, checks for leaks, closes. Returns what `body` returned. */
export function withHeap<T>(options: TestHeapOptions, body: (heap: Heap) => T): T {
  const { heap, finish } = openHeap(options);
  try {
    const result = body(heap);
    finish();
    return result;
  } finally {
    heap[Symbol.dispose]();
  }
}

/** As `withHeap`, for a body that waits. */
export async function withHeapAsync<T>(
  options: TestHeapOptions,
  body: (heap: Heap) => Promise<T>,
): Promise<T> {
  const { heap, finish } = openHeap(options);
  try {
    const result = await body(heap);
    finish();
    return result;
  } finally {
    await heap.close();
  }
}

function openHeap(options: TestHeapOptions): { heap: Heap; finish: () => void } {
  const { leaked = 0, checkLeaks = true, ...rest } = options;
  const heap = Heap.create({ maxBytes: 64 * MIB, counts: COUNTS, ...rest });
  const finish = () => {
    expect(heap.verify()).toEqual([]);
    if (!checkLeaks) return;
    releaseEverything(heap);
    expect(heap.verify()).toEqual([]);
    expect(mortalObjects(heap)).toBe(leaked);
  };
  return { heap, finish };
}

/** Drops all that this thread and the named roots hold. Its handles are void afterwards. */
export function releaseEverything(heap: Heap): void {
  const session = sessionOf(heap);
  heap.root.clear();
  heap.run(() => {
    session.handles.releaseForgotten();
    session.iterators.closeAll();
    releaseRows(session.mem);
  });
}

/** Objects that live and can die. */
export function mortalObjects(heap: Heap): number {
  const { liveObjects, immortalObjects } = heap.stats();
  return liveObjects - immortalObjects;
}
