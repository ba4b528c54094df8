/** `HeapSet`: JavaScript's `Set` on shared memory. Elements by SameValueZero, insertion order. */

import type { Shareable } from './codec.ts';
import { EntryIterator, type Reader, readKey } from './entry-iterator.ts';
import { Handle, refOfKind } from './handle.ts';
import { encodeKey, lookUp } from './keys.ts';
import { firstElements } from './map.ts';
import { KIND_SET, type ObjectRef, VALUE_HIGH, VALUE_LOW } from './memory/layout.ts';
import { dropValue } from './object/dealloc.ts';
import { appendEntry, clearMap, deleteEntry, mapSize, reserveEntry } from './object/map.ts';
import { hashValue, slot } from './object/value.ts';
import type { Session } from './session.ts';
import {
  difference,
  intersection,
  isDisjointFrom,
  isSubsetOf,
  isSupersetOf,
  Operands,
  type OwnSet,
  type SetLike,
  symmetricDifference,
  union,
} from './set-operations.ts';
import type { Shared } from './types.ts';

const ELEMENT = 'an element of a set';

/**
 * A set in the heap. The interface of `Set`; elements are any value, objects by identity.
 * Those methods that make sets return ordinary ones, whose elements are handles where they are
 * objects of the heap.
 */
export class HeapSet<T = Shareable> extends Handle {
  /** Number of elements. */
  get size(): number {
    return this.$session.look(sizeOperation, this);
  }

  /** Whether `value` is an element. */
  has(value: T): boolean {
    return this.$session.look(hasOperation, this, value);
  }

  /**
   * Adds `value` behind all others, unless it is an element.
   *
   * @throws NotShareableError, HeapExhaustedError: then nothing has changed.
   */
  add(value: T): this {
    this.$session.single(addOperation, this, value);
    return this;
  }

  /** Removes `value`. Returns whether it was an element. */
  delete(value: T): boolean {
    return this.$session.single(deleteOperation, this, value);
  }

  /** Removes all elements. */
  clear(): void {
    this.$session.single(clearOperation, this);
  }

  /** Calls `visit(value, value, set)` for every element, in insertion order, in one section. */
  forEach(visit: (value: Shared<T>, same: Shared<T>, set: this) => void, thisArg?: unknown): void {
    this.$session.lookIn(() => {
      for (const value of this) visit.call(thisArg, value, value, this);
    });
  }

  /** Iterates over the elements. Use it in a section: outside, each step is its own operation. */
  values(): SetIterator<Shared<T>> {
    return new EntryIterator(this, KIND_SET, readKey as Reader<Shared<T>>);
  }

  keys(): SetIterator<Shared<T>> {
    return this.values();
  }

  entries(): SetIterator<[Shared<T>, Shared<T>]> {
    return new EntryIterator(this, KIND_SET, readTwice as Reader<[Shared<T>, Shared<T>]>);
  }

  [Symbol.iterator](): SetIterator<Shared<T>> {
    return this.values();
  }

  /** An ordinary set of the elements of this one and of `other`. */
  union<U>(other: SetLike<U>): Set<Shared<T> | U> {
    return union(this.#with(other));
  }

  /** An ordinary set of the elements that are in `other`, too. */
  intersection(other: SetLike<unknown>): Set<Shared<T>> {
    return intersection(this.#with(other));
  }

  /** An ordinary set of the elements that are not in `other`. */
  difference(other: SetLike<unknown>): Set<Shared<T>> {
    return difference(this.#with(other));
  }

  /** An ordinary set of what is either an element or in `other`, but not both. */
  symmetricDifference<U>(other: SetLike<U>): Set<Shared<T> | U> {
    return symmetricDifference(this.#with(other));
  }

  /** Whether all elements are in `other`. */
  isSubsetOf(other: SetLike<unknown>): boolean {
    return isSubsetOf(this.#with(other));
  }

  /** Whether all that is in `other` is an element. */
  isSupersetOf(other: SetLike<unknown>): boolean {
    return isSupersetOf(this.#with(other));
  }

  /** Whether no element is in `other`. */
  isDisjointFrom(other: SetLike<unknown>): boolean {
    return isDisjointFrom(this.#with(other));
  }

  get [Symbol.toStringTag](): string {
    return 'HeapSet';
  }

  #with<U>(other: SetLike<U>): Operands<Shared<T>, U> {
    const { $session: session } = this;
    // By the operations, not by methods: those of a subclass are not asked, as in JavaScript.
    const own: OwnSet<Shared<T>> = {
      size: () => session.look(sizeOperation, this),
      has: (value) => session.look(hasOperation, this, value),
      all: () => session.look(elementsOperation, this) as Shared<T>[],
      values: () => new EntryIterator(this, KIND_SET, readKey as Reader<Shared<T>>),
    };
    return new Operands(own, other);
  }
}

const readTwice: Reader<[Shareable, Shareable]> = (session, entry) => {
  const value = readKey(session, entry);
  return [value, value];
};

function sizeOperation(session: Session, set: Handle): number {
  return mapSize(session.mem, refOfKind(session, set, KIND_SET));
}

function hasOperation(session: Session, set: Handle, value: unknown): boolean {
  return lookUp(session, refOfKind(session, set, KIND_SET), value) !== 0;
}

function addOperation(session: Session, set: Handle, value: unknown): void {
  const { mem } = session;
  const ref = refOfKind(session, set, KIND_SET);
  if (lookUp(session, ref, value) !== 0) return;
  encodeKey(session, value, ELEMENT);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  const hash = hashValue(mem, low, high);
  try {
    reserveEntry(mem, ref, hash);
  } catch (error) {
    dropValue(mem, low, high); // it was made for nothing
    throw error;
  }
  appendEntry(mem, ref, low, high, hash);
}

function deleteOperation(session: Session, set: Handle, value: unknown): boolean {
  const ref = refOfKind(session, set, KIND_SET);
  const entry = lookUp(session, ref, value);
  if (entry === 0) return false;
  deleteEntry(session.mem, ref, entry);
  return true;
}

function clearOperation(session: Session, set: Handle): void {
  clearMap(session.mem, refOfKind(session, set, KIND_SET));
}

function elementsOperation(session: Session, set: Handle): Shareable[] {
  return elementsOf(session, refOfKind(session, set, KIND_SET));
}

/** The elements of a set. */
export function elementsOf(session: Session, ref: ObjectRef): Shareable[] {
  const elements = firstElements(session, ref, mapSize(session.mem, ref));
  session.reserveResults(elements);
  return elements;
}
