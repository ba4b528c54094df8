/** `HeapArray`: a JavaScript array on shared memory, dense and without holes. */

import { ElementIterator, stepKeyOperation } from './array-iterator.ts';
import { decodeAt, encode, matcherOf, type Shareable } from './codec.ts';
import { Handle, refOf } from './handle.ts';
import { type ObjectRef, VALUE_HIGH, VALUE_LOW } from './memory/layout.ts';
import {
  appendElement,
  arrayLength,
  elementAt,
  moveElements,
  removeLast,
  replaceElement,
  reserveElements,
  resizeArray,
} from './object/array.ts';
import { dropValue } from './object/dealloc.ts';
import type { Mutator } from './object/mutator.ts';
import { storeTracked } from './object/tracking.ts';
import { slot } from './object/value.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import type { Shared } from './types.ts';

/** An array in the heap. Elements are read by `at`, written by `set`. */
export class HeapArray<T = Shareable> extends Handle {
  /** Number of elements. */
  get length(): number {
    return this.$session.single(lengthOperation, this);
  }

  /** Cuts elements off, or appends undefined. @throws RangeError, HeapExhaustedError */
  set length(length: number) {
    this.$session.single(resizeOperation, this, length);
  }

  /** The element at `index`; from the end when negative; undefined outside of the array. */
  at(index: number): Shared<T> | undefined {
    return this.$session.single(atOperation, this, toInteger(index)) as Shared<T> | undefined;
  }

  /**
   * Replaces the element at `index`, from the end when negative. Arrays have no holes: `push`
   * appends, `length` makes an array longer.
   *
   * @throws RangeError when there is no such element; NotShareableError, HeapExhaustedError.
   */
  set(index: number, value: T): this {
    const at = typeof index === 'number' ? index : Number.NaN;
    this.$session.single(setOperation, this, at, value);
    return this;
  }

  /** Appends values. Returns the new length. Either all are appended or none. */
  push(...values: T[]): number {
    return values.length === 1
      ? this.$session.single(pushOperation, this, values[0])
      : this.$session.single(pushAllOperation, this, values);
  }

  /** Removes the last element and returns it; undefined when there is none. */
  pop(): Shared<T> | undefined {
    return this.$session.single(popOperation, this) as Shared<T> | undefined;
  }

  /** Removes the first element and returns it; moves all others. */
  shift(): Shared<T> | undefined {
    return this.$session.single(shiftOperation, this) as Shared<T> | undefined;
  }

  /** Puts values before the first element; moves all others. Returns the new length. */
  unshift(...values: T[]): number {
    return this.$session.single(insertOperation, this, 0, values);
  }

  /** As `Array.prototype.splice`; the removed elements come in an ordinary array. */
  splice(start?: number, deleteCount?: number, ...values: T[]): Shared<T>[];
  splice(...args: unknown[]): Shared<T>[] {
    const [start, deleteCount, ...values] = args;
    // As in JavaScript: without arguments nothing is removed, with one everything behind it.
    let count = toInteger(deleteCount);
    if (args.length === 1) count = Number.POSITIVE_INFINITY;
    const splice: Splice = { start: toInteger(start), count, values };
    return this.$session.single(spliceOperation, this, splice) as Shared<T>[];
  }

  /** An ordinary array of the elements from `start` up to `end`, as `Array.prototype.slice`. */
  slice(start = 0, end?: number): Shared<T>[] {
    const to = end === undefined ? Number.POSITIVE_INFINITY : toInteger(end);
    return this.$session.single(sliceOperation, this, toInteger(start), to) as Shared<T>[];
  }

  /** The first index of `value` (strict equality); -1 when there is none. */
  indexOf(value: T, fromIndex = 0): number {
    if (Number.isNaN(value)) return -1;
    return this.$session.single(searchOperation, this, value, toInteger(fromIndex));
  }

  /** Whether `value` is an element (NaN is found). */
  includes(value: T, fromIndex = 0): boolean {
    return this.$session.single(searchOperation, this, value, toInteger(fromIndex)) >= 0;
  }

  /** Calls `visit(element, index, array)` for every element, in one section. */
  forEach(
    visit: (element: Shared<T>, index: number, array: this) => void,
    thisArg?: unknown,
  ): void {
    this.$session.run(() => {
      const { length } = this;
      for (let i = 0; i < length && i < this.length; i++) {
        visit.call(thisArg, this.at(i) as Shared<T>, i, this);
      }
    }, Number.POSITIVE_INFINITY);
  }

  /** Iterates over elements. Use it in a section: outside, each step is its own operation. */
  values(): IterableIterator<Shared<T>> {
    return new ElementIterator(this, (_, element) => element as Shared<T>);
  }

  keys(): IterableIterator<number> {
    return new ElementIterator(this, (index) => index, stepKeyOperation);
  }

  entries(): IterableIterator<[number, Shared<T>]> {
    return new ElementIterator(this, (index, element) => [index, element as Shared<T>]);
  }

  [Symbol.iterator](): IterableIterator<Shared<T>> {
    return this.values();
  }

  get [Symbol.toStringTag](): string {
    return 'HeapArray';
  }
}

/**
 * An argument as JavaScript makes an integer of it. Before the operation begins: the argument's
 * `valueOf` may do anything, also change the array.
 */
const toInteger = (argument: unknown): number => Math.trunc(Number(argument)) || 0;

/** A relative index as the methods of Array take it: negative from the end, within the array. */
function clampIndex(index: number, length: number): number {
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length);
}

/** The arguments of `splice`. */
interface Splice {
  readonly start: number;
  readonly count: number;
  readonly values: readonly unknown[];
}

function lengthOperation(session: Session, array: Handle): number {
  return arrayLength(session.mem, refOf(array));
}

function resizeOperation(session: Session, array: Handle, length?: unknown): void {
  if (!Number.isInteger(length) || (length as number) < 0) {
    throw new RangeError(`the length of an array must be an integer of at least 0, not ${length}`);
  }
  resizeArray(session.mem, refOf(array), length as number);
}

function atOperation(session: Session, array: Handle, index?: number): Shareable {
  const { mem } = session;
  const ref = refOf(array);
  const length = arrayLength(mem, ref);
  let at = index as number;
  if (at < 0) at += length;
  if (at < 0 || at >= length) return undefined;
  return decodeAt(session, elementAt(mem, ref, at));
}

function setOperation(session: Session, array: Handle, index?: number, value?: unknown): void {
  const { mem } = session;
  const ref = refOf(array);
  const length = arrayLength(mem, ref);
  const wanted = index as number;
  const at = wanted < 0 ? wanted + length : wanted;
  if (!Number.isInteger(at) || at < 0 || at >= length) {
    throw new RangeError(
      `there is no element ${show(index)} in an array of ${length}; ` +
        'push() appends, setting length makes the array longer',
    );
  }
  encode(session, value, 'an element of an array');
  replaceElement(mem, ref, at);
}

function pushOperation(session: Session, array: Handle, value?: unknown): number {
  const { mem } = session;
  const ref = refOf(array);
  encode(session, value, 'an element of an array');
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  const length = arrayLength(mem, ref) + 1;
  try {
    reserveElements(mem, ref, length);
  } catch (error) {
    dropValue(mem, low, high); // it was made for nothing
    throw error;
  }
  appendElement(mem, ref);
  return length;
}

function pushAllOperation(session: Session, array: Handle, values?: readonly unknown[]): number {
  const ref = refOf(array);
  spliceValues(session, ref, arrayLength(session.mem, ref), 0, values ?? []);
  return arrayLength(session.mem, ref);
}

function popOperation(session: Session, array: Handle): Shareable {
  const { mem } = session;
  const ref = refOf(array);
  const length = arrayLength(mem, ref);
  if (length === 0) return undefined;
  const at = elementAt(mem, ref, length - 1);
  const low = mem.i32[at + VALUE_LOW];
  const high = mem.i32[at + VALUE_HIGH];
  session.reserveResults(1);
  const value = decodeAt(session, at); // a handle of it counts by itself
  removeLast(mem, ref);
  dropValue(mem, low, high);
  return value;
}

function shiftOperation(session: Session, array: Handle): Shareable {
  const { mem } = session;
  const ref = refOf(array);
  if (arrayLength(mem, ref) === 0) return undefined;
  session.reserveResults(1);
  const value = decodeAt(session, elementAt(mem, ref, 0));
  moveElements(mem, ref, 1, -1);
  return value;
}

function spliceOperation(session: Session, array: Handle, splice?: Splice): Shareable[] {
  const { start, count: wanted, values } = splice as Splice;
  const ref = refOf(array);
  const length = arrayLength(session.mem, ref);
  const from = clampIndex(start, length);
  const count = Math.min(Math.max(wanted, 0), length - from);
  session.reserveResults(count);
  const removed = readElements(session, ref, from, from + count);
  spliceValues(session, ref, from, count, values);
  return removed;
}

function sliceOperation(
  session: Session,
  array: Handle,
  start?: number,
  end?: number,
): Shareable[] {
  const ref = refOf(array);
  const length = arrayLength(session.mem, ref);
  const from = clampIndex(start as number, length);
  const to = Math.max(from, clampIndex(end as number, length));
  session.reserveResults(to - from);
  return readElements(session, ref, from, to);
}

function readElements(session: Session, array: ObjectRef, from: number, to: number): Shareable[] {
  const elements: Shareable[] = [];
  for (let i = from; i < to; i++) {
    elements.push(decodeAt(session, elementAt(session.mem, array, i)));
  }
  return elements;
}

function searchOperation(
  session: Session,
  array: Handle,
  value?: unknown,
  fromIndex?: number,
): number {
  const { mem } = session;
  const ref = refOf(array);
  const length = arrayLength(mem, ref);
  const isWanted = matcherOf(session, value);
  if (isWanted === null) return -1;
  for (let i = clampIndex(fromIndex ?? 0, length); i < length; i++) {
    if (isWanted(elementAt(mem, ref, i))) return i;
  }
  return -1;
}

function insertOperation(
  session: Session,
  array: Handle,
  index?: number,
  values?: readonly unknown[],
): number {
  const ref = refOf(array);
  spliceValues(session, ref, index ?? 0, 0, values ?? []);
  return arrayLength(session.mem, ref);
}

/**
 * Replaces `count` elements from `from` on by `values`. All values are encoded, and room is made,
 * before anything changes.
 */
function spliceValues(
  session: Session,
  array: ObjectRef,
  from: number,
  count: number,
  values: readonly unknown[],
): void {
  const { mem } = session;
  const growth = values.length - count;
  if (growth > 0) reserveElements(mem, array, arrayLength(mem, array) + growth);
  const words = encodeAll(session, values);
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

/** Encodes values side by side; on failure what was made is dropped again. */
function encodeAll(session: Session, values: readonly unknown[]): Int32Array {
  const words = new Int32Array(values.length * 2);
  for (let i = 0; i < values.length; i++) {
    try {
      encode(session, values[i], 'an element of an array');
    } catch (error) {
      for (let k = 0; k < i; k++) dropValue(session.mem, words[k * 2], words[k * 2 + 1]);
      throw error;
    }
    words[i * 2] = slot[VALUE_LOW];
    words[i * 2 + 1] = slot[VALUE_HIGH];
  }
  return words;
}

function takeSlot(words: Int32Array, index: number): void {
  slot[VALUE_LOW] = words[index * 2];
  slot[VALUE_HIGH] = words[index * 2 + 1];
}
