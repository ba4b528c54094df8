/**
 * What the heap says about itself, in the job's words: the one place that knows `heap.stats()` and
 * the figures of `heap.gc`.
 */
import type { Heap } from '../../../src/index.ts';

export interface Measures {
  readonly liveBytes: number;
  readonly liveObjects: number;
  /** Of these, how many never die. */
  readonly immortalObjects: number;
  readonly committedBytes: number;
  readonly lockAcquisitions: number;
  readonly lockWaits: number;
  readonly lockWaitMs: number;
  /** Per generation. */
  readonly collections: readonly [number, number, number];
  /** Objects that collections have freed. */
  readonly collected: number;
  /** Objects that collections have examined. */
  readonly examined: number;
  /** For how long collections have kept the threads from running, each time. */
  readonly pauses: Durations;
  /** For how long collections have waited for the lock. One at the end of a section has it. */
  readonly timeToStop: Durations;
  /** The longest such wait of a full collection. */
  readonly fullTimeToStopMs: number;
}

export interface Durations {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function measureHeap(heap: Heap): Measures {
  // In one section: the figures are of one moment.
  return heap.run(() => {
    const { liveBytes, liveObjects, immortalObjects, committedBytes, lock } = heap.stats();
    const generations = heap.gc.getStats();
    const [young, middle, old] = generations;
    return {
      liveBytes,
      liveObjects,
      immortalObjects,
      committedBytes,
      lockAcquisitions: lock.acquisitions,
      lockWaits: lock.waits,
      lockWaitMs: lock.waitMs,
      collections: [young.collections, middle.collections, old.collections],
      collected: generations.reduce((sum, { collected }) => sum + collected, 0),
      examined: generations.reduce((sum, { candidates }) => sum + candidates, 0),
      pauses: withoutBuckets(heap.gc.getPauses()),
      timeToStop: withoutBuckets(heap.gc.getTimesToStop()),
      fullTimeToStopMs: old.timeToStopMs,
    };
  });
}

function withoutBuckets({ count, p50Ms, p99Ms, maxMs }: Durations): Durations {
  return { count, p50Ms, p99Ms, maxMs };
}
