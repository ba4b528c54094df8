/**
 * The buckets of the table of a map: twelve addresses of entries, and of each one's hash a byte.
 *
 *   const tags = tagsOf(hash);
 *   for (let at = bucketOfHash(mem, map, hash); at !== 0; at = i32[at + BUCKET_NEXT])
 *     for (let equal = equalTags(i32, at, tags); equal !== 0; equal &= equal - 1)
 *       … i32[slotOf(at, equal)] is the address of an entry whose hash may be equal
 *
 * This loop stands wherever keys are compared in another way: a call per entry costs as much.
 */

import {
  BUCKET_NEXT,
  BUCKET_SHIFT,
  BUCKET_SLOTS,
  BUCKET_TAGS,
  BUCKET_TAGS_4,
  BUCKET_TAGS_8,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_ROOT,
  type ObjectRef,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { bucketOf } from './linear-hash.ts';
import { wordAt } from './vector.ts';

/** The bucket for a hash. The map has a table. */
export function bucketOfHash(mem: Memory, map: ObjectRef, hash: number): number {
  return bucketAt(mem, map, bucketOf(hash, mem.i32[map + MAP_BUCKET_COUNT]));
}

/** Bucket number `number` of a table. */
export function bucketAt(mem: Memory, map: ObjectRef, number: number): number {
  return wordAt(mem, map + MAP_BUCKETS_ROOT, number << BUCKET_SHIFT);
}

/** The bits of a hash that a bucket keeps, never 0. Its place comes from the other end. */
export const tagOf = (hash: number): number => hash >>> 24 || 1;

/** A word of four tags of a hash. */
export const tagsOf = (hash: number): number => Math.imul(tagOf(hash), 0x01010101);

/**
 * The slots of one bucket whose tags are equal to a pattern's: a bit for each, for tag `byte` of
 * word `word` that of 2 ** (8 * byte + word). No branch depends on the tags, and so none is
 * guessed wrong.
 */
export function equalTags(i32: Int32Array, bucket: number, tags: number): number {
  const a = i32[bucket + BUCKET_TAGS] ^ tags;
  const b = i32[bucket + BUCKET_TAGS_4] ^ tags;
  const c = i32[bucket + BUCKET_TAGS_8] ^ tags;
  return (zeroBytes(a) >>> 7) | (zeroBytes(b) >>> 6) | (zeroBytes(c) >>> 5);
}

/** The highest bits of the bytes that are 0 (Lamport, 1975: no carry leaves a byte). */
const zeroBytes = (word: number): number =>
  ~(((word & 0x7f7f7f7f) + 0x7f7f7f7f) | word | 0x7f7f7f7f);

/** The slot of the lowest of some equal tags. */
export function slotOf(bucket: number, equal: number): number {
  const bit = 31 - Math.clz32(equal & -equal);
  return bucket + BUCKET_SLOTS + ((bit & 7) << 2) + (bit >>> 3);
}

/** A free slot of one bucket; 0 when there is none. */
export function freeSlot(mem: Memory, bucket: number): number {
  const free = equalTags(mem.i32, bucket, 0);
  return free === 0 ? 0 : slotOf(bucket, free);
}

/** The slot of an entry in one bucket; 0 when it is not there. */
export function slotWith({ i32 }: Memory, bucket: number, entry: number): number {
  const end = bucket + BUCKET_NEXT;
  for (let slot = bucket + BUCKET_SLOTS; slot < end; slot++) if (i32[slot] === entry) return slot;
  return 0;
}

/** Puts an entry and its tag into a slot. */
export function fillSlot(
  { i32 }: Memory,
  bucket: number,
  slot: number,
  entry: number,
  tag: number,
): void {
  const number = slot - bucket - BUCKET_SLOTS;
  const word = bucket + BUCKET_TAGS + (number >>> 2);
  const shift = (number & 3) << 3;
  i32[slot] = entry;
  i32[word] = (i32[word] & ~(0xff << shift)) | (tag << shift);
}

/** Takes the entry out of a slot. */
export function emptySlot(mem: Memory, bucket: number, slot: number): void {
  fillSlot(mem, bucket, slot, 0, 0);
}

/** The tag of a slot. */
export function tagIn({ i32 }: Memory, bucket: number, slot: number): number {
  const number = slot - bucket - BUCKET_SLOTS;
  return (i32[bucket + BUCKET_TAGS + (number >>> 2)] >>> ((number & 3) << 3)) & 0xff;
}
