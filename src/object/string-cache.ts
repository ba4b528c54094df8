/**
 * The cache of decoded strings of one thread, from address to JavaScript string. Entries are
 * borrowed, not counted: a string's death advances the death epoch of its line, and an entry counts
 * only while the epoch is the one it was made in. One entry per line: at most EPOCH_WORDS strings
 * of up to CACHED_LENGTH_MAX units each are held.
 *
 * The way back, from text to address, is in `byText`.
 */

import { EPOCH_MASK, EPOCH_SHIFT, EPOCH_WORDS } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { SLICED_MIN, TextCache } from './text-cache.ts';

/** Strings longer than this are decoded each time. */
export const CACHED_LENGTH_MAX = 1024;

/** Maps addresses of strings to their texts, as long as they live. */
export class StringCache {
  /** From text to address. */
  readonly byText: TextCache;
  readonly #i32: Int32Array;
  readonly #epochs: number;
  readonly #refs = new Int32Array(EPOCH_WORDS);
  readonly #seen = new Int32Array(EPOCH_WORDS);
  readonly #texts: string[] = new Array(EPOCH_WORDS).fill('');

  constructor(mem: Memory) {
    this.byText = new TextCache(mem);
    this.#i32 = mem.i32;
    this.#epochs = mem.deathEpochs;
  }

  /** The text of the string at `ref` if it is cached. */
  textOf(ref: number): string | undefined {
    const line = (ref >>> EPOCH_SHIFT) & EPOCH_MASK;
    if (this.#refs[line] !== ref || this.#seen[line] !== this.#i32[this.#epochs + line]) {
      return undefined;
    }
    return this.#texts[line];
  }

  /**
   * As `remember`, for a string that was only made: it takes no other's place, so that filling a
   * heap with more strings than there are lines does not cost a change of the cache each. A text
   * that may be part of a larger one is not held: who reads it first makes another.
   */
  offer(ref: number, text: string): void {
    if (text.length >= SLICED_MIN) return;
    const line = (ref >>> EPOCH_SHIFT) & EPOCH_MASK;
    const isTaken = this.#refs[line] !== 0 && this.#seen[line] === this.#i32[this.#epochs + line];
    if (!isTaken) this.remember(ref, text);
  }

  /** Remembers that the living string at `ref` has this text. */
  remember(ref: number, text: string): void {
    const line = (ref >>> EPOCH_SHIFT) & EPOCH_MASK;
    this.#refs[line] = ref;
    this.#seen[line] = this.#i32[this.#epochs + line];
    this.#texts[line] = text;
  }
}
