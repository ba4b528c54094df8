/**
 * Integers of 64 bits in shared words, as numbers: what JavaScript's numbers hold exactly.
 *
 * Under the GIL two plain words are read and written. Readers share the heap with readers only, so
 * among them a counter changes by one atomic instruction, and nobody else looks at it meanwhile.
 */

import type { Memory } from '../memory/memory.ts';

const HIGH = 1;
const WORD = 2 ** 32;

/** The integer at `at`, an even address. The GIL is held, or nobody changes it. */
export const readInt64 = ({ i32 }: Memory, at: number): number =>
  i32[at + HIGH] * WORD + (i32[at] >>> 0);

/** Writes it. The GIL is held. */
export function writeInt64({ i32 }: Memory, at: number, value: number): void {
  i32[at] = value; // modulo 2^32, as every store of a word
  i32[at + HIGH] = Math.floor(value / WORD);
}

/** The integer at `at` while other readers may change it. */
export const loadInt64 = ({ i64 }: Memory, at: number): number =>
  Number(Atomics.load(i64, at >>> 1));

/**
 * Changes the integer at `at` among readers. Returns what it was.
 *
 * @param next what it is to be, by what it is; called again when another thread comes in between
 */
export function changeInt64({ i64 }: Memory, at: number, next: (value: number) => number): number {
  const pair = at >>> 1;
  for (;;) {
    const known = Atomics.load(i64, pair);
    const value = Number(known);
    const wanted = BigInt(next(value));
    if (Atomics.compareExchange(i64, pair, known, wanted) === known) return value;
  }
}
