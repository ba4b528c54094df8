/**
 * How sources of `heap.from` are read and their copies filled, step by step, for each form; and how
 * a program would write the way from a source to one of its values.
 */

import { types } from 'node:util';
import type { Importer } from './from.ts';
import type { Plan } from './from-classes.ts';
import {
  HEADER_WORDS,
  type ObjectRef,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from './memory/layout.ts';
import type { Memory } from './memory/memory.ts';
import { appendElement, reserveElement, resizeArray } from './object/array.ts';
import { dropValue } from './object/dealloc.ts';
import { kindOf } from './object/header.ts';
import { appendEntry, clearMap, findEntry, replaceValue, reserveEntry } from './object/map.ts';
import type { Mutator } from './object/mutator.ts';
import { dictionaryOf } from './object/shape.ts';
import { storeTracked } from './object/tracking.ts';
import { encodeAbsent, encodeSimple, hashValue, slot, storeSlot } from './object/value.ts';
import { show } from './struct-fields.ts';

/** Appends what `source` holds to `values`. Runs getters, which may do anything. */
export function readSource(source: object, { form, names }: Plan, values: unknown[]): void {
  switch (form) {
    case 'properties': {
      const properties = source as Record<string, unknown>;
      for (let i = 0; i < names.length; i++) values.push(ownValue(properties, names[i]));
      break;
    }
    case 'regexp':
      values.push(sourceOf.call(source), flagsOf.call(source));
      break;
    case 'error':
      readError(source as Error, names, values);
      break;
    case 'boxed':
      values.push(unboxed(source));
      break;
    case 'list':
      readArray(source as unknown[], values);
      break;
    case 'dictionary':
      for (const name of Object.keys(source)) {
        values.push(name, ownValue(source as Record<string, unknown>, name));
      }
      break;
    case 'map':
      for (const entry of Map.prototype.entries.call(source)) values.push(entry[0], entry[1]);
      break;
    case 'set':
      for (const element of Set.prototype.values.call(source)) values.push(element);
      break;
    default:
  }
}

/** The value of a property that getters may have removed: then nothing, and nothing inherited. */
const ownValue = (source: Record<string, unknown>, name: string): unknown =>
  Object.hasOwn(source, name) ? source[name] : undefined;

const getterOf = (prototype: object, name: string) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get as () => unknown;
const sourceOf = getterOf(RegExp.prototype, 'source');
const flagsOf = getterOf(RegExp.prototype, 'flags');

/** Name and message are strings, as in a structured clone; what is inherited and empty is none. */
function readError(source: Error, names: readonly string[], values: unknown[]): void {
  const { message, stack } = source;
  const isLeftOut = message === undefined || (message === '' && !Object.hasOwn(source, 'message'));
  values.push(String(source.name), isLeftOut ? undefined : String(message));
  values.push(typeof stack === 'string' ? stack : undefined);
  if (names.includes('cause')) values.push(source.cause);
}

/** Stands for an element that an array does not have. */
const HOLE = Symbol('hole');

function readArray(source: readonly unknown[], values: unknown[]): void {
  const { length } = source; // getters may change it
  const mayInherit = hasElements(Object.getPrototypeOf(source));
  for (let i = 0; i < length; i++) {
    const element = source[i];
    const isDoubtful = element === undefined || mayInherit;
    values.push(isDoubtful && !Object.hasOwn(source, i) ? HOLE : element);
  }
}

/** Whether a program has given elements to all arrays. To ask so takes 20 ns. */
function hasElements(prototype: object): boolean {
  for (const _name in prototype) return true;
  return false;
}

function unboxed(source: object): unknown {
  if (types.isNumberObject(source)) return Number.prototype.valueOf.call(source);
  if (types.isStringObject(source)) return String.prototype.valueOf.call(source);
  if (types.isBooleanObject(source)) return Boolean.prototype.valueOf.call(source);
  return Object.prototype.valueOf.call(source).valueOf();
}

/** How many properties are looked at one by one, to see whether one is a getter. */
const FEW = 8;

/** Whether reading a source runs no code of the program. False for many properties. */
export function isPlainData(source: object, { form, names }: Plan): boolean {
  if (form === 'map' || form === 'set' || form === 'nothing') return true;
  const keys = form === 'list' && (source as unknown[]).length <= FEW ? Object.keys(source) : names;
  if ((form !== 'list' && form !== 'properties') || keys.length > FEW) return false;
  if (form === 'list' && (source as unknown[]).length > FEW) return false;
  if (form === 'properties' && Object.getPrototypeOf(source) !== Object.prototype) return false;
  for (const key of keys) {
    if (Object.getOwnPropertyDescriptor(source, key)?.get !== undefined) return false;
  }
  return true;
}

/**
 * Stores the next value, or key and value, of a copy.
 *
 * @param next where it stands in `values`
 * @param place which of its source's values it is
 */
export function storeNext(
  importer: Importer,
  target: ObjectRef,
  { form }: Plan,
  values: readonly unknown[],
  next: number,
  place: number,
): void {
  const { mem } = importer.session;
  switch (form) {
    case 'properties':
    case 'regexp':
    case 'error':
    case 'boxed':
      importer.encode(values[next]);
      storeTracked(mem, target, target + HEADER_WORDS + place * VALUE_WORDS);
      return;
    case 'list':
      reserveElement(mem, target);
      if (values[next] === HOLE) encodeAbsent();
      else importer.encode(values[next]);
      appendElement(mem, target);
      return;
    case 'dictionary':
      storeEntry(importer, dictionaryOf(mem, target), values[next], values[next + 1]);
      return;
    case 'map':
      storeEntry(importer, target, values[next], values[next + 1]);
      return;
    default:
      storeElement(importer, target, values[next]);
  }
}

/**
 * Keys were different in the source, but dates may be equal, proxies and handles may stand for the
 * same object, and a getter may have found the map in the heap and added to it: then the later
 * value counts, as if the entries were set one after the other.
 */
function storeEntry(importer: Importer, map: ObjectRef, key: unknown, value: unknown): void {
  const { mem } = importer.session;
  importer.encode(key === 0 ? 0 : key);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  const hash = hashValue(mem, low, high);
  try {
    importer.encode(value, 1);
    reserveFor(mem, map, hash);
  } catch (error) {
    dropValue(mem, low, high);
    throw error;
  }
  const known = findEntry(mem, map, low, high, hash);
  if (known === 0) appendEntry(mem, map, low, high, hash);
  else {
    replaceValue(mem, map, known);
    dropValue(mem, low, high);
  }
}

/** Makes room for an entry, or drops the value in `slot`. @throws HeapExhaustedError */
function reserveFor(mem: Memory, map: ObjectRef, hash: number): void {
  try {
    reserveEntry(mem, map, hash);
  } catch (error) {
    dropValue(mem, slot[VALUE_LOW], slot[VALUE_HIGH]);
    throw error;
  }
}

function storeElement(importer: Importer, set: ObjectRef, element: unknown): void {
  const { mem } = importer.session;
  importer.encode(element);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  const hash = hashValue(mem, low, high);
  reserveFor(mem, set, hash);
  if (findEntry(mem, set, low, high, hash) !== 0) dropValue(mem, low, high);
  else appendEntry(mem, set, low, high, hash);
}

/** A copy has its shape while nobody has added or removed a property. @throws TypeError */
export function checkShape(mem: Mutator, target: ObjectRef, { kind }: Plan): void {
  if (kindOf(mem, target) === kind) return;
  throw new TypeError('an object was changed in the heap while heap.from() was copying it');
}

/** Makes a copy as it was before it was filled. */
export function emptyCopy(mem: Mutator, target: ObjectRef, { form, names, kind }: Plan): void {
  switch (form) {
    case 'nothing':
      return;
    case 'list':
      resizeArray(mem, target, 0);
      return;
    case 'dictionary':
      clearMap(mem, dictionaryOf(mem, target));
      return;
    case 'map':
    case 'set':
      clearMap(mem, target);
      return;
    default:
      if (kindOf(mem, target) !== kind) return; // changed meanwhile: a dictionary
      for (let i = 0; i < names.length; i++) emptyProperty(mem, target, i);
  }
}

function emptyProperty(mem: Mutator, target: ObjectRef, place: number): void {
  const at = target + HEADER_WORDS + place * VALUE_WORDS;
  const low = mem.i32[at + VALUE_LOW];
  const high = mem.i32[at + VALUE_HIGH];
  encodeSimple(undefined);
  storeSlot(mem, at);
  dropValue(mem, low, high);
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** How a program would write the way from a source to one of its values. */
export function placeName(source: object, { form, names }: Plan, place: number): string {
  switch (form) {
    case 'properties':
    case 'regexp':
    case 'error':
      return propertyName(names[place]);
    case 'dictionary':
      return propertyName(Object.keys(source)[place >> 1] ?? '');
    case 'list':
      return `[${place}]`;
    case 'boxed':
      return '.valueOf()';
    case 'map': {
      const keys = Map.prototype.keys.call(source);
      let key: unknown;
      for (let i = 0; i <= place >> 1; i++) key = keys.next().value;
      return (place & 1) === 0 ? `.keys()[${place >> 1}]` : `.get(${show(key)})`;
    }
    default:
      return `.values()[${place}]`;
  }
}

const propertyName = (name: string): string =>
  IDENTIFIER.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
