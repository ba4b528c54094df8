/** Maps and arrays by their size, and copies of records, of the heap. */

import { type Handle, Heap, type HeapArray, type HeapMap } from '../../src/index.ts';
import {
  type Bench,
  type BenchFactory,
  type Cell,
  type ManyFigures,
  UnavailableError,
} from '../harness/types.ts';
import {
  doubleOf,
  type FlatRecord,
  integerOf,
  keyOf,
  recordsChecksum,
  recordsOf,
} from '../shapes.ts';

/** Growth per entry while `build` runs: of the pages taken, and of the blocks in use. */
function bytesPerEntry(
  heap: Heap,
  count: number,
  { build, countLive }: { build(): void; countLive(): number },
): ManyFigures {
  const before = heap.stats();
  heap.run(build);
  const after = heap.stats();
  const pages = (after.committedBytes - before.committedBytes) / count;
  const blocks = (after.liveBytes - before.liveBytes) / count;
  return {
    figures: [
      { metric: 'bytes-per-object', unit: 'bytes', samples: [pages] },
      { metric: 'live-bytes', unit: 'bytes live', samples: [blocks] },
    ],
    checksum: heap.run(countLive),
  };
}

function mapBytes({ operations }: Cell): Bench {
  const heap = Heap.create();
  const map: HeapMap<string, number> = heap.map();
  const build = () => {
    for (let i = 0; i < operations; i++) map.set(keyOf(i), i);
  };
  const countLive = () => {
    let found = 0;
    for (let i = 0; i < operations; i++) if (map.get(keyOf(i)) === i) found++;
    return found;
  };
  return { measureAll: async () => bytesPerEntry(heap, operations, { build, countLive }) };
}

function arrayBytes(numberOf: (index: number) => number, { operations }: Cell): Bench {
  const heap = Heap.create();
  const array: HeapArray<number> = heap.array();
  const build = () => {
    for (let i = 0; i < operations; i++) array.push(numberOf(i));
  };
  const countLive = () => {
    let found = 0;
    for (let i = 0; i < operations; i++) if (array.at(i) === numberOf(i)) found++;
    return found;
  };
  return { measureAll: async () => bytesPerEntry(heap, operations, { build, countLive }) };
}

type RecordsHandle = HeapArray<Handle>;

/** Deep copies in and out, which a heap may not have yet. */
interface Copier {
  from(value: readonly FlatRecord[]): RecordsHandle;
  toJS(value: Handle): unknown;
}

function copierOf(heap: Heap): Copier {
  const copier = heap as unknown as Copier;
  for (const name of ['from', 'toJS'] as const) {
    if (typeof copier[name] !== 'function') throw new UnavailableError(`heap.${name}`);
  }
  return copier;
}

function fromRecords({ operations }: Cell): Bench {
  const heap = Heap.create();
  const copier = copierOf(heap);
  const records = recordsOf(operations);
  let copy: RecordsHandle | undefined;
  const before = () => copy?.release();
  const run = () => {
    copy = copier.from(records);
    return copy.length;
  };
  const recordAt = (index: number) => copier.toJS(copy!.at(index)!) as FlatRecord;
  const checksum = (length: number) => heap.scope(() => recordsChecksum(length, recordAt));
  return { before, run, checksum };
}

function toRecords({ operations }: Cell): Bench {
  const heap = Heap.create();
  const copier = copierOf(heap);
  const shared = copier.from(recordsOf(operations));
  let copy: FlatRecord[] = [];
  const before = () => {
    copy = [];
  };
  const run = () => {
    copy = copier.toJS(shared) as FlatRecord[];
    return copy.length;
  };
  return { before, run, checksum: (length) => recordsChecksum(length, (i) => copy[i]!) };
}

export const dataBenches: Readonly<Record<string, BenchFactory>> = {
  'map-bytes': mapBytes,
  'array-bytes-integers': (cell) => arrayBytes(integerOf, cell),
  'array-bytes-doubles': (cell) => arrayBytes(doubleOf, cell),
  'from-records': fromRecords,
  'to-records': toRecords,
};
