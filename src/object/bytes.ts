/**
 * Bytes: raw memory of fixed size, for typed arrays and whatever else programs make of it. It holds
 * no references, so the collector never sees it. Its content is the program's to order: plain
 * accesses in sections, or `Atomics` outside.
 */

import { allocateWords } from '../memory/blocks.ts';
import {
  BYTES_DATA,
  BYTES_LENGTH,
  BYTES_TYPE_AT,
  HEADER_INFO,
  KIND_BYTES,
  KIND_SHIFT,
  type ObjectRef,
  WORD_BYTES,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { publish } from './header.ts';

/**
 * Zeroed bytes; the caller owns one count. `type` is kept for whoever asks.
 *
 * @throws HeapExhaustedError
 */
export function createBytes(mem: Memory, byteLength: number, type: number): ObjectRef {
  const words = Math.ceil(byteLength / WORD_BYTES);
  const bytes = allocateWords(mem, BYTES_DATA + words);
  mem.i32.fill(0, bytes + BYTES_DATA, bytes + BYTES_DATA + words);
  mem.f64[(bytes + BYTES_LENGTH) >>> 1] = byteLength;
  return publish(mem, bytes, (KIND_BYTES << KIND_SHIFT) | (type << BYTES_TYPE_AT));
}

/** Their number. */
export const byteLengthOf = (mem: Memory, bytes: ObjectRef): number =>
  mem.f64[(bytes + BYTES_LENGTH) >>> 1];

/** What was given as type when they were made. */
export const bytesTypeOf = (mem: Memory, bytes: ObjectRef): number =>
  (mem.i32[bytes + HEADER_INFO] >>> BYTES_TYPE_AT) & 0xf;

/** Where they begin in the heap's buffer, in bytes; a multiple of 8. */
export const byteOffsetOf = (bytes: ObjectRef): number => (bytes + BYTES_DATA) * WORD_BYTES;
