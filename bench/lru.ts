/**
 * What the cache workloads ask for, the same of every subject: requests for keys whose popularity
 * falls with their rank (Zipf), in another order for each thread and lap, seeded; and the text that
 * belongs to each key, of 200 to 1,000 characters.
 */

import { Random } from './graphs.ts';
import { keyOf } from './shapes.ts';

/** Keys that are asked for, for each that the cache has room for. */
const KEYS_PER_PLACE = 2.5;
/** A key of rank r is asked for in proportion to r to the minus so much. */
const EXPONENT = 1;
const SEED = 0x1c4;
const TEXT_MIN = 200;
const TEXT_RANGE = 801;
/** Spreads ranks over the keys, and lengths over the texts; primes, so that none comes twice. */
const STRIDE = 7919;

/** Laps behind those in which the code gets compiled. */
export const LAPS = 3;
export const WARM_UP_LAPS = 2;

export const keyCountOf = (capacity: number): number => capacity * KEYS_PER_PLACE;

/** The index of the key of a rank, from 0. */
export const keyOfRank = (rank: number, capacity: number): number =>
  (rank * STRIDE) % keyCountOf(capacity);

const lengthOf = (index: number): number => TEXT_MIN + ((index * STRIDE) % TEXT_RANGE);

/** The text that belongs to a key: made of it, so that a wrong one shows. */
export function textOf(index: number, key: string): string {
  const length = lengthOf(index);
  return key.repeat(Math.ceil(length / key.length)).slice(0, length);
}

/** Looks at the end of the number in the key, and at the length. */
export const probeOf = (text: string): number => text.charCodeAt(11) + text.length;

/** The share of all requests that go to the keys up to each rank. */
function cumulative(keys: number): Float64Array {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) {
    sum += (rank + 1) ** -EXPONENT;
    sums[rank] = sum;
  }
  return sums.map((value) => value / sum);
}

/** The first place whose value is above `share`. */
function placeOf(shares: Float64Array, share: number): number {
  let low = 0;
  for (let high = shares.length - 1; low < high; ) {
    const middle = (low + high) >>> 1;
    if (shares[middle]! > share) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Indices of the keys that a thread asks for, in laps of so many requests, one after another. */
export function requestsOf(thread: number, perLap: number, capacity: number): Int32Array {
  const random = new Random(SEED + 7 * thread);
  const shares = cumulative(keyCountOf(capacity));
  const range = 2 ** 31;
  return Int32Array.from({ length: perLap * (WARM_UP_LAPS + LAPS) }, () =>
    keyOfRank(placeOf(shares, random.below(range) / range), capacity),
  );
}

/** What all answers must come to, in all laps: whatever was in the cache, and whatever was not. */
export function answersChecksum(threads: number, perLap: number, capacity: number): number {
  let sum = 0;
  for (let thread = 0; thread < threads; thread++) {
    for (const index of requestsOf(thread, perLap, capacity)) {
      sum = (sum + probeOf(textOf(index, keyOf(index)))) | 0;
    }
  }
  return sum;
}
