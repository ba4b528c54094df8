/** Seeded randomness: the same seed, the same choices, whichever thread makes them. */

/** The package, as an index below `packageCount`, that round `round` drops and links anew. */
export function packageOfRound(seed: number, round: number, packageCount: number): number {
  return scaled(mix(mix(seed) + round), packageCount);
}

/** A sequence of indexes of its own for each thread. */
export function createIndexes(seed: number, thread: number): (count: number) => number {
  let state = mix(mix(seed) ^ mix(thread + 1));
  return (count) => {
    state = (state + 0x9e3779b9) | 0;
    return scaled(mix(state), count);
  };
}

/** The finalizer of MurmurHash3: every bit of `value` changes half the bits of the result. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Maps 32 random bits to 0 .. count - 1. */
function scaled(bits: number, count: number): number {
  return Math.floor((bits / 2 ** 32) * count);
}
