/**
 * The array of an undo log: room for entries, and what becomes of objects that die meanwhile. What
 * is noted in it, and why, says `undo-log.ts`.
 */

import { assert } from '../base/assert.ts';
import { HeapExhaustedError } from '../base/errors.ts';
import {
  ARRAY_LENGTH,
  ARRAY_ROOT,
  FIRST_STRUCT_KIND,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_ARRAY,
  KIND_MAP,
  KIND_SET,
  KIND_SHIFT,
  type ObjectRef,
  SIMPLE_UNDEFINED,
  TAG_INT32,
  TAG_REFERENCE,
  TAG_SIMPLE,
  THREAD_UNDO,
  UNDO_NOTED,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import { arrayLength, createArray, elementAt } from './array.ts';
import { decref } from './dealloc.ts';
import type { Mutator } from './mutator.ts';
import { dropCount, incref } from './refcount.ts';
import { addRow, removeRow } from './rows.ts';
import { trackIfNeeded } from './tracking.ts';
import {
  LEAF_ELEMENTS,
  objectOf,
  UNDO_SLOT,
  UNDO_TRAILER,
  UNDO_TYPE_BITS,
  visitEntries,
  voidEntry,
} from './undo-entry.ts';
import { ensureAnyWord } from './vector.ts';

/** Elements that an operation on one object notes at most, where it does not ask for more. */
const OPERATION_ELEMENTS = 24;
/** Elements of the longest entry that stands in one leaf: an entry of a map. */
const SHORT_ELEMENTS = 4;
/** Elements for which room is made at first. */
const FIRST_ELEMENTS = 32;
/** Most elements for which room is made at a time. */
const SPARE_MAX = 16 * LEAF_ELEMENTS;

/** An array that entries are appended to. */
export class UndoSpace {
  declare protected readonly mem: Mutator;
  /** The array; 0 while nothing was noted. */
  declare log: ObjectRef;
  declare private row: number;
  /** Elements for which there is room. */
  declare private room: number;
  /** Where the next element goes, and the end of the room in its leaf; 0: to be found out. */
  declare protected cursor: number;
  declare protected end: number;
  /** Where element 0 would stand if all stood in a row with the next one. */
  declare private origin: number;
  /** Whether that was found out since who reads this has last set it to false. */
  declare protected wasPlaced: boolean;
  /** Whether an entry counts something. */
  declare private hasCounted: boolean;
  /** While the log is applied nothing is noted. */
  declare isApplying: boolean;
  /** What has died meanwhile. Each has one count left. */
  declare readonly dying: number[];
  /** Elements that entries had when `pin` counted their objects. */
  declare private pinned: number;

  constructor(mem: Mutator, log = 0 as ObjectRef) {
    this.mem = mem;
    this.log = log;
    this.row = 0;
    this.room = log === 0 ? 0 : arrayLength(mem, log);
    this.cursor = 0;
    this.end = 0;
    this.origin = 0;
    this.wasPlaced = false;
    this.hasCounted = true;
    this.isApplying = false;
    this.dying = [];
    this.pinned = 0;
  }

  // ── Room ───────────────────────────────────────────────────────────────────────────────────

  /** Whether an operation can note what it changes. False: that is not known. */
  hasRoom(): boolean {
    return this.cursor + OPERATION_ELEMENTS * VALUE_WORDS <= this.end;
  }

  /** Makes sure that an operation can note what it changes. @throws HeapExhaustedError */
  reserve(elements = OPERATION_ELEMENTS): void {
    if (this.isApplying) return;
    const { mem } = this;
    if (this.log === 0) this.open();
    const length = arrayLength(mem, this.log);
    // Where a leaf ends, some elements may be left over.
    const needed = length + elements + (Math.ceil(elements / LEAF_ELEMENTS) + 1) * SHORT_ELEMENTS;
    if (needed <= this.room) return;
    const spare = Math.min(length, SPARE_MAX);
    const room = Math.max(needed + spare, FIRST_ELEMENTS);
    const words = this.log + ARRAY_ROOT;
    for (let end = Math.min(room, this.room + LEAF_ELEMENTS); ; end += LEAF_ELEMENTS) {
      ensureAnyWord(mem, words, Math.min(end, room) * VALUE_WORDS - 1, this.log);
      if (end >= room) break;
    }
    this.room = room;
    this.seek(); // a small leaf may have become a larger one
  }

  /** The next element has to be found anew. */
  seek(): void {
    this.cursor = 0;
    this.end = 0;
  }

  /** Room for a short entry, in one leaf. Returns where. @throws HeapExhaustedError */
  protected makeRoom(elements: number): number {
    assert(!this.isApplying, 'undo: nothing is noted while a log is applied');
    this.reserve(elements);
    let length = arrayLength(this.mem, this.log);
    const left = LEAF_ELEMENTS - (length % LEAF_ELEMENTS);
    if (left < elements) {
      for (let i = 0; i < left; i++) this.put(length++, SIMPLE_UNDEFINED, TAG_SIMPLE);
    }
    return this.place(length);
  }

  /** Element `index` is the next one. Returns where it stands. */
  private place(index: number): number {
    const at = elementAt(this.mem, this.log, index);
    const elements = Math.min(LEAF_ELEMENTS - (index % LEAF_ELEMENTS), this.room - index);
    this.wasPlaced = true;
    this.cursor = at;
    this.end = at + elements * VALUE_WORDS;
    this.origin = at - index * VALUE_WORDS;
    return at;
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
    this.hasCounted = false;
    mem.i32[mem.thread + THREAD_UNDO] = log;
  }

  /** From here on nothing of the section is undone. */
  commit(): void {
    if (this.log !== 0) this.mem.i32[this.mem.thread + THREAD_UNDO] = 0;
  }

  /** The log is dropped, and what dies with it. */
  close(): void {
    const { mem, log } = this;
    if (log === 0) return;
    this.log = 0 as ObjectRef;
    this.room = 0;
    this.seek();
    if (!this.hasCounted) mem.i32[log + ARRAY_LENGTH] = 0;
    removeRow(mem, this.row);
    decref(mem, log);
  }

  // ── Entries ────────────────────────────────────────────────────────────────────────────────

  /** Where a short entry goes that tells of `object`. @throws HeapExhaustedError */
  protected begin(object: number, elements: number): number {
    const { i32 } = this.mem;
    const { cursor } = this;
    const hasRoom = cursor + elements * VALUE_WORDS <= this.end;
    const to = hasRoom ? cursor : this.makeRoom(elements);
    const info = i32[object + HEADER_INFO];
    if ((info & UNDO_NOTED) === 0) i32[object + HEADER_INFO] = info | UNDO_NOTED;
    return to;
  }

  /** The entry that ends at `to` is part of the log now. */
  protected finish(to: number): void {
    this.cursor = to;
    this.mem.i32[this.log + ARRAY_LENGTH] = (to - this.origin) >>> 1;
  }

  protected finishSlot(to: number, at: number, type: number): void {
    const low = type | ((at & 1) << UNDO_TYPE_BITS);
    storeWords(this.mem.i32, to, low, (at >>> 1) | UNDO_SLOT);
    this.finish(to + VALUE_WORDS);
  }

  protected finishEntry(to: number, type: number, count: number, object: number, a: number): void {
    const { i32 } = this.mem;
    storeWords(i32, to, a, object);
    const header = type | ((count + UNDO_TRAILER) << UNDO_TYPE_BITS);
    storeWords(i32, to + VALUE_WORDS, header, TAG_INT32);
    this.finish(to + UNDO_TRAILER * VALUE_WORDS);
  }

  /** The element with which an entry of any length begins. @throws HeapExhaustedError */
  protected beginLong(count: number): number {
    this.reserve(count + UNDO_TRAILER);
    const length = arrayLength(this.mem, this.log);
    // Its last two elements stand in one leaf.
    if ((length + count) % LEAF_ELEMENTS !== LEAF_ELEMENTS - 1) return length;
    this.put(length, SIMPLE_UNDEFINED, TAG_SIMPLE);
    return length + 1;
  }

  protected finishLong(
    start: number,
    type: number,
    count: number,
    object: number,
    a: number,
  ): void {
    const to = this.place(start + count);
    this.mem.i32[object + HEADER_INFO] |= UNDO_NOTED;
    this.finishEntry(to, type, count, object, a);
  }

  private put(element: number, low: number, high: number): void {
    storeWords(this.mem.i32, elementAt(this.mem, this.log, element), low, high);
  }

  /** Puts a counted copy of the value at an address to another. */
  protected copy(from: number, to: number): void {
    const { i32 } = this.mem;
    if (i32[from + VALUE_HIGH] === TAG_REFERENCE) incref(this.mem, i32[from + VALUE_LOW]);
    this.move(from, to);
  }

  /** Puts the value at an address to another, with its count. */
  protected move(from: number, to: number): void {
    const { i32 } = this.mem;
    const low = i32[from + VALUE_LOW];
    const high = i32[from + VALUE_HIGH];
    if (high === TAG_REFERENCE) this.storeTaken(to, low);
    else storeWords(i32, to, low, high);
  }

  /** Stores a reference, with the count that it has. */
  protected storeTaken(to: number, referent: number): void {
    const { mem } = this;
    this.hasCounted = true;
    trackIfNeeded(mem, this.log, referent);
    storeWords(mem.i32, to, referent, TAG_REFERENCE);
  }

  // ── Deaths ─────────────────────────────────────────────────────────────────────────────────

  /**
   * An object that is marked as noted has lost its last reference. Returns whether its death is put
   * off until the section ends.
   */
  defers(object: number, info: number): boolean {
    const { mem } = this;
    const kind = info >>> KIND_SHIFT;
    const canBeNoted =
      kind >= FIRST_STRUCT_KIND || kind === KIND_ARRAY || kind === KIND_MAP || kind === KIND_SET;
    if (!canBeNoted || this.log === 0) return false;
    if (this.isApplying) {
      mem.i32[object + HEADER_COUNT] = 1;
      this.dying.push(object);
      return true;
    }
    let to: number;
    try {
      to = this.begin(object, 1);
    } catch (error) {
      if (!(error instanceof HeapExhaustedError)) throw error;
      this.voidEntriesOf(object);
      return false;
    }
    mem.i32[object + HEADER_COUNT] = 1;
    this.storeTaken(to, object);
    this.finish(to + VALUE_WORDS);
    return true;
  }

  protected voidEntriesOf(object: number): void {
    const { mem } = this;
    visitEntries(mem, this.log, arrayLength(mem, this.log), (entry) => {
      if (objectOf(mem, entry) === object) voidEntry(mem, entry);
    });
  }

  /** Counts all objects that entries tell of, so that no collection takes one for garbage. */
  pin(): void {
    const { mem, log } = this;
    if (log === 0) return;
    this.pinned = arrayLength(mem, log);
    visitEntries(mem, log, this.pinned, (entry) => {
      const object = objectOf(mem, entry);
      if (object !== 0) incref(mem, object);
    });
  }

  /** Undoes `pin`. */
  unpin(): void {
    const { mem, log } = this;
    if (log === 0) return;
    visitEntries(mem, log, this.pinned, (entry) => {
      const object = objectOf(mem, entry);
      if (object !== 0) dropCount(mem, object);
    });
  }
}

/** Stores an element. */
export function storeWords(i32: Int32Array, at: number, low: number, high: number): void {
  i32[at + VALUE_LOW] = low;
  i32[at + VALUE_HIGH] = high;
}
