/**
 * The classes of values that `heap.from` copies: those of the structured clone algorithm (HTML,
 * 2.7.3), but what belongs to a platform and not to the language. For each: what its copy is, how
 * a source is read, how the copy is filled.
 */

import { inspect, types } from 'node:util';
import { NotShareableError } from './base/errors.ts';
import type { Importer } from './from.ts';
import {
  HEADER_WORDS,
  type ObjectRef,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from './memory/layout.ts';
import { exhausted } from './memory/pages.ts';
import { appendElement, createArray, reserveElement, resizeArray } from './object/array.ts';
import { dropValue } from './object/dealloc.ts';
import {
  appendEntry,
  clearMap,
  createMap,
  createSet,
  findEntry,
  replaceValue,
  reserveEntry,
} from './object/map.ts';
import type { Mutator } from './object/mutator.ts';
import { createDictionary, dictionaryOf, shapeOf } from './object/shape.ts';
import { createStruct } from './object/struct.ts';
import { PLAIN_NAME, specialName } from './object/struct-layout.ts';
import { storeTracked } from './object/tracking.ts';
import { encodeAbsent, encodeSimple, hashValue, slot, storeSlot } from './object/value.ts';
import { show } from './struct-fields.ts';

/** How copies of one form are filled. */
export interface Plan {
  readonly form:
    | 'nothing'
    | 'properties'
    | 'regexp'
    | 'error'
    | 'boxed'
    | 'dictionary'
    | 'list'
    | 'map'
    | 'set';
  /** Values that are stored together: a key and a value, or one. */
  readonly valuesPerStep: 1 | 2;
  /** The properties of sources of a shape. */
  readonly names: readonly string[];
  readonly kind: number;
}

const plan = (form: Plan['form'], valuesPerStep: 1 | 2): Plan => ({
  form,
  valuesPerStep,
  names: [],
  kind: 0,
});
const NOTHING = plan('nothing', 1);
const LIST = plan('list', 1);
const MAP = plan('map', 2);
const SET = plan('set', 1);
const DICTIONARY = plan('dictionary', 2);

/** Names of the shapes of what is more than its properties; `heap.toJS` makes it again. */
export const REGEXP_NAME = specialName('RegExp');
export const ERROR_NAME = specialName('Error');
export const BOXED_NAME = specialName('Boxed');
const REGEXP_PROPERTIES = ['source', 'flags'];
const ERROR_PROPERTIES = ['name', 'message', 'stack'];
const ERROR_WITH_CAUSE = [...ERROR_PROPERTIES, 'cause'];
const BOXED_PROPERTIES = ['value'];

/** A copy to be filled. The caller owns one count. */
export interface Copy {
  readonly ref: ObjectRef;
  readonly plan: Plan;
}

/**
 * The empty copy of a source. Runs no code of the program: properties are not read.
 *
 * @throws NotShareableError for what cannot be copied; HeapExhaustedError.
 */
export function allocateCopy(importer: Importer, source: object, path: () => string): Copy {
  const { mem } = importer.session;
  if (types.isProxy(source)) throw new NotShareableError(path(), 'it is a Proxy');
  const prototype = Object.getPrototypeOf(source);
  if (prototype === Object.prototype) return allocatePlain(mem, source);
  if (Array.isArray(source)) {
    // Before all of it is read: a length says nothing of what there is.
    if (source.length > mem.maxWords / VALUE_WORDS) {
      throw exhausted(mem, source.length * VALUE_WORDS);
    }
    checkArray(source, path);
    return { ref: createArray(mem), plan: LIST };
  }
  return allocateSpecial(importer, source, path);
}

function allocatePlain(mem: Mutator, source: object): Copy {
  return allocateShape(mem, PLAIN_NAME, Object.keys(source));
}

const FORMS: Readonly<Record<string, Plan['form']>> = {
  [REGEXP_NAME]: 'regexp',
  [ERROR_NAME]: 'error',
  [BOXED_NAME]: 'boxed',
};

let lastPlan: Plan | null = null;
let lastMem: Mutator | null = null;

/** An object of a shape; a dictionary when there is none. */
function allocateShape(mem: Mutator, name: string, names: readonly string[]): Copy {
  if (name === PLAIN_NAME && lastMem === mem && lastPlan !== null && areSame(lastPlan, names)) {
    return { ref: createStruct(mem, lastPlan.kind), plan: lastPlan };
  }
  const shape = shapeOf(mem, name, names);
  if (shape === null) return { ref: createDictionary(mem), plan: DICTIONARY };
  const { kind } = shape;
  const made: Plan = { form: FORMS[name] ?? 'properties', valuesPerStep: 1, names, kind };
  if (name === PLAIN_NAME) {
    lastPlan = made;
    lastMem = mem;
  }
  return { ref: createStruct(mem, kind), plan: made };
}

function areSame({ names }: Plan, others: readonly string[]): boolean {
  if (names.length !== others.length) return false;
  for (let i = 0; i < names.length; i++) if (names[i] !== others[i]) return false;
  return true;
}

function allocateSpecial(importer: Importer, source: object, path: () => string): Copy {
  const { session } = importer;
  const { mem } = session;
  if (types.isMap(source)) return { ref: createMap(mem), plan: MAP };
  if (types.isSet(source)) return { ref: createSet(mem), plan: SET };
  if (types.isAnyArrayBuffer(source) || ArrayBuffer.isView(source)) {
    const bytes = source as ArrayBuffer | ArrayBufferView;
    return { ref: importer.storages.copy(session, bytes, path), plan: NOTHING };
  }
  if (types.isRegExp(source)) return allocateShape(mem, REGEXP_NAME, REGEXP_PROPERTIES);
  if (types.isNativeError(source)) {
    const names = Object.hasOwn(source, 'cause') ? ERROR_WITH_CAUSE : ERROR_PROPERTIES;
    return allocateShape(mem, ERROR_NAME, names);
  }
  if (types.isBoxedPrimitive(source)) return allocateShape(mem, BOXED_NAME, BOXED_PROPERTIES);
  const refused = refusedClass(source);
  if (refused !== null) throw new NotShareableError(path(), `it is a ${refused}`);
  return allocatePlain(mem, source); // an object of a class, of which only the properties are copied
}

/** The name of the class of what nobody can copy, or only the platform; null for other objects. */
function refusedClass(source: object): string | null {
  if (types.isPromise(source)) return 'Promise';
  if (types.isWeakMap(source)) return 'WeakMap';
  if (types.isWeakSet(source)) return 'WeakSet';
  if (types.isGeneratorObject(source)) return 'Generator';
  if (types.isMapIterator(source) || types.isSetIterator(source)) return 'Iterator';
  if (types.isArgumentsObject(source)) return 'list of arguments';
  if (types.isExternal(source)) return 'pointer of an addon';
  return PLATFORM.find((type) => source instanceof type)?.name ?? null;
}

const PLATFORM = [
  'WeakRef FinalizationRegistry Blob MessagePort MessageChannel BroadcastChannel ReadableStream',
  'WritableStream TransformStream CryptoKey DOMException',
]
  .join(' ')
  .split(' ')
  .map((name) => (globalThis as Record<string, unknown>)[name])
  .filter((type): type is new () => object => typeof type === 'function');

/** Properties of arrays besides their elements are not copied, so there must be none. */
function checkArray(source: readonly unknown[], path: () => string): void {
  if (source.length > LONG_ARRAY && looksPlain(source)) return;
  const keys = Object.keys(source);
  const own = keys.at(-1);
  if (own === undefined || keys.length === source.length) {
    if (keys.length === 0 || own === String(source.length - 1)) return;
  }
  const name = keys.find((key) => !(Number(key) < source.length));
  if (name === undefined) return; // it has holes
  throw new NotShareableError(
    path(),
    `it is an array with a property besides its elements: ${name}`,
  );
}

/** To list the keys of a long array takes longer than to copy its elements. */
const LONG_ARRAY = 64;

/** Whether an array is printed as one of this length, elements left out: then it has no more. */
function looksPlain(source: readonly unknown[]): boolean {
  const options = { customInspect: false, maxArrayLength: 0, depth: 0, breakLength: Infinity };
  return inspect(source, options) === inspect(new Array(source.length), options);
}

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

/** As in a structured clone name and message are strings; what is inherited and empty is left out. */
function readError(source: Error, names: readonly string[], values: unknown[]): void {
  const { message, stack } = source;
  const isLeftOut = message === undefined || (message === '' && !Object.hasOwn(source, 'message'));
  values.push(String(source.name), isLeftOut ? undefined : String(message));
  values.push(typeof stack === 'string' ? stack : undefined);
  if (names.includes('cause')) values.push(source.cause);
}

/** Stands for an element that an array does not have. */
export const HOLE = Symbol('hole');

function readArray(source: readonly unknown[], values: unknown[]): void {
  const { length } = source; // getters may change it
  for (let i = 0; i < length; i++) {
    const element = source[i];
    values.push(element === undefined && !(i in source) ? HOLE : element);
  }
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
 * Keys were different in the source, but dates may be equal, and proxies and handles may stand for
 * the same object: then the later value counts, as if the entries were set one after the other.
 */
function storeEntry(importer: Importer, map: ObjectRef, key: unknown, value: unknown): void {
  const { mem } = importer.session;
  reserveEntry(mem, map);
  importer.encode(key === 0 ? 0 : key);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  try {
    importer.encode(value);
  } catch (error) {
    // A copy made for the key stays for the next attempt.
    if (!importer.isUnplaced(low as ObjectRef)) dropValue(mem, low, high);
    throw error;
  }
  const hash = hashValue(mem, low, high);
  const known = isObject(key) ? findEntry(mem, map, low, high, hash) : 0;
  if (known === 0) appendEntry(mem, map, low, high, hash);
  else {
    replaceValue(mem, map, known);
    dropValue(mem, low, high);
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

function storeElement(importer: Importer, set: ObjectRef, element: unknown): void {
  const { mem } = importer.session;
  reserveEntry(mem, set);
  importer.encode(element);
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  const hash = hashValue(mem, low, high);
  if (isObject(element) && findEntry(mem, set, low, high, hash) !== 0) dropValue(mem, low, high);
  else appendEntry(mem, set, low, high, hash);
}

/** Makes a copy as it was before it was filled. */
export function emptyCopy(mem: Mutator, target: ObjectRef, { form, names }: Plan): void {
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
