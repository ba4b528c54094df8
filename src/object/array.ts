/**
 * Arrays: values in a vector. Two words of the vector are one element.
 *
 * The length is written last when an array grows and first when it shrinks, so at every store the
 * elements below it are whole.
 */

import { allocateWords } from '../memory/blocks.ts';
import {
  ARRAY_HEIGHT,
  ARRAY_LENGTH,
  ARRAY_ROOT,
  ARRAY_WORDS,
  GC_CONTAINER,
  KIND_ARRAY,
  KIND_SHIFT,
  LEAF_WORDS,
  type ObjectRef,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { decref, dropValue, dropValueAt } from './dealloc.ts';
import { publish } from './header.ts';
import { countAllocation, storeTracked } from './tracking.ts';
import { encodeSimple, storeAbsent } from './value.ts';
import { ensureWord, freeLeaf, nodeSlots, wordAt } from './vector.ts';

/** Elements of a full leaf. */
const LEAF_ELEMENTS = LEAF_WORDS / VALUE_WORDS;
/** Most elements an array can have: four levels of nodes, word indices below 2^31. */
export const ARRAY_LENGTH_MAX = 2 ** 30 - 1;

/** A new empty array; the caller owns one count. @throws HeapExhaustedError */
export function createArray(mem: Memory): ObjectRef {
  const array = allocateWords(mem, ARRAY_WORDS);
  mem.i32[array + ARRAY_LENGTH] = 0;
  mem.i32[array + ARRAY_ROOT] = 0;
  mem.i32[array + ARRAY_HEIGHT] = 0;
  countAllocation(mem);
  return publish(mem, array, (KIND_ARRAY << KIND_SHIFT) | GC_CONTAINER);
}

/** Elements of an array. */
export function arrayLength(mem: Memory, array: ObjectRef): number {
  return mem.i32[array + ARRAY_LENGTH];
}

/** The address of element `index`, which exists. */
export function elementAt(mem: Memory, array: ObjectRef, index: number): WordIndex {
  return wordAt(mem, array + ARRAY_ROOT, index * VALUE_WORDS);
}

/** Makes room for one element more. @throws HeapExhaustedError, RangeError */
export function reserveElement(mem: Memory, array: ObjectRef): void {
  const { i32 } = mem;
  const length = i32[array + ARRAY_LENGTH];
  const hasRoom =
    i32[array + ARRAY_HEIGHT] === 1
      ? (length + 1) * VALUE_WORDS <= nodeSlots(mem, i32[array + ARRAY_ROOT])
      : length % LEAF_ELEMENTS !== 0; // then the last element stands in the same leaf
  if (!hasRoom) reserveElements(mem, array, length + 1);
}

/** Makes room for `length` elements. @throws HeapExhaustedError, RangeError */
export function reserveElements(mem: Memory, array: ObjectRef, length: number): void {
  if (length > ARRAY_LENGTH_MAX) {
    throw new RangeError(`an array holds at most ${ARRAY_LENGTH_MAX} elements, not ${length}`);
  }
  const from = arrayLength(mem, array);
  if (length <= from) return;
  try {
    for (let index = from; index < length; index = nextLeaf(index)) {
      ensureWord(mem, array + ARRAY_ROOT, index * VALUE_WORDS, array);
    }
    ensureWord(mem, array + ARRAY_ROOT, length * VALUE_WORDS - 1, array);
  } catch (error) {
    freeLeavesBetween(mem, array, from, length);
    throw error;
  }
}

const nextLeaf = (index: number) => (Math.floor(index / LEAF_ELEMENTS) + 1) * LEAF_ELEMENTS;

/** Frees the leaves that hold no element below `from` and one below `to`. */
function freeLeavesBetween(mem: Memory, array: ObjectRef, from: number, to: number): void {
  const first = Math.ceil(from / LEAF_ELEMENTS) * LEAF_ELEMENTS;
  if (mem.undo !== null) return; // it may need them
  for (let index = first; index < to; index += LEAF_ELEMENTS) {
    freeLeaf(mem, array + ARRAY_ROOT, index * VALUE_WORDS);
  }
}

/** Appends the value in `slot`, which the array then owns. Room is reserved by now. */
export function appendElement(mem: Memory, array: ObjectRef): void {
  const length = arrayLength(mem, array);
  if (mem.undo !== null) mem.undo.saveElements(array, length);
  storeTracked(mem, array, elementAt(mem, array, length));
  mem.i32[array + ARRAY_LENGTH] = length + 1;
}

/** Replaces an element by the value in `slot`; what stood there is dropped afterwards. */
export function replaceElement(mem: Memory, array: ObjectRef, index: number): void {
  const at = elementAt(mem, array, index);
  if (mem.undo?.takeElement(array, index, at)) {
    storeTracked(mem, array, at);
    return;
  }
  const low = mem.i32[at + VALUE_LOW];
  const high = mem.i32[at + VALUE_HIGH];
  storeTracked(mem, array, at);
  dropValue(mem, low, high);
}

/** Removes the last element and frees a leaf that it leaves empty. The caller owns the value. */
export function removeLast(mem: Memory, array: ObjectRef): void {
  const length = arrayLength(mem, array) - 1;
  if (mem.undo !== null) mem.undo.saveElements(array, length);
  mem.i32[array + ARRAY_LENGTH] = length;
  // One leaf beyond the end is kept, so that push and pop at an edge do not thrash.
  if (length % LEAF_ELEMENTS === 0 && mem.undo === null) {
    freeLeaf(mem, array + ARRAY_ROOT, (length + LEAF_ELEMENTS) * VALUE_WORDS);
  }
}

/** Sets the length: cuts elements off, or appends undefined. @throws HeapExhaustedError */
export function resizeArray(mem: Memory, array: ObjectRef, length: number): void {
  reserveElements(mem, array, length);
  if (mem.undo !== null) mem.undo.saveElements(array, Math.min(length, arrayLength(mem, array)));
  encodeSimple(undefined);
  while (arrayLength(mem, array) < length) appendElement(mem, array);
  while (arrayLength(mem, array) > length) {
    const last = elementAt(mem, array, arrayLength(mem, array) - 1);
    const high = mem.i32[last + VALUE_HIGH];
    const low = mem.i32[last + VALUE_LOW];
    removeLast(mem, array);
    if (high === TAG_REFERENCE) decref(mem, low);
  }
}

/**
 * Moves the elements from `from` on by `distance` places up (or down, when negative) and adjusts
 * the length. Going up, the gap keeps copies of what stood there, or absent elements, for the
 * caller to overwrite without dropping; going down, the elements moved over are dropped here, at
 * the end.
 */
export function moveElements(mem: Memory, array: ObjectRef, from: number, distance: number): void {
  const { i32 } = mem;
  if (mem.undo !== null) mem.undo.saveElements(array, Math.min(from, from + distance));
  const length = arrayLength(mem, array);
  const copy = (source: number, target: number) => {
    const a = elementAt(mem, array, source);
    const b = elementAt(mem, array, target);
    i32[b + VALUE_LOW] = i32[a + VALUE_LOW];
    i32[b + VALUE_HIGH] = i32[a + VALUE_HIGH];
  };
  if (distance > 0) {
    // Places behind the last element become elements by the store of the length. It comes before
    // any element is overwritten that has no copy among them: so none is ever lost from sight.
    for (let index = length + distance - 1; index >= length; index--) {
      if (index - distance >= from) copy(index - distance, index);
      else storeAbsent(mem, elementAt(mem, array, index));
    }
    i32[array + ARRAY_LENGTH] = length + distance;
    for (let index = length - 1; index >= from + distance; index--) copy(index - distance, index);
    return;
  }
  const dropped: number[] = [];
  for (let index = from + distance; index < from; index++) {
    const at = elementAt(mem, array, index);
    if (i32[at + VALUE_HIGH] === TAG_REFERENCE) dropped.push(i32[at + VALUE_LOW]);
  }
  for (let index = from; index < length; index++) copy(index, index + distance);
  for (let i = distance; i < 0; i++) removeLast(mem, array);
  for (const object of dropped) decref(mem, object);
}

/** Drops the value of element `index`, whose slot is about to be overwritten. */
export function dropElement(mem: Memory, array: ObjectRef, index: number): void {
  dropValueAt(mem, elementAt(mem, array, index));
}
