/**
 * Undoing an atomic section: its log (`undo-log.ts`) is applied from the end, and cut off entry by
 * entry, each after it was applied. So whoever is interrupted, or takes over from a dead thread,
 * applies what is left, the last entry perhaps once more.
 *
 * Nothing here needs memory that was not there when the section began: leaves, chunks and entries
 * are in their places still. Only the table of a map may have no room where an entry comes back;
 * then the map goes without a table until it grows.
 */

import { assert } from '../base/assert.ts';
import { HeapExhaustedError } from '../base/errors.ts';
import { blockContaining } from '../memory/blocks.ts';
import {
  ABANDONED,
  ARRAY_LENGTH,
  CHUNK_LIVE,
  CHUNK_OWNER,
  CHUNK_STEP,
  CONTROL_CHANGED,
  ENTRY_KEY,
  ENTRY_VALUE,
  HEADER_INFO,
  KIND_CHUNK,
  KIND_MAP,
  KIND_SET,
  KIND_SHIFT,
  KIND_VALUES,
  KIND_VALUES_AT,
  MAP_BUCKET_COUNT,
  MAP_ENTRY_WORDS,
  MAP_SIZE,
  type ObjectRef,
  TAG_REFERENCE,
  THREAD_UNDO,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import { threadRecordOf } from '../memory/memory.ts';
import { arrayLength, elementAt } from './array.ts';
import { dealloc, decref, dropValue, dropValueAt } from './dealloc.ts';
import { kindOf } from './header.ts';
import { kindRecordOf } from './kinds.ts';
import { deleteEntry, reserveInTable } from './map.ts';
import { endOf, isHole, tidyChunk } from './map-chunks.ts';
import { addToTable, freeTable, shrinkTable } from './map-table.ts';
import type { Mutator } from './mutator.ts';
import { incref } from './refcount.ts';
import { trackIfNeeded } from './tracking.ts';
import {
  type Entry,
  entryBefore,
  objectOf,
  UNDO_ADDED,
  UNDO_ELEMENT,
  UNDO_ELEMENTS,
  UNDO_HELD,
  UNDO_RECORD,
  UNDO_REFERENCE,
  UNDO_REMOVED,
  UNDO_VALUE,
  UNDO_VOID,
  UNDO_WORD,
} from './undo-entry.ts';
import { UndoLog } from './undo-log.ts';
import { hashValue } from './value.ts';

/** Undoes what was noted from element `mark` on. The GIL is held. */
export function undoTo(undo: UndoLog, mem: Mutator, mark: number): void {
  const { log } = undo;
  if (log === 0) return;
  const before = mem.undo;
  undo.isApplying = true;
  mem.undo = undo; // containers keep what they have
  try {
    while (arrayLength(mem, log) > mark) undoLast(undo, mem);
    undo.isApplying = false;
    undo.seek();
    while (undo.dying.length !== 0) dealloc(mem, undo.dying.pop() as number);
  } finally {
    undo.isApplying = false;
    mem.undo = before;
  }
}

function undoLast(undo: UndoLog, mem: Mutator): void {
  const { log } = undo;
  const entry = entryBefore(mem, log, arrayLength(mem, log));
  const { type, object, start, a } = entry;
  if (type === UNDO_HELD) {
    mem.i32[log + ARRAY_LENGTH] = start;
    undo.dying.push(object); // entries before this one may tell of it
    return;
  }
  apply(mem, entry);
  if (type === UNDO_REMOVED || type === UNDO_ADDED) undo.noteHole(object, a);
  cutOff(mem, entry);
}

/** The section is over: maps may be tidied, and the log is dropped. */
export function closeUndo(undo: UndoLog, mem: Mutator): void {
  mem.undo = null;
  undo.commit();
  tidyMaps(undo, mem); // not before: what it frees, undoing may need
  undo.close();
}

/** One chunk that is tidied may free another, and what was made in the section may be dead. */
function tidyMaps(undo: UndoLog, mem: Mutator): void {
  const isMap = (map: ObjectRef) => {
    const kind = kindOf(mem, map);
    return kind === KIND_MAP || kind === KIND_SET;
  };
  undo.takeHoles(
    (chunk, map) => {
      const isStill = kindOf(mem, chunk) === KIND_CHUNK && mem.i32[chunk + CHUNK_OWNER] === map;
      if (!isStill || !isMap(map)) return;
      mem.i32[CONTROL_CHANGED] = map;
      tidyChunk(mem, map, chunk);
    },
    (map, lost) => {
      if (!isMap(map)) return;
      mem.i32[CONTROL_CHANGED] = map;
      for (let i = 0; i < lost && mem.i32[map + MAP_BUCKET_COUNT] !== 0; i++) shrinkTable(mem, map);
    },
  );
}

/** The log ends where the entry began; what that counted is dropped. */
function cutOff(mem: Mutator, { log, start, count }: Entry): void {
  mem.i32[log + ARRAY_LENGTH] = start;
  for (let i = start; i < start + count; i++) dropValueAt(mem, elementAt(mem, log, i));
}

function apply(mem: Mutator, entry: Entry): void {
  const { object, a, b } = entry;
  switch (entry.type) {
    case UNDO_WORD:
      mem.i32[a] = b;
      return;
    case UNDO_VOID:
      return;
    case UNDO_REFERENCE:
      restoreReference(mem, entry);
      return;
    case UNDO_VALUE:
      restoreValue(mem, entry, 0, a);
      return;
    case UNDO_ELEMENT:
      restoreValue(mem, entry, 0, elementAt(mem, object, a));
      return;
    case UNDO_ELEMENTS:
      restoreElements(mem, entry);
      return;
    case UNDO_ADDED:
      if (isEntry(mem, a)) deleteEntry(mem, object, a);
      return;
    case UNDO_REMOVED:
      if (isHole(mem, a)) restoreEntry(mem, entry);
      return;
    case UNDO_RECORD:
      restoreRecord(mem, entry);
      return;
    default:
      assert(false, 'undo: an entry has a type');
  }
}

/** Whether an entry is there: its thread may have died between noting and appending it. */
function isEntry(mem: Mutator, entry: number): boolean {
  return entry < endOf(mem, blockContaining(mem, entry)) && !isHole(mem, entry);
}

function restoreReference(mem: Mutator, { log, start, a }: Entry): void {
  const { i32 } = mem;
  const at = elementAt(mem, log, start);
  const referent = i32[at + VALUE_HIGH] === TAG_REFERENCE ? i32[at + VALUE_LOW] : 0;
  const now = i32[a];
  if (referent !== 0) incref(mem, referent);
  i32[a] = referent;
  if (now !== 0) decref(mem, now);
}

/** Puts element `index` of an entry back to `at`, and drops what stands there now. */
function restoreValue(mem: Mutator, entry: Entry, index: number, at: number): void {
  const low = mem.i32[at + VALUE_LOW];
  const high = mem.i32[at + VALUE_HIGH];
  placeValue(mem, entry, index, at);
  dropValue(mem, low, high);
}

/** Puts a counted copy of element `index` of an entry to `at`, where nothing counts. */
function placeValue(mem: Mutator, entry: Entry, index: number, at: number): void {
  const { i32 } = mem;
  const from = elementAt(mem, entry.log, entry.start + index);
  const low = i32[from + VALUE_LOW];
  const high = i32[from + VALUE_HIGH];
  if (high === TAG_REFERENCE) {
    incref(mem, low);
    trackIfNeeded(mem, objectOf(mem, entry), low); // a full heap may have been collected meanwhile
  }
  i32[at + VALUE_LOW] = low;
  i32[at + VALUE_HIGH] = high;
}

function restoreElements(mem: Mutator, entry: Entry): void {
  const { object: array, a: from, count } = entry;
  const { i32 } = mem;
  const length = from + count;
  while (arrayLength(mem, array) > length) {
    const last = arrayLength(mem, array) - 1;
    i32[array + ARRAY_LENGTH] = last;
    dropValueAt(mem, elementAt(mem, array, last));
  }
  for (let i = 0; i < count; i++) {
    const at = elementAt(mem, array, from + i);
    if (from + i < arrayLength(mem, array)) {
      restoreValue(mem, entry, i, at);
    } else {
      placeValue(mem, entry, i, at);
      i32[array + ARRAY_LENGTH] = from + i + 1;
    }
  }
}

function restoreEntry(mem: Mutator, entry: Entry): void {
  const { object: map, a: at } = entry;
  const { i32 } = mem;
  const chunk = blockContaining(mem, at);
  const hash = hashOfKey(mem, entry);
  const hasTable = tryReserve(mem, map, hash);
  if (i32[chunk + CHUNK_STEP] === MAP_ENTRY_WORDS) placeValue(mem, entry, 1, at + ENTRY_VALUE);
  placeValue(mem, entry, 0, at + ENTRY_KEY);
  i32[chunk + CHUNK_LIVE]++;
  i32[map + MAP_SIZE]++;
  if (hasTable) addToTable(mem, map, at, hash);
}

/** The hash of the key that an entry was noted with. */
function hashOfKey(mem: Mutator, { log, start }: Entry): number {
  const at = elementAt(mem, log, start);
  return hashValue(mem, mem.i32[at + VALUE_LOW], mem.i32[at + VALUE_HIGH]);
}

/**
 * Makes room in the table of a map, which names it as the one that is being changed. False when it
 * has no table, or none any more for lack of room.
 */
function tryReserve(mem: Mutator, map: ObjectRef, hash: number): boolean {
  try {
    reserveInTable(mem, map, hash);
  } catch (error) {
    if (!(error instanceof HeapExhaustedError)) throw error;
    freeTable(mem, map);
  }
  return mem.i32[map + MAP_BUCKET_COUNT] !== 0;
}

/** A plain object gets its shape back, and what it held; it may be a dictionary by now. */
function restoreRecord(mem: Mutator, entry: Entry): void {
  const { object, a: info, count: values } = entry;
  const { i32 } = mem;
  const now: number[] = [];
  const record = kindRecordOf(mem, kindOf(mem, object));
  const first = object + i32[record + KIND_VALUES_AT];
  for (let i = 0; i < i32[record + KIND_VALUES]; i++) {
    const at = first + i * VALUE_WORDS;
    if (i32[at + VALUE_HIGH] === TAG_REFERENCE) now.push(i32[at + VALUE_LOW]);
  }
  const bits = i32[object + HEADER_INFO] & ((1 << KIND_SHIFT) - 1);
  const to = object + i32[kindRecordOf(mem, info >>> KIND_SHIFT) + KIND_VALUES_AT];
  for (let i = 0; i < values; i++) placeValue(mem, entry, i, to + i * VALUE_WORDS);
  i32[object + HEADER_INFO] = bits | ((info >>> KIND_SHIFT) << KIND_SHIFT);
  for (const referent of now) decref(mem, referent);
}

/** The undo log that a dead thread has left, if there is one. The GIL is held. */
export function logOfDead(mem: Mutator): UndoLog | null {
  for (let id = 1; id < ABANDONED; id++) {
    const log = mem.i32[threadRecordOf(mem, id) + THREAD_UNDO] as ObjectRef;
    if (log !== 0 && id !== mem.threadId) return new UndoLog(mem, log);
  }
  return null;
}

/**
 * Undoes the atomic section in which a thread has died, if one has. The GIL is held and the heap is
 * whole; the row that holds the log is released with the thread's others.
 */
export function undoOfDead(mem: Mutator): void {
  const undo = logOfDead(mem);
  if (undo === null) return;
  undoTo(undo, mem, 0);
  for (let id = 1; id < ABANDONED; id++) {
    const word = threadRecordOf(mem, id) + THREAD_UNDO;
    if (mem.i32[word] === undo.log) mem.i32[word] = 0;
  }
  tidyMaps(undo, mem);
}
