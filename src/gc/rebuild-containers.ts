/**
 * Rebuilding, containers: vectors and chunks are claimed by their owners, and what a thread has
 * left half done is put right. What nobody claims is freed later on.
 *
 * Entries in chunks are the truth about a map: sizes, links back and tables follow from them. To
 * look at the table of every map would take too long, so only the one is made anew that was being
 * changed last (CONTROL_CHANGED), and any whose nodes are not all there: those of the dying.
 */

import {
  ARRAY_LENGTH,
  ARRAY_ROOT,
  BUCKET_NEXT,
  BUCKET_SHIFT,
  BUCKET_WORDS,
  CHUNK_CAPACITY_AT,
  CHUNK_EMPTY_LINK,
  CHUNK_ENTRIES,
  CHUNK_LIVE,
  CHUNK_NEXT,
  CHUNK_OWNER,
  CHUNK_PREVIOUS,
  CHUNK_STEP,
  CHUNK_USED,
  CONTROL_CHANGED,
  CONTROL_CHANGED_TO,
  ENTRY_KEY,
  ENTRY_VALUE,
  HEADER_INFO,
  KIND_CHUNK,
  KIND_MAP,
  KIND_NODE,
  KIND_SHIFT,
  LEAF_WORDS,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_ROOT,
  MAP_EMPTY,
  MAP_ENTRY_WORDS,
  MAP_FIRST,
  MAP_ITERATORS,
  MAP_LAST,
  MAP_SIZE,
  NODE_LEVEL_AT,
  NODE_OWNER,
  NODE_PAYLOAD,
  NODE_SHIFT_AT,
  NODE_SHIFT_MASK,
  SET_ENTRY_WORDS,
  TAG_HOLE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import { storeHole } from '../object/value.ts';
import { claimBacking, type Ground, isUnclaimed } from './rebuild-ground.ts';

/** The height of a vector stands behind its root. */
const HEIGHT = 1;

const levelOf = ({ mem }: Ground, node: number): number =>
  (mem.i32[node + HEADER_INFO] >>> NODE_LEVEL_AT) & NODE_SHIFT_MASK;

const slotsOf = ({ mem }: Ground, node: number): number =>
  1 << ((mem.i32[node + HEADER_INFO] >>> NODE_SHIFT_AT) & NODE_SHIFT_MASK);

function isNodeOf(ground: Ground, node: number, owner: number): boolean {
  const { i32 } = ground.mem;
  if (!isUnclaimed(ground, node) || i32[node + NODE_OWNER] !== owner) return false;
  return i32[node + HEADER_INFO] >>> KIND_SHIFT === KIND_NODE;
}

/**
 * Claims the nodes of the vector whose root stands at `at`, and writes its height, which follows
 * from the root. Returns how many words it has without a gap.
 */
export function repairVector(ground: Ground, at: number, owner: number): number {
  const { i32 } = ground.mem;
  const root = i32[at];
  if (root === 0 || !isNodeOf(ground, root, owner)) {
    i32[at] = 0;
    i32[at + HEIGHT] = 0;
    return 0;
  }
  const level = levelOf(ground, root);
  i32[at + HEIGHT] = level + 1;
  return claimNode(ground, root, owner, level);
}

/** Claims a node and those below it, at most four levels. Returns the words without a gap. */
function claimNode(ground: Ground, node: number, owner: number, level: number): number {
  claimBacking(ground, node);
  const slots = slotsOf(ground, node);
  if (level === 0) return slots;
  const { i32 } = ground.mem;
  const full = LEAF_WORDS ** level;
  let words = 0;
  for (let i = 0; i < slots; i++) {
    const slot = node + NODE_PAYLOAD + i;
    const child = i32[slot];
    if (child === 0) continue;
    const isChild =
      isNodeOf(ground, child, owner) &&
      levelOf(ground, child) === level - 1 &&
      slotsOf(ground, child) === LEAF_WORDS;
    if (!isChild) {
      i32[slot] = 0;
      continue;
    }
    const below = claimNode(ground, child, owner, level - 1);
    if (words === i * full) words += below;
  }
  return words;
}

/** Calls `visit` with every leaf of a repaired vector, and the index of its first word. */
export function visitLeaves(
  ground: Ground,
  at: number,
  visit: (leaf: number, words: number, index: number) => void,
): void {
  const { i32 } = ground.mem;
  const walk = (node: number, level: number, index: number) => {
    const slots = slotsOf(ground, node);
    if (level === 0) {
      visit(node + NODE_PAYLOAD, slots, index);
      return;
    }
    for (let i = 0; i < slots; i++) {
      const child = i32[node + NODE_PAYLOAD + i];
      if (child !== 0) walk(child, level - 1, index + i * LEAF_WORDS ** level);
    }
  };
  if (i32[at] !== 0) walk(i32[at], i32[at + HEIGHT] - 1, 0);
}

/** Elements stand below the length; it cannot be greater than the room. */
export function repairArrays(ground: Ground): void {
  const { i32 } = ground.mem;
  const { refs, length } = ground.arrays;
  for (let i = 0; i < length; i++) {
    const array = refs[i];
    const most = Math.floor(repairVector(ground, array + ARRAY_ROOT, array) / VALUE_WORDS);
    const elements = i32[array + ARRAY_LENGTH];
    if (elements < 0 || elements > most) i32[array + ARRAY_LENGTH] = Math.max(0, most);
  }
}

/** Claims the backing of maps and sets, and repairs the one that was being changed. */
export function repairMaps(ground: Ground): void {
  const { refs, length } = ground.maps;
  for (let i = 0; i < length; i++) repairMap(ground, refs[i]);
}

function repairMap(ground: Ground, map: number): void {
  const { i32 } = ground.mem;
  const iterators = ground.iterators.get(map) ?? 0;
  i32[map + MAP_ITERATORS] = iterators;
  const areWhole = claimChunks(ground, map);
  const isSound = areWhole && map !== i32[CONTROL_CHANGED];
  if (!isSound) repairEntries(ground, map, iterators !== 0);
  if (iterators === 0)
    i32[map + MAP_EMPTY] = 0; // nobody stands in them
  else claimEmptyChunks(ground, map);
  if (!isSound) {
    i32[map + MAP_BUCKET_COUNT] = 0; // and so nobody claims its nodes
  }
  if (!claimTable(ground, map) || !isSound) ground.retabled.push(map);
}

function isChunkOf(ground: Ground, chunk: number, map: number): boolean {
  const { i32 } = ground.mem;
  if (!isUnclaimed(ground, chunk) || i32[chunk + CHUNK_OWNER] !== map) return false;
  const isMap = i32[map + HEADER_INFO] >>> KIND_SHIFT === KIND_MAP;
  if (i32[chunk + HEADER_INFO] >>> KIND_SHIFT !== KIND_CHUNK) return false;
  return i32[chunk + CHUNK_STEP] === (isMap ? MAP_ENTRY_WORDS : SET_ENTRY_WORDS);
}

/** Claims the list of chunks, and writes the links back. False: its end is lost. */
function claimChunks(ground: Ground, map: number): boolean {
  const { i32 } = ground.mem;
  let previous = 0;
  let link = map + MAP_FIRST;
  let areWhole = true;
  for (let chunk = i32[link]; chunk !== 0; chunk = i32[link]) {
    if (!isChunkOf(ground, chunk, map)) {
      i32[link] = 0;
      areWhole = false;
      break;
    }
    claimBacking(ground, chunk);
    i32[chunk + CHUNK_PREVIOUS] = previous;
    const capacity = (i32[chunk + HEADER_INFO] >>> CHUNK_CAPACITY_AT) & 0xff;
    const used = i32[chunk + CHUNK_USED];
    if (used < 0 || used > capacity) i32[chunk + CHUNK_USED] = 0;
    previous = chunk;
    link = chunk + CHUNK_NEXT;
  }
  i32[map + MAP_LAST] = previous;
  return areWhole;
}

/** Counts entries again. Chunks that have become empty leave the list. */
function repairEntries(ground: Ground, map: number, isIterated: boolean): void {
  const { i32 } = ground.mem;
  let size = 0;
  let next = 0;
  for (let chunk = i32[map + MAP_FIRST]; chunk !== 0; chunk = next) {
    next = i32[chunk + CHUNK_NEXT];
    if (chunk === i32[CONTROL_CHANGED_TO] && next !== 0) dropMoved(ground, chunk, next);
    const live = countEntries(ground, chunk);
    i32[chunk + CHUNK_LIVE] = live;
    size += live;
    if (live === 0 && next !== 0 && !ground.canUndo) dropChunk(ground, map, chunk, isIterated);
  }
  i32[map + MAP_SIZE] = size;
}

/** Live entries of a chunk. An entry without its key is none: its value goes, too. */
function countEntries({ mem }: Ground, chunk: number): number {
  const { i32 } = mem;
  const step = i32[chunk + CHUNK_STEP];
  const end = chunk + CHUNK_ENTRIES + i32[chunk + CHUNK_USED] * step;
  let live = 0;
  for (let entry = chunk + CHUNK_ENTRIES; entry < end; entry += step) {
    if (i32[entry + ENTRY_KEY + VALUE_HIGH] !== TAG_HOLE) live++;
    else if (step === MAP_ENTRY_WORDS) storeHole(mem, entry + ENTRY_VALUE);
  }
  return live;
}

/** Two chunks may have been in the middle of a merge: of an entry that stands twice, one goes. */
function dropMoved({ mem }: Ground, chunk: number, next: number): void {
  const { i32 } = mem;
  const keys = new Set<string>();
  for (const source of [chunk, next]) {
    const step = i32[source + CHUNK_STEP];
    const end = source + CHUNK_ENTRIES + i32[source + CHUNK_USED] * step;
    for (let entry = source + CHUNK_ENTRIES; entry < end; entry += step) {
      const high = i32[entry + ENTRY_KEY + VALUE_HIGH];
      if (high === TAG_HOLE) continue;
      const key = `${high},${i32[entry + ENTRY_KEY + VALUE_LOW]}`;
      if (!keys.has(key)) {
        keys.add(key);
        continue;
      }
      storeHole(mem, entry + ENTRY_KEY);
      if (step === MAP_ENTRY_WORDS) storeHole(mem, entry + ENTRY_VALUE);
    }
  }
}

/** An empty chunk leaves the list. While iterators are open it waits in the other. */
function dropChunk(ground: Ground, map: number, chunk: number, isIterated: boolean): void {
  const { i32 } = ground.mem;
  let waiting = isIterated ? i32[map + MAP_EMPTY] : chunk;
  while (waiting !== 0 && waiting !== chunk) waiting = i32[waiting + CHUNK_EMPTY_LINK];
  if (waiting === 0) {
    i32[chunk + CHUNK_EMPTY_LINK] = i32[map + MAP_EMPTY];
    i32[map + MAP_EMPTY] = chunk;
  }
  const previous = i32[chunk + CHUNK_PREVIOUS];
  const next = i32[chunk + CHUNK_NEXT];
  i32[previous === 0 ? map + MAP_FIRST : previous + CHUNK_NEXT] = next;
  i32[next + CHUNK_PREVIOUS] = previous;
  ground.backing[chunk >>> 6] |= 1 << ((chunk >>> 1) & 31);
}

function claimEmptyChunks(ground: Ground, map: number): void {
  const { i32 } = ground.mem;
  let link = map + MAP_EMPTY;
  for (let chunk = i32[link]; chunk !== 0; chunk = i32[link]) {
    if (!isChunkOf(ground, chunk, map)) {
      i32[link] = 0;
      return;
    }
    claimBacking(ground, chunk);
    link = chunk + CHUNK_EMPTY_LINK;
  }
}

/** Claims the table of a map. False: not all of it was there, and what is left must be freed. */
function claimTable(ground: Ground, map: number): boolean {
  const { i32 } = ground.mem;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  if (buckets === 0) {
    i32[map + MAP_BUCKETS_ROOT] = 0;
    return true;
  }
  const words = repairVector(ground, map + MAP_BUCKETS_ROOT, map);
  let isWhole = words >= buckets << BUCKET_SHIFT;
  if (!isWhole) i32[map + MAP_BUCKET_COUNT] = words >> BUCKET_SHIFT;
  visitLeaves(ground, map + MAP_BUCKETS_ROOT, (leaf, length) => {
    for (let bucket = leaf; bucket < leaf + length; bucket += BUCKET_WORDS) {
      if (!claimFurther(ground, map, bucket)) isWhole = false;
    }
  });
  return isWhole;
}

/** Claims the buckets behind one. False: one was not there, and those behind it are lost. */
function claimFurther(ground: Ground, map: number, bucket: number): boolean {
  const { i32 } = ground.mem;
  let link = bucket + BUCKET_NEXT;
  for (let further = i32[link]; further !== 0; further = i32[link]) {
    const node = further - NODE_PAYLOAD;
    if (!isNodeOf(ground, node, map)) {
      i32[link] = 0;
      return false;
    }
    claimBacking(ground, node);
    link = further + BUCKET_NEXT;
  }
  return true;
}
