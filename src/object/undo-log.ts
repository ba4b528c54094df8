/**
 * The undo log of an atomic section: what stood where before the section changed it.
 *
 * The log is an array in the heap, held by a row of its thread: so what it refers to is counted,
 * traced, verified and recovered like the elements of any other array. THREAD_UNDO names it while
 * the section may be undone. An entry is noted before the change it belongs to, and part of the
 * log from the store of the array's length on; its values are absolute, so applying it twice does
 * no harm. The section is committed by one store, of 0 to THREAD_UNDO; then the log is dropped, and
 * what only it still held dies.
 *
 *   an entry, in elements:  what stood there ... | object | a | b | type and number of elements
 *
 *   WORD       a word of the object at address a: b
 *   PAIR       two words at a: b, and one element before
 *   REFERENCE  the reference slot at a: one element, a reference or null
 *   VALUE      the value at a: one element
 *   ELEMENT    element a of an array: one element
 *   ELEMENTS   the elements of an array from a on: b elements, and so its length
 *   ADDED      a map has got the entry at address a
 *   REMOVED    a map has lost the entry at address a: its key and, in a map, its value
 *   RECORD     a plain object, whose info word was a: its b values
 *
 * Every object is noted with a count, so it outlives the section. While a log is open, vectors keep
 * leaves and maps keep chunks that become empty, and no entry moves: an address stays what it is.
 * What only the section itself has made may die in it as always.
 */

import { assert } from '../base/assert.ts';
import {
  ARRAY_LENGTH,
  ENTRY_KEY,
  ENTRY_VALUE,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_MAP,
  KIND_OBJECT_WORDS,
  KIND_REFERENCES,
  KIND_VALUES,
  KIND_VALUES_AT,
  LEAF_WORDS,
  type ObjectRef,
  SIMPLE_NULL,
  TAG_INT32,
  TAG_REFERENCE,
  TAG_SIMPLE,
  THREAD_UNDO,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Undo } from '../memory/memory.ts';
import { arrayLength, createArray, elementAt, reserveElements } from './array.ts';
import { decref } from './dealloc.ts';
import { kindOf } from './header.ts';
import { kindRecordOf } from './kinds.ts';
import type { Mutator } from './mutator.ts';
import { incref } from './refcount.ts';
import { addRow, removeRow } from './rows.ts';
import { trackIfNeeded } from './tracking.ts';

export const UNDO_WORD = 1;
export const UNDO_PAIR = 2;
export const UNDO_REFERENCE = 3;
export const UNDO_VALUE = 4;
export const UNDO_ELEMENT = 5;
export const UNDO_ELEMENTS = 6;
export const UNDO_ADDED = 7;
export const UNDO_REMOVED = 8;
export const UNDO_RECORD = 9;
/** Below the number of elements. */
export const UNDO_TYPE_BITS = 4;
export const UNDO_TYPE_MASK = (1 << UNDO_TYPE_BITS) - 1;
/** Elements of an entry behind what stood there: object, a, b, type and number. */
export const UNDO_TRAILER = 4;

const LEAF_ELEMENTS = LEAF_WORDS / VALUE_WORDS;
/** Elements that an operation on one object notes at most, where it does not ask for more. */
const OPERATION_ELEMENTS = 64;
/** Elements of an entry that notes one thing. */
const ENTRY_ELEMENTS = 8;
/** Elements for which room is made at first, and then at a time. */
const FIRST_ELEMENTS = 128;
const SPARE_MAX = 16 * LEAF_ELEMENTS;
/** Addresses that are remembered as noted. */
const NOTED = 512;

/** The log of one thread. */
export class UndoLog implements Undo {
  declare private readonly mem: Mutator;
  /** The array; 0 while nothing was noted. */
  declare log: ObjectRef;
  declare private row: number;
  /** Elements for which there is room. */
  declare private room: number;
  /** Whether an entry tells of a map that got or lost something. */
  declare hasHoles: boolean;
  /** While the log is applied nothing is noted. */
  declare isApplying: boolean;
  /** Addresses whose contents were noted since the section, or the one inside it, began. */
  declare private readonly noted: Int32Array;
  /** Chunks of maps that may have become sparse, and their maps. */
  declare readonly chunks: Map<number, ObjectRef>;
  /** Maps whose tables may have become sparse, and how many entries they have lost. */
  declare readonly lost: Map<ObjectRef, number>;
  /** Elements noted when the innermost section began. */
  declare private marked: number;

  constructor(mem: Mutator) {
    this.mem = mem;
    this.log = 0 as ObjectRef;
    this.row = 0;
    this.room = 0;
    this.hasHoles = false;
    this.isApplying = false;
    this.noted = new Int32Array(NOTED);
    this.chunks = new Map();
    this.lost = new Map();
    this.marked = 0;
  }

  /** Elements noted so far. What comes later can be undone by itself. */
  mark(): number {
    this.noted.fill(0);
    this.marked = this.log === 0 ? 0 : arrayLength(this.mem, this.log);
    return this.marked;
  }

  /** Makes sure that an operation can note what it changes. @throws HeapExhaustedError */
  reserve(elements = OPERATION_ELEMENTS): void {
    // A log that is not open has room for nothing, whatever the word behind null says.
    if (this.mem.i32[this.log + ARRAY_LENGTH] + elements > this.room) this.grow(elements);
  }

  /** Room for so many elements more; some leaves at a time when there are many. */
  private grow(elements: number): void {
    if (this.isApplying) return;
    const { mem } = this;
    if (this.log === 0) this.open();
    const length = arrayLength(mem, this.log);
    const spare = length < LEAF_ELEMENTS ? FIRST_ELEMENTS : Math.min(length, SPARE_MAX);
    const room = length + elements + spare;
    reserveElements(mem, this.log, room);
    this.room = room;
  }

  private open(): void {
    const { mem } = this;
    const log = createArray(mem);
    try {
      this.row = addRow(mem, log);
    } catch (error) {
      decref(mem, log);
      throw error;
    }
    this.log = log;
    this.room = 0;
    mem.i32[mem.thread + THREAD_UNDO] = log;
  }

  /** From here on nothing of the section is undone. */
  commit(): void {
    if (this.log !== 0) this.mem.i32[this.mem.thread + THREAD_UNDO] = 0;
  }

  /** The log is dropped, and what dies with it. */
  close(): void {
    const { mem, log } = this;
    this.chunks.clear();
    this.lost.clear();
    this.hasHoles = false;
    if (log === 0) return;
    this.log = 0 as ObjectRef;
    this.room = 0;
    removeRow(mem, this.row);
    decref(mem, log);
  }

  /** Notes a word that is no reference. */
  saveWord(object: number, at: number): void {
    if (this.isNoted(at)) return;
    const start = this.begin();
    this.end(start, start, UNDO_WORD, object, at, this.mem.i32[at]);
  }

  /** Notes two words that are no value: a float64, a bigint. */
  savePair(object: number, at: number): void {
    if (this.isNoted(at)) return;
    const { i32 } = this.mem;
    const start = this.begin();
    this.put(start, i32[at + VALUE_HIGH], TAG_INT32);
    this.end(start, start + 1, UNDO_PAIR, object, at, i32[at + VALUE_LOW]);
  }

  /** Notes a reference slot. */
  saveReference(object: number, at: number): void {
    if (this.isNoted(at)) return;
    const start = this.begin();
    const referent = this.mem.i32[at];
    if (referent === 0) this.put(start, SIMPLE_NULL, TAG_SIMPLE);
    else this.putCounted(start, referent);
    this.end(start, start + 1, UNDO_REFERENCE, object, at, 0);
  }

  /** Notes the value at `at`. */
  saveValue(object: number, at: number): void {
    if (this.isNoted(at)) return;
    const start = this.begin();
    this.copy(at, start);
    this.end(start, start + 1, UNDO_VALUE, object, at, 0);
  }

  /** Notes an element of an array. */
  saveElement(array: number, index: number): void {
    const at = elementAt(this.mem, array as ObjectRef, index);
    if (this.isNoted(at)) return;
    const start = this.begin();
    this.copy(at, start);
    this.end(start, start + 1, UNDO_ELEMENT, array, index, 0);
  }

  /** Notes the length of an array, and its elements from `from` on. @throws HeapExhaustedError */
  saveElements(array: number, from: number): void {
    if (this.isApplying || this.hasElements(array, from)) return;
    const { mem } = this;
    const length = arrayLength(mem, array as ObjectRef);
    this.reserve(length - from + ENTRY_ELEMENTS);
    const start = this.begin();
    let to = start;
    for (let i = from; i < length; i++) this.copy(elementAt(mem, array as ObjectRef, i), to++);
    this.end(start, to, UNDO_ELEMENTS, array, from, length - from);
  }

  /** Whether the last entry notes this of an array already. */
  private hasElements(array: number, from: number): boolean {
    const { mem, log } = this;
    const length = log === 0 ? 0 : arrayLength(mem, log);
    if (length <= this.marked) return false;
    const low = (back: number) => mem.i32[elementAt(mem, log, length - back) + VALUE_LOW];
    const type = low(1) & UNDO_TYPE_MASK;
    return type === UNDO_ELEMENTS && low(4) === array && low(3) <= from;
  }

  /** Notes that a map is about to get an entry. */
  saveAdded(map: number, entry: number): void {
    if (this.isApplying) return;
    this.reserve(ENTRY_ELEMENTS);
    this.hasHoles = true;
    const start = this.begin();
    this.end(start, start, UNDO_ADDED, map, entry, 0);
  }

  /** Notes that a map is about to lose an entry. */
  saveRemoved(map: number, entry: number): void {
    if (this.isApplying) return;
    this.reserve(ENTRY_ELEMENTS);
    this.hasHoles = true;
    const start = this.begin();
    let to = start;
    this.copy(entry + ENTRY_KEY, to++);
    if (kindOf(this.mem, map) === KIND_MAP) this.copy(entry + ENTRY_VALUE, to++);
    this.end(start, to, UNDO_REMOVED, map, entry, 0);
  }

  /** Notes all of a plain object, which is about to change its shape. @throws HeapExhaustedError */
  saveRecord(object: number): void {
    if (this.isApplying) return;
    const { mem } = this;
    const record = kindRecordOf(mem, kindOf(mem, object));
    const values = mem.i32[record + KIND_VALUES];
    this.reserve(values + ENTRY_ELEMENTS);
    const start = this.begin();
    const at = object + mem.i32[record + KIND_VALUES_AT];
    for (let i = 0; i < values; i++) this.copy(at + i * VALUE_WORDS, start + i);
    this.end(start, start + values, UNDO_RECORD, object, mem.i32[object + HEADER_INFO], values);
  }

  /** Notes all scalar fields of a struct, which has no untyped ones. */
  saveScalars(object: number): void {
    const { i32 } = this.mem;
    const record = kindRecordOf(this.mem, kindOf(this.mem, object));
    const end = object + i32[record + KIND_OBJECT_WORDS];
    let at = object + HEADER_WORDS + i32[record + KIND_REFERENCES];
    for (; at < end; at++) this.saveWord(object, at);
  }

  /** Whether the contents of an address need not be noted; it counts as noted from now on. */
  private isNoted(at: number): boolean {
    if (this.isApplying) return true;
    const { noted } = this;
    const place = at & (NOTED - 1);
    if (noted[place] === at) return true;
    this.reserve(ENTRY_ELEMENTS);
    noted[place] = at;
    return false;
  }

  /** The element with which an entry begins. Room is reserved by now. */
  private begin(): number {
    return this.mem.i32[this.log + ARRAY_LENGTH];
  }

  private put(element: number, low: number, high: number): void {
    storeWords(this.mem.i32, elementAt(this.mem, this.log, element), low, high);
  }

  private putCounted(element: number, object: number): void {
    incref(this.mem, object);
    trackIfNeeded(this.mem, this.log, object);
    this.put(element, object, TAG_REFERENCE);
  }

  /** Copies the value at an address. */
  private copy(from: number, element: number): void {
    const { i32 } = this.mem;
    const low = i32[from + VALUE_LOW];
    const high = i32[from + VALUE_HIGH];
    if (high === TAG_REFERENCE) this.putCounted(element, low);
    else this.put(element, low, high);
  }

  /** Ends the entry from `start` on, whose trailer is element `at`: it is part of the log now. */
  private end(start: number, at: number, type: number, object: number, a: number, b: number): void {
    const { mem, log } = this;
    const { i32 } = mem;
    const end = at + UNDO_TRAILER;
    assert(end <= this.room, 'undo: room was reserved');
    const header = type | ((end - start) << UNDO_TYPE_BITS);
    incref(mem, object);
    trackIfNeeded(mem, log, object);
    if (at % LEAF_ELEMENTS <= LEAF_ELEMENTS - UNDO_TRAILER) {
      const to = elementAt(mem, log, at);
      storeWords(i32, to, object, TAG_REFERENCE);
      storeWords(i32, to + VALUE_WORDS, a, TAG_INT32);
      storeWords(i32, to + 2 * VALUE_WORDS, b, TAG_INT32);
      storeWords(i32, to + 3 * VALUE_WORDS, header, TAG_INT32);
    } else {
      this.put(at, object, TAG_REFERENCE);
      this.put(at + 1, a, TAG_INT32);
      this.put(at + 2, b, TAG_INT32);
      this.put(at + 3, header, TAG_INT32);
    }
    i32[log + ARRAY_LENGTH] = end;
  }
}

function storeWords(i32: Int32Array, at: number, low: number, high: number): void {
  i32[at + VALUE_LOW] = low;
  i32[at + VALUE_HIGH] = high;
}
