/**
 * The cache of interned strings of one thread, from text to address: the way back from what
 * `StringCache` holds. It saves a program that stores the same few texts again and again from
 * encoding and hashing them, and from the intern table.
 *
 * One text per line, and a line for each text. Entries are borrowed, not counted: as in
 * `StringCache`, one counts only while the death epoch of its string is the one it was made in.
 * That string is then still in the intern table, and still has this text. GIL.
 *
 * Texts that are not found must cost next to nothing, for there may be millions of them. So a line
 * is chosen by few characters, a line is not given away at each miss, and after MISSES_MAX misses
 * in a row the next PAUSE texts are not looked for at all. Maps do not ask here: what a hit saves
 * them is no more than what a miss costs.
 */

import { EPOCH_MASK, EPOCH_SHIFT, NULL_REF, type ObjectRef } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** Texts that a thread remembers at most, each of up to INTERN_MAX units. */
export const TEXT_LINES = 2048;
const LINE_MASK = TEXT_LINES - 1;
/** One in so many offers is taken, so that texts which share a line do not take turns in it. */
export const OFFERS_PER_STORE = 4;
const MISSES_MAX = 8;
/** Texts that are not looked for after too many misses. */
export const PAUSE = 64;
/** Of the odd factors below 400 one of those that spread numbered, hexadecimal, word keys best. */
const FACTOR = 151;

/**
 * V8 makes a substring of so many units a view of the whole that it was cut from, which lives as
 * long as the view: a name in a cache would hold the file it was read from.
 */
export const SLICED_MIN = 13;

/** A text that holds none but a copy of itself. */
const detached = (text: string): string => (text.length < SLICED_MIN ? text : ` ${text}`.slice(1));

/** Maps texts of interned strings to their addresses, as long as they live. */
export class TextCache {
  readonly #i32: Int32Array;
  readonly #epochs: number;
  readonly #texts: string[] = new Array(TEXT_LINES).fill('');
  readonly #refs = new Int32Array(TEXT_LINES);
  readonly #seen = new Int32Array(TEXT_LINES);
  #offers = 0;
  #misses = 0;
  #pause = 0;

  constructor(mem: Memory) {
    this.#i32 = mem.i32;
    this.#epochs = mem.deathEpochs;
  }

  /** The interned string with this text, borrowed; NULL_REF when it is not cached. */
  refOf(text: string): ObjectRef {
    if (this.#pause !== 0) {
      this.#pause--;
      return NULL_REF;
    }
    const line = lineOf(text);
    if (this.#texts[line] === text) {
      const ref = this.#refs[line];
      if (this.#seen[line] === this.#i32[this.#epochs + ((ref >>> EPOCH_SHIFT) & EPOCH_MASK)]) {
        this.#misses = 0;
        return ref as ObjectRef; // NULL_REF where no text was ever
      }
    }
    if (++this.#misses === MISSES_MAX) {
      this.#misses = 0;
      this.#pause = PAUSE;
    }
    return NULL_REF;
  }

  /** Offers the living interned string at `ref`, which was found or made without the cache. */
  offer(ref: ObjectRef, text: string): void {
    if (this.#pause !== 0 || ++this.#offers < OFFERS_PER_STORE) return;
    this.#offers = 0;
    const line = lineOf(text);
    this.#texts[line] = detached(text);
    this.#refs[line] = ref;
    this.#seen[line] = this.#i32[this.#epochs + ((ref >>> EPOCH_SHIFT) & EPOCH_MASK)];
  }
}

/** By length, middle and end: names that belong together often begin alike. */
function lineOf(text: string): number {
  const { length } = text;
  if (length < 4) return shortLineOf(text);
  let hash = Math.imul(length, FACTOR) + text.charCodeAt(length >> 1);
  hash = Math.imul(hash, FACTOR) + text.charCodeAt(length - 4);
  hash = Math.imul(hash, FACTOR) + text.charCodeAt(length - 3);
  hash = Math.imul(hash, FACTOR) + text.charCodeAt(length - 2);
  return (Math.imul(hash, FACTOR) + text.charCodeAt(length - 1)) & LINE_MASK;
}

function shortLineOf(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash, FACTOR) + text.charCodeAt(i);
  return hash & LINE_MASK;
}
