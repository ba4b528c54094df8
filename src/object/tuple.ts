/**
 * Tuples: values in a row behind the header, never changed.
 *
 * A tuple that holds no container can never be part of a cycle, so it is none itself: it is not
 * counted among the allocations of containers, and the collector never sees it. A tuple of such
 * tuples neither. Any other is tracked from birth on. Since nothing is ever stored into it, that
 * never changes (semantics D2; CPython finds out in its first collection).
 */

import { allocateWords } from '../memory/blocks.ts';
import {
  GC_CONTAINER,
  HEADER_INFO,
  KIND_SHIFT,
  KIND_TUPLE,
  type ObjectRef,
  TAG_REFERENCE,
  TUPLE_LENGTH,
  TUPLE_VALUES,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { MAX_CLASS_WORDS } from '../memory/size-classes.ts';
import { publish } from './header.ts';
import { countAllocation, trackIfNeeded } from './tracking.ts';

/** Most values of a tuple: large objects cannot be containers, scanners leave them out. */
export const TUPLE_LENGTH_MAX = (MAX_CLASS_WORDS - TUPLE_VALUES) / VALUE_WORDS;

/**
 * A tuple of the values in `words`, two words each, which it then owns; the caller owns one count.
 *
 * @throws HeapExhaustedError: then the values are still the caller's.
 */
export function createTuple(mem: Memory, words: Int32Array): ObjectRef {
  const { i32 } = mem;
  const tuple = allocateWords(mem, TUPLE_VALUES + words.length);
  i32[tuple + TUPLE_LENGTH] = words.length / VALUE_WORDS;
  i32.set(words, tuple + TUPLE_VALUES);
  const container = findContainer(mem, words);
  if (container === 0) return publish(mem, tuple, KIND_TUPLE << KIND_SHIFT);
  countAllocation(mem);
  publish(mem, tuple, (KIND_TUPLE << KIND_SHIFT) | GC_CONTAINER);
  trackIfNeeded(mem, tuple, container);
  return tuple as number as ObjectRef;
}

/** The first container among values; 0 when there is none. */
function findContainer({ i32 }: Memory, words: Int32Array): number {
  for (let at = 0; at < words.length; at += VALUE_WORDS) {
    const low = words[at + VALUE_LOW];
    if (words[at + VALUE_HIGH] !== TAG_REFERENCE) continue;
    if ((i32[low + HEADER_INFO] & GC_CONTAINER) !== 0) return low;
  }
  return 0;
}

/** Values of a tuple. */
export const tupleLength = (mem: Memory, tuple: ObjectRef): number => mem.i32[tuple + TUPLE_LENGTH];

/** The address of value `index`, which exists. */
export const tupleValueAt = (tuple: ObjectRef, index: number): WordIndex =>
  (tuple + TUPLE_VALUES + index * VALUE_WORDS) as WordIndex;
