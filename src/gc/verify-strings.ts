/**
 * Verification, strings: their form and their hash.
 *
 * Where the length in the info word and the flag disagree about interning, the length decides how
 * a string is read, so that a wrong flag is one finding and not many.
 */

import {
  HEADER_INFO,
  INTERN_MAX,
  STRING_CHARS,
  STRING_HASH,
  STRING_INTERNED,
  STRING_LENGTH,
  STRING_LENGTH_AT,
  STRING_LONG,
  STRING_MAX,
  STRING_TWO_BYTE,
} from '../memory/layout.ts';
import type { FindingCode } from './verify-findings.ts';

/** The info words of strings differ in these bits only. */
export const STRING_BITS = STRING_TWO_BYTE | STRING_INTERNED | (STRING_LONG << STRING_LENGTH_AT);

/** What the last `stringFault` expected and found. */
export const fault = { expected: 0, found: 0 };

const shortLength = (i32: Int32Array, string: number) =>
  (i32[string + HEADER_INFO] >>> STRING_LENGTH_AT) & STRING_LONG;

/** Whether a string has its length in its info word, so that it has to be interned. */
export const isShort = (i32: Int32Array, string: number) =>
  shortLength(i32, string) !== STRING_LONG;

function lengthIn(i32: Int32Array, string: number): number {
  return isShort(i32, string) ? shortLength(i32, string) : i32[string + STRING_LENGTH];
}

/** Words of a string by its length and form; -1 when its length is none. */
export function stringWords(i32: Int32Array, string: number): number {
  const length = lengthIn(i32, string);
  const [least, most] = isShort(i32, string) ? [0, INTERN_MAX] : [INTERN_MAX + 1, STRING_MAX];
  return length < least || length > most ? -1 : STRING_CHARS + charWords(i32, string);
}

export function charWords(i32: Int32Array, string: number): number {
  const length = lengthIn(i32, string);
  const isTwoByte = (i32[string + HEADER_INFO] & STRING_TWO_BYTE) !== 0;
  return Math.ceil((isTwoByte ? length * 2 : length) / 4);
}

/** The first rule that a string breaks; null for a sound one. Its words lie in its block. */
export function stringFault(i32: Int32Array, string: number): FindingCode | null {
  const info = i32[string + HEADER_INFO];
  const length = lengthIn(i32, string);
  const interned = isShort(i32, string) ? STRING_INTERNED : 0;
  if (breaks(interned, info & STRING_INTERNED)) return 'STRING_INTERNED_WRONG';
  const chars = string + STRING_CHARS;
  const count = charWords(i32, string);
  const isTwoByte = (info & STRING_TWO_BYTE) !== 0;
  const lastBytes = (isTwoByte ? length * 2 : length) % 4;
  if (lastBytes !== 0) {
    const last = chars + count - 1;
    const padding = i32[last] >>> (lastBytes * 8);
    if (breaks(0, padding)) return 'STRING_PADDING_WRONG';
  }
  if (isTwoByte && !needsTwoBytes(i32, chars, count)) {
    breaks(0, STRING_TWO_BYTE);
    return 'STRING_FORM_WRONG';
  }
  if (breaks(hashOfString(i32, string), i32[string + STRING_HASH])) return 'STRING_HASH_WRONG';
  return null;
}

function breaks(expected: number, found: number): boolean {
  fault.expected = expected;
  fault.found = found;
  return expected !== found;
}

function needsTwoBytes(i32: Int32Array, chars: number, count: number): boolean {
  for (let i = 0; i < count; i++) if ((i32[chars + i] & 0xff00_ff00) !== 0) return true;
  return false;
}

/** The hash of a string's characters: FxHash over its words, seeded by its length. */
export function hashOfString(i32: Int32Array, string: number): number {
  const chars = string + STRING_CHARS;
  const count = charWords(i32, string);
  let hash = lengthIn(i32, string);
  for (let i = 0; i < count; i++) {
    const rotated = (hash << 5) | (hash >>> 27);
    hash = Math.imul(rotated ^ i32[chars + i], 0x9e3779b1);
  }
  return finishHash(hash | 0);
}

/** The finalizer of MurmurHash3. */
export function finishHash(word: number): number {
  let hash = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Whether two strings have the same characters. */
export function haveEqualText(i32: Int32Array, a: number, b: number): boolean {
  if (lengthIn(i32, a) !== lengthIn(i32, b)) return false;
  const count = charWords(i32, a);
  if (count !== charWords(i32, b)) return false;
  const charsA = a + STRING_CHARS;
  const charsB = b + STRING_CHARS;
  for (let i = 0; i < count; i++) if (i32[charsA + i] !== i32[charsB + i]) return false;
  return true;
}

/** The text of a string whose words lie in its block. */
export function textOf(i32: Int32Array, string: number): string {
  const length = lengthIn(i32, string);
  const isTwoByte = (i32[string + HEADER_INFO] & STRING_TWO_BYTE) !== 0;
  const words = i32.slice(string + STRING_CHARS, string + STRING_CHARS + charWords(i32, string));
  const bytes = Buffer.from(words.buffer, 0, isTwoByte ? length * 2 : length);
  return bytes.toString(isTwoByte ? 'utf16le' : 'latin1');
}
