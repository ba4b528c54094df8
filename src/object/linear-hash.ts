/**
 * Linear hashing (Litwin, 1980): a table that grows one bucket at a time, so that no insertion
 * ever rehashes more than one bucket. Used by the tables of maps, and by the intern table, whose
 * buckets are words of a vector and whose chains run through the strings themselves.
 *
 * With n buckets, 2^k <= n < 2^(k+1), a hash falls into its low k + 1 bits when such a bucket
 * exists already, else into its low k bits. Growing to n + 1 splits exactly one bucket.
 */

/** Buckets a new table begins with. */
export const FIRST_BUCKETS = 16;

/** The bucket of a hash among `buckets`, of which there are two at least. */
export function bucketOf(hash: number, buckets: number): number {
  const mask = -1 >>> Math.clz32(buckets - 1);
  const bucket = hash & mask;
  return bucket < buckets ? bucket : bucket & (mask >>> 1);
}

/** The bucket whose chain is split when bucket number `added` comes into being. */
export function splitOf(added: number): number {
  return added ^ (1 << (31 - Math.clz32(added)));
}

/**
 * Hangs the chain of the bucket at `from` to the end of that at `to`: a table shrinks by that. The
 * members of chains have their links at offset `link`.
 */
export function mergeChains(i32: Int32Array, from: number, to: number, link: number): void {
  let end = to;
  while (i32[end] !== 0) end = i32[end] + link;
  i32[end] = i32[from];
  i32[from] = 0;
}

/** Spreads the bits of a 32-bit word (the finalizer of MurmurHash3). */
export function mix(word: number): number {
  let hash = word ^ (word >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
