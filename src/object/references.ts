/**
 * Where references live: the only code that knows it for every kind.
 *
 * Structs are described by the kind table. The other kinds are walked by code. The verifier has a
 * walk of its own on purpose.
 */

import { freeBlock } from '../memory/blocks.ts';
import {
  ARRAY_HEIGHT,
  ARRAY_LENGTH,
  ARRAY_ROOT,
  CHUNK_EMPTY_LINK,
  CHUNK_ENTRIES,
  CHUNK_NEXT,
  CHUNK_STEP,
  CHUNK_USED,
  ENTRY_KEY,
  ENTRY_VALUE,
  GC_CONDEMNED,
  GC_CONTAINER,
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_ARRAY,
  KIND_MAP,
  KIND_RECORD_SHIFT,
  KIND_REFERENCES,
  KIND_SET,
  KIND_SHIFT,
  KIND_STRING,
  KIND_TUPLE,
  KIND_VALUES,
  KIND_VALUES_AT,
  LEAF_WORDS,
  MAP_EMPTY,
  MAP_ENTRY_WORDS,
  MAP_FIRST,
  type ObjectRef,
  TAG_REFERENCE,
  TUPLE_LENGTH,
  TUPLE_VALUES,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { kindOf } from './header.ts';
import { kindRecordOf } from './kinds.ts';
import { freeTable } from './map-table.ts';
import { ENTRIES, hasValues, Ranges, tracedEnd } from './ranges.ts';
import { dropCount } from './refcount.ts';
import { buryString } from './string.ts';
import { freeVector, wordAt } from './vector.ts';

/** Calls `visit` with every object that `object` references, once per reference, in slot order. */
export function visitReferences(
  mem: Memory,
  object: ObjectRef,
  visit: (referent: ObjectRef) => void,
): void {
  const { i32 } = mem;
  const kind = kindOf(mem, object);
  const record = kindRecordOf(mem, kind);
  const visitValue = (at: number) => {
    if (i32[at + VALUE_HIGH] === TAG_REFERENCE) visit(i32[at + VALUE_LOW] as ObjectRef);
  };
  if (kind === KIND_ARRAY) {
    const length = i32[object + ARRAY_LENGTH];
    for (let i = 0; i < length; i++) {
      visitValue(wordAt(mem, object + ARRAY_ROOT, i * VALUE_WORDS));
    }
    return;
  }
  if (kind === KIND_MAP || kind === KIND_SET) {
    for (let chunk = i32[object + MAP_FIRST]; chunk !== 0; chunk = i32[chunk + CHUNK_NEXT]) {
      const step = i32[chunk + CHUNK_STEP];
      const end = chunk + CHUNK_ENTRIES + i32[chunk + CHUNK_USED] * step;
      for (let entry = chunk + CHUNK_ENTRIES; entry < end; entry += step) {
        visitValue(entry + ENTRY_KEY);
        if (step === MAP_ENTRY_WORDS) visitValue(entry + ENTRY_VALUE);
      }
    }
    return;
  }
  if (kind === KIND_TUPLE) {
    const length = i32[object + TUPLE_LENGTH];
    for (let i = 0; i < length; i++) visitValue(object + TUPLE_VALUES + i * VALUE_WORDS);
    return;
  }
  const end = object + HEADER_WORDS + i32[record + KIND_REFERENCES];
  for (let at = object + HEADER_WORDS; at < end; at++) {
    if (i32[at] !== 0) visit(i32[at] as ObjectRef);
  }
  const values = object + i32[record + KIND_VALUES_AT];
  for (let i = 0; i < i32[record + KIND_VALUES]; i++) visitValue(values + i * VALUE_WORDS);
}

/**
 * Drops every reference that the dying `object` holds, and its backing. Objects that die of it
 * are put before `worklist`, linked through their counts. Returns the new worklist.
 *
 * Short on purpose: allocation, drop and death inlined into one loop must fit what the compiler
 * is willing to inline.
 */
export function dropReferences(
  mem: Memory,
  object: number,
  info: number,
  worklist: number,
): number {
  const { i32 } = mem;
  const record = mem.kindTable + ((info >>> KIND_SHIFT) << KIND_RECORD_SHIFT);
  if (i32[record + KIND_VALUES] !== 0) return dropWithValues(mem, object, info, worklist);
  let head = worklist;
  const end = object + HEADER_WORDS + i32[record + KIND_REFERENCES];
  for (let at = object + HEADER_WORDS; at < end; at++) {
    const referent = i32[at];
    if (referent !== 0 && dropCount(mem, referent)) {
      i32[referent + HEADER_COUNT] = head;
      head = referent;
    }
  }
  return head;
}

/** As `dropReferences`, for structs with untyped fields and for kinds that are walked by code. */
function dropWithValues(mem: Memory, object: number, info: number, worklist: number): number {
  const { i32 } = mem;
  const kind = info >>> KIND_SHIFT;
  const record = kindRecordOf(mem, kind);
  const values = i32[record + KIND_VALUES];
  if (values < 0) return dropSpecial(mem, object, kind, worklist);
  let head = worklist;
  const end = object + HEADER_WORDS + i32[record + KIND_REFERENCES];
  for (let at = object + HEADER_WORDS; at < end; at++) {
    const referent = i32[at];
    if (referent !== 0 && dropCount(mem, referent)) {
      i32[referent + HEADER_COUNT] = head;
      head = referent;
    }
  }
  return dropValues(mem, object + i32[record + KIND_VALUES_AT], values, head);
}

function dropSpecial(mem: Memory, object: number, kind: number, worklist: number): number {
  if (kind === KIND_STRING) buryString(mem, object);
  else if (kind === KIND_ARRAY) return dropArray(mem, object, worklist);
  else if (kind === KIND_MAP || kind === KIND_SET) return dropMap(mem, object, worklist);
  else if (kind === KIND_TUPLE) {
    const length = mem.i32[object + TUPLE_LENGTH];
    return dropValues(mem, object + TUPLE_VALUES, length, worklist);
  }
  return worklist;
}

/** Drops `count` values that stand in a row from `at` on. */
function dropValues(mem: Memory, at: number, count: number, worklist: number): number {
  const { i32 } = mem;
  let head = worklist;
  const end = at + count * VALUE_WORDS;
  for (let value = at; value < end; value += VALUE_WORDS) {
    if (i32[value + VALUE_HIGH] !== TAG_REFERENCE) continue;
    const referent = i32[value + VALUE_LOW];
    if (!dropCount(mem, referent)) continue;
    i32[referent + HEADER_COUNT] = head;
    head = referent;
  }
  return head;
}

/** Whether an object refers to a container, tracked or not. */
export function holdsContainer(mem: Memory, object: number): boolean {
  const { i32 } = mem;
  const info = i32[object + HEADER_INFO];
  const end = tracedEnd(mem, object, info);
  for (let at = object + HEADER_WORDS; at < end; at++) if (isContainer(mem, i32[at])) return true;
  return hasValues(mem, info) && holdsContainerValue(mem, object, info);
}

function holdsContainerValue(mem: Memory, object: number, info: number): boolean {
  const ranges = new Ranges(mem);
  for (let more = ranges.begin(object, info); more; more = ranges.next()) {
    const { shape, end, step } = ranges;
    for (let { at } = ranges; at < end; at += step) {
      if (isContainerValue(mem, at)) return true;
      if (shape === ENTRIES && isContainerValue(mem, at + ENTRY_VALUE)) return true;
    }
  }
  return false;
}

/** Null is none: word 1 of the heap has no such bit. */
const isContainer = (mem: Memory, object: number): boolean =>
  (mem.i32[object + HEADER_INFO] & GC_CONTAINER) !== 0;

const isContainerValue = (mem: Memory, at: number): boolean =>
  mem.i32[at + VALUE_HIGH] === TAG_REFERENCE && isContainer(mem, mem.i32[at + VALUE_LOW]);

/**
 * As `dropReferences`, for garbage: references to other garbage are left alone, since nobody
 * needs those counts any more, and so is the backing.
 */
export function dropOutside(mem: Memory, object: number, info: number): number {
  const { i32 } = mem;
  const record = mem.kindTable + ((info >>> KIND_SHIFT) << KIND_RECORD_SHIFT);
  if (i32[record + KIND_VALUES] !== 0) return dropAllOutside(mem, object);
  let head = 0;
  const end = object + HEADER_WORDS + i32[record + KIND_REFERENCES];
  for (let at = object + HEADER_WORDS; at < end; at++) {
    if (i32[at] !== 0) head = dropUnlessCondemned(mem, i32[at], head);
  }
  return head;
}

/** As `dropOutside`, for objects with values. */
function dropAllOutside(mem: Memory, object: number): number {
  let head = 0;
  visitReferences(mem, object as ObjectRef, (referent) => {
    head = dropUnlessCondemned(mem, referent, head);
  });
  return head;
}

/** Drops a reference of garbage. One that dies of it goes before `head`; returns the new head. */
function dropUnlessCondemned(mem: Memory, referent: number, head: number): number {
  const { i32 } = mem;
  if ((i32[referent + HEADER_INFO] & GC_CONDEMNED) !== 0 || !dropCount(mem, referent)) return head;
  i32[referent + HEADER_COUNT] = head;
  return referent;
}

/** Frees the backing of garbage. */
export function freeBacking(mem: Memory, object: number, info: number): void {
  const { i32 } = mem;
  const kind = info >>> KIND_SHIFT;
  if (kind === KIND_ARRAY) {
    freeVector(mem, i32[object + ARRAY_ROOT], i32[object + ARRAY_HEIGHT]);
  } else if (kind === KIND_MAP || kind === KIND_SET) {
    freeTable(mem, object);
    freeChunks(mem, i32[object + MAP_FIRST], CHUNK_NEXT);
    freeChunks(mem, i32[object + MAP_EMPTY], CHUNK_EMPTY_LINK);
  }
}

/** Frees a list of chunks that is linked by `link`. */
function freeChunks(mem: Memory, first: number, link: number): void {
  let chunk = first;
  while (chunk !== 0) {
    const next = mem.i32[chunk + link];
    freeBlock(mem, chunk as WordIndex);
    chunk = next;
  }
}

function dropArray(mem: Memory, array: number, worklist: number): number {
  const { i32 } = mem;
  const words = i32[array + ARRAY_LENGTH] * VALUE_WORDS;
  let head = worklist;
  for (let word = 0; word < words; word += LEAF_WORDS) {
    const count = Math.min(LEAF_WORDS, words - word) / VALUE_WORDS;
    head = dropValues(mem, wordAt(mem, array + ARRAY_ROOT, word), count, head);
  }
  freeVector(mem, i32[array + ARRAY_ROOT], i32[array + ARRAY_HEIGHT]);
  return head;
}

function dropMap(mem: Memory, map: number, worklist: number): number {
  const { i32 } = mem;
  freeTable(mem, map);
  freeChunks(mem, i32[map + MAP_EMPTY], CHUNK_EMPTY_LINK); // of a thread that died iterating
  return dropChunks(mem, i32[map + MAP_FIRST], worklist);
}

/** Drops the entries of a list of chunks, and the chunks. */
export function dropChunks(mem: Memory, first: number, worklist: number): number {
  const { i32 } = mem;
  let head = worklist;
  let chunk = first;
  while (chunk !== 0) {
    const step = i32[chunk + CHUNK_STEP];
    const end = chunk + CHUNK_ENTRIES + i32[chunk + CHUNK_USED] * step;
    for (let entry = chunk + CHUNK_ENTRIES; entry < end; entry += step) {
      head = dropValues(mem, entry + ENTRY_KEY, 1, head);
      if (step === MAP_ENTRY_WORDS) head = dropValues(mem, entry + ENTRY_VALUE, 1, head);
    }
    const next = i32[chunk + CHUNK_NEXT];
    freeBlock(mem, chunk as WordIndex);
    chunk = next;
  }
  return head;
}
