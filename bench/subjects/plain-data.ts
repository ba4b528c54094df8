/** Maps and arrays by their size, and copies of records, of plain JavaScript. */

import type { Bench, BenchFactory, Cell } from '../harness/types.ts';
import { doubleOf, integerOf, keyOf, recordsChecksum, recordsOf } from '../shapes.ts';
import { heapBytesPerObject } from './heap-delta.ts';

/** The keys are made here, and nothing but the map holds them: they count. */
function mapBytes({ operations }: Cell): Bench {
  const build = () => {
    const map = new Map<string, number>();
    for (let i = 0; i < operations; i++) map.set(keyOf(i), i);
    return map;
  };
  const countLive = (map: Map<string, number>) => {
    let found = 0;
    for (let i = 0; i < operations; i++) if (map.get(keyOf(i)) === i) found++;
    return found;
  };
  return { measure: async () => heapBytesPerObject(operations, build, countLive) };
}

function arrayBytes(numberOf: (index: number) => number, { operations }: Cell): Bench {
  const build = () => {
    const array: number[] = [];
    for (let i = 0; i < operations; i++) array.push(numberOf(i));
    return array;
  };
  const countLive = (array: readonly number[]) =>
    array.reduce((found, number, i) => found + Number(number === numberOf(i)), 0);
  return { measure: async () => heapBytesPerObject(operations, build, countLive) };
}

/** There and back: `structuredClone` writes the records into a buffer and reads them from it. */
function cloneRecords({ operations }: Cell): Bench {
  const records = recordsOf(operations);
  let copy: typeof records = [];
  const before = () => {
    copy = [];
  };
  const run = () => {
    copy = structuredClone(records);
    return copy.length;
  };
  return { before, run, checksum: (length) => recordsChecksum(length, (i) => copy[i]!) };
}

export const dataBenches: Readonly<Record<string, BenchFactory>> = {
  'map-bytes': mapBytes,
  'array-bytes-integers': (cell) => arrayBytes(integerOf, cell),
  'array-bytes-doubles': (cell) => arrayBytes(doubleOf, cell),
  'from-records': cloneRecords,
  'to-records': cloneRecords,
};
