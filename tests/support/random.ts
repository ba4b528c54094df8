/**
 * Seeded randomness: the same seed gives the same test. The seed is fixed unless SHARC_SEED is
 * set, and a failing test names it.
 */

const FIXED_SEED = 20_260_701;

/** The seed of this run. */
export const SEED = Number(process.env.SHARC_SEED ?? FIXED_SEED);

/** A stream of pseudo-random numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number of at least 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** An integer from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)] as T;
  }
}

/** Runs `body` with randomness; a failure says how to repeat it. */
export function withRandom<T>(body: (random: Random) => T, seed = SEED): T {
  try {
    return body(new Random(seed));
  } catch (error) {
    if (error instanceof Error) error.message += ` (repeat with SHARC_SEED=${seed})`;
    throw error;
  }
}
