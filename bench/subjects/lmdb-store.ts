/**
 * Stores of `lmdb`: in memory where the system has a file system for that, nothing synced or
 * compressed. One store may be opened by all threads of a process.
 */

import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type RootDatabase, type RootDatabaseOptions } from 'lmdb';

const FILE_SYSTEM_IN_MEMORY = '/dev/shm';
const MAP_BYTES = 1 << 30;
const DATABASES_MAX = 32;

function folderForStores(): string {
  try {
    accessSync(FILE_SYSTEM_IN_MEMORY, constants.W_OK);
    return FILE_SYSTEM_IN_MEMORY;
  } catch {
    return tmpdir();
  }
}

/** Opens the store at `path`, which one thread has made. */
export function openStore<V, K extends string | number>(
  path: string,
  options: RootDatabaseOptions = {},
): RootDatabase<V, K> {
  return open<V, K>({
    path,
    compression: false,
    noSync: true,
    noMemInit: true,
    mapSize: MAP_BYTES,
    maxDbs: DATABASES_MAX,
    ...options,
  });
}

/** A folder for a store, and what removes it. It is gone with the process, however that ends. */
export function newStoreFolder(): { path: string; remove: () => void } {
  const folder = mkdtempSync(join(folderForStores(), 'bench-lmdb-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { path: join(folder, 'store'), remove };
}

/** A new store for one thread. */
export function newStore<V>(encoding: 'string' | 'ordered-binary'): RootDatabase<V, string> {
  const { path, remove } = newStoreFolder();
  const store = openStore<V, string>(path, { encoding, useWritemap: true });
  try {
    remove(); // an open file needs no name
  } catch {
    process.once('exit', remove); // but on Windows
  }
  return store;
}
