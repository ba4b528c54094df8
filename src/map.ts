/** `HeapMap`: JavaScript's `Map` on shared memory. Keys by SameValueZero, insertion order. */

import { decodeAt, encode, type Shareable } from './codec.ts';
import { EntryIterator, type Reader, readKey } from './entry-iterator.ts';
import { Handle, refOfKind } from './handle.ts';
import { encodeKey, lookUp } from './keys.ts';
import {
  ENTRY_VALUE,
  HEADER_INFO,
  KIND_MAP,
  KIND_SHIFT,
  type ObjectRef,
  VALUE_HIGH,
  VALUE_LOW,
} from './memory/layout.ts';
import { dropValue } from './object/dealloc.ts';
import { encodeString } from './object/encode-string.ts';
import {
  appendEntry,
  clearMap,
  deleteEntry,
  mapSize,
  replaceValue,
  reserveEntry,
} from './object/map.ts';
import { firstEntry, nextEntry } from './object/map-chunks.ts';
import { findText } from './object/text-search.ts';
import { hashValue, slot } from './object/value.ts';
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
    return this.$session.look(sizeOperation, this);
  }

  /** The value of `key`; undefined when there is none. */
  get(key: K): Shared<V> | undefined {
    const { $session: session, $ref: map } = this;
    const { mem } = session;
    if (typeof key === 'string' && mem.depth !== 0 && isMap(mem, map)) {
      encodeString(key);
      const entry = findText(mem, map);
      return (entry === 0 ? undefined : decodeAt(session, entry + ENTRY_VALUE)) as Shared<V>;
    }
    return this.$session.look(getOperation, this, key) as Shared<V> | undefined;
  }

  /** Whether there is an entry for `key`. */
  has(key: K): boolean {
    return this.$session.look(hasOperation, this, key);
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
    this.$session.lookIn(() => {
      for (const [key, value] of this) visit.call(thisArg, value, key, this);
    });
  }

  /** Iterates over [key, value]. Use it in a section: outside, each step is its own operation. */
  entries(): MapIterator<[Shared<K>, Shared<V>]> {
    return new EntryIterator(this, KIND_MAP, readPair as Reader<[Shared<K>, Shared<V>]>);
  }

  keys(): MapIterator<Shared<K>> {
    return new EntryIterator(this, KIND_MAP, readKey as Reader<Shared<K>>);
  }

  values(): MapIterator<Shared<V>> {
    return new EntryIterator(this, KIND_MAP, readValue as Reader<Shared<V>>);
  }

  [Symbol.iterator](): MapIterator<[Shared<K>, Shared<V>]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'HeapMap';
  }
}

/** Not so behind null, where the word of a stale handle is. */
const isMap = ({ i32 }: Session['mem'], ref: ObjectRef): boolean =>
  i32[ref + HEADER_INFO] >>> KIND_SHIFT === KIND_MAP;

function sizeOperation(session: Session, map: Handle): number {
  return mapSize(session.mem, refOfKind(session, map, KIND_MAP));
}

function getOperation(session: Session, map: Handle, key: unknown): Shareable {
  const entry = lookUp(session, refOfKind(session, map, KIND_MAP), key);
  return entry === 0 ? undefined : decodeAt(session, entry + ENTRY_VALUE);
}

function hasOperation(session: Session, map: Handle, key: unknown): boolean {
  return lookUp(session, refOfKind(session, map, KIND_MAP), key) !== 0;
}

function deleteOperation(session: Session, map: Handle, key: unknown): boolean {
  const ref = refOfKind(session, map, KIND_MAP);
  const entry = lookUp(session, ref, key);
  if (entry === 0) return false;
  deleteEntry(session.mem, ref, entry);
  return true;
}

function clearOperation(session: Session, map: Handle): void {
  clearMap(session.mem, refOfKind(session, map, KIND_MAP));
}

function setOperation(session: Session, map: Handle, key?: unknown, value?: unknown): void {
  const { mem } = session;
  const ref = refOfKind(session, map, KIND_MAP);
  encode(session, value, valuePath, key);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  let entry = 0;
  try {
    entry = lookUp(session, ref, key);
    if (entry === 0) encodeKey(session, key, KEY);
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
  const hash = hashValue(mem, keyLow, keyHigh);
  try {
    reserveEntry(mem, map, hash);
  } catch (error) {
    dropValue(mem, keyLow, keyHigh);
    dropValue(mem, low, high);
    throw error;
  }
  putInSlot(low, high);
  appendEntry(mem, map, keyLow, keyHigh, hash);
}

function putInSlot(low: number, high: number): void {
  slot[VALUE_LOW] = low;
  slot[VALUE_HIGH] = high;
}

const readValue: Reader<Shareable> = (session, entry) => decodeAt(session, entry + ENTRY_VALUE);
const readPair: Reader<[Shareable, Shareable]> = (session, entry) => [
  readKey(session, entry),
  readValue(session, entry),
];

/** The first entries of a map, at most `limit`. The GIL is held. */
export const firstEntries = (session: Session, map: ObjectRef, limit: number) =>
  firstOf(session, map, limit, readPair);

/** The first elements of a set, at most `limit`. The GIL is held. */
export const firstElements = (session: Session, set: ObjectRef, limit: number) =>
  firstOf(session, set, limit, readKey);

function firstOf<T>(session: Session, map: ObjectRef, limit: number, read: Reader<T>): T[] {
  const { mem } = session;
  const found: T[] = [];
  let entry = firstEntry(mem, map);
  while (entry !== 0 && found.length < limit) {
    found.push(read(session, entry));
    entry = nextEntry(mem, entry);
  }
  return found;
}
