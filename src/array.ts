/**
 * `HeapArray`: a JavaScript array on shared memory, dense and without holes. Its methods are those
 * of `Array` and do what those do; arrays that they return are ordinary ones, with handles of the
 * objects in them. Called outside of a section, a method is one section.
 */

import { checkCallback, toEnd, toInteger, toRange, toSplice } from './array-arguments.ts';
import {
  filterElements,
  findElement,
  findIndex,
  findLastElement,
  findLastIndex,
  flatMapElements,
  forEachElement,
  hasElement,
  mapElements,
  type Reducer,
  reduceElements,
} from './array-callbacks.ts';
import { ElementIterator, stepKeyOperation } from './array-iterator.ts';
import {
  atOperation,
  copyWithinOperation,
  fillOperation,
  insertOperation,
  lengthOperation,
  popOperation,
  pushAllOperation,
  pushOperation,
  resizeOperation,
  reverseOperation,
  searchBackOperation,
  searchOperation,
  setOperation,
  shiftOperation,
  sliceOperation,
  spliceOperation,
} from './array-operations.ts';
import { type Compare, sortArray } from './array-sort.ts';
import { flatOperation, joinElements } from './array-text.ts';
import type { Shareable } from './codec.ts';
import { Handle } from './handle.ts';
import type { FlatShared, Guard, Reduce, Shared, Visit } from './types.ts';

/** An array in the heap. Elements are read by `at`, written by `set`. */
export class HeapArray<T = Shareable> extends Handle {
  /** Number of elements. */
  get length(): number {
    return this.$session.look(lengthOperation, this);
  }

  /** Cuts elements off, or appends undefined. @throws RangeError, HeapExhaustedError */
  set length(length: number) {
    this.$session.single(resizeOperation, this, length);
  }

  /** The element at `index`; from the end when negative; undefined outside of the array. */
  at(index: number): Shared<T> | undefined {
    return this.$session.look(atOperation, this, toInteger(index)) as Shared<T> | undefined;
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

  /** Replaces elements and returns those removed; moves what is behind, if the length changes. */
  splice(start?: number, deleteCount?: number, ...values: T[]): Shared<T>[];
  splice(...args: unknown[]): Shared<T>[] {
    return this.$session.single(spliceOperation, this, toSplice(args)) as Shared<T>[];
  }

  /**
   * Sorts in place; stable; undefined goes last. Without `compare` in the order of the elements as
   * strings: numbers and strings alone need no string to be made for it. Whatever `compare` throws
   * or does, the elements stay what they are: those it finds are put in order when it is done.
   *
   * @throws HeapExhaustedError when there is no room for one element more: nothing has moved.
   */
  sort(compare?: (a: Shared<T>, b: Shared<T>) => number): this {
    if (compare !== undefined) checkCallback(compare);
    sortArray(this, compare as Compare | undefined);
    return this;
  }

  /** Reverses the order in place. @throws HeapExhaustedError as `sort` */
  reverse(): this {
    this.$session.single(reverseOperation, this);
    return this;
  }

  /** Replaces the elements from `start` up to `end` by `value`. */
  fill(value: T, start?: number, end?: number): this {
    this.$session.single(fillOperation, this, value, toRange(start, end));
    return this;
  }

  /** Copies the elements from `start` up to `end` to `target` and what follows. */
  copyWithin(target: number, start?: number, end?: number): this {
    const to = toInteger(target);
    this.$session.single(copyWithinOperation, this, to, toRange(start, end));
    return this;
  }

  /** The elements from `start` up to `end`. */
  slice(start?: number, end?: number): Shared<T>[] {
    const from = toInteger(start);
    return this.$session.look(sliceOperation, this, from, toEnd(end)) as Shared<T>[];
  }

  /** The elements, and behind them `items`; those that are arrays, here or there, one by one. */
  concat(...items: (Shared<T> | ConcatArray<Shared<T>> | HeapArray<T>)[]): Shared<T>[];
  concat<U>(...items: (U | ConcatArray<U> | HeapArray<U>)[]): (Shared<T> | Shared<U>)[];
  concat(...items: unknown[]): unknown[] {
    return this.$session.lookForResults(() => {
      const parts = items.map(withoutHeapArray);
      return (this.slice() as unknown[]).concat(...parts);
    });
  }

  /** The elements; those that are arrays of the heap one by one, down to `depth` levels. */
  flat<Depth extends number = 1>(depth?: Depth): FlatShared<Shared<T>, Depth>[] {
    const levels = depth === undefined ? 1 : toInteger(depth);
    return this.$session.look(flatOperation, this, levels) as FlatShared<Shared<T>, Depth>[];
  }

  /** As `map`; results that are arrays, ordinary ones or of the heap, come one by one. */
  flatMap<U>(
    callback: Visit<T, this, U | readonly U[] | HeapArray<U>>,
    thisArg?: unknown,
  ): (U | Shared<U>)[] {
    checkCallback(callback);
    const body = () => flatMapElements(this, callback, thisArg, withoutHeapArray);
    return this.$session.lookForResults(body) as U[];
  }

  /** The elements in order, as `sort` would put them. */
  toSorted(compare?: (a: Shared<T>, b: Shared<T>) => number): Shared<T>[] {
    if (compare !== undefined) checkCallback(compare);
    // Not sort() of the copy: engines may ask comparators in another order there.
    return this.$session.lookForResults(() => this.slice().toSorted(compare));
  }

  /** The elements from the last to the first. */
  toReversed(): Shared<T>[] {
    return this.slice().reverse();
  }

  /** The elements as they would be after `splice` with these arguments. */
  toSpliced(start?: number, skipCount?: number, ...values: T[]): (T | Shared<T>)[];
  toSpliced(...args: unknown[]): unknown[] {
    const { start, count, values } = toSplice(args);
    return this.$session.lookForResults(() => {
      const elements: unknown[] = this.slice();
      elements.splice(start, count, ...values);
      return elements;
    });
  }

  /** The elements, but `value` at `index`. @throws RangeError when there is no such element */
  with(index: number, value: T): (T | Shared<T>)[] {
    const wanted = toInteger(index);
    return this.$session.lookForResults(() => {
      const elements: (T | Shared<T>)[] = this.slice();
      const at = wanted < 0 ? wanted + elements.length : wanted;
      if (at < 0 || at >= elements.length) {
        throw new RangeError(`there is no element ${wanted} in an array of ${elements.length}`);
      }
      elements[at] = value;
      return elements;
    });
  }

  /** The elements as strings; null, undefined and an array within itself are ''. */
  join(separator?: string): string {
    return joinElements(this, separator === undefined ? ',' : `${separator}`, String);
  }

  override toString(): string {
    return this.join();
  }

  override toLocaleString(...args: [locales?: string | string[], options?: object]): string {
    const textOf = (element: NonNullable<unknown>) =>
      `${(element as { toLocaleString(...args: unknown[]): string }).toLocaleString(...args)}`;
    return joinElements(this, ',', textOf);
  }

  /** The first index of `value` (strict equality); -1 when there is none. */
  indexOf(value: T, fromIndex?: number): number {
    const from = toInteger(fromIndex);
    return Number.isNaN(value) ? -1 : this.$session.look(searchOperation, this, value, from);
  }

  /** The last index of `value` (strict equality); -1 when there is none. */
  lastIndexOf(value: T, fromIndex?: number): number;
  lastIndexOf(...args: [T, number?]): number {
    const from = args.length > 1 ? toInteger(args[1]) : Number.POSITIVE_INFINITY;
    const [value] = args;
    return Number.isNaN(value) ? -1 : this.$session.look(searchBackOperation, this, value, from);
  }

  /** Whether `value` is an element (NaN is found). */
  includes(value: T, fromIndex?: number): boolean {
    return this.$session.look(searchOperation, this, value, toInteger(fromIndex)) >= 0;
  }

  /** Calls `callback(element, index, array)` for every element, in one section. */
  forEach(callback: Visit<T, this, void>, thisArg?: unknown): void {
    checkCallback(callback);
    this.$session.lookIn(() => forEachElement(this, callback, thisArg));
  }

  /** What `callback` returns for the elements. Handles directly in it outlive the section. */
  map<U>(callback: Visit<T, this, U>, thisArg?: unknown): U[] {
    checkCallback(callback);
    return this.$session.lookForResults(() => mapElements(this, callback, thisArg)) as U[];
  }

  /** The elements for which `callback` returns something true. */
  filter<S extends Shared<T>>(callback: Guard<T, this, S>, thisArg?: unknown): S[];
  filter(callback: Visit<T, this, unknown>, thisArg?: unknown): Shared<T>[];
  filter(callback: Visit<T, this, unknown>, thisArg?: unknown): Shared<T>[] {
    checkCallback(callback);
    const body = () => filterElements(this, callback, thisArg) as Shared<T>[];
    return this.$session.lookForResults(body);
  }

  /** Whether `callback` returns something true for any element. */
  some(callback: Visit<T, this, unknown>, thisArg?: unknown): boolean {
    checkCallback(callback);
    return this.$session.lookForResults(() => hasElement(this, callback, thisArg, true));
  }

  /** Whether `callback` returns something true for all elements. */
  every(callback: Visit<T, this, unknown>, thisArg?: unknown): boolean {
    checkCallback(callback);
    return !this.$session.lookForResults(() => hasElement(this, callback, thisArg, false));
  }

  /** The first element for which `callback` returns something true; undefined without one. */
  find<S extends Shared<T>>(callback: Guard<T, this, S>, thisArg?: unknown): S | undefined;
  find(callback: Visit<T, this, unknown>, thisArg?: unknown): Shared<T> | undefined;
  find(callback: Visit<T, this, unknown>, thisArg?: unknown): Shared<T> | undefined {
    checkCallback(callback);
    const { $session: session } = this;
    return session.lookForResults(() => findElement(this, callback, thisArg)) as Shared<T>;
  }

  /** The index of the first such element; -1 without one. */
  findIndex(callback: Visit<T, this, unknown>, thisArg?: unknown): number {
    checkCallback(callback);
    return this.$session.lookForResults(() => findIndex(this, callback, thisArg));
  }

  /** The last such element; undefined without one. */
  findLast<S extends Shared<T>>(callback: Guard<T, this, S>, thisArg?: unknown): S | undefined;
  findLast(callback: Visit<T, this, unknown>, thisArg?: unknown): Shared<T> | undefined;
  findLast(callback: Visit<T, this, unknown>, thisArg?: unknown): Shared<T> | undefined {
    checkCallback(callback);
    const { $session: session } = this;
    return session.lookForResults(() => findLastElement(this, callback, thisArg)) as Shared<T>;
  }

  /** The index of the last such element; -1 without one. */
  findLastIndex(callback: Visit<T, this, unknown>, thisArg?: unknown): number {
    checkCallback(callback);
    return this.$session.lookForResults(() => findLastIndex(this, callback, thisArg));
  }

  /** Combines the elements from the first on: `callback(result, element, index, array)`. */
  reduce(callback: Reduce<T, this, Shared<T>>): Shared<T>;
  reduce<R = Shared<T>>(callback: Reduce<T, this, R>, initial: R): R;
  reduce(callback: Reducer, ...initial: unknown[]): unknown {
    checkCallback(callback);
    return this.$session.lookForResults(() => reduceElements(this, callback, initial, false));
  }

  /** As `reduce`, from the last element back. */
  reduceRight(callback: Reduce<T, this, Shared<T>>): Shared<T>;
  reduceRight<R = Shared<T>>(callback: Reduce<T, this, R>, initial: R): R;
  reduceRight(callback: Reducer, ...initial: unknown[]): unknown {
    checkCallback(callback);
    return this.$session.lookForResults(() => reduceElements(this, callback, initial, true));
  }

  /** Iterates over elements. Use it in a section: outside, each step is its own operation. */
  values(): ArrayIterator<Shared<T>> {
    return new ElementIterator(this, (_, element) => element as Shared<T>);
  }

  keys(): ArrayIterator<number> {
    return new ElementIterator(this, (index) => index, stepKeyOperation);
  }

  entries(): ArrayIterator<[number, Shared<T>]> {
    return new ElementIterator(this, (index, element) => [index, element as Shared<T>]);
  }

  [Symbol.iterator](): ArrayIterator<Shared<T>> {
    return this.values();
  }

  get [Symbol.toStringTag](): string {
    return 'HeapArray';
  }
}

/** What is spread where arrays are: an array of the heap comes as an ordinary one. */
const withoutHeapArray = (item: unknown) => (item instanceof HeapArray ? item.slice() : item);
