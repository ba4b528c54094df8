/**
 * Sorting. What the program compares is sorted in private arrays and written back by one operation
 * at the end: a comparator may throw, collect, or change the array, and the array is whole.
 *
 * Writing back moves every element at most once, and touches no counts. When the array has changed
 * meanwhile, JavaScript's rule holds: the sorted elements are stored over what is there now.
 */

import { readElements, spliceValues } from './array-operations.ts';
import { sortStable } from './base/sort-stable.ts';
import { decodeAt, encode } from './codec.ts';
import { Handle, refOfKind } from './handle.ts';
import {
  KIND_ARRAY,
  KIND_STRING,
  type ObjectRef,
  SIMPLE_UNDEFINED,
  TAG_INT32,
  TAG_REFERENCE,
  TAG_SIMPLE,
  VALUE_HIGH,
  VALUE_LOW,
} from './memory/layout.ts';
import { arrayLength, elementAt } from './object/array.ts';
import { permuteElements } from './object/array-order.ts';
import { kindOf } from './object/header.ts';
import type { Mutator } from './object/mutator.ts';
import {
  commonUnits,
  compareStrings,
  isTwoByteString,
  lengthOf,
  unitsFrom,
} from './object/string.ts';
import { encodeNumber, encodeSimple, referenceAt, storeSlot } from './object/value.ts';
import type { Session } from './session.ts';

/** A comparator of the program. */
export type Compare = (a: unknown, b: unknown) => number;

/** Sorts an array in place, in one section. */
export function sortArray(array: Handle, compare: Compare | undefined): void {
  const { $session: session } = array;
  session.run(() => {
    if (compare === undefined && session.single(sortPlainOperation, array)) return;
    const values = session.single(readAllOperation, array);
    if (compare !== undefined && values.every(isImmediate)) {
      session.single(writeImmediatesOperation, array, values.sort(compare));
      return;
    }
    const sorted = compare === undefined ? orderByText(values) : orderBy(values, compare);
    session.single(writeOperation, array, values, sorted);
  }, Number.POSITIVE_INFINITY);
}

function readAllOperation(session: Session, array: Handle): unknown[] {
  const ref = refOfKind(session, array, KIND_ARRAY);
  return readElements(session, ref, 0, arrayLength(session.mem, ref));
}

/** The indices of the values in order: undefined comes last, and is never compared. */
function orderBy(values: readonly unknown[], compare: Compare): number[] {
  const order: number[] = [];
  for (let i = 0; i < values.length; i++) if (values[i] !== undefined) order.push(i);
  order.sort((a, b) => compare(values[a], values[b]));
  if (order.length === values.length) return order;
  for (let i = 0; i < values.length; i++) if (values[i] === undefined) order.push(i);
  return order;
}

/** The order of JavaScript's default: that of the values as strings. */
function orderByText(values: readonly unknown[]): number[] {
  const texts = values.map((value) => (value === undefined ? undefined : String(value)));
  return orderBy(texts, compareTexts);
}

/** Whether a value is no reference in the heap: then it is not counted. */
function isImmediate(value: unknown): boolean {
  const type = typeof value;
  return type === 'number' || value === undefined || value === null || type === 'boolean';
}

/** Stores sorted values that are not counted; over references only if those came meanwhile. */
function writeImmediatesOperation(
  session: Session,
  array: Handle,
  values?: readonly unknown[],
): void {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const sorted = values as readonly unknown[];
  const length = arrayLength(mem, ref);
  if (length !== sorted.length || hasReferences(mem, ref)) {
    spliceValues(session, ref, 0, Math.min(length, sorted.length), sorted);
    return;
  }
  if (mem.undo !== null) mem.undo.saveElements(ref, 0);
  for (let i = 0; i < length; i++) {
    encode(session, sorted[i], '');
    storeSlot(mem, elementAt(mem, ref, i));
  }
}

function hasReferences(mem: Mutator, array: ObjectRef): boolean {
  const length = arrayLength(mem, array);
  for (let i = 0; i < length; i++) {
    if (referenceAt(mem, elementAt(mem, array, i)) !== 0) return true;
  }
  return false;
}

function compareTexts(a: unknown, b: unknown): number {
  if ((a as string) < (b as string)) return -1;
  return (a as string) > (b as string) ? 1 : 0;
}

/** Puts the elements, which were `values` before the program was called, into their order. */
function writeOperation(
  session: Session,
  array: Handle,
  values?: readonly unknown[],
  order?: readonly number[],
): void {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const before = values as readonly unknown[];
  const sorted = order as readonly number[];
  if (isUnchanged(session, ref, before)) {
    permuteElements(mem, ref, new Uint32Array(sorted));
    return;
  }
  const count = Math.min(before.length, arrayLength(mem, ref));
  spliceValues(
    session,
    ref,
    0,
    count,
    sorted.map((i) => before[i]),
  );
}

function isUnchanged(session: Session, array: ObjectRef, values: readonly unknown[]): boolean {
  const { mem } = session;
  if (arrayLength(mem, array) !== values.length) return false;
  for (let i = 0; i < values.length; i++) {
    const at = elementAt(mem, array, i);
    const value = values[i];
    if (value instanceof Handle) {
      if (mem.i32[at + VALUE_HIGH] !== TAG_REFERENCE) return false;
      if (mem.i32[at + VALUE_LOW] !== value.$ref) return false;
    } else if (!Object.is(decodeAt(session, at), value)) return false;
  }
  return true;
}

/**
 * The default order for arrays of nothing but int32 numbers, or strings, and undefined: nothing is
 * decoded, and no code of the program runs. Returns whether it was such an array.
 */
function sortPlainOperation(session: Session, array: Handle): boolean {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(mem, ref);
  let integers = 0;
  let strings = 0;
  for (let i = 0; i < length; i++) {
    const at = elementAt(mem, ref, i);
    const high = mem.i32[at + VALUE_HIGH];
    const low = mem.i32[at + VALUE_LOW];
    if (high === TAG_INT32) integers++;
    else if (high === TAG_REFERENCE && kindOf(mem, low) === KIND_STRING) strings++;
    else if (high !== TAG_SIMPLE || low !== SIMPLE_UNDEFINED) return false;
    if (integers > 0 && strings > 0) return false;
  }
  if (mem.undo !== null) mem.undo.saveElements(ref, 0);
  if (strings > 0) sortStrings(mem, ref, strings);
  else if (integers > 0) sortIntegers(mem, ref, integers);
  return true;
}

const DIGITS_MAX = 10;
/** Digits, written from the left as if there were DIGITS_MAX, leave room for their number. */
const LENGTHS = 16;
const NEGATIVE = -(10 ** DIGITS_MAX) * LENGTHS;
const POWERS = Array.from({ length: DIGITS_MAX + 1 }, (_, i) => 10 ** i);

/**
 * A number that stands to those of other integers as their decimal digits do as strings: the digits
 * from the left, then how many there are; '-' comes before all digits.
 */
function keyOfInteger(value: number): number {
  const digits = Math.abs(value);
  let count = 1;
  while (digits >= POWERS[count]) count++;
  const key = digits * POWERS[DIGITS_MAX - count] * LENGTHS + count;
  return value < 0 ? key + NEGATIVE : key;
}

function integerOfKey(key: number): number {
  const digits = key < 0 ? key - NEGATIVE : key;
  const padded = Math.floor(digits / LENGTHS);
  const value = padded / POWERS[DIGITS_MAX - (digits - padded * LENGTHS)];
  return key < 0 ? -value : value;
}

/** Sorts `count` integers and otherwise undefined: equal ones are the same, so none is moved. */
function sortIntegers(mem: Mutator, array: ObjectRef, count: number): void {
  const length = arrayLength(mem, array);
  const keys = new Float64Array(count);
  for (let i = 0, filled = 0; i < length; i++) {
    const at = elementAt(mem, array, i);
    if (mem.i32[at + VALUE_HIGH] !== TAG_INT32) continue;
    keys[filled++] = keyOfInteger(mem.i32[at + VALUE_LOW]);
  }
  keys.sort();
  for (let i = 0; i < length; i++) {
    if (i < count) encodeNumber(integerOfKey(keys[i]));
    else encodeSimple(undefined);
    storeSlot(mem, elementAt(mem, array, i));
  }
}

/** Sorts `count` strings and otherwise undefined. */
function sortStrings(mem: Mutator, array: ObjectRef, count: number): void {
  const length = arrayLength(mem, array);
  const refs = new Int32Array(length);
  const order = new Uint32Array(length);
  let filled = 0;
  let isTwoByte = false;
  for (let i = 0, unfilled = count; i < length; i++) {
    const at = elementAt(mem, array, i);
    if (mem.i32[at + VALUE_HIGH] === TAG_REFERENCE) {
      refs[i] = mem.i32[at + VALUE_LOW];
      order[filled++] = i;
      if (isTwoByteString(mem, refs[i])) isTwoByte = true;
    } else order[unfilled++] = i;
  }
  const strings = order.subarray(0, count);
  const keys = keysOfStrings(mem, refs, strings, isTwoByte);
  sortStable(strings, keys, (a, b) => compareStrings(mem, refs[a], refs[b]));
  permuteElements(mem, array, order);
}

/** Numbers that tell most strings apart: of the first characters that they do not all have. */
function keysOfStrings(
  mem: Mutator,
  refs: Int32Array,
  strings: Uint32Array,
  isTwoByte: boolean,
): Float64Array {
  const first = refs[strings[0]];
  let common = lengthOf(mem, first);
  for (const i of strings) common = commonUnits(mem, first, refs[i], common);
  const keys = new Float64Array(strings.length);
  for (let i = 0; i < keys.length; i++) {
    keys[i] = unitsFrom(mem, refs[strings[i]], common, isTwoByte);
  }
  return keys;
}
