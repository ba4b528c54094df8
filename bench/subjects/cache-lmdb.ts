/**
 * Caches in a store that all threads have opened. `lru`: the texts, and a database of the keys in
 * the order of their use, by a number that grows with each; a request is a write transaction. In
 * `lru-second-chance` a hit only reads, and sets a byte in shared memory beside the store; the
 * place of that byte is the version of the entry, which lmdb keeps with it.
 *
 * Without the write map, which other benches use: removing what was put aborts the process then
 * ("Assertion 'x <= dl[0].mid' failed in mdb_freelist_save()", lmdb 3.5.6).
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, getLastVersion, type RootDatabase } from 'lmdb';
import type { Bench, Cell } from '../harness/types.ts';
import { type Cache, type CacheTask, cacheBench, cacheMember } from './cache.ts';
import type { Member } from './crew.ts';
import { newStoreFolder, openStore } from './lmdb-store.ts';

/** What `blocks` of a file counts. */
const BLOCK_BYTES = 512;

/** Shared words beside the store. */
const NEXT_USE = 0;
const HAND = 1;
const ENTRIES = 2;
const WORDS = 3;

interface SharedStore {
  readonly path: string;
  readonly words: Int32Array;
  /** A byte for each place: 1 when its text was used since the hand has passed. */
  readonly used: Uint8Array;
}

interface Databases {
  readonly root: RootDatabase;
  readonly texts: Database<string, string>;
  /** From places, or numbers of uses, to keys. */
  readonly keys: Database<string, number>;
}

function openDatabases(path: string): Databases {
  const root = openStore<string, string>(path);
  const texts = root.openDB<string, string>('texts', { encoding: 'string', useVersions: true });
  const keys = root.openDB<string, number>('keys', {
    keyEncoding: 'uint32',
    encoding: 'ordered-binary',
  });
  return { root, texts, keys };
}

/** The number of an entry's last use stands in a database of its own: texts need no change. */
function attachOrder({ root, texts, keys }: Databases, shared: SharedStore, capacity: number) {
  const { words } = shared;
  const uses = root.openDB<number, string>('uses', { encoding: 'ordered-binary' });
  let key = '';
  let text: string | undefined;
  const noteUse = () => {
    const use = Atomics.add(words, NEXT_USE, 1);
    keys.put(use, key);
    uses.put(key, use);
  };
  const look = () => {
    text = texts.get(key);
    if (text === undefined) return;
    keys.remove(uses.get(key)!);
    noteUse();
  };
  const dropLast = () => {
    for (const { key: use, value: last } of keys.getRange({ limit: 1 })) {
      keys.remove(use);
      uses.remove(last);
      texts.remove(last);
    }
  };
  const add = () => {
    if (texts.doesExist(key)) return;
    texts.put(key, text!, 0);
    noteUse();
    if (words[ENTRIES] === capacity) dropLast();
    else words[ENTRIES]!++;
  };
  const cache: Cache = {
    get: (asked) => {
      key = asked;
      root.transactionSync(look);
      return text;
    },
    put: (made, itsText) => {
      key = made;
      text = itsText;
      root.transactionSync(add);
    },
    size: () => entriesIn(texts),
  };
  return cache;
}

function attachClock({ root, texts, keys }: Databases, shared: SharedStore, capacity: number) {
  const { words, used } = shared;
  let key = '';
  let text = '';
  const freePlace = () => {
    let place = words[HAND]!;
    for (; used[place] !== 0; place = (place + 1) % capacity) used[place] = 0;
    words[HAND] = (place + 1) % capacity;
    texts.remove(keys.get(place)!);
    return place;
  };
  const add = () => {
    if (texts.doesExist(key)) return;
    const place = words[ENTRIES]! < capacity ? words[ENTRIES]!++ : freePlace();
    texts.put(key, text, place);
    keys.put(place, key);
  };
  const cache: Cache = {
    get: (asked) => {
      const found = texts.get(asked);
      if (found !== undefined) used[getLastVersion()] = 1;
      return found;
    },
    put: (made, itsText) => {
      key = made;
      text = itsText;
      root.transactionSync(add);
    },
    size: () => entriesIn(texts),
  };
  return cache;
}

const entriesIn = (texts: Database<string, string>): number =>
  (texts.getStats() as { entryCount: number }).entryCount;

export function memberOf(workload: string, shared: unknown, index: number): Member {
  const task = shared as CacheTask<SharedStore>;
  const attach = workload === 'lru' ? attachOrder : attachClock;
  const cache = attach(openDatabases(task.shared.path), task.shared, task.capacity);
  return cacheMember(cache, task, { index, isFiller: index === 0 });
}

export function cacheIn(workload: string, cell: Cell): Bench {
  const { path, remove } = newStoreFolder();
  process.once('exit', remove);
  const words = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
  words[NEXT_USE] = 1;
  const used = new Uint8Array(new SharedArrayBuffer(cell.size!));
  const shared: SharedStore = { path, words, used };
  return cacheBench(cell, {
    module: import.meta.url,
    workload,
    shared,
    // Allocated, which a file in memory is where it was written.
    outsideBytes: () => statSync(join(path, 'data.mdb')).blocks * BLOCK_BYTES,
  });
}
