/** Iterators over maps and sets. */

import { IteratorPrototype } from './array-iterator.ts';
import { StaleHandleError } from './base/errors.ts';
import { decodeAt, type Shareable } from './codec.ts';
import { type Handle, refOf, refOfKind } from './handle.ts';
import { createPlace, type Place } from './map-iterators.ts';
import { ENTRY_KEY, NULL_REF, type ObjectRef } from './memory/layout.ts';
import { firstEntry, nextEntry } from './object/map-chunks.ts';
import type { Session } from './session.ts';

/** Reads what an iterator yields of an entry. */
export type Reader<T> = (session: Session, entry: number) => T;

/** Yields the keys of a map, the elements of a set. */
export const readKey: Reader<Shareable> = (session, entry) => decodeAt(session, entry + ENTRY_KEY);

/**
 * An iterator over a map or set, like JavaScript's under mutation: entries deleted before their
 * turn are left out, entries added are reached. It opens at its first step; see `map-iterators.ts`.
 */
export class EntryIterator<T> {
  readonly #map: Handle;
  readonly #kind: number;
  readonly #read: Reader<T>;
  readonly #place = createPlace();

  /** @param kind that of what is gone through: KIND_MAP or KIND_SET */
  constructor(map: Handle, kind: number, read: Reader<T>) {
    refOf(map);
    this.#map = map;
    this.#kind = kind;
    this.#read = read;
  }

  next(): IteratorResult<T, undefined> {
    const place = this.#place;
    if (place.done) return { done: true, value: undefined };
    if (place.isStale) throw new StaleHandleError('this iterator');
    const value = this.#map.$session.look(stepOperation, this.#map, place, this);
    return place.done ? { done: true, value: undefined } : { done: false, value: value as T };
  }

  /** The map or set, when the iterator opens. @throws StaleHandleError, TypeError */
  refOf(session: Session, map: Handle): ObjectRef {
    return refOfKind(session, map, this.#kind);
  }

  /** Reads what the iterator yields of an entry. */
  read(session: Session, entry: number): T {
    return this.#read(session, entry);
  }

  return(): IteratorResult<T, undefined> {
    const place = this.#place;
    place.done = true;
    const { $session: session } = this.#map;
    if (place.map !== NULL_REF && session.isOpen) session.look(closeOperation, place);
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    this.return();
  }

  get [Symbol.toStringTag](): string {
    return `${this.#map.constructor.name} Iterator`;
  }
}

Object.setPrototypeOf(EntryIterator.prototype, IteratorPrototype);

function stepOperation(
  session: Session,
  map: Handle,
  place?: Place,
  iterator?: EntryIterator<unknown>,
): unknown {
  if (place === undefined || iterator === undefined) return undefined;
  const { mem, iterators } = session;
  if (place.map === NULL_REF) iterators.open(iterator, place, iterator.refOf(session, map));
  const last = place.entry;
  const entry = last === 0 ? firstEntry(mem, place.map) : nextEntry(mem, last);
  if (entry === 0) {
    place.done = true;
    iterators.close(place);
    return undefined;
  }
  const value = iterator.read(session, entry);
  // The step is not taken without room for what it yields.
  if (Array.isArray(value)) session.reserveResults(value);
  else session.reserveResult(value);
  place.entry = entry;
  return value;
}

function closeOperation(session: Session, place: Place): void {
  session.iterators.close(place);
}
