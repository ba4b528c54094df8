/**
 * Seeded randomness: the same seed gives the same test. The seed is fixed unless SHARC_SEED is
 * set, and a failing test names it.
 */

import { Random } from '../../src/testing/random.ts';

export { Random };

const FIXED_SEED = 20_260_701;

/** The seed of this run. */
export const SEED = Number(process.env.SHARC_SEED ?? FIXED_SEED);

/** Runs `body` with randomness; a failure says how to repeat it. */
export function withRandom<T>(body: (random: Random) => T, seed = SEED): T {
  try {
    return body(new Random(seed));
  } catch (error) {
    if (error instanceof Error) error.message += ` (repeat with SHARC_SEED=${seed})`;
    throw error;
  }
}
