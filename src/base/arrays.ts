/** Private typed arrays that grow. */

/** A copy of `words`, twice as long; the new half is 0. */
export function doubled(words: Int32Array): Int32Array {
  const larger = new Int32Array(words.length * 2);
  larger.set(words);
  return larger;
}
