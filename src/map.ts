/** `HeapMap`: JavaScript's `Map` on shared memory. Keys by SameValueZero, insertion order. */

import { IteratorPrototype } from './array-iterator.ts';
import { decodeAt, encode, matcherOf, type Shareable } from './codec.ts';
import { Handle, refOf } from './handle.ts';
import { createPlace, type Place } from './map-iterators.ts';
import { blockContaining } from './memory/blocks.ts';
import {
  ENTRY_KEY,
  ENTRY_VALUE,
  ENTRY_WORDS,
  INTERN_MAX,
  NULL_REF,
  type ObjectRef,
  STRING_HASH,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from './memory/layout.ts';
import { dropValue } from './object/dealloc.ts';
import { encoded } from './object/encode-string.ts';
import {
  appendEntry,
  clearMap,
  deleteEntry,
  findEntry,
  findEntryWhere,
  mapSize,
  replaceValue,
  reserveEntry,
} from './object/map.ts';
import { nextEntry } from './object/map-chunks.ts';
import { findString } from './object/string.ts';
import { encodeNumber, hashBigint, hashValue, slot } from './object/value.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import type { Shared } from './types.ts';

const KEY = 'the key of a map';

/** Which value of a map, for error messages. */
function valuePath(key: unknown): string {
  const shown = key instanceof Handle ? `[${key.constructor.name}]` : show(key);
  return `the value of key ${shown} of a map`;
}

/** A map in the heap. The interface of `Map`; keys are any value, objects by identity. */
export class HeapMap<K = Shareable, V = Shareable> extends Handle {
  /** Number of entries. */
  get size(): number {
    return this.$session.single(sizeOperation, this);
  }

  /** The value of `key`; undefined when there is none. */
  get(key: K): Shared<V> | undefined {
    return this.$session.single(getOperation, this, key) as Shared<V> | undefined;
  }

  /** Whether there is an entry for `key`. */
  has(key: K): boolean {
    return this.$session.single(hasOperation, this, key);
  }

  /**
   * Sets the value of `key`; a new key goes behind all others.
   *
   * @throws NotShareableError, HeapExhaustedError: then nothing has changed.
   */
  set(key: K, value: V): this {
    this.$session.single(setOperation, this, key, value);
    return this;
  }

  /** Removes the entry of `key`. Returns whether there was one. */
  delete(key: K): boolean {
    return this.$session.single(deleteOperation, this, key);
  }

  /** Removes all entries. */
  clear(): void {
    this.$session.single(clearOperation, this);
  }

  /** Calls `visit(value, key, map)` for every entry, in insertion order, in one section. */
  forEach(visit: (value: Shared<V>, key: Shared<K>, map: this) => void, thisArg?: unknown): void {
    this.$session.run(() => {
      for (const [key, value] of this) visit.call(thisArg, value, key, this);
    }, Number.POSITIVE_INFINITY);
  }

  /** Iterates over [key, value]. Use it in a section: outside, each step is its own operation. */
  entries(): MapIterator<[Shared<K>, Shared<V>]> {
    return new EntryIterator(this, readPair as Reader<[Shared<K>, Shared<V>]>);
  }

  keys(): MapIterator<Shared<K>> {
    return new EntryIterator(this, readKey as Reader<Shared<K>>);
  }

  values(): MapIterator<Shared<V>> {
    return new EntryIterator(this, readValue as Reader<Shared<V>>);
  }

  [Symbol.iterator](): MapIterator<[Shared<K>, Shared<V>]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'HeapMap';
  }
}

function sizeOperation(session: Session, map: Handle): number {
  return mapSize(session.mem, refOf(map));
}

function getOperation(session: Session, map: Handle, key: unknown): Shareable {
  const entry = lookUp(session, refOf(map), key);
  return entry === 0 ? undefined : decodeAt(session, entry + ENTRY_VALUE);
}

function hasOperation(session: Session, map: Handle, key: unknown): boolean {
  return lookUp(session, refOf(map), key) !== 0;
}

function deleteOperation(session: Session, map: Handle, key: unknown): boolean {
  const ref = refOf(map);
  const entry = lookUp(session, ref, key);
  if (entry === 0) return false;
  deleteEntry(session.mem, ref, entry);
  return true;
}

function clearOperation(session: Session, map: Handle): void {
  clearMap(session.mem, refOf(map));
}

/** The entry of `key`, which need not be shareable; 0 when there is none. Allocates no string. */
function lookUp(session: Session, map: ObjectRef, key: unknown): number {
  const { mem } = session;
  if (typeof key === 'string') return lookUpText(session, map, key);
  if (typeof key === 'object' && key !== null) {
    if (!(key instanceof Handle) || key.$session !== session) return 0; // nobody can have set it
    const ref = refOf(key);
    return findEntry(mem, map, ref, TAG_REFERENCE, hashValue(mem, ref, TAG_REFERENCE));
  }
  if (typeof key === 'function' || typeof key === 'symbol') return 0;
  if (typeof key === 'bigint') {
    const matches = matcherOf(session, key) as (at: number) => boolean;
    return findEntryWhere(mem, map, hashBigint(key), (entry) => matches(entry + ENTRY_KEY));
  }
  encodeKey(session, key);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  return findEntry(mem, map, low, high, hashValue(mem, low, high));
}

function lookUpText(session: Session, map: ObjectRef, text: string): number {
  const { mem } = session;
  if (text.length <= INTERN_MAX) {
    const string = findString(mem, text);
    if (string === 0) return 0; // interned when in use anywhere: so it is no key
    return findEntry(mem, map, string, TAG_REFERENCE, mem.i32[string + STRING_HASH]);
  }
  const matches = matcherOf(session, text) as (at: number) => boolean; // encodes the text
  return findEntryWhere(mem, map, encoded.hash, (entry) => matches(entry + ENTRY_KEY));
}

/** Encodes a key: -0 is 0, as in JavaScript's maps. */
function encodeKey(session: Session, key: unknown): void {
  if (key === 0) encodeNumber(0);
  else encode(session, key, KEY);
}

function setOperation(session: Session, map: Handle, key?: unknown, value?: unknown): void {
  const { mem } = session;
  const ref = refOf(map);
  encode(session, value, valuePath, key);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  let entry = 0;
  try {
    entry = lookUp(session, ref, key);
    if (entry === 0) encodeKey(session, key);
  } catch (error) {
    dropValue(mem, low, high); // the value was made for nothing
    throw error;
  }
  if (entry === 0) {
    addEntry(session, ref, low, high);
    return;
  }
  putInSlot(low, high);
  replaceValue(mem, ref, entry);
}

/** Appends an entry with the key in `slot` and a value, both owned: without room, by nobody. */
function addEntry(session: Session, map: ObjectRef, low: number, high: number): void {
  const { mem } = session;
  const keyLow = slot[VALUE_LOW];
  const keyHigh = slot[VALUE_HIGH];
  try {
    reserveEntry(mem, map);
  } catch (error) {
    dropValue(mem, keyLow, keyHigh);
    dropValue(mem, low, high);
    throw error;
  }
  putInSlot(low, high);
  appendEntry(mem, map, keyLow, keyHigh, hashValue(mem, keyLow, keyHigh));
}

function putInSlot(low: number, high: number): void {
  slot[VALUE_LOW] = low;
  slot[VALUE_HIGH] = high;
}

type Reader<T> = (session: Session, entry: number) => T;
const readKey: Reader<Shareable> = (session, entry) => decodeAt(session, entry + ENTRY_KEY);
const readValue: Reader<Shareable> = (session, entry) => decodeAt(session, entry + ENTRY_VALUE);
const readPair: Reader<[Shareable, Shareable]> = (session, entry) => [
  readKey(session, entry),
  readValue(session, entry),
];

/**
 * An iterator over a map, like JavaScript's under mutation: entries deleted before their turn are
 * left out, entries added are reached. It opens at its first step; see `map-iterators.ts`.
 */
class EntryIterator<T> {
  readonly #map: Handle;
  readonly #read: Reader<T>;
  readonly #place = createPlace();

  constructor(map: Handle, read: Reader<T>) {
    refOf(map);
    this.#map = map;
    this.#read = read;
  }

  next(): IteratorResult<T, undefined> {
    const place = this.#place;
    if (place.done) return { done: true, value: undefined };
    const value = this.#map.$session.single(stepOperation, this.#map, place, this);
    return place.done ? { done: true, value: undefined } : { done: false, value: value as T };
  }

  /** Reads what the iterator yields of an entry. */
  read(session: Session, entry: number): T {
    return this.#read(session, entry);
  }

  return(): IteratorResult<T, undefined> {
    const place = this.#place;
    place.done = true;
    const { $session: session } = this.#map;
    if (place.map !== NULL_REF && session.isOpen) session.single(closeOperation, place);
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    this.return();
  }

  get [Symbol.toStringTag](): string {
    return 'HeapMap Iterator';
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
  // A key, a value, and the iterator itself: the step is not taken without room for them.
  session.reserveResults(3);
  const { mem, iterators } = session;
  if (place.map === NULL_REF) iterators.open(iterator, place, refOf(map));
  const chunk = place.entry === 0 ? 0 : blockContaining(mem, place.entry);
  const from = place.entry === 0 ? 0 : place.entry + ENTRY_WORDS;
  const entry = nextEntry(mem, place.map, chunk, from);
  if (entry === 0) {
    place.done = true;
    iterators.close(place);
    return undefined;
  }
  place.entry = entry;
  return iterator.read(session, entry);
}

function closeOperation(session: Session, place: Place): void {
  session.iterators.close(place);
}

/** The first entries of a map, at most `limit`, for printing. The GIL is held. */
export function firstEntries(
  session: Session,
  map: ObjectRef,
  limit: number,
): [Shareable, Shareable][] {
  const entries: [Shareable, Shareable][] = [];
  let entry = nextEntry(session.mem, map, 0, 0);
  while (entry !== 0 && entries.length < limit) {
    entries.push([readKey(session, entry), readValue(session, entry)]);
    const chunk = blockContaining(session.mem, entry);
    entry = nextEntry(session.mem, map, chunk, entry + ENTRY_WORDS);
  }
  return entries;
}
