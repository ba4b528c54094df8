/**
 * The cache of decoded strings of one thread, both ways: from address to JavaScript string and
 * back. Entries are borrowed, not counted: a string's death advances the death epoch of its line,
 * and an entry counts only while the epoch is the one it was made in.
 */

import { EPOCH_MASK, EPOCH_SHIFT, EPOCH_WORDS } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** Strings longer than this are decoded each time. */
export const CACHED_LENGTH_MAX = 1024;
const KNOWN_MAX = 8192;

/** Maps strings to their addresses and back, as long as they live. */
export class StringCache {
  readonly #i32: Int32Array;
  readonly #epochs: number;
  readonly #refs = new Int32Array(EPOCH_WORDS);
  readonly #seen = new Int32Array(EPOCH_WORDS);
  readonly #texts: string[] = new Array(EPOCH_WORDS).fill('');
  readonly #known = new Map<string, number>();

  constructor(mem: Memory) {
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

  /** The address of an interned string with this text if it is cached; 0 if not. */
  refOf(text: string): number {
    const ref = this.#known.get(text);
    if (ref === undefined) return 0;
    return this.textOf(ref) === text ? ref : 0;
  }

  /**
   * As `remember`, for an interned string that was only looked up: it takes no other's place, so
   * that lookups among more strings than there are lines do not cost a change of the cache each.
   */
  offer(ref: number, text: string): void {
    const line = (ref >>> EPOCH_SHIFT) & EPOCH_MASK;
    const isTaken = this.#refs[line] !== 0 && this.#seen[line] === this.#i32[this.#epochs + line];
    if (!isTaken) this.remember(ref, text, true);
  }

  /** Remembers that the living string at `ref` has this text. */
  remember(ref: number, text: string, interned: boolean): void {
    const line = (ref >>> EPOCH_SHIFT) & EPOCH_MASK;
    this.#refs[line] = ref;
    this.#seen[line] = this.#i32[this.#epochs + line];
    this.#texts[line] = text;
    if (!interned) return;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(text, ref);
  }
}
