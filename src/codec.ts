/**
 * Between JavaScript values and values of the heap. References go through the session's handles.
 */

import { NotShareableError, StaleHandleError } from './base/errors.ts';
import { Handle, refOf } from './handle.ts';
import {
  INTERN_MAX,
  KIND_BIGINT,
  KIND_DATE,
  KIND_STRING,
  type ObjectRef,
  TAG_INT32,
  TAG_MIN,
  TAG_REFERENCE,
  TAG_SIMPLE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from './memory/layout.ts';
import type { Memory } from './memory/memory.ts';
import { dropValue } from './object/dealloc.ts';
import { encodeString, equalsEncoded } from './object/encode-string.ts';
import { kindOf } from './object/header.ts';
import { incref } from './object/refcount.ts';
import { createString, decodeString, findString } from './object/string.ts';
import {
  bigintOf,
  createBigint,
  createDate,
  encodeNumber,
  encodeReference,
  encodeSimple,
  isDouble,
  isShareableBigint,
  referenceAt,
  simpleOf,
  slot,
  timeOf,
} from './object/value.ts';
import { handleOfProxy } from './proxy-targets.ts';
import type { Session } from './session.ts';

/** Types of values that slots can hold. */
export type Shareable = string | number | boolean | bigint | null | undefined | object;

/** Where a value goes, for error messages; made of `at` only when there is an error. */
export type Path = string | ((at: unknown) => string);

const pathOf = (path: Path, at: unknown) => (typeof path === 'string' ? path : path(at));

/**
 * Encodes a value into `slot`. A reference there is owned by the caller.
 *
 * @param path where the value goes; a function is called with `at`, when there is an error
 * @throws NotShareableError, StaleHandleError; HeapExhaustedError when a string finds no room.
 */
export function encode(session: Session, value: unknown, path: Path, at?: unknown): void {
  switch (typeof value) {
    case 'number':
      encodeNumber(value);
      return;
    case 'string':
      encodeReference(createString(session.mem, value));
      return;
    case 'boolean':
    case 'undefined':
      encodeSimple(value);
      return;
    case 'bigint':
      encodeBigint(session, value, path, at);
      return;
    default:
      encodeObject(session, value, path, at);
  }
}

/** A proxy of `heap.proxy` stands for its handle. */
const handleOf = (value: unknown): unknown =>
  value instanceof Handle || typeof value !== 'object' || value === null
    ? value
    : (handleOfProxy(value) ?? value);

// Apart from `encode`, so that V8 inlines that into what is hot.

function encodeBigint(session: Session, value: bigint, path: Path, at: unknown): void {
  if (!isShareableBigint(value)) {
    const why = 'a bigint must fit 64 bits, from -(2n ** 63n) to 2n ** 64n - 1n';
    throw new NotShareableError(pathOf(path, at), why);
  }
  encodeReference(createBigint(session.mem, value));
}

function encodeObject(session: Session, value: unknown, path: Path, at: unknown): void {
  if (value === null) {
    encodeSimple(null);
    return;
  }
  // A handle's prototypes end in a proxy: it must not come so far.
  if (!(value instanceof Handle) && value instanceof Date) {
    encodeReference(createDate(session.mem, value));
    return;
  }
  const ref = sharedRefOf(session, handleOf(value), path, at);
  incref(session.mem, ref);
  encodeReference(ref);
}

/**
 * Encodes values side by side, two words each, all of them or none.
 *
 * @param path where a value goes; called with `firstIndex` and its index in `values` together
 */
export function encodeAll(
  session: Session,
  values: readonly unknown[],
  path: Path,
  firstIndex: number,
): Int32Array {
  const words = new Int32Array(values.length * VALUE_WORDS);
  for (let i = 0; i < values.length; i++) {
    try {
      encode(session, values[i], path, firstIndex + i);
    } catch (error) {
      dropAll(session.mem, words, i);
      throw error;
    }
    words[i * VALUE_WORDS + VALUE_LOW] = slot[VALUE_LOW];
    words[i * VALUE_WORDS + VALUE_HIGH] = slot[VALUE_HIGH];
  }
  return words;
}

/** Drops the first `count` values of `encodeAll`, which found no place. */
export function dropAll(mem: Memory, words: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    dropValue(mem, words[i * VALUE_WORDS + VALUE_LOW], words[i * VALUE_WORDS + VALUE_HIGH]);
  }
}

/** The object that `value` is a live handle of in this heap. @throws NotShareableError */
export function sharedRefOf(session: Session, value: unknown, path: Path, at?: unknown): ObjectRef {
  if (!(value instanceof Handle)) throw notShareable(value, pathOf(path, at));
  if (value.$session !== session) {
    throw new NotShareableError(
      pathOf(path, at),
      'it is a handle of another heap, or of an earlier session',
    );
  }
  if (value.$ref === 0) throw new StaleHandleError(pathOf(path, at));
  return value.$ref;
}

function notShareable(value: unknown, path: string): NotShareableError {
  if (value === null || value === undefined) return new NotShareableError(path, `it is ${value}`);
  if (typeof value === 'function') return new NotShareableError(path, 'it is a function');
  if (typeof value === 'symbol') return new NotShareableError(path, 'it is a symbol');
  const name = Object.getPrototypeOf(value)?.constructor?.name ?? 'object without prototype';
  return new NotShareableError(
    path,
    `it is an ordinary ${name}; only primitives, dates and objects of the heap can be stored: ` +
      'copy it with heap.from(), or make a struct, heap.map(), heap.array() and the like',
  );
}

/**
 * A test whether the value at an address is strictly equal to `value` (or both NaN); null when no
 * value of the heap can be. Allocates nothing in the heap.
 */
export function matcherOf(session: Session, value: unknown): ((at: number) => boolean) | null {
  const { mem } = session;
  if (typeof value === 'string') return textMatcher(session, value);
  if (typeof value === 'bigint') {
    return (at) => {
      const object = referenceAt(mem, at);
      return object !== 0 && kindOf(mem, object) === KIND_BIGINT && bigintOf(mem, object) === value;
    };
  }
  if (!(value instanceof Handle) && value instanceof Date) {
    const time = value.getTime();
    return (at) => {
      const object = referenceAt(mem, at);
      return (
        object !== 0 && kindOf(mem, object) === KIND_DATE && Object.is(timeOf(mem, object), time)
      );
    };
  }
  if (value === undefined) {
    return (at) =>
      mem.i32[at + VALUE_HIGH] === TAG_SIMPLE && simpleOf(mem.i32[at + VALUE_LOW]) === undefined;
  }
  if (value === 0) return (at) => decodeNumber(session, at) === 0; // also -0, which is stored apart
  if (typeof value === 'number') encodeNumber(value);
  else if (value === null || value === undefined || typeof value === 'boolean') encodeSimple(value);
  else if (value instanceof Handle && value.$session === session) encodeReference(refOf(value));
  else return null;
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  return (at) => mem.i32[at + VALUE_LOW] === low && mem.i32[at + VALUE_HIGH] === high;
}

function textMatcher(session: Session, text: string): ((at: number) => boolean) | null {
  const { mem } = session;
  if (text.length <= INTERN_MAX) {
    const string = findString(mem, text);
    return string === 0 ? null : (at) => referenceAt(mem, at) === string;
  }
  encodeString(text);
  return (at) => {
    const object = referenceAt(mem, at);
    return object !== 0 && kindOf(mem, object) === KIND_STRING && equalsEncoded(mem, object);
  };
}

function decodeNumber(session: Session, at: number): number {
  const high = session.mem.i32[at + VALUE_HIGH];
  if (high === TAG_INT32) return session.mem.i32[at + VALUE_LOW];
  return isDouble(high) ? session.mem.f64[at >>> 1] : Number.NaN;
}

/** The JavaScript value at `at`. An object comes as its local handle. */
export function decodeAt(session: Session, at: number): Shareable {
  const { mem } = session;
  const high = mem.i32[at + VALUE_HIGH];
  if (high === TAG_INT32) return mem.i32[at + VALUE_LOW];
  if (high >= 0 || high < TAG_MIN) return mem.f64[at >>> 1];
  const low = mem.i32[at + VALUE_LOW];
  return high === TAG_REFERENCE ? decodeReference(session, low as ObjectRef) : simpleOf(low);
}

/** The JavaScript value that a reference stands for. */
export function decodeReference(session: Session, ref: ObjectRef): Shareable {
  const kind = kindOf(session.mem, ref);
  if (kind === KIND_STRING) return decodeString(session.mem, ref);
  if (kind === KIND_BIGINT) return bigintOf(session.mem, ref);
  if (kind === KIND_DATE) return new Date(timeOf(session.mem, ref));
  return session.handles.wrap(ref);
}
