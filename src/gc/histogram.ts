/**
 * A histogram of durations in shared memory, readable by every thread.
 *
 * Eight buckets per power of two microseconds, so a percentile is exact to a tenth. The last two
 * words hold the longest duration in microseconds and the number of all. Under the GIL.
 */

import { HISTOGRAM_WORDS, type WordIndex } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

const BUCKETS_PER_OCTAVE = 8;
const BUCKETS = HISTOGRAM_WORDS - 2;
const LONGEST = BUCKETS;
const TOTAL = BUCKETS + 1;

/** Durations in milliseconds. */
export interface Durations {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The buckets that are not empty: durations up to `upToMs`, and how many there were. */
  readonly buckets: readonly { readonly upToMs: number; readonly count: number }[];
}

/** Adds a duration to the histogram at `at`. */
export function record(mem: Memory, at: number, durationMs: number): void {
  const { i32 } = mem;
  const micros = Math.max(1, Math.round(durationMs * 1000));
  const bucket = Math.floor(Math.log2(micros) * BUCKETS_PER_OCTAVE);
  i32[at + Math.min(bucket, BUCKETS - 1)]++;
  i32[at + LONGEST] = Math.max(i32[at + LONGEST], Math.min(micros, 0x7fffffff));
  i32[at + TOTAL]++;
}

/** Reads the histogram at `at`. */
export function readDurations(mem: Memory, at: WordIndex | number): Durations {
  const { i32 } = mem;
  const count = i32[at + TOTAL];
  const maxMs = i32[at + LONGEST] / 1000;
  const buckets: { upToMs: number; count: number }[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (i32[at + bucket] === 0) continue;
    const upToMs = Math.min(2 ** ((bucket + 1) / BUCKETS_PER_OCTAVE) / 1000, maxMs);
    buckets.push({ upToMs, count: i32[at + bucket] });
  }
  const percentile = (share: number) => {
    let seen = 0;
    for (const bucket of buckets) {
      seen += bucket.count;
      if (seen >= share * count) return bucket.upToMs;
    }
    return 0;
  };
  return { count, p50Ms: percentile(0.5), p99Ms: percentile(0.99), maxMs, buckets };
}
