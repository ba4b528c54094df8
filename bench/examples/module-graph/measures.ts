/** What the heap says about itself, in the job's words: the one place that knows `heap.stats()`. */
import type { Heap } from '../../../src/index.ts';

export interface Measures {
  readonly liveBytes: number;
  readonly liveObjects: number;
  readonly committedBytes: number;
  readonly lockAcquisitions: number;
  readonly lockWaits: number;
  readonly lockWaitMs: number;
  /** Per generation. */
  readonly collections: readonly [number, number, number];
  /** Objects that collections have freed. */
  readonly collected: number;
  readonly pauses: Pauses;
}

export interface Pauses {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const NO_PAUSES: Pauses = { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };

export function measureHeap(heap: Heap): Measures {
  const { liveBytes, liveObjects, committedBytes, lock } = heap.stats();
  return {
    liveBytes,
    liveObjects,
    committedBytes,
    lockAcquisitions: lock.acquisitions,
    lockWaits: lock.waits,
    lockWaitMs: lock.waitMs,
    // Zero by nature: nothing collects cycles yet.
    collections: [0, 0, 0],
    collected: 0,
    pauses: NO_PAUSES,
  };
}
