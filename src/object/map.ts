/**
 * Maps and sets: JavaScript's `Map` and `Set` in shared memory. A set is a map without values.
 *
 * Entries stand in insertion order in a list of chunks and never move while an iterator is open,
 * so an iterator is just a place (see `map-chunks.ts`). Keys are found through a table of entry
 * addresses (see `map-table.ts`); a map of up to MAP_SMALL entries is searched instead.
 * No operation moves more than the entries of one chunk and of one bucket.
 *
 * An entry is written before CHUNK_USED makes it part of the map. Table and counters follow from
 * the entries and are derived from them again when a thread dies while it changes them: for that,
 * whoever is about to change them leaves the map in CONTROL_CHANGED. A map without a table is
 * valid, whatever its size.
 */

import { assert } from '../base/assert.ts';
import { allocateWords, blockContaining } from '../memory/blocks.ts';
import {
  BUCKET_LOAD,
  BUCKET_NEXT,
  CHUNK_ENTRIES,
  CHUNK_LIVE,
  CHUNK_NEXT,
  CHUNK_STEP,
  CHUNK_USED,
  CONTROL_CHANGED,
  ENTRY_KEY,
  ENTRY_VALUE,
  GC_CONTAINER,
  HEADER_WORDS,
  KIND_MAP,
  KIND_SET,
  KIND_SHIFT,
  MAP_BUCKET_COUNT,
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
import { bucketOfHash, equalTags, slotOf, tagsOf } from './map-buckets.ts';
import { addChunk, capacityOf, endOf, isHole, tidyChunk } from './map-chunks.ts';
import {
  addToTable,
  beginTable,
  entryHash,
  freeTable,
  removeFromTable,
  reserveSlot,
  shrinkTable,
  splitBucket,
} from './map-table.ts';
import { countAllocation, storeTracked, trackIfNeeded } from './tracking.ts';
import { equalKeysSlow, storeHole } from './value.ts';

/** Elements in which the log of an atomic section notes an entry at most. */
const UNDO_ENTRY_MAX = 5;

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
  if (i32[map + MAP_BUCKET_COUNT] === 0) return findInSmall(mem, map, low, high);
  const tags = tagsOf(hash);
  for (let at = bucketOfHash(mem, map, hash); at !== 0; at = i32[at + BUCKET_NEXT]) {
    for (let equal = equalTags(i32, at, tags); equal !== 0; equal &= equal - 1) {
      const entry = i32[slotOf(at, equal)];
      if (isKey(mem, entry, low, high)) return entry;
    }
  }
  return 0;
}

// Apart from `findEntry`: what a closure refers to is allocated wherever it might be made.
const findInSmall = (mem: Memory, map: ObjectRef, low: number, high: number): number =>
  findInChunks(mem, map, (entry) => isKey(mem, entry, low, high));

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
  const { i32 } = mem;
  if (i32[map + MAP_BUCKET_COUNT] === 0) return findInChunks(mem, map, matches);
  const tags = tagsOf(hash);
  for (let at = bucketOfHash(mem, map, hash); at !== 0; at = i32[at + BUCKET_NEXT]) {
    for (let equal = equalTags(i32, at, tags); equal !== 0; equal &= equal - 1) {
      const entry = i32[slotOf(at, equal)];
      if (matches(entry)) return entry;
    }
  }
  return 0;
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

/**
 * Makes room for one more entry whose key has this hash. Changes nothing that can be seen.
 *
 * @throws HeapExhaustedError
 */
export function reserveEntry(mem: Memory, map: ObjectRef, hash: number): void {
  const { i32 } = mem;
  const size = i32[map + MAP_SIZE];
  reserveInTable(mem, map, hash);
  const last = i32[map + MAP_LAST];
  if (last === 0 || i32[last + CHUNK_USED] >= capacityOf(mem, last)) addChunk(mem, map, size);
}

/** As `reserveEntry`, where the entry has a place in a chunk already. @throws HeapExhaustedError */
export function reserveInTable(mem: Memory, map: ObjectRef, hash: number): void {
  const { i32 } = mem;
  const size = i32[map + MAP_SIZE];
  i32[CONTROL_CHANGED] = map;
  if (i32[map + MAP_BUCKET_COUNT] === 0) {
    if (size < MAP_SMALL) return;
    buildTable(mem, map);
  }
  if (size >= i32[map + MAP_BUCKET_COUNT] * BUCKET_LOAD) splitBucket(mem, map);
  reserveSlot(mem, map, hash);
}

/**
 * Makes a table of all entries of a map that has none: it has grown too large to be searched, or
 * a thread has died while it changed the former table.
 *
 * @throws HeapExhaustedError: then the map is without a table, as before.
 */
export function buildTable(mem: Memory, map: ObjectRef): void {
  try {
    beginTable(mem, map);
    let size = 0;
    findInChunks(mem, map, (entry) => {
      const hash = entryHash(mem, entry);
      if (size++ >= mem.i32[map + MAP_BUCKET_COUNT] * BUCKET_LOAD) splitBucket(mem, map);
      reserveSlot(mem, map, hash);
      addToTable(mem, map, entry, hash);
      return false;
    });
  } catch (error) {
    freeTable(mem, map);
    throw error;
  }
}

/**
 * Appends an entry with the key (low, high) and, in a map, the value in `slot`, both of which the
 * map then owns. Room is reserved by now, for this hash.
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
  if (mem.undo !== null) mem.undo.saveAdded(map, entry);
  i32[CONTROL_CHANGED] = map;
  if (high === TAG_REFERENCE) trackIfNeeded(mem, map, low);
  if (i32[chunk + CHUNK_STEP] === MAP_ENTRY_WORDS) storeTracked(mem, map, entry + ENTRY_VALUE);
  i32[entry + ENTRY_KEY + VALUE_LOW] = low;
  i32[entry + ENTRY_KEY + VALUE_HIGH] = high;
  i32[chunk + CHUNK_USED]++;
  i32[chunk + CHUNK_LIVE]++;
  i32[map + MAP_SIZE]++;
  if (i32[map + MAP_BUCKET_COUNT] !== 0) addToTable(mem, map, entry, hash);
}

/** Replaces an entry's value by the one in `slot`; the old one is dropped afterwards. */
export function replaceValue(mem: Memory, map: ObjectRef, entry: number): void {
  if (mem.undo?.takeValue(map, entry + ENTRY_VALUE)) {
    storeTracked(mem, map, entry + ENTRY_VALUE);
    return;
  }
  const low = mem.i32[entry + ENTRY_VALUE + VALUE_LOW];
  const high = mem.i32[entry + ENTRY_VALUE + VALUE_HIGH];
  storeTracked(mem, map, entry + ENTRY_VALUE);
  dropValue(mem, low, high);
}

/** Removes an entry. Key and value are dropped when the map is whole again. */
export function deleteEntry(mem: Memory, map: ObjectRef, entry: number): void {
  const { i32 } = mem;
  const isTaken = mem.undo?.takeRemoved(map, entry) ?? false;
  const chunk = blockContaining(mem, entry);
  i32[CONTROL_CHANGED] = map;
  const keyLow = i32[entry + ENTRY_KEY + VALUE_LOW];
  const keyHigh = i32[entry + ENTRY_KEY + VALUE_HIGH];
  const isMap = i32[chunk + CHUNK_STEP] === MAP_ENTRY_WORDS;
  const valueLow = isMap ? i32[entry + ENTRY_VALUE + VALUE_LOW] : 0;
  const valueHigh = isMap ? i32[entry + ENTRY_VALUE + VALUE_HIGH] : 0;
  if (i32[map + MAP_BUCKET_COUNT] !== 0) removeFromTable(mem, map, entry);
  storeHole(mem, entry + ENTRY_KEY);
  if (isMap) storeHole(mem, entry + ENTRY_VALUE);
  i32[chunk + CHUNK_LIVE]--;
  i32[map + MAP_SIZE]--;
  tidyChunk(mem, map, chunk);
  // A section that can be undone needs the room again if it is.
  if (i32[map + MAP_BUCKET_COUNT] !== 0 && mem.undo === null) shrinkTable(mem, map);
  if (isTaken) return;
  dropValue(mem, keyLow, keyHigh);
  dropValue(mem, valueLow, valueHigh);
}

/** Removes all entries. */
export function clearMap(mem: Memory, map: ObjectRef): void {
  const { i32 } = mem;
  if (i32[map + MAP_ITERATORS] !== 0 || mem.undo !== null) {
    if (mem.undo !== null) mem.undo.reserve(i32[map + MAP_SIZE] * UNDO_ENTRY_MAX);
    // Open iterators go on over the holes to what is added later, as JavaScript's do.
    findInChunks(mem, map, (entry) => {
      deleteEntry(mem, map, entry);
      return false;
    });
    return;
  }
  const first = i32[map + MAP_FIRST];
  i32[CONTROL_CHANGED] = map;
  freeTable(mem, map);
  i32.fill(0, map + HEADER_WORDS, map + MAP_WORDS);
  buryChunks(mem, first);
}
