/** Struct objects: allocation by kind. Fields are read and written by the accessors above. */

import { allocateBlock } from '../memory/blocks.ts';
import {
  GC_CONTAINER,
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
import { countAllocation } from './tracking.ts';

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
  if (i32[record + KIND_VALUES] !== 0) clearValues(mem, object, record);
  i32[object + HEADER_COUNT] = 1;
  const info = i32[record + KIND_BITS];
  if ((info & GC_CONTAINER) !== 0) countAllocation(mem);
  i32[object + HEADER_INFO] = info;
  return object as number as ObjectRef;
}

/** Makes values undefined: their low words are 0 already. */
function clearValues(mem: Memory, object: number, record: number): void {
  const { i32 } = mem;
  const at = object + i32[record + KIND_VALUES_AT];
  const count = i32[record + KIND_VALUES];
  for (let i = 0; i < count; i++) i32[at + i * VALUE_WORDS + VALUE_HIGH] = TAG_SIMPLE;
}
