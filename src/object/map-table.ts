/**
 * The table of a map or set, through which entries are found by the hashes of their keys.
 *
 * Buckets by linear hashing, each as large as a cache line: addresses of up to twelve entries, and
 * a byte of each one's hash. So whoever looks up a key in a large map waits for memory three times,
 * for the bucket, the entry and the string, and not for entries that only share the bucket (see
 * `src/README.md`). What does not fit goes to a further bucket, which few have.
 *
 * It follows from the entries and can be derived from them again. No operation touches more than
 * two buckets, and their further ones, but for those that free the whole table.
 */

import { assert } from '../base/assert.ts';
import { HeapExhaustedError } from '../base/errors.ts';
import { freeBlock } from '../memory/blocks.ts';
import {
  BUCKET_CAPACITY,
  BUCKET_LOAD,
  BUCKET_NEXT,
  BUCKET_SHIFT,
  BUCKET_SLOTS,
  ENTRY_KEY,
  FIRST_MAP_BUCKETS,
  LEAF_MASK,
  LEAF_WORDS,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_HEIGHT,
  MAP_BUCKETS_ROOT,
  MAP_SIZE,
  NODE_PAYLOAD,
  type ObjectRef,
  VALUE_HIGH,
  VALUE_LOW,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { bucketOf, splitOf } from './linear-hash.ts';
import {
  bucketAt,
  bucketOfHash,
  emptySlot,
  fillSlot,
  freeSlot,
  slotWith,
  tagIn,
  tagOf,
} from './map-buckets.ts';
import { hashValue } from './value.ts';
import { createNode, ensureWord, freeLeaf, freeVector } from './vector.ts';

/** A table with fewer entries than this for each bucket shrinks: a quarter of where it grows. */
const SPARSE = BUCKET_LOAD / 4;
/** Buckets that a deletion merges while there are too many. */
const MERGED_MAX = 2;

/** The hash of an entry's key. */
export function entryHash(mem: Memory, entry: number): number {
  const at = entry + ENTRY_KEY;
  return hashValue(mem, mem.i32[at + VALUE_LOW], mem.i32[at + VALUE_HIGH]);
}

/** Puts an entry into the first free slot of a bucket or those behind it. */
function putEntry(mem: Memory, first: number, entry: number, tag: number): void {
  let bucket = first;
  let slot = freeSlot(mem, bucket);
  while (slot === 0) {
    bucket = mem.i32[bucket + BUCKET_NEXT];
    assert(bucket !== 0, 'map: a slot was reserved');
    slot = freeSlot(mem, bucket);
  }
  fillSlot(mem, bucket, slot, entry, tag);
}

// ── Entries come, move and go ────────────────────────────────────────────────────────────────

/** Makes room for one more entry with this hash. @throws HeapExhaustedError */
export function reserveSlot(mem: Memory, map: ObjectRef, hash: number): void {
  const { i32 } = mem;
  let bucket = bucketOfHash(mem, map, hash);
  while (freeSlot(mem, bucket) === 0) {
    if (i32[bucket + BUCKET_NEXT] === 0) i32[bucket + BUCKET_NEXT] = createBucket(mem, map);
    bucket = i32[bucket + BUCKET_NEXT];
  }
}

/** A bucket for what does not fit another. */
function createBucket(mem: Memory, map: ObjectRef): number {
  return createNode(mem, BUCKET_SHIFT, map, 0) + NODE_PAYLOAD;
}

/** Puts an entry into its bucket, where a slot is reserved. */
export function addToTable(mem: Memory, map: ObjectRef, entry: number, hash: number): void {
  putEntry(mem, bucketOfHash(mem, map, hash), entry, tagOf(hash));
}

/** The slot that holds an entry. */
export function slotOfEntry(mem: Memory, map: ObjectRef, entry: number): number {
  let bucket = bucketOfHash(mem, map, entryHash(mem, entry));
  let slot = slotWith(mem, bucket, entry);
  while (slot === 0) {
    bucket = mem.i32[bucket + BUCKET_NEXT];
    assert(bucket !== 0, 'map: every entry is in its bucket');
    slot = slotWith(mem, bucket, entry);
  }
  return slot;
}

/** Takes an entry out of its bucket. */
export function removeFromTable(mem: Memory, map: ObjectRef, entry: number): void {
  const { i32 } = mem;
  const first = bucketOfHash(mem, map, entryHash(mem, entry));
  for (let bucket = first; bucket !== 0; bucket = i32[bucket + BUCKET_NEXT]) {
    const slot = slotWith(mem, bucket, entry);
    if (slot === 0) continue;
    emptySlot(mem, bucket, slot);
    if (i32[first + BUCKET_NEXT] !== 0) pack(mem, first);
    return;
  }
  assert(false, 'map: every entry is in its bucket');
}

/** Moves the entries of a bucket and those behind it together, and frees what is empty then. */
function pack(mem: Memory, first: number): void {
  const { i32 } = mem;
  let previous = first;
  let target = first;
  for (let next = i32[first + BUCKET_NEXT]; next !== 0; next = i32[previous + BUCKET_NEXT]) {
    while (target !== next && !moveEntries(mem, next, target)) target = i32[target + BUCKET_NEXT];
    if (target !== next) {
      i32[previous + BUCKET_NEXT] = i32[next + BUCKET_NEXT];
      freeBlock(mem, (next - NODE_PAYLOAD) as WordIndex);
    } else {
      previous = next;
    }
  }
}

/** Moves entries to the free slots of another bucket. True: none is left. */
function moveEntries(mem: Memory, from: number, to: number): boolean {
  const { i32 } = mem;
  for (let slot = from + BUCKET_SLOTS; slot < from + BUCKET_NEXT; slot++) {
    if (i32[slot] === 0) continue;
    const free = freeSlot(mem, to);
    if (free === 0) return false;
    fillSlot(mem, to, free, i32[slot], tagIn(mem, from, slot));
    emptySlot(mem, from, slot);
  }
  return true;
}

// ── Growing and shrinking ────────────────────────────────────────────────────────────────────

/** Makes an empty table. @throws HeapExhaustedError */
export function beginTable(mem: Memory, map: ObjectRef): void {
  ensureWord(mem, map + MAP_BUCKETS_ROOT, (FIRST_MAP_BUCKETS << BUCKET_SHIFT) - 1, map);
  mem.i32[map + MAP_BUCKET_COUNT] = FIRST_MAP_BUCKETS;
}

/** Adds a bucket, which takes what is its own from another. @throws HeapExhaustedError */
export function splitBucket(mem: Memory, map: ObjectRef): void {
  const { i32 } = mem;
  const added = i32[map + MAP_BUCKET_COUNT];
  ensureWord(mem, map + MAP_BUCKETS_ROOT, ((added + 1) << BUCKET_SHIFT) - 1, map);
  const from = bucketAt(mem, map, splitOf(added));
  const to = bucketAt(mem, map, added);
  // As much room as the old one has: all that is there may move.
  if (i32[from + BUCKET_NEXT] !== 0) i32[to + BUCKET_NEXT] = createAsMany(mem, map, from);
  i32[map + MAP_BUCKET_COUNT] = added + 1;
  for (let bucket = from; bucket !== 0; bucket = i32[bucket + BUCKET_NEXT]) {
    for (let slot = bucket + BUCKET_SLOTS; slot < bucket + BUCKET_NEXT; slot++) {
      const entry = i32[slot];
      if (entry === 0 || bucketOf(entryHash(mem, entry), added + 1) !== added) continue;
      putEntry(mem, to, entry, tagIn(mem, bucket, slot));
      emptySlot(mem, bucket, slot);
    }
  }
  if (i32[from + BUCKET_NEXT] === 0) return;
  pack(mem, from);
  pack(mem, to);
}

/** As many further buckets as the one at `bucket` has, linked to each other. */
function createAsMany(mem: Memory, map: ObjectRef, bucket: number): number {
  const { i32 } = mem;
  let head = 0;
  try {
    for (let next = i32[bucket + BUCKET_NEXT]; next !== 0; next = i32[next + BUCKET_NEXT]) {
      const created = createBucket(mem, map);
      i32[created + BUCKET_NEXT] = head;
      head = created;
    }
  } catch (error) {
    freeBuckets(mem, head);
    throw error;
  }
  return head;
}

/** Merges the last buckets of a sparse table, a few for each deletion. */
export function shrinkTable(mem: Memory, map: ObjectRef): void {
  const { i32 } = mem;
  const size = i32[map + MAP_SIZE];
  const buckets = i32[map + MAP_BUCKET_COUNT];
  if (size === 0) {
    freeTable(mem, map); // an empty map needs none
    return;
  }
  const wanted = Math.max(FIRST_MAP_BUCKETS, Math.ceil(size / SPARSE), buckets - MERGED_MAX);
  for (let last = buckets - 1; last >= wanted; last--) {
    const to = bucketAt(mem, map, splitOf(last));
    if (!mergeBucket(mem, map, bucketAt(mem, map, last), to)) return;
    i32[map + MAP_BUCKET_COUNT] = last;
    const word = last << BUCKET_SHIFT;
    // One leaf beyond the end is kept, so that a size at an edge does not thrash.
    if ((word & LEAF_MASK) === 0) freeLeaf(mem, map + MAP_BUCKETS_ROOT, word + LEAF_WORDS);
  }
}

/**
 * Moves all entries of a bucket to another, and the buckets behind it. False: they do not fit, and
 * the heap is full. Nothing has changed then; a deletion does not fail.
 */
function mergeBucket(mem: Memory, map: ObjectRef, from: number, to: number): boolean {
  const { i32 } = mem;
  let last = to;
  while (i32[last + BUCKET_NEXT] !== 0) last = i32[last + BUCKET_NEXT];
  if (freeSlots(mem, from) + freeSlots(mem, to) < BUCKET_CAPACITY) {
    const added = tryCreateBucket(mem, map);
    if (added === 0) return false;
    i32[last + BUCKET_NEXT] = added;
    last = added;
  }
  i32[last + BUCKET_NEXT] = i32[from + BUCKET_NEXT];
  i32[from + BUCKET_NEXT] = 0;
  for (let bucket = to; !moveEntries(mem, from, bucket); ) bucket = i32[bucket + BUCKET_NEXT];
  if (i32[to + BUCKET_NEXT] !== 0) pack(mem, to);
  return true;
}

function tryCreateBucket(mem: Memory, map: ObjectRef): number {
  try {
    return createBucket(mem, map);
  } catch (error) {
    if (error instanceof HeapExhaustedError) return 0;
    throw error;
  }
}

/** Free slots of a bucket and of those behind it. */
function freeSlots({ i32 }: Memory, first: number): number {
  let free = 0;
  for (let bucket = first; bucket !== 0; bucket = i32[bucket + BUCKET_NEXT]) {
    const end = bucket + BUCKET_NEXT;
    for (let slot = bucket + BUCKET_SLOTS; slot < end; slot++) if (i32[slot] === 0) free++;
  }
  return free;
}

/** Frees the table of a map, if it has one. */
export function freeTable(mem: Memory, map: number): void {
  const { i32 } = mem;
  const root = i32[map + MAP_BUCKETS_ROOT];
  if (root === 0) return;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const next = i32[bucketAt(mem, map as ObjectRef, bucket) + BUCKET_NEXT];
    if (next !== 0) freeBuckets(mem, next);
  }
  const height = i32[map + MAP_BUCKETS_HEIGHT];
  i32[map + MAP_BUCKET_COUNT] = 0;
  i32[map + MAP_BUCKETS_ROOT] = 0;
  freeVector(mem, root, height);
}

function freeBuckets(mem: Memory, first: number): void {
  let bucket = first;
  while (bucket !== 0) {
    const next = mem.i32[bucket + BUCKET_NEXT];
    freeBlock(mem, (bucket - NODE_PAYLOAD) as WordIndex);
    bucket = next;
  }
}
