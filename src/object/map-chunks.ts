/**
 * The chunks of a map or set: entries in insertion order, in a doubly linked list of backing
 * blocks.
 *
 * Entries are appended to the last chunk and leave holes when deleted. Empty chunks are freed and
 * sparse neighbours merged, unless an iterator is open: then entries stay where they are, and
 * chunks that become empty leave the list of chunks at once, but keep their link to the next: an
 * iterator that stands in one finds its way. They wait for the last iterator to close.
 */

import { assert } from '../base/assert.ts';
import { allocateWords, blockContaining, freeBlock } from '../memory/blocks.ts';
import {
  CHUNK_CAPACITY_AT,
  CHUNK_CAPACITY_MIN,
  CHUNK_EMPTY_LINK,
  CHUNK_ENTRIES,
  CHUNK_LIVE,
  CHUNK_NEXT,
  CHUNK_OWNER,
  CHUNK_PREVIOUS,
  CHUNK_STEP,
  CHUNK_USED,
  CONTROL_CHANGED_TO,
  ENTRY_KEY,
  HEADER_INFO,
  KIND_CHUNK,
  KIND_MAP,
  KIND_SHIFT,
  MAP_BUCKET_COUNT,
  MAP_CHUNK_MAX,
  MAP_EMPTY,
  MAP_ENTRY_WORDS,
  MAP_FIRST,
  MAP_ITERATORS,
  MAP_LAST,
  type ObjectRef,
  SET_CHUNK_MAX,
  SET_ENTRY_WORDS,
  TAG_HOLE,
  VALUE_HIGH,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { kindOf } from './header.ts';
import { slotOfEntry } from './map-table.ts';

/** Whether an entry was deleted. */
export function isHole(mem: Memory, entry: number): boolean {
  return mem.i32[entry + ENTRY_KEY + VALUE_HIGH] === TAG_HOLE;
}

/** The end of the entries appended to a chunk. */
export function endOf(mem: Memory, chunk: number): number {
  return chunk + CHUNK_ENTRIES + mem.i32[chunk + CHUNK_USED] * mem.i32[chunk + CHUNK_STEP];
}

/** Entries that fit into a chunk. */
export function capacityOf(mem: Memory, chunk: number): number {
  return (mem.i32[chunk + HEADER_INFO] >>> CHUNK_CAPACITY_AT) & 0xff;
}

/** Appends an empty chunk, larger the larger the map is. @throws HeapExhaustedError */
export function addChunk(mem: Memory, map: ObjectRef, size: number): void {
  const { i32 } = mem;
  const doubled = 1 << (32 - Math.clz32(Math.max(size, 1) - 1));
  const isMap = kindOf(mem, map) === KIND_MAP;
  const step = isMap ? MAP_ENTRY_WORDS : SET_ENTRY_WORDS;
  const most = isMap ? MAP_CHUNK_MAX : SET_CHUNK_MAX;
  const capacity = Math.min(Math.max(doubled, CHUNK_CAPACITY_MIN), most);
  const last = i32[map + MAP_LAST];
  const chunk = allocateWords(mem, CHUNK_ENTRIES + capacity * step);
  i32[chunk + CHUNK_OWNER] = map;
  i32[chunk + CHUNK_NEXT] = 0;
  i32[chunk + CHUNK_PREVIOUS] = last;
  i32[chunk + CHUNK_USED] = 0;
  i32[chunk + CHUNK_LIVE] = 0;
  i32[chunk + CHUNK_EMPTY_LINK] = 0;
  i32[chunk + CHUNK_STEP] = step;
  i32[chunk + HEADER_INFO] = (KIND_CHUNK << KIND_SHIFT) | (capacity << CHUNK_CAPACITY_AT);
  if (last === 0) i32[map + MAP_FIRST] = chunk;
  else i32[last + CHUNK_NEXT] = chunk;
  i32[map + MAP_LAST] = chunk;
  // Only now may the chunk before it go: it was kept because it was the last.
  if (last === 0 || i32[last + CHUNK_LIVE] !== 0) return;
  if (mem.undo === null) dropEmptyChunk(mem, map, last);
  else mem.undo.noteEmpty(map, last);
}

/** Frees a chunk that became empty, or merges it with a neighbour when both are sparse. */
export function tidyChunk(mem: Memory, map: ObjectRef, chunk: number): void {
  const { i32 } = mem;
  if (mem.undo !== null) return; // what it undoes comes back where it was; tidied afterwards
  const live = i32[chunk + CHUNK_LIVE];
  if (live === 0) {
    if (chunk !== i32[map + MAP_LAST]) dropEmptyChunk(mem, map, chunk);
    else if (i32[map + MAP_ITERATORS] === 0) i32[chunk + CHUNK_USED] = 0;
    return;
  }
  if (i32[map + MAP_ITERATORS] !== 0 || live * 4 > capacityOf(mem, chunk)) return;
  const previous = i32[chunk + CHUNK_PREVIOUS];
  const next = i32[chunk + CHUNK_NEXT];
  if (previous !== 0 && canMerge(mem, previous, chunk)) mergeChunks(mem, map, previous, chunk);
  else if (next !== 0 && canMerge(mem, chunk, next)) mergeChunks(mem, map, chunk, next);
}

/** At most half full afterwards: so a merge is paid for by the deletions before it. */
function canMerge(mem: Memory, chunk: number, next: number): boolean {
  const together = mem.i32[chunk + CHUNK_LIVE] + mem.i32[next + CHUNK_LIVE];
  return together * 2 <= capacityOf(mem, chunk);
}

/** Moves the entries of `chunk` to its front and those of `next` behind them; frees `next`. */
function mergeChunks(mem: Memory, map: ObjectRef, chunk: number, next: number): void {
  const { i32 } = mem;
  i32[CONTROL_CHANGED_TO] = chunk; // until the end entries may stand twice
  const step = i32[chunk + CHUNK_STEP];
  let target = chunk + CHUNK_ENTRIES;
  for (const source of [chunk, next]) {
    const end = endOf(mem, source);
    for (let entry = source + CHUNK_ENTRIES; entry < end; entry += step) {
      if (isHole(mem, entry)) continue;
      if (entry !== target) moveEntry(mem, map, entry, target, step);
      target += step;
    }
  }
  const live = (target - chunk - CHUNK_ENTRIES) / step;
  i32[chunk + CHUNK_USED] = live;
  i32[chunk + CHUNK_LIVE] = live;
  unlinkChunk(mem, map, next);
  freeBlock(mem, next as WordIndex);
}

function moveEntry(
  mem: Memory,
  map: ObjectRef,
  entry: number,
  target: number,
  words: number,
): void {
  const { i32 } = mem;
  const slot = i32[map + MAP_BUCKET_COUNT] === 0 ? 0 : slotOfEntry(mem, map, entry);
  i32.copyWithin(target, entry, entry + words);
  if (slot !== 0) i32[slot] = target;
}

function dropEmptyChunk(mem: Memory, map: ObjectRef, chunk: number): void {
  const { i32 } = mem;
  if (i32[map + MAP_ITERATORS] === 0) {
    unlinkChunk(mem, map, chunk);
    freeBlock(mem, chunk as WordIndex);
    return;
  }
  // In both lists for a moment, so that it is never in none: an iterator may stand in it.
  i32[chunk + CHUNK_EMPTY_LINK] = i32[map + MAP_EMPTY];
  i32[map + MAP_EMPTY] = chunk;
  unlinkChunk(mem, map, chunk);
}

function unlinkChunk(mem: Memory, map: ObjectRef, chunk: number): void {
  const { i32 } = mem;
  const next = i32[chunk + CHUNK_NEXT];
  const previous = i32[chunk + CHUNK_PREVIOUS];
  if (previous === 0) i32[map + MAP_FIRST] = next;
  else i32[previous + CHUNK_NEXT] = next;
  if (next === 0) i32[map + MAP_LAST] = previous;
  else i32[next + CHUNK_PREVIOUS] = previous;
}

/** An iterator opens: entries stay where they are until it closes. */
export function openIterator(mem: Memory, map: ObjectRef): void {
  mem.i32[map + MAP_ITERATORS]++;
}

/** An iterator closes; the last one frees the chunks that became empty meanwhile. */
export function closeIterator(mem: Memory, map: ObjectRef): void {
  const { i32 } = mem;
  assert(i32[map + MAP_ITERATORS] > 0, 'map: only open iterators close');
  if (--i32[map + MAP_ITERATORS] !== 0) return;
  let chunk = i32[map + MAP_EMPTY];
  i32[map + MAP_EMPTY] = 0;
  while (chunk !== 0) {
    const next = i32[chunk + CHUNK_EMPTY_LINK];
    freeBlock(mem, chunk as WordIndex);
    chunk = next;
  }
}

/** The first entry of a map; 0 when it is empty. */
export function firstEntry(mem: Memory, map: ObjectRef): number {
  return entryFrom(mem, mem.i32[map + MAP_FIRST], 0);
}

/** The entry behind `entry`, which may have become a hole; 0 when there is none. */
export function nextEntry(mem: Memory, entry: number): number {
  const chunk = blockContaining(mem, entry);
  return entryFrom(mem, chunk, entry + mem.i32[chunk + CHUNK_STEP]);
}

/** The first entry at or behind `entry` in `chunk` or a later one; an `entry` of 0: its first. */
function entryFrom(mem: Memory, chunk: number, entry: number): number {
  const { i32 } = mem;
  let at = entry;
  let within = chunk;
  while (within !== 0) {
    if (at === 0) at = within + CHUNK_ENTRIES;
    const step = i32[within + CHUNK_STEP];
    for (const end = endOf(mem, within); at < end; at += step) {
      if (!isHole(mem, at)) return at;
    }
    within = i32[within + CHUNK_NEXT];
    at = 0;
  }
  return 0;
}
