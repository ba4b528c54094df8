/**
 * Values: what untyped slots hold, in two words (see `memory/layout.ts`).
 *
 * A value in transit stands in `slot`, two private words: encoding leaves it there, storing takes
 * it from there. A reference in `slot` is owned by whoever encoded it, until it is stored.
 */

import { allocateWords } from '../memory/blocks.ts';
import {
  BIGINT_HIGH,
  BIGINT_UNSIGNED,
  BIGINT_VALUE,
  BIGINT_WORDS,
  DATE_TIME,
  DATE_WORDS,
  HEADER_INFO,
  KIND_BIGINT,
  KIND_DATE,
  KIND_SHIFT,
  KIND_STRING,
  NAN_HIGH,
  type ObjectRef,
  SIMPLE_ABSENT,
  SIMPLE_FALSE,
  SIMPLE_NULL,
  SIMPLE_TRUE,
  SIMPLE_UNDEFINED,
  STRING_HASH,
  TAG_HOLE,
  TAG_INT32,
  TAG_MIN,
  TAG_REFERENCE,
  TAG_SIMPLE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { kindOf, publish } from './header.ts';
import { mix } from './linear-hash.ts';
import { equalStrings } from './string.ts';

/** The value in transit: low word, high word. */
export const slot = new Int32Array(2);
const slotF64 = new Float64Array(slot.buffer);

/** Encodes any number: exactly, -0 and NaN included. */
export function encodeNumber(value: number): void {
  if ((value | 0) === value && (value !== 0 || Object.is(value, 0))) {
    slot[VALUE_LOW] = value;
    slot[VALUE_HIGH] = TAG_INT32;
  } else if (Number.isNaN(value)) {
    slot[VALUE_LOW] = 0;
    slot[VALUE_HIGH] = NAN_HIGH;
  } else {
    slotF64[0] = value;
  }
}

/** Encodes true, false, null or undefined. */
export function encodeSimple(value: boolean | null | undefined): void {
  slot[VALUE_HIGH] = TAG_SIMPLE;
  if (value === undefined) slot[VALUE_LOW] = SIMPLE_UNDEFINED;
  else if (value === null) slot[VALUE_LOW] = SIMPLE_NULL;
  else slot[VALUE_LOW] = value ? SIMPLE_TRUE : SIMPLE_FALSE;
}

/** Encodes an element that an array does not have. */
export function encodeAbsent(): void {
  slot[VALUE_LOW] = SIMPLE_ABSENT;
  slot[VALUE_HIGH] = TAG_SIMPLE;
}

/** Encodes a reference. */
export function encodeReference(object: ObjectRef): void {
  slot[VALUE_LOW] = object;
  slot[VALUE_HIGH] = TAG_REFERENCE;
}

/** The JavaScript value of TAG_SIMPLE's low word. */
export function simpleOf(low: number): boolean | null | undefined {
  if (low === SIMPLE_UNDEFINED || low === SIMPLE_ABSENT) return undefined;
  if (low === SIMPLE_NULL) return null;
  return low === SIMPLE_TRUE;
}

/** Whether a high word is that of a float64. */
export const isDouble = (high: number): boolean => high >= 0 || high < TAG_MIN;

/** Stores `slot` at `at`: the low word first, since the high word says what it is. */
export function storeSlot(mem: Memory, at: number): void {
  mem.i32[at + VALUE_LOW] = slot[VALUE_LOW];
  mem.i32[at + VALUE_HIGH] = slot[VALUE_HIGH];
}

/** Marks `at` as holding no value. */
export function storeHole(mem: Memory, at: number): void {
  mem.i32[at + VALUE_HIGH] = TAG_HOLE;
  mem.i32[at + VALUE_LOW] = 0;
}

/** Marks `at` as an element that an array does not have. */
export function storeAbsent(mem: Memory, at: number): void {
  mem.i32[at + VALUE_LOW] = SIMPLE_ABSENT;
  mem.i32[at + VALUE_HIGH] = TAG_SIMPLE;
}

/** The object referred to by the value at `at`; 0 when it holds no reference. */
export function referenceAt(mem: Memory, at: number): ObjectRef {
  return (mem.i32[at + VALUE_HIGH] === TAG_REFERENCE ? mem.i32[at + VALUE_LOW] : 0) as ObjectRef;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** Whether a bigint can be stored: it fits 64 bits, signed or unsigned. */
export const isShareableBigint = (value: bigint): boolean =>
  value >= INT64_MIN && value <= UINT64_MAX;

/**
 * A bigint that is shareable, as the caller knows; the caller owns one count.
 *
 * @throws HeapExhaustedError
 */
export function createBigint(mem: Memory, value: bigint): ObjectRef {
  const object = allocateWords(mem, BIGINT_WORDS);
  const unsigned = value > INT64_MAX;
  mem.i64[(object + BIGINT_VALUE) >>> 1] = BigInt.asIntN(64, value);
  return publish(mem, object, (KIND_BIGINT << KIND_SHIFT) | (unsigned ? BIGINT_UNSIGNED : 0));
}

/** The value of a bigint object. */
export function bigintOf(mem: Memory, object: number): bigint {
  const value = mem.i64[(object + BIGINT_VALUE) >>> 1];
  const unsigned = (mem.i32[object + HEADER_INFO] & BIGINT_UNSIGNED) !== 0;
  return unsigned ? BigInt.asUintN(64, value) : value;
}

/** A date; the caller owns one count. @throws HeapExhaustedError */
export function createDate(mem: Memory, value: Date): ObjectRef {
  const object = allocateWords(mem, DATE_WORDS);
  mem.f64[(object + DATE_TIME) >>> 1] = value.getTime();
  return publish(mem, object, KIND_DATE << KIND_SHIFT);
}

/** The time of a date, in milliseconds since 1970; NaN for an invalid one. */
export function timeOf(mem: Memory, date: number): number {
  return mem.f64[(date + DATE_TIME) >>> 1];
}

/** The hash of a value as a key: equal keys (SameValueZero) have equal hashes. */
export function hashValue(mem: Memory, low: number, high: number): number {
  if (high !== TAG_REFERENCE) return mix(low ^ Math.imul(high, 0x9e3779b1));
  const kind = kindOf(mem, low);
  if (kind === KIND_STRING) return mem.i32[low + STRING_HASH];
  if (kind === KIND_BIGINT) {
    return hashWords64(mem.i32[low + BIGINT_VALUE], mem.i32[low + BIGINT_HIGH]);
  }
  return kind === KIND_DATE ? hashTime(timeOf(mem, low)) : mix(low);
}

const hashWords64 = (low: number, high: number) => mix(low ^ mix(high));

/** The hash of a bigint as a key; of a larger one than the heap holds, that of its low 64 bits. */
export function hashBigint(value: bigint): number {
  const word = (bits: bigint) => Number(BigInt.asIntN(32, bits));
  return hashWords64(word(value), word(value >> 32n));
}

/** The hash of a date as a key: dates are values, so equal times are equal keys. */
export function hashTime(time: number): number {
  return hashWords64(time | 0, Math.floor(time / 2 ** 32) | 0);
}

/** Whether the key at `at` equals the key (low, high), which `at`'s words do not. */
export function equalKeysSlow(mem: Memory, at: number, low: number, high: number): boolean {
  const other = referenceAt(mem, at);
  if (high !== TAG_REFERENCE || other === 0) return false;
  const kind = kindOf(mem, low);
  if (kind !== kindOf(mem, other)) return false;
  if (kind === KIND_STRING) return equalStrings(mem, low, other);
  if (kind === KIND_BIGINT) return bigintOf(mem, low) === bigintOf(mem, other);
  return kind === KIND_DATE && Object.is(timeOf(mem, low), timeOf(mem, other));
}
