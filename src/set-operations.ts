/**
 * The methods that combine sets, by the steps of ECMAScript. What is called of `other` may change
 * the set in the heap: so it is asked again at each step, and gone through by an iterator, which
 * bears that, wherever JavaScript's own methods look again.
 */

import { Handle } from './handle.ts';

/** What the methods that combine sets take, as JavaScript's: `Set`, `Map`, `HeapSet` and others. */
export interface SetLike<T> {
  readonly size: number;
  has(value: T): boolean;
  keys(): Iterator<T>;
}

/** The set in the heap whose method was called. */
export interface OwnSet<T> {
  size(): number;
  has(value: unknown): boolean;
  /** All elements, as they are now. */
  all(): readonly T[];
  /** Yields the elements, also those that are added meanwhile. */
  values(): Iterable<T>;
}

/** A set in the heap, and the argument of one of its methods. */
export class Operands<T, U> {
  readonly #own: OwnSet<T>;
  readonly #size: number;
  readonly #other: SetLike<U>;
  readonly #has: (value: unknown) => unknown;
  readonly #keys: () => unknown;
  readonly #dates = new Map<number, Date>();

  /** @throws TypeError, RangeError as JavaScript's methods do, when `other` is not like a set. */
  constructor(own: OwnSet<T>, other: SetLike<U>) {
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
    this.#own = own;
  }

  /** A set of all elements, as they are now. */
  all(): Set<T> {
    return new Set(this.#own.all().map((value) => this.#same(value)));
  }

  /** The elements one after the other, while calls of `other` may change the set. */
  *each(): Generator<T> {
    for (const value of this.#own.values()) yield this.#same(value);
  }

  /** Whether `value` is an element at this moment. */
  inOwn(value: unknown): boolean {
    return this.#own.has(value);
  }

  /** Whether `other` is at least as large: then it is asked, else gone through. */
  get isOtherLarger(): boolean {
    return this.#own.size() <= this.#size;
  }

  get isOtherSmaller(): boolean {
    return this.#own.size() >= this.#size;
  }

  /** Whether `value` is in `other`. */
  inOther(value: unknown): boolean {
    return Boolean(this.#has.call(this.#other, value));
  }

  /** What is in `other`, which is asked for its iterator at once. Who leaves early closes it. */
  keys(): Generator<T | U> {
    const iterator = this.#keys.call(this.#other);
    if (typeof iterator !== 'object' || iterator === null) {
      throw new TypeError('keys() of what a set is combined with must return an iterator');
    }
    return this.#walk(iterator as Iterator<U>, (iterator as Iterator<U>).next);
  }

  *#walk(iterator: Iterator<U>, next: Iterator<U>['next']): Generator<T | U> {
    let isLeft = false;
    try {
      for (;;) {
        const step = next.call(iterator);
        if (step.done) return;
        isLeft = true;
        yield this.#same(step.value);
        isLeft = false;
      }
    } finally {
      if (isLeft) iterator.return?.();
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
  const keys = operands.keys();
  const result = new Set<T | U>(operands.all());
  for (const value of keys) result.add(value);
  return result;
}

/** The elements that are in the other, too, in the order of the smaller one. */
export function intersection<T>(operands: Operands<T, unknown>): Set<T> {
  const result = new Set<T>();
  if (operands.isOtherLarger) {
    for (const value of operands.each()) if (operands.inOther(value)) result.add(value);
  } else {
    for (const value of operands.keys()) if (operands.inOwn(value)) result.add(value as T);
  }
  return result;
}

/** The elements that are not in the other. */
export function difference<T>(operands: Operands<T, unknown>): Set<T> {
  const { isOtherLarger } = operands;
  const result = operands.all();
  if (isOtherLarger) {
    for (const value of result) if (operands.inOther(value)) result.delete(value);
  } else {
    for (const value of operands.keys()) result.delete(value as T);
  }
  return result;
}

/** What is in one, but not in both. */
export function symmetricDifference<T, U>(operands: Operands<T, U>): Set<T | U> {
  const keys = operands.keys();
  const result = new Set<T | U>(operands.all());
  for (const value of keys) {
    if (operands.inOwn(value)) result.delete(value);
    else result.add(value);
  }
  return result;
}

export function isSubsetOf(operands: Operands<unknown, unknown>): boolean {
  if (!operands.isOtherLarger) return false;
  for (const value of operands.each()) if (!operands.inOther(value)) return false;
  return true;
}

export function isSupersetOf(operands: Operands<unknown, unknown>): boolean {
  if (!operands.isOtherSmaller) return false;
  for (const value of operands.keys()) if (!operands.inOwn(value)) return false;
  return true;
}

export function isDisjointFrom(operands: Operands<unknown, unknown>): boolean {
  if (operands.isOtherLarger) {
    for (const value of operands.each()) if (operands.inOther(value)) return false;
  } else {
    for (const value of operands.keys()) if (operands.inOwn(value)) return false;
  }
  return true;
}
