/**
 * The raw layer: objects as plain integers, for interpreters, data-structure authors and
 * benchmarks. Nothing here checks a reference or takes the lock.
 *
 * Borrow rules:
 * - Every call stands inside an exclusive section (`heap.run`) of the same heap and thread. What
 *   only reads may also stand in a read section (`heap.read`), and is valid to its end: `i32`,
 *   `f64`, `load`, `fromHandle`, `refcount`, `textOf`, `lengthOf`, `compare`.
 * - A reference is owned or borrowed. `alloc` returns an owned one: it counts until `decref`, or
 *   until it is stored by `storeOwned`, which takes it over. `load` returns a borrowed one: valid
 *   until the next safepoint, and no longer than the slot it came from holds it.
 * - `store` counts for itself: the caller keeps what it had.
 * - At the end of the section, and at a safepoint in it, every owned reference is dropped, stored,
 *   or given to a handle by `toHandle`: should another thread die meanwhile, nobody knows what only
 *   a number in this one holds. Allocation never collects; it throws `HeapExhaustedError` when the
 *   heap is full.
 */

import { HeapCorruptionError } from './base/errors.ts';
import { sharedRefOf } from './codec.ts';
import type { Handle } from './handle.ts';
import { type Heap, sessionOf } from './heap.ts';
import { HEADER_INFO, HEADER_WORDS, type ObjectRef } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import { incref, refcountOf } from './object/refcount.ts';
import { compareStrings, createString, decodeString, lengthOf } from './object/string.ts';
import { concatStrings, sliceString } from './object/string-parts.ts';
import { createStruct } from './object/struct.ts';
import type { Field, StructLayout } from './object/struct-layout.ts';
import { layoutOf, type StructClass, unknownField } from './struct.ts';

export type { ObjectRef } from './memory/layout.ts';

/** The raw layer of a heap in one thread. */
export interface RawHeap {
  /** The heap's words. A field of a struct is at `ref + offsetOf(Struct, field)`. */
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  /** The kind of a struct, for `alloc`. */
  kindOf(struct: StructClass<unknown>): number;
  /** Words from an object's reference to a field; for floats and bigints an even number. */
  offsetOf(struct: StructClass<unknown>, field: string): number;
  /** A new object, owned; its fields are 0, null or undefined. @throws HeapExhaustedError */
  alloc(kind: number): ObjectRef;
  /** The reference in slot `slot` (the `ref` fields in order, then the `string` ones), borrowed. */
  load(ref: ObjectRef, slot: number): ObjectRef;
  /** Stores a reference (or 0) in a slot, counted; what stood there is dropped afterwards. */
  store(ref: ObjectRef, slot: number, value: ObjectRef): void;
  /** As `store`, but the slot takes the caller's count over. */
  storeOwned(ref: ObjectRef, slot: number, value: ObjectRef): void;
  /** Counts one more reference. @throws HeapCorruptionError when the object is dead. */
  incref(ref: ObjectRef): void;
  /**
   * Counts one less; the last one frees the object and what dies with it.
   *
   * @throws HeapCorruptionError when the object is dead already (semantics A12).
   */
  decref(ref: ObjectRef): void;
  /** The count; negative for an immortal object. */
  refcount(ref: ObjectRef): number;
  /** A string, owned. Equal ones of up to 32 units are one object. @throws HeapExhaustedError */
  string(text: string): ObjectRef;
  /** The text of a string: decoded, or from this thread's cache. */
  textOf(string: ObjectRef): string;
  /** UTF-16 code units of a string. */
  lengthOf(string: ObjectRef): number;
  /** The order of two strings by code units, as `<` has it: negative, 0 or positive. */
  compare(a: ObjectRef, b: ObjectRef): number;
  /** The characters of `a` and then those of `b`, owned. Nothing is decoded. */
  concat(a: ObjectRef, b: ObjectRef): ObjectRef;
  /**
   * The code units from `from` up to `to`, owned. Nothing is decoded.
   *
   * @throws RangeError unless 0 <= from <= to <= length; HeapExhaustedError.
   */
  slice(string: ObjectRef, from: number, to: number): ObjectRef;
  /** The object of a handle, borrowed from it. */
  fromHandle(handle: Handle): ObjectRef;
  /** A local handle that takes over an owned reference. */
  toHandle(ref: ObjectRef): Handle;
}

/** The raw layer of `heap` in this thread. @throws HeapClosedError */
export function raw(heap: Heap): RawHeap {
  const session = sessionOf(heap);
  const { mem } = session;
  const { i32 } = mem;
  return {
    i32,
    f64: mem.f64,
    kindOf: (struct) => layoutOf(session, struct).kind,
    offsetOf: (struct, name) => fieldOf(layoutOf(session, struct), name).offset,
    alloc: (kind) => createStruct(mem, kind),
    load: (ref, slot) => i32[ref + HEADER_WORDS + slot] as ObjectRef,
    store: (ref, slot, value) => {
      if (value !== 0) incref(mem, value);
      const old = i32[ref + HEADER_WORDS + slot];
      i32[ref + HEADER_WORDS + slot] = value;
      if (old !== 0) decref(mem, old);
    },
    storeOwned: (ref, slot, value) => {
      const old = i32[ref + HEADER_WORDS + slot];
      i32[ref + HEADER_WORDS + slot] = value;
      if (old !== 0) decref(mem, old);
    },
    incref: (ref) => {
      if (i32[ref + HEADER_INFO] === 0) refuseDead(ref);
      incref(mem, ref);
    },
    decref: (ref) => {
      if (i32[ref + HEADER_INFO] === 0) refuseDead(ref);
      decref(mem, ref);
    },
    refcount: (ref) => refcountOf(mem, ref),
    string: (text) => createString(mem, text),
    textOf: (string) => decodeString(mem, string),
    lengthOf: (string) => lengthOf(mem, string),
    compare: (a, b) => compareStrings(mem, a, b),
    concat: (a, b) => concatStrings(mem, a, b),
    slice: (string, from, to) => {
      const length = lengthOf(mem, string);
      if (!(from >= 0 && from <= to && to <= length)) {
        throw new RangeError(`from ${from} to ${to} is no part of a string of ${length} units`);
      }
      return sliceString(mem, string, from, to);
    },
    fromHandle: (handle) => sharedRefOf(session, handle, 'the argument of fromHandle()'),
    toHandle: (ref) => session.handles.take(ref),
  };
}

function refuseDead(ref: ObjectRef): never {
  throw new HeapCorruptionError(`there is no object at ${ref}: it is dead, or never was`);
}

function fieldOf(layout: StructLayout, name: string): Field {
  const field = layout.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw unknownField(layout, name);
  return field;
}
