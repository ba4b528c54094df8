/**
 * The characters of a JavaScript string as the heap stores them: one byte per code unit when all
 * are below 256, else two. Encoded first into private scratch words, so that looking a string up
 * allocates nothing in the heap. Equal strings have equal words: the encoding is canonical, and
 * the bytes behind the last character are 0.
 */

import {
  HEADER_INFO,
  INTERN_MAX,
  KIND_SHIFT,
  KIND_STRING,
  STRING_CHARS,
  STRING_HASH,
  STRING_INFO_MASK,
  STRING_INTERNED,
  STRING_LENGTH,
  STRING_LENGTH_AT,
  STRING_LONG,
  STRING_TWO_BYTE,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { mix } from './linear-hash.ts';

const SMALL_WORDS = 64;
const small = new Int32Array(SMALL_WORDS);

/** The result of the last `encodeString`; valid until the next. `info` is the string's. */
export const encoded = { words: small as Int32Array, wordCount: 0, length: 0, info: 0, hash: 0 };

const INFO = KIND_STRING << KIND_SHIFT;

function infoFor(length: number, twoByte: number): number {
  return length <= INTERN_MAX
    ? INFO | twoByte | STRING_INTERNED | (length << STRING_LENGTH_AT)
    : INFO | twoByte | (STRING_LONG << STRING_LENGTH_AT);
}

/** Encodes `text` into `encoded`. */
export function encodeString(text: string): void {
  const { length } = text;
  encoded.length = length;
  if (length > SMALL_WORDS * 2) {
    encodeLong(text);
    return;
  }
  // One pass, one byte per character, until a character needs two.
  let hash = length;
  let all = 0;
  const whole = length & ~3;
  let i = 0;
  for (; i < whole; i += 4) {
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    all |= a | b | c | d;
    const word = a | (b << 8) | (c << 16) | (d << 24);
    small[i >>> 2] = word;
    hash = hashWord(hash, word);
  }
  if (i < length) {
    let word = 0;
    for (let shift = 0; i < length; i++, shift += 8) {
      const unit = text.charCodeAt(i);
      all |= unit;
      word |= unit << shift;
    }
    small[whole >>> 2] = word;
    hash = hashWord(hash, word);
  }
  if (all > 0xff) {
    encodeTwoByte(text);
    return;
  }
  encoded.words = small;
  encoded.wordCount = (length + 3) >>> 2;
  encoded.info = infoFor(length, 0);
  encoded.hash = mix(hash);
}

function encodeTwoByte(text: string): void {
  const { length } = text;
  let hash = length;
  for (let i = 0; i < length; i += 2) {
    const second = i + 1 < length ? text.charCodeAt(i + 1) : 0;
    const word = text.charCodeAt(i) | (second << 16);
    small[i >>> 1] = word;
    hash = hashWord(hash, word);
  }
  encoded.words = small;
  encoded.wordCount = (length + 1) >>> 1;
  encoded.info = infoFor(length, STRING_TWO_BYTE);
  encoded.hash = mix(hash);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of Latin-1.
const LATIN1 = /^[\u0000-\u00ff]*$/;

function encodeLong(text: string): void {
  const isTwoByte = !LATIN1.test(text);
  const bytes = isTwoByte ? text.length * 2 : text.length;
  encoded.wordCount = (bytes + 3) >>> 2;
  encoded.words = new Int32Array(encoded.wordCount);
  const buffer = Buffer.from(encoded.words.buffer);
  buffer.write(text, 0, bytes, isTwoByte ? 'utf16le' : 'latin1');
  encoded.info = infoFor(text.length, isTwoByte ? STRING_TWO_BYTE : 0);
  let hash = text.length;
  for (let i = 0; i < encoded.wordCount; i++) hash = hashWord(hash, encoded.words[i]);
  encoded.hash = mix(hash);
}

/** Takes words for those of a text: in the form that its characters need, zeros behind them. */
export function encodeWords(words: Int32Array, length: number, isTwoByte: boolean): void {
  encoded.length = length;
  encoded.words = words;
  encoded.wordCount = words.length;
  encoded.info = infoFor(length, isTwoByte ? STRING_TWO_BYTE : 0);
  let hash = length;
  for (let i = 0; i < words.length; i++) hash = hashWord(hash, words[i]);
  encoded.hash = mix(hash);
}

/** One multiplication for a word (the hash that Firefox and rustc use); `mix` spreads the bits. */
function hashWord(hash: number, word: number): number {
  return Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
}

/** Whether the object at `object` is a string with the text that was encoded last. */
export function equalsEncoded(mem: Memory, object: number): boolean {
  const { i32 } = mem;
  const { words, wordCount, length, info } = encoded;
  if (i32[object + STRING_HASH] !== encoded.hash) return false;
  if ((i32[object + HEADER_INFO] & STRING_INFO_MASK) !== info) return false;
  if (length > INTERN_MAX && i32[object + STRING_LENGTH] !== length) return false;
  const chars = object + STRING_CHARS;
  for (let i = 0; i < wordCount; i++) if (i32[chars + i] !== words[i]) return false;
  return true;
}
