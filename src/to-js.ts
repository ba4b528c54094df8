/**
 * `heap.toJS`: ordinary copies of objects of the heap. What is shared or in a cycle is so in the
 * copy. One section, so that the copy is of one moment; no code of the program runs in it.
 *
 * Breadth first, from a list of objects that grows as they are found: depth costs no stack.
 */

import { NotShareableError } from './base/errors.ts';
import { copyOut, viewTypeOfNumber } from './bytes.ts';
import { VIEW_NAME } from './from-bytes.ts';
import { BOXED_NAME, ERROR_NAME, REGEXP_NAME } from './from-classes.ts';
import { type Handle, refOf } from './handle.ts';
import {
  ENTRY_VALUE,
  FIRST_STRUCT_KIND,
  HEADER_WORDS,
  KIND_ARRAY,
  KIND_BIGINT,
  KIND_BYTES,
  KIND_DATE,
  KIND_MAP,
  KIND_SET,
  KIND_STRING,
  KIND_TUPLE,
  NULL_REF,
  type ObjectRef,
  SIMPLE_ABSENT,
  TAG_INT32,
  TAG_MIN,
  TAG_REFERENCE,
  TAG_SIMPLE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from './memory/layout.ts';
import type { Memory } from './memory/memory.ts';
import { arrayLength, elementAt } from './object/array.ts';
import { bytesTypeOf } from './object/bytes.ts';
import { kindOf } from './object/header.ts';
import { structLayoutOf } from './object/kinds.ts';
import { firstEntry, nextEntry } from './object/map-chunks.ts';
import { dictionaryOf } from './object/shape.ts';
import { decodeString } from './object/string.ts';
import { isShapeName, PLAIN_NAME, type StructLayout } from './object/struct-layout.ts';
import { tupleLength, tupleValueAt } from './object/tuple.ts';
import { bigintOf, referenceAt, simpleOf, timeOf } from './object/value.ts';
import { handleIn } from './proxy-targets.ts';
import type { Session } from './session.ts';
import { fieldAccessOf } from './struct.ts';

/** The copy of a value. See `Heap.toJS`. */
export function copyToJS(session: Session, value: unknown): unknown {
  const handle = handleIn(value);
  if (handle === undefined) return value;
  if (handle.$session !== session) throw new NotShareableError('value', 'it is of another heap');
  return session.look(exportOperation, handle)[0];
}

/** In an array, so that nobody takes the copy for a result that has to be kept. */
function exportOperation(session: Session, handle: Handle): [unknown] {
  return [new Exporter(session).copy(refOf(handle))];
}

class Exporter {
  readonly #session: Session;
  readonly #copies = new Map<ObjectRef, unknown>();
  readonly #pending: ObjectRef[] = [];
  /** Buffers of bytes, which views may share. */
  readonly #buffers = new Map<ObjectRef, ArrayBuffer>();

  constructor(session: Session) {
    this.#session = session;
  }

  copy(root: ObjectRef): unknown {
    const copy = this.#copyOf(root);
    for (let i = 0; i < this.#pending.length; i++) this.#fill(this.#pending[i]);
    return copy;
  }

  /** The value at `at`: an object as its copy, empty at first. */
  #read(at: number): unknown {
    const { mem } = this.#session;
    const low = mem.i32[at + VALUE_LOW];
    const high = mem.i32[at + VALUE_HIGH];
    if (high === TAG_INT32) return low;
    if (high >= 0 || high < TAG_MIN) return mem.f64[at >>> 1];
    if (high !== TAG_REFERENCE) return simpleOf(low);
    return this.#copyOf(low as ObjectRef);
  }

  #copyOf(ref: ObjectRef): unknown {
    const { mem } = this.#session;
    const kind = kindOf(mem, ref);
    if (kind === KIND_STRING) return decodeString(mem, ref);
    const known = this.#copies.get(ref);
    if (known !== undefined) return known;
    switch (kind) {
      case KIND_ARRAY:
      case KIND_TUPLE:
        return this.#begin(ref, []);
      case KIND_MAP:
        return this.#begin(ref, new Map());
      case KIND_SET:
        return this.#begin(ref, new Set());
      case KIND_BYTES:
        return this.#begin(ref, this.#bytesOf(ref), true);
      default:
        return this.#copyOfObject(ref, kind);
    }
  }

  #copyOfObject(ref: ObjectRef, kind: number): unknown {
    const { mem } = this.#session;
    if (kind === KIND_DATE) return this.#begin(ref, new Date(timeOf(mem, ref)), true);
    if (kind < FIRST_STRUCT_KIND) return bigintOf(mem, ref);
    const { name } = structLayoutOf(mem, kind);
    const special = isShapeName(name) && name !== PLAIN_NAME ? this.#specialOf(ref, name) : null;
    return this.#begin(ref, special ?? {}, special !== null && name !== ERROR_NAME);
  }

  /**
   * What an object of a special shape stands for. Its properties can be set as those of any object:
   * null when they do not fit any more. Then it is nothing special.
   */
  #specialOf(ref: ObjectRef, name: string): object | null {
    if (name === VIEW_NAME) return this.#viewOf(ref);
    if (name === REGEXP_NAME) return regexpOf(this.#atomsOf(ref, 0, 2));
    if (name === BOXED_NAME) return boxOf(this.#atomsOf(ref, 0, 1));
    return name === ERROR_NAME ? errorOf(this.#atomsOf(ref, 0, 3)) : null;
  }

  #begin(ref: ObjectRef, copy: unknown, isComplete = false): unknown {
    this.#copies.set(ref, copy);
    if (!isComplete) this.#pending.push(ref);
    return copy;
  }

  #fill(ref: ObjectRef): void {
    const { mem } = this.#session;
    const copy = this.#copies.get(ref);
    const kind = kindOf(mem, ref);
    if (kind === KIND_ARRAY) this.#fillArray(ref, copy as unknown[]);
    else if (kind === KIND_TUPLE) this.#fillTuple(ref, copy as unknown[]);
    else if (kind === KIND_MAP) this.#fillMap(ref, copy as Map<unknown, unknown>);
    else if (kind === KIND_SET) this.#fillSet(ref, copy as Set<unknown>);
    else this.#fillObject(ref, structLayoutOf(mem, kind), copy as Record<string, unknown>);
  }

  #fillArray(array: ObjectRef, copy: unknown[]): void {
    const { mem } = this.#session;
    const length = arrayLength(mem, array);
    for (let i = 0; i < length; i++) {
      const at = elementAt(mem, array, i);
      if (isAbsent(mem, at)) copy.length++;
      else copy.push(this.#read(at));
    }
  }

  #fillTuple(tuple: ObjectRef, copy: unknown[]): void {
    const length = tupleLength(this.#session.mem, tuple);
    for (let i = 0; i < length; i++) copy.push(this.#read(tupleValueAt(tuple, i)));
  }

  #fillMap(map: ObjectRef, copy: Map<unknown, unknown>): void {
    const { mem } = this.#session;
    for (let entry = firstEntry(mem, map); entry !== 0; entry = nextEntry(mem, entry)) {
      copy.set(this.#read(entry), this.#read(entry + ENTRY_VALUE));
    }
  }

  #fillSet(set: ObjectRef, copy: Set<unknown>): void {
    const { mem } = this.#session;
    for (let entry = firstEntry(mem, set); entry !== 0; entry = nextEntry(mem, entry)) {
      copy.add(this.#read(entry));
    }
  }

  #fillObject(ref: ObjectRef, layout: StructLayout, copy: Record<string, unknown>): void {
    const { mem } = this.#session;
    const dictionary = dictionaryOf(mem, ref);
    if (dictionary !== 0) {
      for (let entry = firstEntry(mem, dictionary); entry !== 0; entry = nextEntry(mem, entry)) {
        setProperty(copy, this.#read(entry) as string, this.#read(entry + ENTRY_VALUE));
      }
    } else if (copy instanceof Error) {
      const cause = layout.places.get('cause');
      if (cause !== undefined) hide(copy, 'cause', this.#read(ref + cause.offset));
    } else if (isShapeName(layout.name)) {
      const { fields } = layout;
      for (let i = 0; i < fields.length; i++) {
        setProperty(copy, fields[i].name, this.#read(ref + HEADER_WORDS + i * VALUE_WORDS));
      }
    } else {
      this.#fillStruct(ref, layout, copy);
    }
  }

  #fillStruct(ref: ObjectRef, layout: StructLayout, copy: Record<string, unknown>): void {
    const { mem } = this.#session;
    const access = fieldAccessOf(this.#session, layout.kind);
    for (const { name, kind, offset } of layout.fields) {
      const referent = mem.i32[ref + offset] as ObjectRef;
      if (kind === 'any') copy[name] = this.#read(ref + offset);
      else if (kind !== 'ref') copy[name] = access.get(name)?.read(ref);
      else copy[name] = referent === NULL_REF ? null : this.#copyOf(referent);
    }
  }

  /** Primitive values of an object of a shape, from one of them on; null when one is an object. */
  #atomsOf(ref: ObjectRef, first: number, count: number): unknown[] | null {
    const { mem } = this.#session;
    const atoms: unknown[] = [];
    for (let i = first; i < first + count; i++) {
      const at = ref + HEADER_WORDS + i * VALUE_WORDS;
      const object = referenceAt(mem, at);
      if (object !== NULL_REF && !ATOM_KINDS.has(kindOf(mem, object))) return null;
      atoms.push(this.#read(at));
    }
    return atoms;
  }

  #bytesOf(bytes: ObjectRef): ArrayBuffer | ArrayBufferView {
    const buffer = this.#bufferOf(bytes);
    return viewOn(buffer, bytesTypeOf(this.#session.mem, bytes));
  }

  #viewOf(view: ObjectRef): ArrayBuffer | ArrayBufferView | null {
    const { mem } = this.#session;
    const bytes = referenceAt(mem, view + HEADER_WORDS);
    const numbers = this.#atomsOf(view, 1, 3);
    if (bytes === NULL_REF || kindOf(mem, bytes) !== KIND_BYTES) return null;
    if (numbers === null || !numbers.every(Number.isInteger)) return null;
    try {
      return viewOn(this.#bufferOf(bytes), ...(numbers as [number, number, number]));
    } catch {
      return null; // outside of the bytes
    }
  }

  #bufferOf(bytes: ObjectRef): ArrayBuffer {
    const known = this.#buffers.get(bytes);
    if (known !== undefined) return known;
    const buffer = copyOut(this.#session, bytes);
    this.#buffers.set(bytes, buffer);
    return buffer;
  }
}

type ViewClass = new (buffer: ArrayBuffer, offset?: number, length?: number) => ArrayBufferView;

function viewOn(
  buffer: ArrayBuffer,
  type: number,
  byteOffset?: number,
  length?: number,
): ArrayBuffer | ArrayBufferView {
  const view = viewTypeOfNumber(type) as ViewClass | undefined;
  return view === undefined ? buffer : new view(buffer, byteOffset, length);
}

const isAbsent = ({ i32 }: Memory, at: number): boolean =>
  i32[at + VALUE_HIGH] === TAG_SIMPLE && i32[at + VALUE_LOW] === SIMPLE_ABSENT;

/** Kinds of values that are primitives in JavaScript. */
const ATOM_KINDS = new Set<number>([KIND_STRING, KIND_BIGINT]);

function regexpOf(atoms: unknown[] | null): RegExp | null {
  if (atoms === null || !atoms.every((atom) => typeof atom === 'string')) return null;
  try {
    return new RegExp(...(atoms as [string, string]));
  } catch {
    return null;
  }
}

function boxOf(atoms: unknown[] | null): object | null {
  if (atoms === null || atoms[0] === null || atoms[0] === undefined) return null;
  return Object(atoms[0]);
}

function errorOf(atoms: unknown[] | null): Error | null {
  if (atoms === null) return null;
  const [name, message, stack] = atoms as [string, string?, string?];
  const type = ERRORS.find((known) => known.name === name) ?? Error;
  const error = new type(message);
  hide(error, 'stack', stack);
  return error;
}

const ERRORS = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];

/** Sets a property that may be called `__proto__`. */
function setProperty(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value;
  else {
    const rest = { enumerable: true, configurable: true, writable: true };
    Object.defineProperty(object, name, { value, ...rest });
  }
}

/** Sets a property that is not listed, as those of errors are not. */
function hide(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
}
