/**
 * `parallel-read` in a store: a node is a record of eight bytes, its number and that of the next
 * one, which is the key to find that by. A walk is one read
 * transaction, since lmdb renews it with the turns of the event loop, and nothing is decoded.
 */

import type { Database } from 'lmdb';
import { asBinary } from 'lmdb';
import type { Bench, Cell } from '../harness/types.ts';
import type { Member } from './crew.ts';
import { newStoreFolder, openStore } from './lmdb-store.ts';
import { parallelRead, walkerOf } from './parallel-read.ts';

const NEXT = 0;
const VALUE = 4;
const RECORD_BYTES = 8;

interface SharedStore {
  readonly path: string;
  readonly length: number;
}

/** Keys are numbers from 1; key 0 is null. */
const openRecords = (path: string): Database<Buffer, number> =>
  openStore<Buffer, number>(path, { keyEncoding: 'uint32', encoding: 'binary' });

function fill(path: string, length: number): void {
  const records = openRecords(path);
  records.transactionSync(() => {
    for (let key = 1; key <= length; key++) {
      const record = Buffer.alloc(RECORD_BYTES);
      record.writeInt32LE(key - 1, NEXT);
      record.writeInt32LE(key - 1, VALUE);
      records.putSync(key, asBinary(record) as unknown as Buffer);
    }
  });
}

export function memberOf(_workload: string, shared: unknown): Member {
  const { path, length } = shared as SharedStore;
  const records = openRecords(path);
  const walk = () => {
    let sum = 0;
    for (let key = length; key !== 0; ) {
      const record = records.getBinaryFast(key)!;
      sum = (sum + record.readInt32LE(VALUE)) | 0;
      key = record.readInt32LE(NEXT);
    }
    return sum;
  };
  return walkerOf(walk);
}

export function readRecords(cell: Cell): Bench {
  const { path, remove } = newStoreFolder();
  process.once('exit', remove);
  fill(path, cell.size!);
  const shared: SharedStore = { path, length: cell.size! };
  return parallelRead(cell, { module: import.meta.url, shared });
}
