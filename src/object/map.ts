/**
 * Maps and sets: JavaScript's `Map` and `Set` in shared memory. A set is a map without values.
 *
 * Entries stand in insertion order in a list of chunks and never move while an iterator is open,
 * so an iterator is just a place (see `map-chunks.ts`). Keys are found through a
 * linear-hashed table of entry addresses; a map of up to MAP_SMALL entries is searched instead.
 * No operation moves more than one chunk's entries, whatever the size of the map.
 *
 * An entry is written before CHUNK_USED makes it part of the map. Table and counters follow from
 * the entries and can be derived from them again.
 */

import { assert } from '../base/assert.ts';
import { allocateWords, blockContaining } from '../memory/blocks.ts';
import {
  CHUNK_ENTRIES,
  CHUNK_LIVE,
  CHUNK_NEXT,
  CHUNK_STEP,
  CHUNK_USED,
  ENTRY_KEY,
  ENTRY_NEXT,
  ENTRY_VALUE,
  GC_CONTAINER,
  HEADER_WORDS,
  KIND_MAP,
  KIND_SET,
  KIND_SHIFT,
  LEAF_MASK,
  LEAF_WORDS,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_HEIGHT,
  MAP_BUCKETS_ROOT,
  MAP_ENTRY_WORDS,
  MAP_FIRST,
  MAP_ITERATORS,
  MAP_LAST,
  MAP_SIZE,
  MAP_SMALL,
  MAP_WORDS,
  type ObjectRef,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { buryChunks, dropValue } from './dealloc.ts';
import { publish } from './header.ts';
import { bucketOf, FIRST_BUCKETS, mergeChains, splitOf } from './linear-hash.ts';
import { addChunk, capacityOf, endOf, entryHash, isHole, linkTo, tidyChunk } from './map-chunks.ts';
import { chainOf } from './text-search.ts';
import { countAllocation, storeTracked, trackIfNeeded } from './tracking.ts';
import { equalKeysSlow, storeHole } from './value.ts';
import { ensureWord, freeLeaf, freeVector, wordAt } from './vector.ts';

/** A new empty map; the caller owns one count. @throws HeapExhaustedError */
export const createMap = (mem: Memory): ObjectRef => create(mem, KIND_MAP);

/** A new empty set; the caller owns one count. @throws HeapExhaustedError */
export const createSet = (mem: Memory): ObjectRef => create(mem, KIND_SET);

function create(mem: Memory, kind: number): ObjectRef {
  const map = allocateWords(mem, MAP_WORDS);
  mem.i32.fill(0, map + HEADER_WORDS, map + MAP_WORDS);
  countAllocation(mem);
  return publish(mem, map, (kind << KIND_SHIFT) | GC_CONTAINER);
}

/** Entries of a map or set. */
export function mapSize(mem: Memory, map: ObjectRef): number {
  return mem.i32[map + MAP_SIZE];
}

/** The entry whose key is (low, high), with this hash; 0 when there is none. */
export function findEntry(
  mem: Memory,
  map: ObjectRef,
  low: number,
  high: number,
  hash: number,
): number {
  const { i32 } = mem;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  if (buckets === 0) return findInChunks(mem, map, (entry) => isKey(mem, entry, low, high));
  let entry = chainOf(mem, map, hash, buckets);
  while (entry !== 0 && !isKey(mem, entry, low, high)) entry = i32[entry + ENTRY_NEXT];
  return entry;
}

function isKey(mem: Memory, entry: number, low: number, high: number): boolean {
  const at = entry + ENTRY_KEY;
  if (mem.i32[at + VALUE_LOW] === low && mem.i32[at + VALUE_HIGH] === high) return true;
  return high === TAG_REFERENCE && equalKeysSlow(mem, at, low, high);
}

/** The entry with this hash whose key `matches`; 0 when there is none. For all other keys. */
export function findEntryWhere(
  mem: Memory,
  map: ObjectRef,
  hash: number,
  matches: (entry: number) => boolean,
): number {
  const buckets = mem.i32[map + MAP_BUCKET_COUNT];
  if (buckets === 0) return findInChunks(mem, map, matches);
  let entry = chainOf(mem, map, hash, buckets);
  while (entry !== 0 && !matches(entry)) entry = mem.i32[entry + ENTRY_NEXT];
  return entry;
}

function findInChunks(mem: Memory, map: ObjectRef, matches: (entry: number) => boolean): number {
  const { i32 } = mem;
  for (let chunk = i32[map + MAP_FIRST]; chunk !== 0; chunk = i32[chunk + CHUNK_NEXT]) {
    const end = endOf(mem, chunk);
    const step = i32[chunk + CHUNK_STEP];
    for (let entry = chunk + CHUNK_ENTRIES; entry < end; entry += step) {
      if (!isHole(mem, entry) && matches(entry)) return entry;
    }
  }
  return 0;
}

/** Makes room for one more entry. Changes nothing that can be seen. @throws HeapExhaustedError */
export function reserveEntry(mem: Memory, map: ObjectRef): void {
  const { i32 } = mem;
  const size = i32[map + MAP_SIZE];
  if (size >= MAP_SMALL && size >= i32[map + MAP_BUCKET_COUNT]) addBucket(mem, map);
  const last = i32[map + MAP_LAST];
  if (last !== 0 && i32[last + CHUNK_USED] < capacityOf(mem, last)) return;
  addChunk(mem, map, size);
}

/** Begins the table, or splits one bucket. */
function addBucket(mem: Memory, map: ObjectRef): void {
  const { i32 } = mem;
  const added = i32[map + MAP_BUCKET_COUNT];
  if (added === 0) {
    ensureWord(mem, map + MAP_BUCKETS_ROOT, FIRST_BUCKETS - 1, map);
    i32[map + MAP_BUCKET_COUNT] = FIRST_BUCKETS;
    findInChunks(mem, map, (entry) => {
      linkEntry(mem, map, entry, entryHash(mem, entry));
      return false;
    });
    return;
  }
  ensureWord(mem, map + MAP_BUCKETS_ROOT, added, map);
  const from = wordAt(mem, map + MAP_BUCKETS_ROOT, splitOf(added));
  const to = wordAt(mem, map + MAP_BUCKETS_ROOT, added);
  i32[to] = 0;
  let at: number = from;
  while (i32[at] !== 0) {
    const entry = i32[at];
    const link = entry + ENTRY_NEXT;
    if (bucketOf(entryHash(mem, entry), added + 1) === added) {
      i32[at] = i32[link];
      i32[link] = i32[to];
      i32[to] = entry;
    } else {
      at = link;
    }
  }
  i32[map + MAP_BUCKET_COUNT] = added + 1;
}

/**
 * Appends an entry with the key (low, high) and, in a map, the value in `slot`, both of which the
 * map then owns. Room is reserved by now.
 */
export function appendEntry(
  mem: Memory,
  map: ObjectRef,
  low: number,
  high: number,
  hash: number,
): void {
  const { i32 } = mem;
  const chunk = i32[map + MAP_LAST];
  assert(i32[chunk + CHUNK_USED] < capacityOf(mem, chunk), 'map: room was reserved');
  const entry = endOf(mem, chunk);
  if (high === TAG_REFERENCE) trackIfNeeded(mem, map, low);
  if (i32[chunk + CHUNK_STEP] === MAP_ENTRY_WORDS) storeTracked(mem, map, entry + ENTRY_VALUE);
  i32[entry + ENTRY_NEXT] = 0;
  i32[entry + ENTRY_KEY + VALUE_LOW] = low;
  i32[entry + ENTRY_KEY + VALUE_HIGH] = high;
  i32[chunk + CHUNK_USED]++;
  i32[chunk + CHUNK_LIVE]++;
  i32[map + MAP_SIZE]++;
  if (i32[map + MAP_BUCKET_COUNT] !== 0) linkEntry(mem, map, entry, hash);
}

function linkEntry(mem: Memory, map: ObjectRef, entry: number, hash: number): void {
  const { i32 } = mem;
  const bucket = bucketOf(hash, i32[map + MAP_BUCKET_COUNT]);
  const head = wordAt(mem, map + MAP_BUCKETS_ROOT, bucket);
  i32[entry + ENTRY_NEXT] = i32[head];
  i32[head] = entry;
}

/** Replaces an entry's value by the one in `slot`; the old one is dropped afterwards. */
export function replaceValue(mem: Memory, map: ObjectRef, entry: number): void {
  const low = mem.i32[entry + ENTRY_VALUE + VALUE_LOW];
  const high = mem.i32[entry + ENTRY_VALUE + VALUE_HIGH];
  storeTracked(mem, map, entry + ENTRY_VALUE);
  dropValue(mem, low, high);
}

/** Removes an entry. Key and value are dropped when the map is whole again. */
export function deleteEntry(mem: Memory, map: ObjectRef, entry: number): void {
  const { i32 } = mem;
  const chunk = blockContaining(mem, entry);
  const keyLow = i32[entry + ENTRY_KEY + VALUE_LOW];
  const keyHigh = i32[entry + ENTRY_KEY + VALUE_HIGH];
  const isMap = i32[chunk + CHUNK_STEP] === MAP_ENTRY_WORDS;
  const valueLow = isMap ? i32[entry + ENTRY_VALUE + VALUE_LOW] : 0;
  const valueHigh = isMap ? i32[entry + ENTRY_VALUE + VALUE_HIGH] : 0;
  if (i32[map + MAP_BUCKET_COUNT] !== 0) i32[linkTo(mem, map, entry)] = i32[entry + ENTRY_NEXT];
  storeHole(mem, entry + ENTRY_KEY);
  if (isMap) storeHole(mem, entry + ENTRY_VALUE);
  i32[chunk + CHUNK_LIVE]--;
  i32[map + MAP_SIZE]--;
  tidyChunk(mem, map, chunk);
  if (i32[map + MAP_BUCKET_COUNT] !== 0) shrinkTable(mem, map);
  dropValue(mem, keyLow, keyHigh);
  dropValue(mem, valueLow, valueHigh);
}

/** A table with more buckets than SPARSE for each entry shrinks, so many for each deletion. */
const SPARSE = 8;

/**
 * Merges the last buckets of a sparse table: as many as keep up with the deletions, so that the
 * last one has little to free. Most of them are empty by then, so that costs next to nothing.
 */
function shrinkTable(mem: Memory, map: ObjectRef): void {
  const { i32 } = mem;
  const size = i32[map + MAP_SIZE];
  const buckets = i32[map + MAP_BUCKET_COUNT];
  if (size === 0) freeTable(mem, map);
  else if (buckets > FIRST_BUCKETS && buckets > size * SPARSE) mergeLast(mem, map, size);
}

function mergeLast(mem: Memory, map: ObjectRef, size: number): void {
  const { i32 } = mem;
  const table = map + MAP_BUCKETS_ROOT;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  const least = Math.max(FIRST_BUCKETS, size * SPARSE, buckets - SPARSE);
  for (let last = buckets - 1; last >= least; last--) {
    const from = wordAt(mem, table, last);
    if (i32[from] !== 0) mergeChains(i32, from, wordAt(mem, table, splitOf(last)), ENTRY_NEXT);
    // One leaf beyond the end is kept, so that a size at an edge does not thrash.
    if ((last & LEAF_MASK) === 0) freeLeaf(mem, table, last + LEAF_WORDS);
  }
  i32[map + MAP_BUCKET_COUNT] = least;
}

/** An empty map needs no table. */
function freeTable(mem: Memory, map: ObjectRef): void {
  const root = mem.i32[map + MAP_BUCKETS_ROOT];
  const height = mem.i32[map + MAP_BUCKETS_HEIGHT];
  mem.i32[map + MAP_BUCKET_COUNT] = 0;
  mem.i32[map + MAP_BUCKETS_ROOT] = 0;
  freeVector(mem, root, height);
}

/** Removes all entries. */
export function clearMap(mem: Memory, map: ObjectRef): void {
  const { i32 } = mem;
  if (i32[map + MAP_ITERATORS] !== 0) {
    // Open iterators go on over the holes to what is added later, as JavaScript's do.
    findInChunks(mem, map, (entry) => {
      deleteEntry(mem, map, entry);
      return false;
    });
    return;
  }
  const first = i32[map + MAP_FIRST];
  const root = i32[map + MAP_BUCKETS_ROOT];
  const height = i32[map + MAP_BUCKETS_HEIGHT];
  i32.fill(0, map + HEADER_WORDS, map + MAP_WORDS);
  freeVector(mem, root, height);
  buryChunks(mem, first);
}
