/**
 * The characters of a JavaScript string as the heap stores them: one byte per code unit when all
 * are below 256, else two. Encoded first into private scratch words, so that looking a string up
 * allocates nothing in the heap. Equal strings have equal words: the encoding is canonical, and
 * the bytes behind the last character are 0.
 */

import { mix } from './linear-hash.ts';

const SMALL_WORDS = 64;
const small = new Int32Array(SMALL_WORDS);

/** The result of the last `encodeString`; valid until the next. */
export const encoded = { words: small, wordCount: 0, length: 0, isTwoByte: false, hash: 0 };

/** Encodes `text` into `encoded`. */
export function encodeString(text: string): void {
  const { length } = text;
  encoded.length = length;
  if (length <= SMALL_WORDS * 2) encodeShort(text);
  else encodeLong(text);
  encoded.hash = hashWords(encoded.words, encoded.wordCount, length);
}

function encodeShort(text: string): void {
  const { length } = text;
  encoded.words = small;
  encoded.isTwoByte = false;
  let word = 0;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0xff) {
      encodeShortTwoByte(text);
      return;
    }
    word |= unit << ((i & 3) << 3);
    if ((i & 3) === 3) {
      small[i >>> 2] = word;
      word = 0;
    }
  }
  if ((length & 3) !== 0) small[length >>> 2] = word;
  encoded.wordCount = (length + 3) >>> 2;
}

function encodeShortTwoByte(text: string): void {
  const { length } = text;
  for (let i = 0; i < length; i += 2) {
    const second = i + 1 < length ? text.charCodeAt(i + 1) : 0;
    small[i >>> 1] = text.charCodeAt(i) | (second << 16);
  }
  encoded.isTwoByte = true;
  encoded.wordCount = (length + 1) >>> 1;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of Latin-1.
const LATIN1 = /^[\u0000-\u00ff]*$/;

function encodeLong(text: string): void {
  encoded.isTwoByte = !LATIN1.test(text);
  const bytes = encoded.isTwoByte ? text.length * 2 : text.length;
  encoded.wordCount = (bytes + 3) >>> 2;
  encoded.words = new Int32Array(encoded.wordCount);
  const buffer = Buffer.from(encoded.words.buffer);
  buffer.write(text, 0, bytes, encoded.isTwoByte ? 'utf16le' : 'latin1');
}

function hashWords(words: Int32Array, count: number, length: number): number {
  let hash = length;
  for (let i = 0; i < count; i++) {
    const word = Math.imul(words[i], 0xcc9e2d51);
    hash ^= Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  return mix(hash);
}
