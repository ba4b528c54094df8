/**
 * The values of a queue: a ring in an array that grows up to the capacity, so that references in it
 * are ordinary references. A program can get hold of the array (`gc.getObjects()`) and change it:
 * nothing here relies on its length.
 *
 * Beginning and end run up to twice the capacity, so that one store takes a value in or out, and a
 * full ring and an empty one are told apart. An empty ring begins again at 0: one that is emptied
 * now and then takes the memory of the most values that it has held, not of its capacity.
 */

import { type ObjectRef, VALUE_HIGH, VALUE_LOW, type WordIndex } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import {
  appendElement,
  arrayLength,
  createArray,
  elementAt,
  replaceElement,
  reserveElement,
  resizeArray,
} from './array.ts';
import { QUEUE_BEGIN, QUEUE_CAPACITY, QUEUE_END, QUEUE_RING, queueSize } from './coordination.ts';
import { decref, dropValue } from './dealloc.ts';
import { createStruct } from './struct.ts';
import { encodeSimple, slot } from './value.ts';

/** A new queue; the caller owns one count. @throws HeapExhaustedError */
export function createQueue(mem: Memory, kind: number, capacity: number): ObjectRef {
  const ring = createArray(mem);
  try {
    const queue = createStruct(mem, kind);
    mem.i32[queue + QUEUE_CAPACITY] = capacity;
    mem.i32[queue + QUEUE_RING] = ring;
    return queue;
  } catch (error) {
    decref(mem, ring);
    throw error;
  }
}

/** Whether there is no room for a value. */
export const isFull = (mem: Memory, queue: ObjectRef): boolean =>
  queueSize(mem, queue) >= mem.i32[queue + QUEUE_CAPACITY];

const ringOf = (mem: Memory, queue: ObjectRef) => mem.i32[queue + QUEUE_RING] as ObjectRef;

/** The element in which a value stands. */
function elementOf(mem: Memory, queue: ObjectRef, position: number): number {
  const capacity = mem.i32[queue + QUEUE_CAPACITY];
  return position < capacity ? position : position - capacity;
}

function nextPosition(mem: Memory, queue: ObjectRef, position: number): number {
  return position + 1 === 2 * mem.i32[queue + QUEUE_CAPACITY] ? 0 : position + 1;
}

/**
 * Appends the value in `slot`, which the queue then owns; it is not full.
 *
 * @throws HeapExhaustedError: then the value is dropped, and nothing has changed
 */
export function pushValue(mem: Memory, queue: ObjectRef): void {
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  const ring = ringOf(mem, queue);
  const end = mem.i32[queue + QUEUE_END];
  const index = elementOf(mem, queue, end);
  try {
    if (index >= arrayLength(mem, ring)) {
      if (index > arrayLength(mem, ring)) resizeArray(mem, ring, index); // somebody has cut it
      reserveElement(mem, ring);
    }
  } catch (error) {
    dropValue(mem, low, high);
    throw error;
  }
  slot[VALUE_LOW] = low;
  slot[VALUE_HIGH] = high;
  if (index === arrayLength(mem, ring)) appendElement(mem, ring);
  else replaceElement(mem, ring, index);
  mem.i32[queue + QUEUE_END] = nextPosition(mem, queue, end);
}

/** The address of value `place`, counted from the first; 0 when somebody has cut the ring. */
export function valueAt(mem: Memory, queue: ObjectRef, place: number): WordIndex | 0 {
  const capacity = mem.i32[queue + QUEUE_CAPACITY];
  const position = mem.i32[queue + QUEUE_BEGIN] + place;
  const index = elementOf(mem, queue, position < 2 * capacity ? position : position - 2 * capacity);
  const ring = ringOf(mem, queue);
  return index < arrayLength(mem, ring) ? elementAt(mem, ring, index) : 0;
}

/** Removes the first value and drops it; whoever wants it has counted it by now. */
export function shiftValue(mem: Memory, queue: ObjectRef): void {
  const { i32, f64 } = mem;
  const index = elementOf(mem, queue, i32[queue + QUEUE_BEGIN]);
  const isThere = index < arrayLength(mem, ringOf(mem, queue));
  if (queueSize(mem, queue) === 1)
    f64[(queue + QUEUE_BEGIN) >>> 1] = 0; // begin and end
  else i32[queue + QUEUE_BEGIN] = nextPosition(mem, queue, i32[queue + QUEUE_BEGIN]);
  if (!isThere) return;
  encodeSimple(undefined);
  replaceElement(mem, ringOf(mem, queue), index);
}
