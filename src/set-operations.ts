/**
 * The methods that combine sets, by the steps of ECMAScript, over an ordinary set of the elements
 * of one in the heap. What a step takes from `other` comes in the order that they say, too.
 */

import { Handle } from './handle.ts';

/** What the methods that combine sets take, as JavaScript's: `Set`, `Map`, `HeapSet` and others. */
export interface SetLike<T> {
  readonly size: number;
  has(value: T): boolean;
  keys(): Iterator<T>;
}

/** The elements of a set in the heap, as they are now, and the argument of one of its methods. */
export class Operands<T, U> {
  /** The elements. */
  readonly own: Set<T>;
  readonly #size: number;
  readonly #other: SetLike<U>;
  readonly #has: (value: unknown) => unknown;
  readonly #keys: () => unknown;
  readonly #dates = new Map<number, Date>();

  /** @throws TypeError, RangeError as JavaScript's methods do, when `other` is not like a set. */
  constructor(elements: () => readonly T[], other: SetLike<U>) {
    if ((typeof other !== 'object' && typeof other !== 'function') || other === null) {
      throw new TypeError('a set can be combined with something like a set only');
    }
    const size = Number(other.size);
    if (Number.isNaN(size)) {
      throw new TypeError('what a set is combined with must have a size: make a Set of it');
    }
    if (size < 0) throw new RangeError(`what a set is combined with cannot have a size of ${size}`);
    const { has, keys } = other as { has: unknown; keys: unknown };
    if (typeof has !== 'function' || typeof keys !== 'function') {
      throw new TypeError('what a set is combined with must have methods has() and keys()');
    }
    this.#size = Math.trunc(size);
    this.#other = other;
    this.#has = has as () => unknown;
    this.#keys = keys as () => unknown;
    this.own = new Set(elements().map((value) => this.#same(value)));
  }

  /** Whether `other` is at least as large: then it is asked, else gone through. */
  get isOtherLarger(): boolean {
    return this.own.size <= this.#size;
  }

  get isOtherSmaller(): boolean {
    return this.own.size >= this.#size;
  }

  /** Whether `value` is in `other`. */
  inOther = (value: unknown): boolean => Boolean(this.#has.call(this.#other, value));

  /** What is in `other`. Who leaves early closes its iterator. */
  *keys(): Generator<T | U> {
    const iterator = this.#keys.call(this.#other);
    if (typeof iterator !== 'object' || iterator === null) {
      throw new TypeError('keys() of what a set is combined with must return an iterator');
    }
    const { next } = iterator as Iterator<U>;
    let isLeft = false;
    try {
      for (;;) {
        const step = next.call(iterator as Iterator<U>);
        if (step.done) return;
        isLeft = true;
        yield this.#same(step.value);
        isLeft = false;
      }
    } finally {
      if (isLeft) (iterator as Iterator<U>).return?.();
    }
  }

  /** Dates are values in the heap, but objects in a Set: the first stands for its time. */
  #same<V>(value: V): V {
    if (typeof value !== 'object' || value instanceof Handle || !(value instanceof Date)) {
      return value;
    }
    const known = this.#dates.get(value.getTime());
    if (known === undefined) this.#dates.set(value.getTime(), value);
    return (known as V | undefined) ?? value;
  }
}

/** All elements, and what is in the other. */
export function union<T, U>(operands: Operands<T, U>): Set<T | U> {
  const result = new Set<T | U>(operands.own);
  for (const value of operands.keys()) result.add(value);
  return result;
}

/** The elements that are in the other, too, in the order of the smaller one. */
export function intersection<T>(operands: Operands<T, unknown>): Set<T> {
  const { own, isOtherLarger, inOther } = operands;
  if (isOtherLarger) return new Set([...own].filter(inOther));
  const result = new Set<T>();
  for (const value of operands.keys()) if (own.has(value as T)) result.add(value as T);
  return result;
}

/** The elements that are not in the other. */
export function difference<T>(operands: Operands<T, unknown>): Set<T> {
  const { own, isOtherLarger, inOther } = operands;
  if (isOtherLarger) return new Set([...own].filter((value) => !inOther(value)));
  const result = new Set(own);
  for (const value of operands.keys()) result.delete(value as T);
  return result;
}

/** What is in one, but not in both. */
export function symmetricDifference<T, U>(operands: Operands<T, U>): Set<T | U> {
  const { own } = operands;
  const result = new Set<T | U>(own);
  for (const value of operands.keys()) {
    if (own.has(value as T)) result.delete(value);
    else result.add(value);
  }
  return result;
}

export function isSubsetOf({ own, isOtherLarger, inOther }: Operands<unknown, unknown>): boolean {
  return isOtherLarger && [...own].every(inOther);
}

export function isSupersetOf(operands: Operands<unknown, unknown>): boolean {
  if (!operands.isOtherSmaller) return false;
  for (const value of operands.keys()) if (!operands.own.has(value)) return false;
  return true;
}

export function isDisjointFrom(operands: Operands<unknown, unknown>): boolean {
  const { own, isOtherLarger, inOther } = operands;
  if (isOtherLarger) return ![...own].some(inOther);
  for (const value of operands.keys()) if (own.has(value)) return false;
  return true;
}
