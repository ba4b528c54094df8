/**
 * A heap without its facade: for tests of the layers below. The calling thread is thread 1 and
 * holds the GIL; `locals` stands for what local handles would hold.
 */
import { expect } from 'vitest';
import { type CountsMode, resolveOptions } from '../../src/base/options.ts';
import { verifyHeap } from '../../src/gc/verify.ts';
import { ARRAY_LENGTH, HEADER_COUNT, type ObjectRef } from '../../src/memory/layout.ts';
import { createBuffer } from '../../src/memory/memory.ts';
import { appendElement, reserveElements } from '../../src/object/array.ts';
import { createKinds } from '../../src/object/kinds.ts';
import { appendEntry, reserveEntry } from '../../src/object/map.ts';
import { Mutator } from '../../src/object/mutator.ts';
import { createString } from '../../src/object/string.ts';
import { encodeNumber, encodeReference, hashValue, slot } from '../../src/object/value.ts';
import { acquireGil } from '../../src/sync/gil.ts';
import { claimThread } from '../../src/sync/thread-table.ts';

/** A new heap; the calling thread holds its lock. */
export function createBareHeap(maxBytes = 8 * 2 ** 20): Mutator {
  const counts = (process.env.SHARC_COUNTS ?? 'plain') as CountsMode;
  const buffer = createBuffer(resolveOptions({ maxBytes, counts }));
  const mem = new Mutator(buffer, claimThread(buffer));
  createKinds(mem);
  acquireGil(mem, Number.POSITIVE_INFINITY);
  return mem;
}

/** Another thread's view of a heap, used in this thread while the first one "holds" the lock. */
export function attachBare(mem: Mutator): Mutator {
  return new Mutator(mem.buffer, claimThread(mem.buffer));
}

/** The codes that a verification reports, each once, by name. */
export function codesOf(mem: Mutator, locals: readonly ObjectRef[]): string[] {
  return [...new Set(verifyHeap(mem, locals).map((finding) => finding.code))].sort();
}

/** Fails with what was found unless the heap is sound. */
export function expectSound(mem: Mutator, locals: readonly ObjectRef[]): void {
  expect(verifyHeap(mem, locals).map((finding) => finding.message)).toEqual([]);
}

/** What `put` takes: numbers, texts, or objects of which the slot gets a count of its own. */
export type Plain = number | string | { readonly object: ObjectRef };

/** Encodes a value into `slot`. */
export function put(mem: Mutator, value: Plain): void {
  if (typeof value === 'number') encodeNumber(value);
  else if (typeof value === 'string') encodeReference(createString(mem, value));
  else {
    if (mem.i32[value.object + HEADER_COUNT] > 0) mem.i32[value.object + HEADER_COUNT]++;
    encodeReference(value.object);
  }
}

/** Appends to an array. */
export function push(mem: Mutator, array: ObjectRef, value: Plain): void {
  reserveElements(mem, array, mem.i32[array + ARRAY_LENGTH] + 1);
  put(mem, value);
  appendElement(mem, array);
}

/** Adds an entry with a key that the map does not have. */
export function addEntry(mem: Mutator, map: ObjectRef, key: Plain, value: Plain): void {
  put(mem, key);
  const [low, high] = slot;
  const hash = hashValue(mem, low, high);
  reserveEntry(mem, map, hash);
  put(mem, value);
  appendEntry(mem, map, low, high, hash);
}

/** A stream of whole numbers below `limit`, the same for the same seed (mulberry32). */
export function createRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}
