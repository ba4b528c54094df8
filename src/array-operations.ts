/**
 * The operations of arrays that run no code of the program: each is one operation of a session.
 *
 * What they may move: `set`, `push`, `pop` and a growing length move a constant number of words;
 * `shift`, `unshift` and `splice` the elements behind the place and no others; `reverse`, `fill`
 * and `copyWithin` the elements that they change.
 */

import { decodeAt, encode, encodeAll, matcherOf, type Shareable } from './codec.ts';
import { type Handle, refOfKind } from './handle.ts';
import { KIND_ARRAY, type ObjectRef, VALUE_HIGH, VALUE_LOW } from './memory/layout.ts';
import {
  appendElement,
  arrayLength,
  elementAt,
  moveElements,
  removeLast,
  replaceElement,
  reserveElement,
  reserveElements,
  resizeArray,
} from './object/array.ts';
import { copyElements, fillElements, reverseElements } from './object/array-order.ts';
import { dropValue } from './object/dealloc.ts';
import type { Mutator } from './object/mutator.ts';
import { storeTracked } from './object/tracking.ts';
import { slot } from './object/value.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';

/** Where an element stands, for error messages. */
const elementPath = (index: unknown): string => `element ${index} of an array`;

/** A relative index as the methods of Array take it: negative from the end, within the array. */
export function clampIndex(index: number, length: number): number {
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length);
}

/** The arguments of `splice`, converted. */
export interface Splice {
  readonly start: number;
  readonly count: number;
  readonly values: readonly unknown[];
}

export function lengthOperation(session: Session, array: Handle): number {
  return arrayLength(session.mem, refOfKind(session, array, KIND_ARRAY));
}

export function resizeOperation(session: Session, array: Handle, length?: unknown): void {
  if (!Number.isInteger(length) || (length as number) < 0) {
    throw new RangeError(`the length of an array must be an integer of at least 0, not ${length}`);
  }
  resizeArray(session.mem, refOfKind(session, array, KIND_ARRAY), length as number);
}

export function atOperation(session: Session, array: Handle, index?: number): Shareable {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(mem, ref);
  let at = index as number;
  if (at < 0) at += length;
  if (at < 0 || at >= length) return undefined;
  return decodeAt(session, elementAt(mem, ref, at));
}

export function setOperation(
  session: Session,
  array: Handle,
  index?: number,
  value?: unknown,
): void {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(mem, ref);
  const wanted = index as number;
  const at = wanted < 0 ? wanted + length : wanted;
  if (!Number.isInteger(at) || at < 0 || at >= length) {
    throw new RangeError(
      `there is no element ${show(index)} in an array of ${length}; ` +
        'push() appends, setting length makes the array longer',
    );
  }
  encode(session, value, elementPath, at);
  replaceElement(mem, ref, at);
}

export function pushOperation(session: Session, array: Handle, value?: unknown): number {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const index = arrayLength(mem, ref);
  encode(session, value, elementPath, index);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  try {
    reserveElement(mem, ref);
  } catch (error) {
    dropValue(mem, low, high); // it was made for nothing
    throw error;
  }
  appendElement(mem, ref);
  return index + 1;
}

export function pushAllOperation(
  session: Session,
  array: Handle,
  values?: readonly unknown[],
): number {
  const ref = refOfKind(session, array, KIND_ARRAY);
  spliceValues(session, ref, arrayLength(session.mem, ref), 0, values ?? []);
  return arrayLength(session.mem, ref);
}

export function popOperation(session: Session, array: Handle): Shareable {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(mem, ref);
  if (length === 0) return undefined;
  const at = elementAt(mem, ref, length - 1);
  const low = mem.i32[at + VALUE_LOW];
  const high = mem.i32[at + VALUE_HIGH];
  const value = decodeAt(session, at); // a handle of it counts by itself
  session.reserveResult(value);
  removeLast(mem, ref);
  dropValue(mem, low, high);
  return value;
}

export function shiftOperation(session: Session, array: Handle): Shareable {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  if (arrayLength(mem, ref) === 0) return undefined;
  const value = decodeAt(session, elementAt(mem, ref, 0));
  session.reserveResult(value);
  moveElements(mem, ref, 1, -1);
  return value;
}

export function spliceOperation(session: Session, array: Handle, splice?: Splice): Shareable[] {
  const { start, count: wanted, values } = splice as Splice;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(session.mem, ref);
  const from = clampIndex(start, length);
  const count = Math.min(Math.max(wanted, 0), length - from);
  const removed = readElements(session, ref, from, from + count);
  session.reserveResults(removed);
  spliceValues(session, ref, from, count, values);
  return removed;
}

export function sliceOperation(
  session: Session,
  array: Handle,
  start?: number,
  end?: number,
): Shareable[] {
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(session.mem, ref);
  const from = clampIndex(start as number, length);
  const to = Math.max(from, clampIndex(end as number, length));
  const elements = readElements(session, ref, from, to);
  session.reserveResults(elements);
  return elements;
}

export function readElements(
  session: Session,
  array: ObjectRef,
  from: number,
  to: number,
): Shareable[] {
  const elements: Shareable[] = [];
  for (let i = from; i < to; i++) {
    elements.push(decodeAt(session, elementAt(session.mem, array, i)));
  }
  return elements;
}

/** The first index from `fromIndex` on of what equals `value`, NaN too; -1 when there is none. */
export function searchOperation(
  session: Session,
  array: Handle,
  value?: unknown,
  fromIndex?: number,
): number {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(mem, ref);
  const isWanted = matcherOf(session, value);
  if (isWanted === null) return -1;
  for (let i = clampIndex(fromIndex ?? 0, length); i < length; i++) {
    if (isWanted(elementAt(mem, ref, i))) return i;
  }
  return -1;
}

/** The last index up to `fromIndex` of what equals `value`; -1 when there is none. */
export function searchBackOperation(
  session: Session,
  array: Handle,
  value?: unknown,
  fromIndex?: number,
): number {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(mem, ref);
  const isWanted = matcherOf(session, value);
  if (isWanted === null) return -1;
  const from = fromIndex ?? length;
  for (let i = from < 0 ? length + from : Math.min(from, length - 1); i >= 0; i--) {
    if (isWanted(elementAt(mem, ref, i))) return i;
  }
  return -1;
}

export function insertOperation(
  session: Session,
  array: Handle,
  index?: number,
  values?: readonly unknown[],
): number {
  const ref = refOfKind(session, array, KIND_ARRAY);
  spliceValues(session, ref, index ?? 0, 0, values ?? []);
  return arrayLength(session.mem, ref);
}

/** The arguments of `fill` and of `copyWithin`, converted. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export function fillOperation(
  session: Session,
  array: Handle,
  value?: unknown,
  range?: Range,
): void {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(mem, ref);
  const from = clampIndex((range as Range).start, length);
  const to = clampIndex((range as Range).end, length);
  if (from >= to) return;
  if (mem.undo !== null) mem.undo.saveElements(ref, from);
  encode(session, value, elementPath, from);
  fillElements(mem, ref, from, to);
}

export function copyWithinOperation(
  session: Session,
  array: Handle,
  target?: number,
  range?: Range,
): void {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  const length = arrayLength(mem, ref);
  const to = clampIndex(target as number, length);
  const from = clampIndex((range as Range).start, length);
  const end = clampIndex((range as Range).end, length);
  const count = Math.min(end - from, length - to);
  if (count > 0) copyElements(mem, ref, from, to, count);
}

export function reverseOperation(session: Session, array: Handle): void {
  reverseElements(session.mem, refOfKind(session, array, KIND_ARRAY));
}

/**
 * Replaces `count` elements from `from` on by `values`. All values are encoded, and room is made,
 * before anything changes.
 */
export function spliceValues(
  session: Session,
  array: ObjectRef,
  from: number,
  count: number,
  values: readonly unknown[],
): void {
  const { mem } = session;
  const growth = values.length - count;
  if (mem.undo !== null) mem.undo.saveElements(array, from);
  if (growth > 0) reserveElements(mem, array, arrayLength(mem, array) + growth);
  const words = encodeAll(session, values, elementPath, from);
  const kept = Math.min(count, values.length);
  for (let i = 0; i < kept; i++) exchange(mem, array, elementAt(mem, array, from + i), words, i);
  if (growth > 0) moveElements(mem, array, from + count, growth);
  for (let i = kept; i < values.length; i++) {
    takeSlot(words, i);
    storeTracked(mem, array, elementAt(mem, array, from + i));
  }
  if (growth < 0) moveElements(mem, array, from + count, growth);
  for (let i = 0; i < kept; i++) dropValue(mem, words[i * 2], words[i * 2 + 1]);
}

/** Swaps the value at `at` with number `index` of `words`. */
function exchange(
  mem: Mutator,
  array: ObjectRef,
  at: number,
  words: Int32Array,
  index: number,
): void {
  const low = mem.i32[at + VALUE_LOW];
  const high = mem.i32[at + VALUE_HIGH];
  takeSlot(words, index);
  storeTracked(mem, array, at);
  words[index * 2] = low;
  words[index * 2 + 1] = high;
}

function takeSlot(words: Int32Array, index: number): void {
  slot[VALUE_LOW] = words[index * 2];
  slot[VALUE_HIGH] = words[index * 2 + 1];
}
