/** The buckets and slots of the tables of maps, for tests that damage them. */

import {
  BUCKET_CAPACITY,
  BUCKET_NEXT,
  BUCKET_SLOTS,
  BUCKET_WORDS,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_ROOT,
} from '../../src/memory/layout.ts';
import type { Memory } from '../../src/memory/memory.ts';
import { wordAt } from '../../src/object/vector.ts';
import type { Damage } from './damage-memory.ts';
import type { Sample } from './sample-heap.ts';

/** The buckets of the table of a map or set. */
export const bucketsOf = (mem: Memory, map: number): number[] =>
  Array.from({ length: mem.i32[map + MAP_BUCKET_COUNT] }, (_, i) =>
    wordAt(mem, map + MAP_BUCKETS_ROOT, i * BUCKET_WORDS),
  );
/** The slots of a table that hold an entry. */
export function slotsInUse(mem: Memory, map: number): number[] {
  const slots = (bucket: number) =>
    Array.from({ length: BUCKET_CAPACITY }, (_, i) => bucket + BUCKET_SLOTS + i);
  return bucketsOf(mem, map)
    .flatMap(slots)
    .filter((at) => mem.i32[at] !== 0);
}
/** Two slots of different buckets. */
export function slotsApart(mem: Memory, map: number): number[] {
  const [first, ...others] = slotsInUse(mem, map);
  return [first, others.find((at) => at - first > BUCKET_WORDS) as number];
}
/** The first bucket of a table, linked to `next`. */
export const linkBucket =
  (name: 'tableMap' | 'tableSet', next: (sample: Sample, bucket: number) => number): Damage[2] =>
  (sample) => {
    const [bucket] = bucketsOf(sample.mem, sample[name]);
    sample.mem.i32[bucket + BUCKET_NEXT] = next(sample, bucket);
  };
