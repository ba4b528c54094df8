/**
 * The entries of an undo log: what stands in its elements.
 *
 * The log is an array, so what an entry refers to is counted, traced, verified and recovered like
 * any element. Everything else in it is raw words that look like numbers: addresses and what stood
 * there. An element is a low and a high word; an entry is told by the high word of its last one:
 *
 *   last element                       before it        tells of
 *
 *   WORD      old word | address       -                a word that is no reference
 *   SLOT      type, parity | -address  what stood       REFERENCE: a slot of one word
 *                                                       VALUE: a slot of two
 *   HELD      a reference              -                an object that has died in the section
 *   PAD       undefined                -                nothing: the rest of a leaf
 *   others    type and number of elements | int32
 *
 *     before the last element          and before that
 *
 *     a | object                       what stood       ELEMENT: element a of a small array
 *                                                       ELEMENTS: those from a on, and the length
 *                                                       ADDED: a map gets the entry at a
 *                                                       REMOVED: a map loses it: key, value
 *                                                       RECORD: a plain object, of info word a
 *
 * The address in a SLOT is halved, its lowest bit is the parity, and the sign bit is set: a number
 * below that of every tag, as addresses are numbers above.
 *
 * An entry does not count the object that it changes. See `undo-log.ts`, which keeps that object.
 */

import { assert } from '../base/assert.ts';
import { blockContaining } from '../memory/blocks.ts';
import {
  CHUNK_OWNER,
  HEADER_INFO,
  KIND_CHUNK,
  KIND_NODE,
  KIND_SHIFT,
  LEAF_WORDS,
  NODE_OWNER,
  type ObjectRef,
  SIMPLE_UNDEFINED,
  TAG_INT32,
  TAG_MIN,
  TAG_REFERENCE,
  TAG_SIMPLE,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { elementAt } from './array.ts';

/** Nothing: padding, or what an object was noted with that is dead. */
export const UNDO_VOID = 0;
export const UNDO_REFERENCE = 1;
export const UNDO_VALUE = 2;
export const UNDO_ELEMENT = 3;
export const UNDO_ELEMENTS = 4;
export const UNDO_ADDED = 5;
export const UNDO_REMOVED = 6;
export const UNDO_RECORD = 7;
export const UNDO_WORD = 8;
export const UNDO_HELD = 9;
/** Below the number of elements; of a slot, below the parity. */
export const UNDO_TYPE_BITS = 4;
const TYPE_MASK = (1 << UNDO_TYPE_BITS) - 1;
/** In the high word of a slot. */
export const UNDO_SLOT = 1 << 31;

/** Elements behind what stood there: address and object, type and number. */
export const UNDO_TRAILER = 2;

export const LEAF_ELEMENTS = LEAF_WORDS / VALUE_WORDS;

/** One entry as it stands in a log. */
export interface Entry {
  readonly log: ObjectRef;
  /** The element with which it begins; how many there are of what stood there. */
  readonly start: number;
  readonly count: number;
  /** The element after it. */
  readonly end: number;
  readonly type: number;
  /** The object that it changes, which HELD names; 0: the one in which address a lies. */
  readonly object: ObjectRef;
  readonly a: number;
  /** Of WORD: what stood there. */
  readonly b: number;
}

/** The entry that ends in front of element `end`. */
export function entryBefore(mem: Memory, log: ObjectRef, end: number): Entry {
  const at = elementAt(mem, log, end - 1);
  const low = mem.i32[at + VALUE_LOW];
  const high = mem.i32[at + VALUE_HIGH];
  if (high === TAG_INT32) return longEntryBefore(mem, log, end, low);
  const isSlot = high < TAG_MIN;
  let type = isSlot ? low & TYPE_MASK : UNDO_VOID;
  if (high >= 0) type = UNDO_WORD;
  else if (high === TAG_REFERENCE) type = UNDO_HELD;
  const count = isSlot ? 1 : 0;
  return {
    log,
    start: end - 1 - count,
    count,
    end,
    type,
    object: (type === UNDO_HELD ? low : 0) as ObjectRef,
    a: isSlot ? ((high & ~UNDO_SLOT) << 1) | (low >>> UNDO_TYPE_BITS) : high,
    b: low,
  };
}

function longEntryBefore(mem: Memory, log: ObjectRef, end: number, header: number): Entry {
  const size = header >>> UNDO_TYPE_BITS;
  assert(size >= UNDO_TRAILER && size <= end, 'undo: entries follow each other');
  const trailer = elementAt(mem, log, end - UNDO_TRAILER);
  return {
    log,
    start: end - size,
    count: size - UNDO_TRAILER,
    end,
    type: header & TYPE_MASK,
    object: mem.i32[trailer + VALUE_HIGH] as ObjectRef,
    a: mem.i32[trailer + VALUE_LOW],
    b: 0,
  };
}

/** The object that an entry changes, or holds; 0: none. */
export function objectOf(mem: Memory, { type, object, a }: Entry): number {
  if (type === UNDO_VOID) return 0;
  if (object !== 0) return object;
  const block = blockContaining(mem, a);
  const kind = mem.i32[block + HEADER_INFO] >>> KIND_SHIFT;
  if (kind === KIND_NODE) return mem.i32[block + NODE_OWNER];
  return kind === KIND_CHUNK ? mem.i32[block + CHUNK_OWNER] : block;
}

/** Calls `visit` with all entries of a log in front of element `end`, the last first. */
export function visitEntries(
  mem: Memory,
  log: ObjectRef,
  end: number,
  visit: (entry: Entry) => void,
): void {
  for (let at = end; at > 0; ) {
    const entry = entryBefore(mem, log, at);
    at = entry.start;
    visit(entry);
  }
}

/** An entry changes nothing from now on. What it counts it counts as before. */
export function voidEntry(mem: Memory, { log, end, type }: Entry): void {
  const at = elementAt(mem, log, end - 1);
  if (type === UNDO_WORD) {
    mem.i32[at + VALUE_HIGH] = TAG_SIMPLE;
    mem.i32[at + VALUE_LOW] = SIMPLE_UNDEFINED;
  } else if (type !== UNDO_HELD) {
    mem.i32[at + VALUE_LOW] &= ~TYPE_MASK;
  }
}
