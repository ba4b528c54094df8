/**
 * Vectors: words addressed by index, the backing of arrays, bucket tables and root tables.
 *
 * A radix tree of nodes (see `memory/layout.ts`). Growing adds nodes; it copies only while the
 * whole vector is a single small node, so no operation ever moves more than LEAF_WORDS words.
 * The tree is described by two words, root and height, wherever its owner keeps them (`at`). Each
 * node says how many levels are below it, so that the height follows from the root: see rebuild.
 *
 * Nodes are backing blocks: not objects, reached through their owner only. New nodes are zero.
 */

import { assert } from '../base/assert.ts';
import { allocateWords, freeBlock } from '../memory/blocks.ts';
import {
  HEADER_INFO,
  KIND_NODE,
  KIND_SHIFT,
  LEAF_MASK,
  LEAF_SHIFT,
  LEAF_WORDS,
  NODE_LEVEL_AT,
  NODE_OWNER,
  NODE_PAYLOAD,
  NODE_SHIFT_AT,
  NODE_SHIFT_MASK,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** Offset of the height behind the root in the owner's two words. */
const HEIGHT = 1;
const SMALLEST_SHIFT = 3;
const HEIGHT_MAX = 4;
/** Words below one slot of a root, by its height: a power would be computed at every use. */
const BELOW = Array.from(
  { length: HEIGHT_MAX + 1 },
  (_, height) => 2 ** ((height - 1) * LEAF_SHIFT),
);

/** The address of word `index` of a vector; it must have been ensured. */
export function wordAt(mem: Memory, at: number, index: number): WordIndex {
  const { i32 } = mem;
  let node = i32[at];
  for (let shift = (i32[at + HEIGHT] - 1) * LEAF_SHIFT; shift > 0; shift -= LEAF_SHIFT) {
    node = i32[node + NODE_PAYLOAD + ((index >>> shift) & LEAF_MASK)];
  }
  return (node + NODE_PAYLOAD + (index & LEAF_MASK)) as WordIndex;
}

/** Slots of a node. */
export function nodeSlots(mem: Memory, node: number): number {
  return 1 << ((mem.i32[node + HEADER_INFO] >>> NODE_SHIFT_AT) & NODE_SHIFT_MASK);
}

/**
 * Makes word `index` exist, as 0. On failure the vector holds what it held, perhaps with more room.
 *
 * @throws HeapExhaustedError
 */
export function ensureWord(mem: Memory, at: number, index: number, owner: number): void {
  ensureWordWith(mem, at, index, owner, createNode);
}

/** As `ensureWord`, where the word may be anything. @throws HeapExhaustedError */
export function ensureAnyWord(mem: Memory, at: number, index: number, owner: number): void {
  ensureWordWith(mem, at, index, owner, createAnyLeaf);
}

function ensureWordWith(
  mem: Memory,
  at: number,
  index: number,
  owner: number,
  createLeaf: typeof createNode,
): void {
  const { i32 } = mem;
  if (i32[at] === 0) {
    i32[at] = createLeaf(mem, shiftFor(Math.min(index, LEAF_MASK) + 1), owner, 0);
    i32[at + HEIGHT] = 1;
  }
  while (index >= reachOf(mem, at)) growRoot(mem, at, index, owner);
  let node = i32[at];
  for (let height = i32[at + HEIGHT]; height > 1; height--) {
    const slot = node + NODE_PAYLOAD + ((index >>> ((height - 1) * LEAF_SHIFT)) & LEAF_MASK);
    if (i32[slot] === 0) {
      const create = height === 2 ? createLeaf : createNode;
      i32[slot] = create(mem, LEAF_SHIFT, owner, height - 2);
    }
    node = i32[slot];
  }
}

/** Words that the tree can address without growing its root. */
function reachOf(mem: Memory, at: number): number {
  return nodeSlots(mem, mem.i32[at]) * BELOW[mem.i32[at + HEIGHT]];
}

function growRoot(mem: Memory, at: number, index: number, owner: number): void {
  const { i32 } = mem;
  const root = i32[at] as WordIndex;
  const height = i32[at + HEIGHT];
  const slots = nodeSlots(mem, root);
  if (slots === LEAF_WORDS) {
    assert(height < HEIGHT_MAX, 'vector: fits four levels');
    const parent = createNode(mem, SMALLEST_SHIFT, owner, height);
    i32[parent + NODE_PAYLOAD] = root;
    i32[at] = parent;
    i32[at + HEIGHT] = height + 1;
    return;
  }
  const wanted = Math.floor(index / 2 ** ((height - 1) * LEAF_SHIFT)) + 1;
  const shift = shiftFor(Math.max(slots * 2, Math.min(wanted, LEAF_WORDS)));
  const larger = createNode(mem, shift, owner, height - 1);
  i32.copyWithin(larger + NODE_PAYLOAD, root + NODE_PAYLOAD, root + NODE_PAYLOAD + slots);
  i32[at] = larger;
  freeBlock(mem, root);
}

function shiftFor(slots: number): number {
  return Math.max(SMALLEST_SHIFT, 32 - Math.clz32(slots - 1));
}

/**
 * A node of `1 << shift` zeros with `level` levels below it, for whoever links it.
 *
 * @throws HeapExhaustedError
 */
export function createNode(mem: Memory, shift: number, owner: number, level: number): WordIndex {
  const node = allocateWords(mem, NODE_PAYLOAD + (1 << shift));
  mem.i32.fill(0, node + NODE_PAYLOAD, node + NODE_PAYLOAD + (1 << shift));
  return beginNode(mem, node, shift, owner, level);
}

/** As `createNode`, of any words. @throws HeapExhaustedError */
function createAnyLeaf(mem: Memory, shift: number, owner: number): WordIndex {
  const node = allocateWords(mem, NODE_PAYLOAD + (1 << shift));
  return beginNode(mem, node, shift, owner, 0);
}

function beginNode(
  mem: Memory,
  node: WordIndex,
  shift: number,
  owner: number,
  level: number,
): WordIndex {
  const { i32 } = mem;
  i32[node + NODE_OWNER] = owner;
  i32[node + HEADER_INFO] =
    (KIND_NODE << KIND_SHIFT) | (level << NODE_LEVEL_AT) | (shift << NODE_SHIFT_AT);
  return node;
}

/** Frees the leaf that holds word `index`, unless it is the only node. Its words are unused. */
export function freeLeaf(mem: Memory, at: number, index: number): void {
  const { i32 } = mem;
  let height = i32[at + HEIGHT];
  if (height <= 1 || index >= reachOf(mem, at)) return;
  let node = i32[at];
  for (; ; height--) {
    const slot = node + NODE_PAYLOAD + ((index >>> ((height - 1) * LEAF_SHIFT)) & LEAF_MASK);
    node = i32[slot];
    if (node === 0) return;
    if (height > 2) continue;
    i32[slot] = 0;
    freeBlock(mem, node as WordIndex);
    return;
  }
}

/** Frees all nodes of a vector. The owner has forgotten the root by now. */
export function freeVector(mem: Memory, root: number, height: number): void {
  if (root === 0) return;
  if (height > 1) {
    const slots = nodeSlots(mem, root);
    // Depth is at most four: this is no recursion over the object graph.
    for (let i = 0; i < slots; i++) freeVector(mem, mem.i32[root + NODE_PAYLOAD + i], height - 1);
  }
  freeBlock(mem, root as WordIndex);
}
