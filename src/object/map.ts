/**
 * Maps: JavaScript's `Map` in shared memory.
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
  CHUNK_USED,
  ENTRY_HASH,
  ENTRY_KEY,
  ENTRY_NEXT,
  ENTRY_VALUE,
  ENTRY_WORDS,
  GC_CONTAINER,
  HEADER_WORDS,
  KIND_MAP,
  KIND_SHIFT,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_HEIGHT,
  MAP_BUCKETS_ROOT,
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
import { bucketOf, FIRST_BUCKETS, splitChain, splitOf } from './linear-hash.ts';
import { addChunk, capacityOf, endOf, isHole, linkTo, tidyChunk } from './map-chunks.ts';
import { countAllocation, storeTracked, trackIfNeeded } from './tracking.ts';
import { equalKeysSlow, storeHole } from './value.ts';
import { ensureWord, freeVector, wordAt } from './vector.ts';

const ENTRY_CHAIN = { hash: ENTRY_HASH, link: ENTRY_NEXT };

/** A new empty map; the caller owns one count. @throws HeapExhaustedError */
export function createMap(mem: Memory): ObjectRef {
  const map = allocateWords(mem, MAP_WORDS);
  mem.i32.fill(0, map + HEADER_WORDS, map + MAP_WORDS);
  countAllocation(mem);
  return publish(mem, map, (KIND_MAP << KIND_SHIFT) | GC_CONTAINER);
}

/** Entries of a map. */
export function mapSize(mem: Memory, map: ObjectRef): number {
  return mem.i32[map + MAP_SIZE];
}

/** The entry whose key is (low, high) with this hash; 0 when there is none. */
export function findEntry(
  mem: Memory,
  map: ObjectRef,
  low: number,
  high: number,
  hash: number,
): number {
  const { i32 } = mem;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  if (buckets === 0) {
    return findInChunks(mem, map, (at) => isKey(mem, at, low, high));
  }
  let entry = i32[wordAt(mem, map + MAP_BUCKETS_ROOT, bucketOf(hash, buckets))];
  while (entry !== 0) {
    if (i32[entry + ENTRY_HASH] === hash && isKey(mem, entry, low, high)) break;
    entry = i32[entry + ENTRY_NEXT];
  }
  return entry;
}

function isKey(mem: Memory, entry: number, low: number, high: number): boolean {
  const at = entry + ENTRY_KEY;
  if (mem.i32[at + VALUE_LOW] === low && mem.i32[at + VALUE_HIGH] === high) return true;
  return equalKeysSlow(mem, at, low, high);
}

/** The entry with this hash whose key `matches`; 0 when there is none. For keys not in the heap. */
export function findEntryWhere(
  mem: Memory,
  map: ObjectRef,
  hash: number,
  matches: (entry: number) => boolean,
): number {
  const { i32 } = mem;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  if (buckets === 0) return findInChunks(mem, map, matches);
  let entry = i32[wordAt(mem, map + MAP_BUCKETS_ROOT, bucketOf(hash, buckets))];
  while (entry !== 0) {
    if (i32[entry + ENTRY_HASH] === hash && matches(entry)) break;
    entry = i32[entry + ENTRY_NEXT];
  }
  return entry;
}

function findInChunks(mem: Memory, map: ObjectRef, matches: (entry: number) => boolean): number {
  const { i32 } = mem;
  for (let chunk = i32[map + MAP_FIRST]; chunk !== 0; chunk = i32[chunk + CHUNK_NEXT]) {
    const end = endOf(mem, chunk);
    for (let entry = chunk + CHUNK_ENTRIES; entry < end; entry += ENTRY_WORDS) {
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
      linkEntry(mem, map, entry);
      return false;
    });
    return;
  }
  ensureWord(mem, map + MAP_BUCKETS_ROOT, added, map);
  const from = wordAt(mem, map + MAP_BUCKETS_ROOT, splitOf(added));
  const to = wordAt(mem, map + MAP_BUCKETS_ROOT, added);
  splitChain(i32, from, to, added, ENTRY_CHAIN);
  i32[map + MAP_BUCKET_COUNT] = added + 1;
}

/**
 * Appends an entry with the key (low, high) and the value in `slot`, both of which the map then
 * owns. Room is reserved by now.
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
  storeTracked(mem, map, entry + ENTRY_VALUE);
  i32[entry + ENTRY_HASH] = hash;
  i32[entry + ENTRY_NEXT] = 0;
  i32[entry + ENTRY_KEY + VALUE_LOW] = low;
  i32[entry + ENTRY_KEY + VALUE_HIGH] = high;
  i32[chunk + CHUNK_USED]++;
  i32[chunk + CHUNK_LIVE]++;
  i32[map + MAP_SIZE]++;
  if (i32[map + MAP_BUCKET_COUNT] !== 0) linkEntry(mem, map, entry);
}

function linkEntry(mem: Memory, map: ObjectRef, entry: number): void {
  const { i32 } = mem;
  const hash = i32[entry + ENTRY_HASH];
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
  const valueLow = i32[entry + ENTRY_VALUE + VALUE_LOW];
  const valueHigh = i32[entry + ENTRY_VALUE + VALUE_HIGH];
  if (i32[map + MAP_BUCKET_COUNT] !== 0) i32[linkTo(mem, map, entry)] = i32[entry + ENTRY_NEXT];
  storeHole(mem, entry + ENTRY_KEY);
  storeHole(mem, entry + ENTRY_VALUE);
  i32[chunk + CHUNK_LIVE]--;
  i32[map + MAP_SIZE]--;
  tidyChunk(mem, map, chunk);
  if (i32[map + MAP_SIZE] === 0) freeTable(mem, map);
  dropValue(mem, keyLow, keyHigh);
  dropValue(mem, valueLow, valueHigh);
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
