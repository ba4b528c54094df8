/** Struct objects: allocation by kind. Fields are read and written by the accessors above. */

import { allocateBlock } from '../memory/blocks.ts';
import {
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_BITS,
  KIND_OBJECT_WORDS,
  KIND_RECORD_SHIFT,
  KIND_SIZE_CLASS,
  KIND_VALUES,
  KIND_VALUES_AT,
  type ObjectRef,
  TAG_SIMPLE,
  VALUE_HIGH,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/**
 * A new struct object; the caller owns one count. Scalars are 0, references null, values undefined.
 *
 * @throws HeapExhaustedError
 */
export function createStruct(mem: Memory, kind: number): ObjectRef {
  const { i32, f64 } = mem;
  const record = mem.kindTable + (kind << KIND_RECORD_SHIFT);
  const object = allocateBlock(mem, i32[record + KIND_SIZE_CLASS]);
  // Two words at a time: objects are of an even number of words, from an even address on.
  const end = (object + i32[record + KIND_OBJECT_WORDS]) >>> 1;
  for (let pair = (object + HEADER_WORDS) >>> 1; pair < end; pair++) f64[pair] = 0;
  const values = i32[record + KIND_VALUES];
  if (values !== 0) clearValues(mem, object + i32[record + KIND_VALUES_AT], values);
  i32[object + HEADER_COUNT] = 1;
  i32[object + HEADER_INFO] = i32[record + KIND_BITS];
  return object as number as ObjectRef;
}

/** Makes values undefined: their low words are 0 already. */
function clearValues(mem: Memory, at: number, count: number): void {
  for (let i = 0; i < count; i++) mem.i32[at + i * VALUE_WORDS + VALUE_HIGH] = TAG_SIMPLE;
}
