/** `HeapObject`: a plain object in the heap, its properties by name. */

import { decodeAt, encode, type Shareable } from './codec.ts';
import { Handle, refOf } from './handle.ts';
import { encodeKey } from './keys.ts';
import { ENTRY_VALUE, type ObjectRef, VALUE_HIGH, VALUE_LOW } from './memory/layout.ts';
import { dropValue } from './object/dealloc.ts';
import { encodeString } from './object/encode-string.ts';
import { isStructKind, kindOf } from './object/header.ts';
import { structLayoutOf } from './object/kinds.ts';
import { appendEntry, deleteEntry, reserveEntry } from './object/map.ts';
import { firstEntry, nextEntry } from './object/map-chunks.ts';
import { becomeDictionary, dictionaryOf } from './object/shape.ts';
import { isShapeName } from './object/struct-layout.ts';
import { findText } from './object/text-search.ts';
import { storeTracked } from './object/tracking.ts';
import { hashValue, slot } from './object/value.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import type { FromJS } from './types.ts';

/** What a property of a plain object `T` is read as. */
export type Property<T, Name> = Name extends keyof T ? FromJS<T[Name]> : Shareable;

/**
 * A plain object in the heap, as `heap.from` makes of an object without class. Properties have
 * names, not accessors of the handle: any name is allowed, and the handle's methods have theirs.
 * `heap.proxy` gives the syntax of ordinary objects.
 *
 * Objects that are made with the same names, in the same order, share their shape, and take 8
 * bytes for each property. One that gets another name, or loses one, becomes a dictionary, which
 * takes some 60 bytes for each.
 */
export class HeapObject<T extends object = Record<string, Shareable>> extends Handle {
  /** Number of properties. */
  get size(): number {
    return this.$session.look(namesOperation, this).length;
  }

  /** The value of a property; undefined when there is none. */
  get<Name extends (keyof T & string) | (string & {})>(name: Name): Property<T, Name> | undefined {
    return this.$session.look(getOperation, this, checkName(name)) as never;
  }

  /** Whether there is a property of this name. */
  has(name: string): boolean {
    return this.$session.look(hasOperation, this, checkName(name));
  }

  /**
   * Sets the value of a property.
   *
   * @throws NotShareableError, HeapExhaustedError: then nothing has changed.
   */
  set<Name extends (keyof T & string) | (string & {})>(
    name: Name,
    value: Name extends keyof T ? T[Name] | FromJS<T[Name]> : unknown,
  ): this {
    this.$session.single(setOperation, this, checkName(name), value);
    return this;
  }

  /** Removes a property. Returns whether there was one. */
  delete(name: string): boolean {
    return this.$session.single(deleteOperation, this, checkName(name));
  }

  /** The names of the properties: whole numbers first, in order, as JavaScript has them. */
  keys(): (keyof T & string)[] {
    return this.$session.look(namesOperation, this) as (keyof T & string)[];
  }

  /** The values of the properties, in the order of their names. */
  values(): FromJS<T[keyof T & string]>[] {
    return this.$session.look(valuesOperation, this) as FromJS<T[keyof T & string]>[];
  }

  /** Names and values of the properties. */
  entries(): [keyof T & string, FromJS<T[keyof T & string]>][] {
    const flat = this.$session.look(entriesOperation, this) as unknown[];
    return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]]] : [])) as never;
  }

  get [Symbol.toStringTag](): string {
    return 'HeapObject';
  }
}

function checkName(name: unknown): string {
  if (typeof name === 'string') return name;
  throw new TypeError(`the name of a property must be a string, not ${show(name)}`);
}

/** The plain object of a handle. @throws TypeError for a handle of anything else */
function objectRef(session: Session, handle: Handle): ObjectRef {
  const ref = refOf(handle);
  const kind = kindOf(session.mem, ref);
  if (isStructKind(kind) && isShapeName(structLayoutOf(session.mem, kind).name)) return ref;
  throw new TypeError(`this method cannot be called on ${handle.constructor.name}`);
}

/** The address of a property's value; 0 when there is none. */
export function propertyAt(session: Session, object: ObjectRef, name: string): number {
  const { mem } = session;
  const dictionary = dictionaryOf(mem, object);
  if (dictionary === 0) {
    const place = structLayoutOf(mem, kindOf(mem, object)).places.get(name);
    return place === undefined ? 0 : object + place.offset;
  }
  encodeString(name);
  const entry = findText(mem, dictionary);
  return entry === 0 ? 0 : entry + ENTRY_VALUE;
}

/** The names of an object's properties, in JavaScript's order. */
export function propertyNames(session: Session, object: ObjectRef): string[] {
  const { mem } = session;
  const dictionary = dictionaryOf(mem, object);
  if (dictionary === 0) {
    return inOrder(structLayoutOf(mem, kindOf(mem, object)).fields.map(({ name }) => name));
  }
  const names: string[] = [];
  for (let at = firstEntry(mem, dictionary); at !== 0; at = nextEntry(mem, at)) {
    names.push(decodeAt(session, at) as string);
  }
  return inOrder(names);
}

/** Whole numbers come first, from small to large; the others keep their order (ECMAScript). */
export function inOrder(names: string[]): string[] {
  if (!names.some(isIndex)) return names;
  const indices = names.filter(isIndex).sort((a, b) => Number(a) - Number(b));
  return [...indices, ...names.filter((name) => !isIndex(name))];
}

const INDEX_MAX = 2 ** 32 - 2;
function isIndex(name: string): boolean {
  const index = Number(name);
  return index >= 0 && index <= INDEX_MAX && Number.isInteger(index) && String(index) === name;
}

function getOperation(session: Session, object: Handle, name?: string): Shareable {
  const at = propertyAt(session, objectRef(session, object), name as string);
  return at === 0 ? undefined : decodeAt(session, at);
}

function hasOperation(session: Session, object: Handle, name?: string): boolean {
  return propertyAt(session, objectRef(session, object), name as string) !== 0;
}

function namesOperation(session: Session, object: Handle): string[] {
  return propertyNames(session, objectRef(session, object));
}

function valuesOperation(session: Session, object: Handle): Shareable[] {
  const ref = objectRef(session, object);
  const names = propertyNames(session, ref);
  const values = names.map((name) => decodeAt(session, propertyAt(session, ref, name)));
  session.reserveResults(values);
  return values;
}

/** Names and values in turn: in one array, so that the handles in it are kept. */
function entriesOperation(session: Session, object: Handle): Shareable[] {
  const values = valuesOperation(session, object);
  const names = propertyNames(session, objectRef(session, object));
  return names.flatMap((name, i) => [name, values[i]]);
}

const propertyPath = (name: unknown): string => `the property ${show(name)} of an object`;

function setOperation(session: Session, object: Handle, name?: string, value?: unknown): void {
  const { mem } = session;
  const ref = objectRef(session, object);
  const property = name as string;
  encode(session, value, propertyPath, property);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  let at: number;
  try {
    at = propertyAt(session, ref, property);
    if (at === 0) {
      addProperty(session, ref, property, low, high);
      return;
    }
  } catch (error) {
    dropValue(mem, low, high); // it was made for nothing
    throw error;
  }
  const oldLow = mem.i32[at + VALUE_LOW];
  const oldHigh = mem.i32[at + VALUE_HIGH];
  const dictionary = dictionaryOf(mem, ref);
  const isTaken = mem.undo?.takeValue(dictionary === 0 ? ref : dictionary, at);
  slot[VALUE_LOW] = low;
  slot[VALUE_HIGH] = high;
  storeTracked(mem, dictionary === 0 ? ref : dictionary, at);
  if (!isTaken) dropValue(mem, oldLow, oldHigh);
}

/** Adds a property: the object is a dictionary then. The value is the caller's until it is in. */
function addProperty(
  session: Session,
  object: ObjectRef,
  name: string,
  low: number,
  high: number,
): void {
  const { mem } = session;
  let map = dictionaryOf(mem, object);
  encodeKey(session, name, propertyPath);
  const keyLow = slot[VALUE_LOW];
  const keyHigh = slot[VALUE_HIGH];
  const hash = hashValue(mem, keyLow, keyHigh);
  try {
    if (map === 0) map = becomeDictionary(mem, object, hash);
    else reserveEntry(mem, map, hash);
  } catch (error) {
    dropValue(mem, keyLow, keyHigh);
    throw error;
  }
  slot[VALUE_LOW] = low;
  slot[VALUE_HIGH] = high;
  appendEntry(mem, map, keyLow, keyHigh, hash);
}

function deleteOperation(session: Session, object: Handle, name?: string): boolean {
  const { mem } = session;
  const ref = objectRef(session, object);
  if (propertyAt(session, ref, name as string) === 0) return false;
  const dictionary = dictionaryOf(mem, ref);
  const map = dictionary === 0 ? becomeDictionary(mem, ref, null) : dictionary;
  encodeString(name as string);
  deleteEntry(mem, map, findText(mem, map));
  return true;
}
