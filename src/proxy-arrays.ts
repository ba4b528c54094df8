/** The properties of arrays and tuples, as their proxies show them. */

import type { HeapArray } from './array.ts';
import { storing, storingOne } from './proxy-storing.ts';
import { HeapTuple } from './tuple.ts';

/** The properties of an object of the heap, as its proxy shows them. */
export interface Properties {
  /** What is behind the properties: methods. */
  readonly prototype: object;
  /** Not to be told from undefined by the value alone. */
  has(name: string): boolean;
  get(name: string): unknown;
  /** @returns false when that cannot be set */
  set(name: string, value: unknown): boolean;
  /** @returns false when that cannot be removed */
  delete(name: string): boolean;
  names(): string[];
}

/** What a program gets of a value that was read. */
type Wrap = (value: unknown) => unknown;

const DIGIT_0 = 48;
const INDEX_DIGITS = 10;
const INDEX_MAX = 2 ** 32 - 2;

/** An index as the name of a property; -1 for other names. By hand: each access asks. */
function indexOf(name: string): number {
  const { length } = name;
  if (length === 0 || length > INDEX_DIGITS) return -1;
  let index = 0;
  for (let i = 0; i < length; i++) {
    const digit = name.charCodeAt(i) - DIGIT_0;
    if (digit < 0 || digit > 9 || (digit === 0 && i === 0 && length > 1)) return -1;
    index = index * 10 + digit;
  }
  return index <= INDEX_MAX ? index : -1;
}

/** Elements, `length`, and the methods of arrays: those that change the array are one operation. */
export class ArrayProperties implements Properties {
  readonly prototype: object;
  readonly #array: HeapArray;
  readonly #isFixed: boolean;
  readonly #wrap: Wrap;

  constructor(array: HeapArray | HeapTuple, wrap: Wrap) {
    this.#wrap = wrap;
    this.#array = array as HeapArray;
    this.#isFixed = array instanceof HeapTuple;
    this.prototype = this.#isFixed ? Array.prototype : methodsOf(this.#array, wrap);
  }

  has(name: string): boolean {
    const index = indexOf(name);
    return index >= 0 ? index < this.#array.length : name === 'length';
  }

  get(name: string): unknown {
    if (name === 'length') return this.#array.length;
    const index = indexOf(name);
    return index < 0 ? undefined : this.#wrap(this.#array.at(index));
  }

  set(name: string, value: unknown): boolean {
    if (this.#isFixed) return false;
    const index = indexOf(name);
    if (name === 'length') this.#array.length = Number(value);
    else if (index < 0) return false;
    else storingOne(this.#array, value, (stored) => this.#store(index, stored));
    return true;
  }

  /** Behind the end the array becomes longer, as JavaScript's does, with undefined between. */
  #store(index: number, value: unknown): void {
    const array = this.#array;
    array.$session.run(() => {
      if (index < array.length) array.set(index, value as never);
      else {
        const { length } = array;
        array.length = index;
        try {
          array.push(value as never);
        } catch (error) {
          array.length = length;
          throw error;
        }
      }
    }, Number.POSITIVE_INFINITY);
  }

  /** There are no holes: what is removed becomes undefined. */
  delete(name: string): boolean {
    return !this.has(name) || (name !== 'length' && this.set(name, undefined));
  }

  names(): string[] {
    const names = Array.from({ length: this.#array.length }, (_, i) => String(i));
    return [...names, 'length'];
  }
}

/** Methods that change an array. Step by step, two threads would do them in each other's midst. */
function methodsOf(array: HeapArray, wrap: Wrap): object {
  const { $session: session } = array;
  const methods = {
    push: (...values: unknown[]) =>
      storing(session, values, (stored) => array.push(...(stored as object[]))),
    unshift: (...values: unknown[]) =>
      storing(session, values, (stored) => array.unshift(...(stored as object[]))),
    pop: () => wrap(array.pop()),
    shift: () => wrap(array.shift()),
    splice(...args: number[]) {
      const removed = storing(session, args.slice(2), (stored) =>
        array.splice(...(args.slice(0, 2) as [number, number]), ...(stored as object[])),
      );
      return removed.map(wrap);
    },
    fill(this: object, value: unknown, ...range: number[]) {
      storingOne(array, value, (stored) => array.fill(stored as object, ...range));
      return this;
    },
    copyWithin(this: object, ...args: [number, number, number?]) {
      array.copyWithin(...args);
      return this;
    },
    reverse(this: object) {
      array.reverse();
      return this;
    },
    sort(this: object, compare?: (a: unknown, b: unknown) => number) {
      if (typeof compare !== 'function') array.sort(compare);
      else array.sort((a, b) => compare(wrap(a), wrap(b)));
      return this;
    },
  };
  return Object.assign(Object.create(Array.prototype), methods);
}
