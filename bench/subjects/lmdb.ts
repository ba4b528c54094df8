/**
 * `lmdb` as a store that threads share, with what makes it fastest as such: in memory where the
 * system has a file system for that, nothing synced or compressed, one write transaction per sample
 * of writes, one read transaction per sample of reads. No cache of decoded values: each thread
 * would have its own, which is not what a shared store is asked for (and small values came slower).
 */

import { readFileSync } from 'node:fs';
import type { RootDatabase } from 'lmdb';
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
import { cacheIn } from './cache-lmdb.ts';
import { newStore } from './lmdb-store.ts';
import { readRecords } from './parallel-lmdb.ts';

/** What stands for the pool of objects: a name under each of so many keys. */
function newNames(): RootDatabase<string, string> {
  const store = newStore<string>('string');
  store.transactionSync(() => {
    for (let i = 0; i < POOL_SIZE; i++) store.put(keyOf(i), nameOf(i));
  });
  return store;
}

function stringGet({ operations }: Cell): Bench {
  const store = newNames();
  const keys = poolOf(keyOf);
  const run = () => {
    const transaction = store.useReadTransaction();
    const options = { transaction };
    let sum = 0;
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) {
        sum = (sum + store.get(keys[i]!, options)!.charCodeAt(NAME_PROBE)) | 0;
      }
    }
    transaction.done();
    return sum;
  };
  return { run };
}

function stringSet({ operations }: Cell): Bench {
  const store = newNames();
  const keys = poolOf(keyOf);
  const names = poolOf(nameOf);
  const write = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) store.put(keys[i]!, names[targetIndexOf(i, round)]!);
    }
    return 0;
  };
  const stored = () => poolChecksum((i) => store.get(keys[i]!)!.charCodeAt(NAME_PROBE));
  return { run: () => store.transactionSync(write), checksum: stored };
}

function mapSet(cell: Cell): Bench {
  const size = mapSizeOf(cell);
  const keys = keysOf(cell.operations);
  const inspected = inspectedKeysOf(cell.operations);
  const store = newStore<number>('ordered-binary');
  const maps = Array.from({ length: mapRoundsOf(cell) }, (_, i) => {
    return store.openDB<number, string>(`map-${i}`, { encoding: 'ordered-binary' });
  });
  const write = () => {
    let i = 0;
    for (const map of maps) {
      for (const end = i + size; i < end; i++) map.put(keys[i]!, i);
    }
    return 0;
  };
  const before = () => {
    for (const map of maps) map.clearSync();
  };
  const entriesIn = (map: (typeof maps)[number]) =>
    (map.getStats() as { entryCount: number }).entryCount;
  const indexAt = (key: string) => maps[Math.floor(indexOfKey(key) / size)]!.get(key)!;
  const checksum = () => {
    const sizes = maps.reduce((sum, map) => sum + entriesIn(map), 0);
    return inspected.reduce((sum, key) => sum + indexAt(key), sizes) | 0;
  };
  return { before, run: () => store.transactionSync(write), checksum };
}

function mapGet(cell: Cell): Bench {
  const size = mapSizeOf(cell);
  const map = newStore<number>('ordered-binary');
  map.transactionSync(() => {
    for (const [i, key] of keysOf(size).entries()) map.put(key, i);
  });
  const keys = shuffledKeysOf(size);
  const run = () => {
    const transaction = map.useReadTransaction();
    const options = { transaction };
    let sum = 0;
    for (let round = 0; round < mapRoundsOf(cell); round++) {
      for (let i = 0; i < size; i++) sum = (sum + map.get(keys[i]!, options)!) | 0;
    }
    transaction.done();
    return sum;
  };
  return { run };
}

function versionOf(): string {
  const manifest = new URL('./package.json', import.meta.resolve('lmdb'));
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

export const subject: Subject = {
  version: versionOf(),
  benches: {
    'string-get': stringGet,
    'string-set': stringSet,
    'map-set': mapSet,
    'map-get': mapGet,
    'parallel-read': readRecords,
    lru: (cell) => cacheIn('lru', cell),
    'lru-second-chance': (cell) => cacheIn('lru-second-chance', cell),
  },
};
