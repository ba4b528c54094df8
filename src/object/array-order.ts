/**
 * Elements put into another order, or copied within their array: lengths stay what they are.
 *
 * A permutation touches no counts. A thread that is killed in the middle of it may leave an element
 * twice, and never loses one: what is about to be overwritten stands in a spare place behind the
 * last element first. So room for one element more is the only thing these can ask for.
 */

import {
  ARRAY_LENGTH,
  type ObjectRef,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { arrayLength, elementAt, replaceElement, reserveElement } from './array.ts';
import { dropValue } from './dealloc.ts';
import { incref } from './refcount.ts';
import { slot } from './value.ts';

function copyValue(mem: Memory, from: number, to: number): void {
  mem.i32[to + VALUE_LOW] = mem.i32[from + VALUE_LOW];
  mem.i32[to + VALUE_HIGH] = mem.i32[from + VALUE_HIGH];
}

/**
 * Puts the element `order[i]` at place i, for all of them; `order` is a permutation, and is used
 * up. Moves every element at most once, and one of each cycle twice. @throws HeapExhaustedError
 */
export function permuteElements(mem: Memory, array: ObjectRef, order: Uint32Array): void {
  const length = arrayLength(mem, array);
  reserveElement(mem, array);
  if (mem.undo !== null) mem.undo.saveElements(array, 0);
  const spare = elementAt(mem, array, length);
  for (let start = 0; start < length; start++) {
    if (order[start] === start) continue;
    let to = elementAt(mem, array, start);
    copyValue(mem, to, spare);
    mem.i32[array + ARRAY_LENGTH] = length + 1;
    let place = start;
    for (let next = order[place]; next !== start; next = order[place]) {
      const from = elementAt(mem, array, next);
      copyValue(mem, from, to);
      order[place] = place;
      to = from;
      place = next;
    }
    copyValue(mem, spare, to);
    order[place] = place;
    mem.i32[array + ARRAY_LENGTH] = length;
  }
}

/** Reverses the order. Moves every element once, half of them twice. @throws HeapExhaustedError */
export function reverseElements(mem: Memory, array: ObjectRef): void {
  const length = arrayLength(mem, array);
  if (length < 2) return;
  reserveElement(mem, array);
  if (mem.undo !== null) mem.undo.saveElements(array, 0);
  const spare = elementAt(mem, array, length);
  for (let low = 0, high = length - 1; low < high; low++, high--) {
    const a = elementAt(mem, array, low);
    const b = elementAt(mem, array, high);
    copyValue(mem, a, spare);
    mem.i32[array + ARRAY_LENGTH] = length + 1;
    copyValue(mem, b, a);
    copyValue(mem, spare, b);
    mem.i32[array + ARRAY_LENGTH] = length;
  }
}

/** Sets the elements from `from` up to `to` to the value in `slot`, whose one count is used up. */
export function fillElements(mem: Memory, array: ObjectRef, from: number, to: number): void {
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  for (let index = from; index < to; index++) {
    if (high === TAG_REFERENCE) incref(mem, low);
    slot[VALUE_LOW] = low;
    slot[VALUE_HIGH] = high;
    replaceElement(mem, array, index);
  }
  dropValue(mem, low, high);
}

/** Copies `count` elements from `from` on to the places from `to` on, which may overlap. */
export function copyElements(
  mem: Memory,
  array: ObjectRef,
  from: number,
  to: number,
  count: number,
): void {
  const { i32 } = mem;
  if (mem.undo !== null) mem.undo.saveElements(array, to);
  // All are read and counted before the first is overwritten: that drops what stood there.
  const words = new Int32Array(count * VALUE_WORDS);
  for (let i = 0; i < count; i++) {
    const at = elementAt(mem, array, from + i);
    const word = i * VALUE_WORDS;
    words[word + VALUE_LOW] = i32[at + VALUE_LOW];
    words[word + VALUE_HIGH] = i32[at + VALUE_HIGH];
    if (words[word + VALUE_HIGH] === TAG_REFERENCE) incref(mem, words[word + VALUE_LOW]);
  }
  for (let i = 0; i < count; i++) {
    const word = i * VALUE_WORDS;
    slot[VALUE_LOW] = words[word + VALUE_LOW];
    slot[VALUE_HIGH] = words[word + VALUE_HIGH];
    replaceElement(mem, array, to + i);
  }
}
