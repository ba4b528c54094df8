/**
 * Strings: immutable, any UTF-16 content, never tracked.
 *
 * Short strings are interned: equal ones are one object, so maps compare them by address. The
 * intern table holds its strings weakly; a string leaves it when it dies. Chains run through the
 * strings themselves.
 */

import { NotShareableError } from '../base/errors.ts';
import { allocateWords } from '../memory/blocks.ts';
import {
  CONTROL_INTERN_BUCKETS,
  CONTROL_INTERN_COUNT,
  CONTROL_INTERN_HEIGHT,
  CONTROL_INTERN_ROOT,
  CONTROL_LONG_STRINGS,
  ENTRY_KEY,
  EPOCH_MASK,
  EPOCH_SHIFT,
  HEADER_INFO,
  INTERN_MAX,
  LEAF_MASK,
  LEAF_WORDS,
  NULL_REF,
  type ObjectRef,
  STRING_CHARS,
  STRING_HASH,
  STRING_INFO_MASK,
  STRING_INTERNED,
  STRING_LENGTH,
  STRING_LENGTH_AT,
  STRING_LINK,
  STRING_LONG,
  STRING_MAX,
  STRING_TWO_BYTE,
  VALUE_LOW,
  WORD_BYTES,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { encoded, encodeString, equalsEncoded } from './encode-string.ts';
import { publish } from './header.ts';
import { bucketOf, FIRST_BUCKETS, mergeChains, splitOf } from './linear-hash.ts';
import type { Mutator } from './mutator.ts';
import { incref } from './refcount.ts';
import { CACHED_LENGTH_MAX } from './string-cache.ts';
import { findText } from './text-search.ts';
import { ensureWord, freeLeaf, freeVector, wordAt } from './vector.ts';

/** Strings per bucket from which on the table grows. It is consulted less often than maps. */
const INTERN_LOAD = 2;
/** The table belongs to no object. */
const NO_OWNER = 0;

/**
 * A string with this text; the caller owns one count. Short ones are found or made.
 *
 * @throws HeapExhaustedError; NotShareableError beyond V8's own length limit.
 */
export function createString(mem: Mutator, text: string): ObjectRef {
  if (text.length > STRING_MAX) {
    throw new NotShareableError('a string', `it is longer than ${STRING_MAX} code units`);
  }
  if (text.length <= INTERN_MAX) {
    const known = mem.strings.byText.refOf(text);
    if (known !== NULL_REF) {
      incref(mem, known);
      return known;
    }
  }
  encodeString(text);
  return createEncoded(mem, text);
}

/**
 * As `createString`, for the text that was encoded last; null: nobody has it as a string.
 *
 * @throws HeapExhaustedError
 */
export function createEncoded(mem: Mutator, text: string | null): ObjectRef {
  if (encoded.length > INTERN_MAX) {
    return mem.i32[CONTROL_LONG_STRINGS] === 0 ? createLongString(mem) : findOrCreateLong(mem);
  }
  const known = findInterned(mem);
  if (known !== NULL_REF) {
    incref(mem, known);
    if (text !== null) mem.strings.byText.offer(known, text);
    return known;
  }
  const string = intern(mem);
  if (text !== null) mem.strings.offer(string, text);
  return string;
}

/**
 * The interned string with this text, borrowed; NULL_REF when there is none. Only for texts of up
 * to INTERN_MAX units: a longer one may stand in the heap many times.
 */
export function findString(mem: Mutator, text: string): ObjectRef {
  const cached = mem.strings.byText.refOf(text);
  if (cached !== NULL_REF) return cached;
  encodeString(text);
  const known = findInterned(mem);
  if (known !== NULL_REF) mem.strings.byText.offer(known, text);
  return known;
}

/** Some long strings are interned: this may be one. */
function findOrCreateLong(mem: Mutator): ObjectRef {
  const entry = findText(mem, mem.i32[CONTROL_LONG_STRINGS] as ObjectRef);
  if (entry === 0) return createLongString(mem);
  return mem.i32[entry + ENTRY_KEY + VALUE_LOW] as ObjectRef; // immortal: not counted
}

function createLongString(mem: Mutator): ObjectRef {
  const string = allocateWords(mem, STRING_CHARS + encoded.wordCount);
  mem.i32[string + STRING_LENGTH] = encoded.length;
  fillString(mem, string);
  publish(mem, string, encoded.info);
  return string as number as ObjectRef;
}

function fillString(mem: Memory, string: number): void {
  const { i32 } = mem;
  const { words, wordCount } = encoded;
  i32[string + STRING_HASH] = encoded.hash;
  if (wordCount > 64) {
    i32.set(words, string + STRING_CHARS);
    return;
  }
  for (let i = 0; i < wordCount; i++) i32[string + STRING_CHARS + i] = words[i];
}

/** The interned string equal to `encoded`, borrowed. */
function findInterned(mem: Memory): ObjectRef {
  const { i32 } = mem;
  const buckets = i32[CONTROL_INTERN_BUCKETS];
  if (buckets === 0) return NULL_REF;
  const { hash } = encoded;
  let string = i32[wordAt(mem, CONTROL_INTERN_ROOT, bucketOf(hash, buckets))];
  while (string !== 0) {
    if (equalsEncoded(mem, string)) break;
    string = i32[string + STRING_LINK];
  }
  return string as ObjectRef;
}

/** Whether two strings of the heap have the same text. */
export function equalStrings(mem: Memory, a: number, b: number): boolean {
  const { i32 } = mem;
  if (a === b) return true;
  if (i32[a + STRING_HASH] !== i32[b + STRING_HASH]) return false;
  if (((i32[a + HEADER_INFO] ^ i32[b + HEADER_INFO]) & STRING_INFO_MASK) !== 0) return false;
  if (lengthOf(mem, a) !== lengthOf(mem, b)) return false;
  const count = (byteLengthOf(mem, a) + 3) >>> 2;
  for (let i = 0; i < count; i++) {
    if (i32[a + STRING_CHARS + i] !== i32[b + STRING_CHARS + i]) return false;
  }
  return true;
}

/**
 * The order of two strings by their UTF-16 code units, as `<` has it: negative, 0 or positive.
 * Nothing is decoded. Behind the last character of a word are zeros, so what differs first in the
 * words that both have differs first in the texts; where nothing does, the shorter is less.
 */
export function compareStrings(mem: Memory, a: number, b: number): number {
  const isTwoByte = isTwoByteString(mem, a);
  if (isTwoByte !== isTwoByteString(mem, b)) return compareUnits(mem, a, b);
  const { i32 } = mem;
  const charsA = a + STRING_CHARS;
  const charsB = b + STRING_CHARS;
  const bytes = Math.min(byteLengthOf(mem, a), byteLengthOf(mem, b));
  for (let i = 0; i << 2 < bytes; i++) {
    const difference = i32[charsA + i] ^ i32[charsB + i];
    if (difference === 0) continue;
    const bit = 31 - Math.clz32(difference & -difference);
    const shift = isTwoByte ? bit & 16 : bit & 24;
    const mask = isTwoByte ? 0xffff : 0xff;
    return ((i32[charsA + i] >>> shift) & mask) - ((i32[charsB + i] >>> shift) & mask);
  }
  return lengthOf(mem, a) - lengthOf(mem, b);
}

/** The order of a string of one byte per unit and one of two. */
function compareUnits(mem: Memory, a: number, b: number): number {
  const length = Math.min(lengthOf(mem, a), lengthOf(mem, b));
  for (let i = 0; i < length; i++) {
    const difference = unitAt(mem, a, i) - unitAt(mem, b, i);
    if (difference !== 0) return difference;
  }
  return lengthOf(mem, a) - lengthOf(mem, b);
}

/** Code unit `index` of a string; 0 behind its end. */
function unitAt(mem: Memory, string: number, index: number): number {
  if (index >= lengthOf(mem, string)) return 0;
  const chars = string + STRING_CHARS;
  return isTwoByteString(mem, string)
    ? (mem.i32[chars + (index >>> 1)] >>> ((index & 1) << 4)) & 0xffff
    : (mem.i32[chars + (index >>> 2)] >>> ((index & 3) << 3)) & 0xff;
}

/** How many of the first `most` code units of two strings are equal from the beginning on. */
export function commonUnits(mem: Memory, a: number, b: number, most: number): number {
  const length = Math.min(most, lengthOf(mem, a), lengthOf(mem, b));
  let index = 0;
  while (index < length && unitAt(mem, a, index) === unitAt(mem, b, index)) index++;
  return index;
}

/**
 * Code units from `from` on as one number: three, or six where all strings have one byte for each.
 * Strings that are equal before `from` compare as their numbers do; of equal numbers nothing is
 * known.
 */
export function unitsFrom(mem: Memory, string: number, from: number, isTwoByte: boolean): number {
  const count = isTwoByte ? 3 : 6;
  const values = isTwoByte ? 0x10000 : 0x100;
  let units = 0;
  for (let i = from; i < from + count; i++) units = units * values + unitAt(mem, string, i);
  return units;
}

/** Makes `encoded` an interned string. Everything that can fail comes before the first change. */
function intern(mem: Mutator): ObjectRef {
  const { i32 } = mem;
  if (i32[CONTROL_INTERN_COUNT] >= i32[CONTROL_INTERN_BUCKETS] * INTERN_LOAD) addBucket(mem);
  const string = allocateWords(mem, STRING_CHARS + encoded.wordCount);
  fillString(mem, string);
  const bucket = wordAt(
    mem,
    CONTROL_INTERN_ROOT,
    bucketOf(encoded.hash, i32[CONTROL_INTERN_BUCKETS]),
  );
  i32[string + STRING_LINK] = i32[bucket];
  publish(mem, string, encoded.info);
  i32[bucket] = string;
  i32[CONTROL_INTERN_COUNT]++;
  return string as number as ObjectRef;
}

/** Members of the chain at `from` that fall into the new bucket `added` go over to that at `to`. */
function splitChain(i32: Int32Array, from: number, to: number, added: number): void {
  let at = from;
  i32[to] = 0;
  while (i32[at] !== 0) {
    const string = i32[at];
    const link = string + STRING_LINK;
    if (bucketOf(i32[string + STRING_HASH], added + 1) === added) {
      i32[at] = i32[link];
      i32[link] = i32[to];
      i32[to] = string;
    } else {
      at = link;
    }
  }
}

function addBucket(mem: Memory): void {
  const { i32 } = mem;
  const added = i32[CONTROL_INTERN_BUCKETS];
  if (added === 0) {
    ensureWord(mem, CONTROL_INTERN_ROOT, FIRST_BUCKETS - 1, NO_OWNER);
    i32[CONTROL_INTERN_BUCKETS] = FIRST_BUCKETS;
    return;
  }
  ensureWord(mem, CONTROL_INTERN_ROOT, added, NO_OWNER);
  const from = wordAt(mem, CONTROL_INTERN_ROOT, splitOf(added));
  const to = wordAt(mem, CONTROL_INTERN_ROOT, added);
  splitChain(i32, from, to, added);
  i32[CONTROL_INTERN_BUCKETS] = added + 1;
}

/** A string is about to be freed: it leaves the intern table, and all caches. */
export function buryString(mem: Memory, string: number): void {
  const { i32 } = mem;
  i32[mem.deathEpochs + ((string >>> EPOCH_SHIFT) & EPOCH_MASK)]++;
  if ((i32[string + HEADER_INFO] & STRING_INTERNED) === 0) return;
  const bucket = bucketOf(i32[string + STRING_HASH], i32[CONTROL_INTERN_BUCKETS]);
  let link = wordAt(mem, CONTROL_INTERN_ROOT, bucket) as number;
  while (i32[link] !== string) link = i32[link] + STRING_LINK;
  i32[link] = i32[string + STRING_LINK];
  i32[CONTROL_INTERN_COUNT]--;
  shrinkTable(mem);
}

/** Merges one bucket when the table is half as full as it may be; an empty table is freed. */
function shrinkTable(mem: Memory): void {
  const { i32 } = mem;
  const count = i32[CONTROL_INTERN_COUNT];
  const last = i32[CONTROL_INTERN_BUCKETS] - 1;
  if (count === 0) {
    const root = i32[CONTROL_INTERN_ROOT];
    const height = i32[CONTROL_INTERN_HEIGHT];
    i32[CONTROL_INTERN_BUCKETS] = 0;
    i32[CONTROL_INTERN_ROOT] = 0;
    freeVector(mem, root, height);
    return;
  }
  if (count * 2 > last * INTERN_LOAD || last < FIRST_BUCKETS) return;
  const from = wordAt(mem, CONTROL_INTERN_ROOT, last);
  mergeChains(i32, from, wordAt(mem, CONTROL_INTERN_ROOT, splitOf(last)), STRING_LINK);
  i32[CONTROL_INTERN_BUCKETS] = last;
  if ((last & LEAF_MASK) === 0) freeLeaf(mem, CONTROL_INTERN_ROOT, last + LEAF_WORDS);
}

/** The text of a string. */
export function decodeString(mem: Mutator, string: number): string {
  const cached = mem.strings.textOf(string);
  if (cached !== undefined) return cached;
  const text = readChars(mem, string);
  if (text.length <= CACHED_LENGTH_MAX) mem.strings.remember(string, text);
  return text;
}

const SCRATCH_WORDS = 32;
const scratch = new Int32Array(SCRATCH_WORDS);
const scratchBuffer = Buffer.from(scratch.buffer);

function readChars(mem: Memory, string: number): string {
  const { i32 } = mem;
  const chars = string + STRING_CHARS;
  const bytes = byteLengthOf(mem, string);
  let buffer: Buffer = scratchBuffer;
  if (bytes <= SCRATCH_WORDS * WORD_BYTES) {
    for (let i = 0; i << 2 < bytes; i++) scratch[i] = i32[chars + i];
  } else {
    buffer = Buffer.from(mem.buffer, chars * WORD_BYTES, bytes);
  }
  return buffer.toString(isTwoByteString(mem, string) ? 'utf16le' : 'latin1', 0, bytes);
}

/** Length in UTF-16 code units. */
export function lengthOf(mem: Memory, string: number): number {
  const length = (mem.i32[string + HEADER_INFO] >>> STRING_LENGTH_AT) & STRING_LONG;
  return length === STRING_LONG ? mem.i32[string + STRING_LENGTH] : length;
}

/** Whether a character takes two bytes. */
export function isTwoByteString(mem: Memory, string: number): boolean {
  return (mem.i32[string + HEADER_INFO] & STRING_TWO_BYTE) !== 0;
}

function byteLengthOf(mem: Memory, string: number): number {
  return lengthOf(mem, string) << (isTwoByteString(mem, string) ? 1 : 0);
}
