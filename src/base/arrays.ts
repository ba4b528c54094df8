/** Private arrays: typed ones that grow, and such without holes. */

/** A copy of `words`, twice as long; the new half is 0. */
export function doubled(words: Int32Array): Int32Array {
  const larger = new Int32Array(words.length * 2);
  larger.set(words);
  return larger;
}

/**
 * An array of `length` times undefined. It has no holes: those would show what a program has put
 * into Array.prototype, and V8 would look for them at each access, as in what `new Array` makes.
 */
export function emptyPlaces<T>(length: number): (T | undefined)[] {
  const places: (T | undefined)[] = [];
  for (let i = 0; i < length; i++) places.push(undefined);
  return places;
}
