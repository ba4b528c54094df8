/**
 * `sharedmap`: a hash map from strings to strings in a SharedArrayBuffer, of a fixed number of
 * entries of fixed size. Each sample holds the exclusive lock, which saves the locks of every
 * operation (as a section does for a heap): without it the map takes three times as long.
 */

import { createRequire } from 'node:module';
import type { Bench, Cell, Subject } from '../harness/types.ts';
import {
  indexOfKey,
  inspectedKeysOf,
  keyOf,
  keysOf,
  mapRoundsOf,
  mapSizeOf,
  NAME_PROBE,
  nameOf,
  POOL_SIZE,
  poolChecksum,
  poolOf,
  shuffledKeysOf,
  targetIndexOf,
} from '../shapes.ts';

interface Options {
  readonly lockExclusive: boolean;
}

/** What the package's own declarations say; they do not parse. */
interface SharedMap {
  readonly length: number;
  set(key: string, value: string | number, options?: Options): void;
  get(key: string, options?: Options): string | undefined;
  lockExclusive(): void;
  unlockExclusive(): void;
}

const require = createRequire(import.meta.url);
const SharedMap = require('sharedmap') as new (
  entries: number,
  keyUnits: number,
  valueUnits: number,
) => SharedMap;

/** Of the entries there is room for, so many are in use. More makes longer chains. */
const FILL = 3 / 4;
/** A text as long as its room would have its end mark written over the next one. */
const NAME_UNITS = 16;
const NUMBER_UNITS = 8;
const HELD: Options = { lockExclusive: true };

const newMap = (entries: number, valueUnits: number): SharedMap =>
  new SharedMap(Math.ceil(entries / FILL), NAME_UNITS, valueUnits);

function locked<T>(map: SharedMap, body: () => T): T {
  map.lockExclusive();
  try {
    return body();
  } finally {
    map.unlockExclusive();
  }
}

/** What stands for the pool of objects: a name under each of so many keys. */
function newNames(): SharedMap {
  const map = newMap(POOL_SIZE, NAME_UNITS);
  for (let i = 0; i < POOL_SIZE; i++) map.set(keyOf(i), nameOf(i));
  return map;
}

function stringGet({ operations }: Cell): Bench {
  const map = newNames();
  const keys = poolOf(keyOf);
  const sample = () => {
    let sum = 0;
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) {
        sum = (sum + map.get(keys[i]!, HELD)!.charCodeAt(NAME_PROBE)) | 0;
      }
    }
    return sum;
  };
  return { run: () => locked(map, sample) };
}

function stringSet({ operations }: Cell): Bench {
  const map = newNames();
  const keys = poolOf(keyOf);
  const names = poolOf(nameOf);
  const sample = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) map.set(keys[i]!, names[targetIndexOf(i, round)]!, HELD);
    }
    return 0;
  };
  const stored = () => poolChecksum((i) => map.get(keys[i]!)!.charCodeAt(NAME_PROBE));
  return { run: () => locked(map, sample), checksum: stored };
}

function mapSet(cell: Cell): Bench {
  const size = mapSizeOf(cell);
  const keys = keysOf(cell.operations);
  const inspected = inspectedKeysOf(cell.operations);
  let maps: SharedMap[] = [];
  const before = () => {
    maps = Array.from({ length: mapRoundsOf(cell) }, () => newMap(size, NUMBER_UNITS));
  };
  const fill = (map: SharedMap, first: number) => {
    for (let i = first; i < first + size; i++) map.set(keys[i]!, i, HELD);
  };
  const run = () => {
    for (const [round, map] of maps.entries()) locked(map, () => fill(map, round * size));
    return maps.reduce((sum, map) => sum + map.length, 0);
  };
  const indexAt = (key: string) => Number(maps[Math.floor(indexOfKey(key) / size)]!.get(key));
  const checksum = (sizes: number) => inspected.reduce((sum, key) => sum + indexAt(key), sizes) | 0;
  return { before, run, checksum };
}

function mapGet(cell: Cell): Bench {
  const size = mapSizeOf(cell);
  const map = newMap(size, NUMBER_UNITS);
  for (const [i, key] of keysOf(size).entries()) map.set(key, i);
  const keys = shuffledKeysOf(size);
  const sample = () => {
    let sum = 0;
    for (let round = 0; round < mapRoundsOf(cell); round++) {
      // Values are texts: making numbers of them is part of having numbers in this map.
      for (let i = 0; i < size; i++) sum = (sum + Number(map.get(keys[i]!, HELD))) | 0;
    }
    return sum;
  };
  return { run: () => locked(map, sample) };
}

export const subject: Subject = {
  version: (require('sharedmap/package.json') as { version: string }).version,
  benches: {
    'string-get': stringGet,
    'string-set': stringSet,
    'map-set': mapSet,
    'map-get': mapGet,
  },
};
