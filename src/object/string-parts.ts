/**
 * Joining and cutting strings of the heap without decoding them: their words are shifted into
 * place. The result is a string like any other, in canonical form, so the parts may die.
 *
 * Results are copies, not ropes or windows on their parts, as V8 has them: see src/README.md,
 * Decisions.
 */

import { type ObjectRef, STRING_CHARS, STRING_MAX } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { encodeWords } from './encode-string.ts';
import type { Mutator } from './mutator.ts';
import { createEncoded, isTwoByteString, lengthOf } from './string.ts';

/**
 * A string of the characters of `a` and then those of `b`; the caller owns one count.
 *
 * @throws RangeError beyond V8's own length limit; HeapExhaustedError.
 */
export function concatStrings(mem: Mutator, a: number, b: number): ObjectRef {
  const length = lengthOf(mem, a) + lengthOf(mem, b);
  if (length > STRING_MAX) {
    throw new RangeError(`a string has at most ${STRING_MAX} code units, not ${length}`);
  }
  const isTwoByte = isTwoByteString(mem, a) || isTwoByteString(mem, b);
  const words = new Int32Array(wordsFor(length, isTwoByte));
  append(words, 0, unitsOf(mem, a, isTwoByte), lengthOf(mem, a), isTwoByte);
  append(words, lengthOf(mem, a), unitsOf(mem, b, isTwoByte), lengthOf(mem, b), isTwoByte);
  encodeWords(words, length, isTwoByte);
  return createEncoded(mem, null);
}

/**
 * A string of the code units from `from` up to `to`, which lie within the string and are in order;
 * the caller owns one count.
 *
 * @throws HeapExhaustedError
 */
export function sliceString(mem: Mutator, string: number, from: number, to: number): ObjectRef {
  const length = to - from;
  const isTwoByte = isTwoByteString(mem, string);
  const first = isTwoByte ? from >>> 1 : from >>> 2;
  const source = mem.i32.subarray(
    string + STRING_CHARS + first,
    string + STRING_CHARS + wordsFor(to, isTwoByte),
  );
  const shift = isTwoByte ? (from & 1) << 4 : (from & 3) << 3;
  const words = new Int32Array(wordsFor(length, isTwoByte));
  for (let i = 0; i < words.length; i++) {
    words[i] = shift === 0 ? source[i] : (source[i] >>> shift) | (source[i + 1] << (32 - shift));
  }
  clearBehind(words, length, isTwoByte);
  if (isTwoByte && isNarrow(words)) encodeWords(narrowed(words, length), length, false);
  else encodeWords(words, length, isTwoByte);
  return createEncoded(mem, null);
}

const wordsFor = (length: number, isTwoByte: boolean) =>
  isTwoByte ? (length + 1) >>> 1 : (length + 3) >>> 2;

/** The words of a string's characters, in two bytes each if wanted so. */
function unitsOf(mem: Memory, string: number, inTwoBytes: boolean): Int32Array {
  const length = lengthOf(mem, string);
  const isTwoByte = isTwoByteString(mem, string);
  const chars = string + STRING_CHARS;
  const words = mem.i32.subarray(chars, chars + wordsFor(length, isTwoByte));
  return inTwoBytes && !isTwoByte ? widened(words, length) : words;
}

function widened(words: Int32Array, length: number): Int32Array {
  const wide = new Int32Array(wordsFor(length, true));
  for (let i = 0; i < wide.length; i++) {
    const pair = words[i >>> 1] >>> ((i & 1) << 4);
    wide[i] = (pair & 0xff) | ((pair & 0xff00) << 8);
  }
  return wide;
}

function narrowed(words: Int32Array, length: number): Int32Array {
  const narrow = new Int32Array(wordsFor(length, false));
  for (let i = 0; i < words.length; i++) {
    const pair = (words[i] & 0xff) | ((words[i] >>> 8) & 0xff00);
    narrow[i >>> 1] |= pair << ((i & 1) << 4);
  }
  return narrow;
}

function isNarrow(words: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) if ((words[i] & 0xff00_ff00) !== 0) return false;
  return true;
}

/** Appends the characters in `source` to the first `at` characters in `target`. */
function append(
  target: Int32Array,
  at: number,
  source: Int32Array,
  length: number,
  isTwoByte: boolean,
): void {
  const first = isTwoByte ? at >>> 1 : at >>> 2;
  const shift = isTwoByte ? (at & 1) << 4 : (at & 3) << 3;
  const count = wordsFor(length, isTwoByte);
  for (let i = 0; i < count; i++) {
    target[first + i] |= source[i] << shift;
    if (shift !== 0 && first + i + 1 < target.length) {
      target[first + i + 1] = source[i] >>> (32 - shift);
    }
  }
}

/** The bytes behind the last character are 0. */
function clearBehind(words: Int32Array, length: number, isTwoByte: boolean): void {
  const bits = isTwoByte ? (length & 1) << 4 : (length & 3) << 3;
  if (bits !== 0) words[words.length - 1] &= (1 << bits) - 1;
}
