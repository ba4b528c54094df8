/**
 * Rebuilding, counts: every reference is counted again, from slots, rows, roots and declarations.
 *
 * What a slot names must be an object; a reference to anything else becomes null, or undefined.
 * Garbage that is condemned counts for what is not condemned, as long as it is not unlinked, and
 * not for each other. If something refers to it that is not condemned, its thread died before all
 * that belongs together was: then it is garbage no more, but may be found to be so again.
 */

import { addCards } from '../memory/cards.ts';
import {
  ABANDONED,
  CARD_SHIFT,
  CONTROL_KIND_COUNT,
  CONTROL_LONG_STRINGS,
  CONTROL_ROOT_MAP,
  CONTROL_TRANSIT_MAP,
  ENTRY_VALUE,
  FIRST_STRUCT_KIND,
  GC_CONDEMNED,
  GC_GARBAGE_ARRAY,
  GC_GENERATION_MASK,
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  IMMORTAL_COUNT,
  KIND_DESCRIPTOR,
  KIND_MAP,
  KIND_RECORD_SHIFT,
  KIND_REFERENCES,
  KIND_SET,
  KIND_SHIFT,
  KIND_VALUES,
  PAGE_BLOCK_WORDS,
  PAGE_CARVED,
  ROW_ITERATOR,
  SIMPLE_ABSENT,
  SIMPLE_UNDEFINED,
  TAG_HOLE,
  TAG_INT32,
  TAG_MIN,
  TAG_REFERENCE,
  TAG_SIMPLE,
  THREAD_ATTACHED,
  THREAD_HELD_COUNT,
  THREAD_HELD_ROOT,
  THREAD_ROWS_COUNT,
  THREAD_ROWS_ROOT,
  THREAD_STATE,
  VALUE_HIGH,
  VALUE_LOW,
  type WordIndex,
} from '../memory/layout.ts';
import { pageOfRecord, startOf, threadRecordOf } from '../memory/memory.ts';
import { runRecordOf } from '../memory/pages.ts';
import { isBackingKind } from '../object/header.ts';
import { kindRecordOf } from '../object/kinds.ts';
import { ENTRIES, Ranges } from '../object/ranges.ts';
import { repairVector, visitLeaves } from './rebuild-containers.ts';
import { type Ground, isObject, refuse } from './rebuild-ground.ts';

// ── Rows ─────────────────────────────────────────────────────────────────────────────────────

/** Claims the tables of all threads, those of the dead too, and counts open iterators by maps. */
export function repairRows(ground: Ground): void {
  forEachRow(ground, (at, row, rows) => {
    const { i32 } = ground.mem;
    const word = i32[at];
    if (word === 0) return;
    const object = word & ~ROW_ITERATOR;
    if (row >= rows || !isObject(ground, object)) {
      i32[at] = 0;
      return;
    }
    if (object === word) return;
    const kind = i32[object + HEADER_INFO] >>> KIND_SHIFT;
    if (kind !== KIND_MAP && kind !== KIND_SET) i32[at] = object;
    else ground.iterators.set(object, (ground.iterators.get(object) ?? 0) + 1);
  });
}

function forEachRow(
  ground: Ground,
  visit: (at: number, row: number, rows: number) => void,
  repairs = true,
): void {
  const { mem } = ground;
  const { i32 } = mem;
  for (let id = 1; id < ABANDONED; id++) {
    const record = threadRecordOf(mem, id);
    if (i32[record + THREAD_STATE] !== THREAD_ATTACHED) continue;
    for (const [at, count] of [
      [record + THREAD_ROWS_ROOT, record + THREAD_ROWS_COUNT],
      [record + THREAD_HELD_ROOT, record + THREAD_HELD_COUNT],
    ]) {
      if (repairs) {
        const room = repairVector(ground, at, -id);
        if (i32[count] < 0 || i32[count] > room) i32[count] = room;
      }
      const rows = i32[count];
      visitLeaves(ground, at, (leaf, words, index) => {
        for (let i = 0; i < words; i++) visit(leaf + i, index + i, rows);
      });
    }
  }
}

// ── Counting ─────────────────────────────────────────────────────────────────────────────────

/** Counts all references. */
export function recount(ground: Ground): void {
  const { mem } = ground;
  countRoots(ground);
  const ranges = new Ranges(mem);
  for (const record of ground.runs) countRun(ground, record, ranges);
  if (ground.condemned.length !== 0) {
    pardon(ground, ranges);
    const { refs, length } = ground.condemned;
    for (let i = 0; i < length; i++) countCondemned(ground, refs[i], ranges);
  }
}

/** Control words that name objects for ever. */
const IMMORTALS = [CONTROL_ROOT_MAP, CONTROL_LONG_STRINGS, CONTROL_TRANSIT_MAP, GC_GARBAGE_ARRAY];

/** What must be immortal is, whatever a thread had no time for. */
function countRoots(ground: Ground): void {
  const { mem } = ground;
  const { i32 } = mem;
  for (const word of IMMORTALS) {
    if (i32[word] === 0) continue;
    if (!isObject(ground, i32[word])) refuse(`there is no object at control word ${word}`);
    if (i32[i32[word] + HEADER_COUNT] >= 0) i32[i32[word] + HEADER_COUNT] = IMMORTAL_COUNT;
  }
  for (let kind = FIRST_STRUCT_KIND; kind < i32[CONTROL_KIND_COUNT]; kind++) {
    const descriptor = i32[kindRecordOf(mem, kind) + KIND_DESCRIPTOR];
    if (!isObject(ground, descriptor)) refuse(`kind ${kind} has no declaration`);
    if (i32[descriptor + HEADER_COUNT] >= 0) i32[descriptor + HEADER_COUNT] = IMMORTAL_COUNT;
  }
  makeLongStringsImmortal(ground);
  const count = (at: number) => {
    const object = i32[at] & ~ROW_ITERATOR;
    if (object !== 0) countOne(ground, object);
  };
  forEachRow(ground, count, false);
}

function makeLongStringsImmortal(ground: Ground): void {
  const { i32 } = ground.mem;
  const set = i32[CONTROL_LONG_STRINGS];
  if (set === 0) return;
  const ranges = new Ranges(ground.mem);
  for (let more = ranges.begin(set, i32[set + HEADER_INFO]); more; more = ranges.next()) {
    for (let { at } = ranges; at < ranges.end; at += ranges.step) {
      const string = i32[at + VALUE_HIGH] === TAG_REFERENCE ? i32[at + VALUE_LOW] : 0;
      if (!isObject(ground, string) || i32[string + HEADER_COUNT] < 0) continue;
      i32[string + HEADER_COUNT] = IMMORTAL_COUNT;
    }
  }
}

function countOne({ mem }: Ground, object: number): void {
  const count = mem.i32[object + HEADER_COUNT];
  if (count >= 0) mem.i32[object + HEADER_COUNT] = count + 1;
}

/**
 * References on their way: they are listed, then looked at together, then counted together. Each
 * step waits for memory for many of them at once; one after the other it takes twice as long.
 */
const BATCH = 256;
const referents = new Int32Array(BATCH);
const slots = new Int32Array(BATCH);

/** Counts the references of all objects of a run that are not condemned. Millions: written out. */
function countRun(ground: Ground, record: WordIndex, ranges: Ranges): void {
  const { mem } = ground;
  const { i32, kindTable } = mem;
  const blockWords = i32[record + PAGE_BLOCK_WORDS];
  const start = startOf(pageOfRecord(mem, record));
  const end = start + i32[record + PAGE_CARVED] * blockWords;
  let listed = 0;
  for (let block: number = start; block < end; block += blockWords) {
    const info = i32[block + HEADER_INFO];
    if (info === 0 || (info & GC_CONDEMNED) !== 0) continue;
    const kind = info >>> KIND_SHIFT;
    if (isBackingKind(kind)) continue;
    const kindRecord = kindTable + (kind << KIND_RECORD_SHIFT);
    const last = block + HEADER_WORDS + i32[kindRecord + KIND_REFERENCES];
    for (let at = block + HEADER_WORDS; at < last; at++) {
      if (i32[at] === 0) continue;
      referents[listed] = i32[at];
      slots[listed] = at;
      if (++listed === BATCH) {
        countListed(ground, listed);
        listed = 0;
      }
    }
    if (i32[kindRecord + KIND_VALUES] !== 0) countValues(ground, block, info, ranges);
  }
  countListed(ground, listed);
}

function countListed({ mem, objects }: Ground, listed: number): void {
  const { i32 } = mem;
  let valid = 0;
  for (let i = 0; i < listed; i++) {
    const referent = referents[i];
    // As `isObject`: beyond the table there are no bits.
    if ((referent & 1) === 0 && (objects[referent >>> 6] >>> ((referent >>> 1) & 31)) & 1) {
      referents[valid++] = referent;
    } else {
      i32[slots[i]] = 0;
    }
  }
  for (let i = 0; i < valid; i++) {
    const at = referents[i] + HEADER_COUNT;
    const count = i32[at];
    i32[at] = count >= 0 ? count + 1 : count;
  }
}

function countValues(ground: Ground, object: number, info: number, ranges: Ranges): void {
  for (let more = ranges.begin(object, info); more; more = ranges.next()) {
    const { shape, end, step } = ranges;
    for (let { at } = ranges; at < end; at += step) {
      countValue(ground, at);
      if (shape === ENTRIES) countValue(ground, at + ENTRY_VALUE);
    }
  }
}

function countValue(ground: Ground, at: number): void {
  const { i32 } = ground.mem;
  const high = i32[at + VALUE_HIGH];
  if (high === TAG_REFERENCE) {
    if (isObject(ground, i32[at + VALUE_LOW])) countOne(ground, i32[at + VALUE_LOW]);
    else storeUndefined(i32, at);
    return;
  }
  if (high >= 0 || high < TAG_MIN || high === TAG_INT32 || high === TAG_HOLE) return;
  const isKnown = high === TAG_SIMPLE && i32[at + VALUE_LOW] >>> 0 <= SIMPLE_ABSENT;
  if (!isKnown) storeUndefined(i32, at);
}

function storeUndefined(i32: Int32Array, at: number): void {
  i32[at + VALUE_HIGH] = TAG_SIMPLE;
  i32[at + VALUE_LOW] = SIMPLE_UNDEFINED;
}

// ── Garbage ──────────────────────────────────────────────────────────────────────────────────

/** What something that is not condemned refers to is not condemned, nor is what that refers to. */
function pardon(ground: Ground, ranges: Ranges): void {
  const { mem, condemned } = ground;
  const { i32 } = mem;
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    let kept = 0;
    for (let i = 0; i < condemned.length; i++) {
      const object = condemned.refs[i];
      if (i32[object + HEADER_COUNT] === 0) {
        condemned.refs[kept++] = object;
        continue;
      }
      isChanged = true;
      const info = i32[object + HEADER_INFO] & ~GC_CONDEMNED;
      i32[object + HEADER_INFO] = info;
      const generation = info & GC_GENERATION_MASK;
      ground.sizes[generation]++;
      const card = 1 << (object >>> CARD_SHIFT);
      if (generation <= 1) addCards(mem, runRecordOf(mem, object), generation === 1, card);
      visitSlots(ground, object, info, ranges, (referent) => countOne(ground, referent));
    }
    condemned.length = kept;
  }
}

/** Condemned objects hold others until they are unlinked. */
function countCondemned(ground: Ground, object: number, ranges: Ranges): void {
  const { i32 } = ground.mem;
  visitSlots(ground, object, i32[object + HEADER_INFO], ranges, (referent) => {
    if ((i32[referent + HEADER_INFO] & GC_CONDEMNED) === 0) countOne(ground, referent);
  });
}

/** Calls `visit` with every object that an object refers to. */
function visitSlots(
  ground: Ground,
  object: number,
  info: number,
  ranges: Ranges,
  visit: (referent: number) => void,
): void {
  const { i32 } = ground.mem;
  const record = kindRecordOf(ground.mem, info >>> KIND_SHIFT);
  const from = object + HEADER_WORDS;
  for (let at = from; at < from + i32[record + KIND_REFERENCES]; at++) {
    if (i32[at] !== 0 && isObject(ground, i32[at])) visit(i32[at]);
    else i32[at] = 0;
  }
  if (i32[record + KIND_VALUES] === 0) return;
  const visitValue = (at: number) => {
    if (i32[at + VALUE_HIGH] !== TAG_REFERENCE) return;
    if (isObject(ground, i32[at + VALUE_LOW])) visit(i32[at + VALUE_LOW]);
    else storeUndefined(i32, at);
  };
  for (let more = ranges.begin(object, info); more; more = ranges.next()) {
    const { shape, end, step } = ranges;
    for (let { at } = ranges; at < end; at += step) {
      visitValue(at);
      if (shape === ENTRIES) visitValue(at + ENTRY_VALUE);
    }
  }
}
