/**
 * The data every subject works on, so that all of them do the same thing. Each subject writes its
 * own loops over it (one call site, one shape, nothing virtual inside), and `workloads.ts` computes
 * from the same definitions what must come out.
 */

import type { Cell } from './harness/types.ts';

/**
 * Access workloads go round a pool of this many objects: enough that no access is loop-invariant,
 * few enough to stay in the first-level cache, so that the operation is measured and not memory.
 */
export const POOL_SIZE = 256;

/** `alloc-drop` looks into one object of so many, which costs nothing per object. */
export const INSPECT_EVERY = 1000;

/** The int32 field of object `index`. Small enough for an unboxed integer in every subject. */
export const fieldValueOf = (index: number): number => 7 * index + 1;

/** `store-ref`, `string-set`: the target that holder `index` gets in a round. */
export const targetIndexOf = (index: number, round: number): number =>
  (index + round) & (POOL_SIZE - 1);

/** `get-ref`: holder `index` references this target; an odd factor makes it a permutation. */
export const referentIndexOf = (index: number): number => (37 * index + 11) & (POOL_SIZE - 1);

/** 12 characters; the last one differs between neighbours. */
export const nameOf = (index: number): string => `name-${String(index).padStart(7, '0')}`;

/** Index of the character that string workloads read. */
export const NAME_PROBE = 11;

/** 12 characters. Called anew for each set of keys, so that two sets share no string objects. */
export const keyOf = (index: number): string => `k${String(index).padStart(11, '0')}`;

/** The index a key was made from: the value that the map workloads store under it. */
export const indexOfKey = (key: string): number => Number(key.slice(1));

export const keysOf = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => keyOf(i));

/**
 * The keys in an order unlike that of insertion. The stride is a prime that divides none of the
 * sizes in use, so every key comes exactly once.
 */
export function shuffledKeysOf(count: number): string[] {
  const stride = 7919;
  return Array.from({ length: count }, (_, i) => keyOf((i * stride) % count));
}

/** Entries of each map of `map-set`, which fills as many as a sample needs. */
export const mapSizeOf = ({ operations, size }: Cell): number => size ?? operations;

/** How many maps `map-set` fills, and how often `map-get` looks up every key. */
export const mapRoundsOf = (cell: Cell): number => cell.operations / mapSizeOf(cell);

/** Keys whose values `map-set` looks up afterwards, untimed. */
export const inspectedKeysOf = (count: number): string[] =>
  Array.from({ length: 100 }, (_, i) => keyOf(Math.floor((i * count) / 100)));

/** What arrays of numbers hold: small integers, or numbers that are none. */
export const integerOf = (index: number): number => index;
export const doubleOf = (index: number): number => index + 0.5;

/** A flat record of plain data. */
export interface FlatRecord {
  readonly id: number;
  readonly name: string;
  readonly price: number;
  readonly active: boolean;
  readonly city: string;
}

const CITIES = Array.from({ length: 50 }, (_, i) => `city-${String(i).padStart(4, '0')}`);

export const recordOf = (index: number): FlatRecord => ({
  id: index,
  name: `name${String(index).padStart(6, '0')}`,
  price: (index % 10_000) + 0.25,
  active: index % 3 === 0,
  city: CITIES[index % CITIES.length]!,
});

export const recordsOf = (count: number): FlatRecord[] =>
  Array.from({ length: count }, (_, i) => recordOf(i));

/** Looks at all fields of a hundred of `count` records. */
export function recordsChecksum(count: number, recordAt: (index: number) => FlatRecord): number {
  let sum = count;
  for (let i = 0; i < 100; i++) {
    const { id, name, price, active, city } = recordAt(Math.floor((i * count) / 100));
    const texts = Number(name.slice(4)) + CITIES.indexOf(city);
    sum = (sum * 31 + id + texts + price * 4 + (active ? 1 : 0)) | 0;
  }
  return sum;
}

/** Order-sensitive sum over the pool: two values swapped give another checksum. */
export function poolChecksum(numberAt: (index: number) => number): number {
  let sum = 0;
  for (let index = 0; index < POOL_SIZE; index++) sum = (sum + (index + 1) * numberAt(index)) | 0;
  return sum;
}

/** Indices 0 .. POOL_SIZE - 1, mapped. */
export const poolOf = <T>(make: (index: number) => T): T[] =>
  Array.from({ length: POOL_SIZE }, (_, index) => make(index));
