/**
 * The classes of values that `heap.from` copies: those of the structured clone algorithm (HTML,
 * 2.7.3), but what belongs to a platform and not to the language. For each: what its copy is, how
 * which form. See `from-steps.ts` for how each form is read and filled.
 */

import { inspect, types } from 'node:util';
import { NotShareableError } from './base/errors.ts';
import type { Importer } from './from.ts';
import { type ObjectRef, VALUE_WORDS } from './memory/layout.ts';
import { exhausted } from './memory/pages.ts';
import { createArray } from './object/array.ts';
import { createMap, createSet } from './object/map.ts';
import type { Mutator } from './object/mutator.ts';
import { createDictionary, shapeOf } from './object/shape.ts';
import { createStruct } from './object/struct.ts';
import { PLAIN_NAME, specialName } from './object/struct-layout.ts';

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
  const prototype = Object.getPrototypeOf(source);
  if (prototype === Object.prototype) return allocatePlain(importer, source);
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

/** Siblings often have the same properties, so the last plan is tried first. */
function allocatePlain(importer: Importer, source: object): Copy {
  const { mem } = importer.session;
  const names = Object.keys(source);
  const { lastPlan } = importer;
  if (lastPlan !== null && areSame(lastPlan, names)) {
    return { ref: createStruct(mem, lastPlan.kind), plan: lastPlan };
  }
  const copy = allocateShape(mem, PLAIN_NAME, names);
  if (copy.plan !== DICTIONARY) importer.lastPlan = copy.plan;
  return copy;
}

const FORMS: Readonly<Record<string, Plan['form']>> = {
  [REGEXP_NAME]: 'regexp',
  [ERROR_NAME]: 'error',
  [BOXED_NAME]: 'boxed',
};

/** An object of a shape; a dictionary when there is none. */
function allocateShape(mem: Mutator, name: string, names: readonly string[]): Copy {
  const shape = shapeOf(mem, name, names);
  if (shape === null) return { ref: createDictionary(mem), plan: DICTIONARY };
  const { kind } = shape;
  const made: Plan = { form: FORMS[name] ?? 'properties', valuesPerStep: 1, names, kind };
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
  return allocatePlain(importer, source); // of a class: only its properties are copied
}

/** The name of the class of what nobody can copy, or only the platform; null for other objects. */
function refusedClass(source: object): string | null {
  if (types.isPromise(source)) return 'Promise';
  if (types.isWeakMap(source)) return 'WeakMap';
  if (types.isWeakSet(source)) return 'WeakSet';
  if (types.isGeneratorObject(source)) return 'Generator';
  if (types.isMapIterator(source) || types.isSetIterator(source)) return 'iterator';
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
  if (source.length > LONG_ARRAY && isOrdinary(source) && looksPlain(source)) return;
  const keys = Object.keys(source);
  const own = keys.at(-1);
  if (own === undefined || keys.length === source.length) {
    if (keys.length === 0 || own === String(source.length - 1)) return;
  }
  const name = keys.find((key) => String(Number(key) >>> 0) !== key);
  if (name === undefined) return; // it has holes
  throw new NotShareableError(
    path(),
    `it is an array with a property besides its elements: ${name}`,
  );
}

/** To list the keys of a long array takes longer than to copy its elements. */
const LONG_ARRAY = 64;

/** Whether to print an array runs no code of the program. */
const isOrdinary = (source: object): boolean =>
  Object.getPrototypeOf(source) === Array.prototype && !Object.hasOwn(source, Symbol.toStringTag);

/** Whether an array is printed as one of this length, elements left out: then it has no more. */
function looksPlain(source: readonly unknown[]): boolean {
  const options = { customInspect: false, maxArrayLength: 0, depth: 0, breakLength: Infinity };
  return inspect(source, options) === inspect(new Array(source.length), options);
}
