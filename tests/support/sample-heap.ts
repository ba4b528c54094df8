/**
 * A small sound heap with something of every kind, to be damaged: structs, arrays of one and two
 * levels, maps with and without a table, strings of all forms, bigints, rows of two threads, named
 * roots, full runs, blocks freed by another thread, free runs, a large object, objects of every
 * generation, a sweep that was left off, side tables of the collector.
 */
import { promote } from '../../src/gc/generations.ts';
import { condemn, SWEEP_ALL, sweep } from '../../src/gc/sweep.ts';
import { addCards } from '../../src/memory/cards.ts';
import {
  CARD_SHIFT,
  CONTROL_ROOT_MAP,
  GC_GARBAGE_ARRAY,
  GC_SCRATCH,
  type ObjectRef,
  PAGE_NEXT,
  PAGE_OWNER,
  PAGE_RUN,
  PAGE_SCRATCH,
  PAGE_STATE,
  type PageIndex,
  TAG_INT32,
  TAG_REFERENCE,
} from '../../src/memory/layout.ts';
import { pageRecordOf } from '../../src/memory/memory.ts';
import { takeRun, writeTails } from '../../src/memory/page-runs.ts';
import { runRecordOf } from '../../src/memory/pages.ts';
import { createArray } from '../../src/object/array.ts';
import { createBytes } from '../../src/object/bytes.ts';
import { decref } from '../../src/object/dealloc.ts';
import { declareStruct } from '../../src/object/kinds.ts';
import { createMap, createSet, deleteEntry } from '../../src/object/map.ts';
import { firstEntry } from '../../src/object/map-chunks.ts';
import type { Mutator } from '../../src/object/mutator.ts';
import { incref, makeImmortal } from '../../src/object/refcount.ts';
import { addRow } from '../../src/object/rows.ts';
import { createString } from '../../src/object/string.ts';
import { createStruct } from '../../src/object/struct.ts';
import type { FieldKind, StructLayout } from '../../src/object/struct-layout.ts';
import { createTuple } from '../../src/object/tuple.ts';
import { createBigint, createDate, encodeReference, storeSlot } from '../../src/object/value.ts';
import { addEntry, attachBare, createBareHeap, push } from './bare-heap.ts';

const FIELDS: [string, FieldKind][] = [
  ['next', 'ref'],
  ['name', 'string'],
  ['extra', 'any'],
  ['x', 'float64'],
  ['isBlue', 'boolean'],
];

/** Named places of the sample. */
export interface Sample {
  readonly mem: Mutator;
  readonly other: Mutator;
  readonly locals: ObjectRef[];
  readonly layout: StructLayout;
  readonly twin: StructLayout;
  /** `first.next` is `second`, held by a local as well; `second.extra` is a bigint. */
  readonly first: ObjectRef;
  readonly second: ObjectRef;
  readonly short: ObjectRef;
  readonly long: ObjectRef;
  readonly wide: ObjectRef;
  readonly bigint: ObjectRef;
  readonly date: ObjectRef;
  readonly bytes: ObjectRef;
  /** A tuple that holds `first`, and one that holds no container. */
  readonly tuple: ObjectRef;
  readonly flatTuple: ObjectRef;
  readonly smallSet: ObjectRef;
  readonly tableSet: ObjectRef;
  readonly smallArray: ObjectRef;
  readonly otherArray: ObjectRef;
  readonly deepArray: ObjectRef;
  readonly smallMap: ObjectRef;
  readonly otherMap: ObjectRef;
  readonly tableMap: ObjectRef;
  readonly rootMap: ObjectRef;
  readonly large: ObjectRef;
  /** Objects of the generations 1, 2 and 3. */
  readonly middle: ObjectRef;
  readonly old: ObjectRef;
  readonly frozen: ObjectRef;
  /** Garbage: the last of two that are condemned, and the last of two that are unlinked, too. */
  readonly condemned: ObjectRef;
  readonly unlinked: ObjectRef;
  /** What `gc.garbage` would be. */
  readonly garbageArray: ObjectRef;
  readonly scratch: PageIndex;
}

/** Builds the sample. */
export function createSample(): Sample {
  const mem = createBareHeap();
  const other = attachBare(mem);
  const layout = declareStruct(mem, 'Sample', new Map(FIELDS));
  const twin = declareStruct(mem, 'Twin', new Map(FIELDS));
  declareStruct(mem, 'P', new Map([['x', 'int8']]));
  const at = (object: ObjectRef, index: number) => object + layout.fields[index].offset;

  const first = createStruct(mem, layout.kind);
  const second = createStruct(mem, layout.kind);
  mem.i32[at(first, 0)] = second;
  incref(mem, second);
  mem.i32[at(first, 1)] = createString(mem, 'alpha');
  const bigint = createBigint(mem, 5n);
  encodeReference(bigint);
  storeSlot(mem, at(second, 2));
  // A cycle of garbage: its counts explain each other.
  const garbage = createStruct(mem, twin.kind);
  mem.i32[at(garbage, 0)] = garbage;

  const short = createString(mem, 'beta');
  const long = createString(mem, `${'long'.repeat(20)}x`);
  const wide = createString(mem, `\u0101${'w'.repeat(60)}`);
  const date = createDate(mem, new Date(86_400_000));
  const bytes = createBytes(mem, 13, 1);
  incref(mem, first);
  const tuple = createTuple(mem, Int32Array.of(7, TAG_INT32, first, TAG_REFERENCE));
  const flatTuple = createTuple(mem, Int32Array.of(1, TAG_INT32));
  const locals = [first, second, short, long, wide, date, bytes, tuple, flatTuple];
  const containers = fillContainers(mem, { first, second, locals });
  const large = createString(mem, 'L'.repeat(1_000_001));
  locals.push(large);
  makeFreeRuns(mem, other);
  addRow(other, containers.deepArray);
  incref(mem, containers.deepArray);
  addRow(mem, first);
  incref(mem, first);
  mem.i32[CONTROL_ROOT_MAP] = containers.rootMap;
  const names = { mem, other, locals, layout, twin };
  const gc = fillGenerations(mem, twin, locals);
  const scratch = makeScratch(mem);
  return {
    ...names,
    first,
    second,
    short,
    long,
    wide,
    bigint,
    date,
    bytes,
    tuple,
    flatTuple,
    large,
    ...containers,
    ...gc,
    scratch,
  };
}

/** Makes objects of every generation, and garbage of which half is unlinked. */
function fillGenerations(mem: Mutator, twin: StructLayout, locals: ObjectRef[]) {
  const [middle, old, frozen] = [1, 2, 3].map((generation) => {
    const object = createStruct(mem, twin.kind);
    promote(mem, object, generation);
    locals.push(object);
    return object;
  });
  addCards(mem, runRecordOf(mem, middle), true, 1 << (middle >>> CARD_SHIFT));
  const garbageArray = createArray(mem);
  push(mem, garbageArray, { object: middle });
  makeImmortal(mem, garbageArray);
  mem.i32[GC_GARBAGE_ARRAY] = garbageArray;

  // A struct, another one that holds it, an array and a map that hold everything: the last two
  // are unlinked first.
  const condemned = createStruct(mem, twin.kind);
  const [next, name] = twin.fields;
  mem.i32[condemned + next.offset] = middle;
  incref(mem, middle);
  mem.i32[condemned + name.offset] = createString(mem, 'of garbage');
  const second = createStruct(mem, twin.kind);
  mem.i32[second + next.offset] = condemned;
  const array = createArray(mem);
  const unlinked = createMap(mem);
  for (const object of [second, unlinked, old]) push(mem, array, { object });
  addEntry(mem, unlinked, 'array', { object: array });
  for (let i = 0; i < 20; i++) addEntry(mem, unlinked, `key ${i}`, `${'text '.repeat(9)}${i}`);
  for (const object of [condemned, second, unlinked, array]) condemn(mem, object);
  sweep(mem, SWEEP_ALL, 2);
  return { middle, old, frozen, condemned, unlinked, garbageArray };
}

/** Side tables of a collection that is under way: two pages. */
function makeScratch(mem: Mutator): PageIndex {
  const page = takeRun(mem, 2);
  const record = pageRecordOf(mem, page);
  mem.i32[record + PAGE_RUN] = 2;
  mem.i32[record + PAGE_OWNER] = 0;
  mem.i32[record + PAGE_NEXT] = 0;
  writeTails(mem, page, 2);
  mem.i32[record + PAGE_STATE] = PAGE_SCRATCH;
  mem.i32[GC_SCRATCH] = record;
  return page;
}

function fillContainers(
  mem: Mutator,
  { first, second, locals }: { first: ObjectRef; second: ObjectRef; locals: ObjectRef[] },
) {
  const smallArray = createArray(mem);
  push(mem, smallArray, 1.5);
  push(mem, smallArray, Number.NaN);
  push(mem, smallArray, { object: first });
  const otherArray = createArray(mem);
  push(mem, otherArray, -0);
  const deepArray = createArray(mem);
  for (let i = 0; i < 1200; i++) push(mem, deepArray, i);

  const smallMap = createMap(mem);
  addEntry(mem, smallMap, 0, 'zero');
  addEntry(mem, smallMap, 1, { object: second });
  const otherMap = createMap(mem);
  addEntry(mem, otherMap, 'key', 1);
  const tableMap = createMap(mem);
  for (let i = 0; i < 200; i++) addEntry(mem, tableMap, i % 3 === 0 ? `key ${i}` : i, `value ${i}`);
  addEntry(mem, tableMap, 'a key that is too long to be interned', { object: tableMap });
  for (let i = 0; i < 30; i++) {
    deleteEntry(mem, tableMap, firstEntry(mem, tableMap));
  }
  const smallSet = createSet(mem);
  addEntry(mem, smallSet, 'first', 0);
  addEntry(mem, smallSet, 1, 0);
  addEntry(mem, smallSet, 2, 0);
  const tableSet = createSet(mem);
  for (let i = 0; i < 300; i++) addEntry(mem, tableSet, i % 2 === 0 ? `element ${i}` : i / 2, 0);
  addEntry(mem, tableSet, { object: tableMap }, 0);
  for (let i = 0; i < 30; i++) deleteEntry(mem, tableSet, firstEntry(mem, tableSet));
  const rootMap = createMap(mem);
  addEntry(mem, rootMap, 'root', { object: deepArray });
  const maps = { smallMap, otherMap, tableMap, smallSet, tableSet };
  locals.push(smallArray, otherArray, deepArray, ...Object.values(maps));
  return { smallArray, otherArray, deepArray, ...maps, rootMap };
}

/** Leaves two free runs apart from each other, a full run, and blocks freed by another thread. */
function makeFreeRuns(mem: Mutator, other: Mutator): void {
  const large = [1, 2, 3].map(() => createString(mem, 'f'.repeat(1_000_000)));
  makeImmortal(mem, large[1]);
  decref(mem, large[0]);
  decref(mem, large[2]);
  const layout = declareStruct(mem, 'Full', new Map([['x', 'float64']]));
  const objects: ObjectRef[] = [];
  for (let i = 0; i < 5000; i++) objects.push(createStruct(mem, layout.kind));
  for (const object of objects.slice(4090, 4200)) decref(other, object);
  for (const object of objects) if (mem.i32[object + 1] !== 0) makeImmortal(mem, object);
}
