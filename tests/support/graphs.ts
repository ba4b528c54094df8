/**
 * Random graphs on a heap without its facade, and the comparison of a collection with the naive
 * trace. One thread holds the lock; objects are made by several mutators, as threads would make
 * them. `locals` are what is held from outside, one count each.
 */
import { expect } from 'vitest';
import { Collector } from '../../src/gc/collector.ts';
import type { Collection } from '../../src/gc/figures.ts';
import { findUnreachable, traceReachable } from '../../src/gc/trace.ts';
import { visitBlocks } from '../../src/memory/blocks.ts';
import {
  ARRAY_LENGTH,
  GC_CONTAINER,
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_ARRAY,
  KIND_MAP,
  KIND_SET,
  KIND_SHIFT,
  KIND_TUPLE,
  MAP_SIZE,
  type ObjectRef,
  PERMANENT,
  TAG_INT32,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../../src/memory/layout.ts';
import { visitRuns } from '../../src/memory/pages.ts';
import { createArray, removeLast, replaceElement } from '../../src/object/array.ts';
import { createBytes } from '../../src/object/bytes.ts';
import { decref, decrefUnlessNull, dropValue } from '../../src/object/dealloc.ts';
import { generationOf, isBackingKind, isStructKind, kindOf } from '../../src/object/header.ts';
import { declareStruct, structLayoutOf } from '../../src/object/kinds.ts';
import { clearMap, createMap, createSet, deleteEntry, findEntry } from '../../src/object/map.ts';
import { firstEntry } from '../../src/object/map-chunks.ts';
import type { Mutator } from '../../src/object/mutator.ts';
import { incref } from '../../src/object/refcount.ts';
import { createString } from '../../src/object/string.ts';
import { createStruct } from '../../src/object/struct.ts';
import type { Field, StructLayout } from '../../src/object/struct-layout.ts';
import { createTuple, tupleValueAt } from '../../src/object/tuple.ts';
import {
  createDate,
  encodeReference,
  encodeSimple,
  hashValue,
  referenceAt,
  slot,
  storeSlot,
} from '../../src/object/value.ts';
import { addEntry, attachBare, createBareHeap, type Plain, push, put } from './bare-heap.ts';
import type { Random } from './random.ts';

const OLDEST = 2;

/** A heap in which graphs grow, change and are collected. */
export class GraphHeap {
  readonly mem: Mutator;
  readonly mutators: readonly Mutator[];
  readonly random: Random;
  readonly collector: Collector;
  readonly locals: ObjectRef[] = [];
  /** Structs with references, of which the last two cannot hold containers. */
  readonly layouts: readonly StructLayout[];
  #nextKey = 0;

  constructor(random: Random, mutators = 1, maxBytes = 4 * 2 ** 20) {
    this.random = random;
    this.mem = createBareHeap(maxBytes);
    this.mutators = [this.mem, ...Array.from({ length: mutators - 1 }, () => attachBare(this.mem))];
    this.collector = new Collector(this.mem);
    this.layouts = [
      declareStruct(
        this.mem,
        'Pair',
        new Map([
          ['left', 'ref'],
          ['right', 'ref'],
        ]),
      ),
      declareStruct(
        this.mem,
        'Named',
        new Map([
          ['name', 'string'],
          ['next', 'ref'],
          ['id', 'int32'],
        ]),
      ),
      declareStruct(
        this.mem,
        'Box',
        new Map([
          ['value', 'any'],
          ['x', 'float64'],
          ['other', 'any'],
        ]),
      ),
      declareStruct(
        this.mem,
        'Wide',
        new Map([...'abcdefgh'].map((name) => [name, name < 'f' ? 'ref' : 'any'])),
      ),
    ];
  }

  /** A new object of a random kind, which the caller owns. */
  create(): ObjectRef {
    const { random } = this;
    const mem = random.pick(this.mutators);
    const kind = random.int(11);
    if (kind === 0) return createArray(mem);
    if (kind === 1) return createMap(mem);
    if (kind === 2) return createSet(mem);
    if (kind === 3) return this.#createTuple(mem);
    return createStruct(mem, random.pick(this.layouts).kind);
  }

  /** A tuple that holds an array, first of all: what is linked to the tuple goes in there. */
  #createTuple(mem: Mutator): ObjectRef {
    const { random } = this;
    const values: [number, number][] = [[createArray(mem), TAG_REFERENCE]];
    for (let i = random.int(4); i > 0; i--) {
      put(mem, random.pick([7, 0.5, 'text in a tuple', 'text in a tuple, and a long one']));
      values.push([slot[VALUE_LOW], slot[VALUE_HIGH]]);
    }
    for (let i = random.int(3); i > 0 && this.locals.length > 0; i--) {
      const object = random.pick(this.locals);
      incref(mem, object);
      values.push([object, TAG_REFERENCE]);
    }
    return createTuple(mem, Int32Array.from(values.flat()));
  }

  /** The array in a tuple; any other object itself. */
  #insideOf(object: ObjectRef): ObjectRef {
    if (kindOf(this.mem, object) !== KIND_TUPLE) return object;
    return referenceAt(this.mem, tupleValueAt(object, 0));
  }

  /** A new object that is no container: a date, bytes, a tuple of plain values. */
  #createAtom(): ObjectRef {
    const { random } = this;
    const mem = random.pick(this.mutators);
    const choice = random.int(3);
    if (choice === 0) return createDate(mem, new Date(random.int(1000)));
    if (choice === 1) return createBytes(mem, random.int(100), 0);
    return createTuple(mem, Int32Array.of(random.int(100), TAG_INT32));
  }

  /** Puts a reference to `to` somewhere into `from`; what it replaces is dropped. */
  link(container: ObjectRef, to: ObjectRef): void {
    const { mem, random } = this;
    const from = this.#insideOf(container);
    const kind = kindOf(mem, from);
    if (kind === KIND_ARRAY) push(mem, from, { object: to });
    else if (kind === KIND_MAP || kind === KIND_SET) this.#linkMap(from, to);
    else this.#linkStruct(from, random.pick(this.#slotsOf(kind)), to);
  }

  #slotsOf(kind: number): Field[] {
    return structLayoutOf(this.mem, kind).fields.filter(
      (f) => f.kind === 'ref' || f.kind === 'any',
    );
  }

  #linkMap(map: ObjectRef, to: ObjectRef): void {
    const { mem, random } = this;
    const key = this.#nextKey++;
    const isSet = kindOf(mem, map) === KIND_SET;
    const isKey = isSet || random.chance(0.3);
    encodeReference(to);
    const [low, high] = slot;
    if (isKey && findEntry(mem, map, low, high, hashValue(mem, low, high)) === 0) {
      addEntry(mem, map, { object: to }, !isSet && random.chance(0.5) ? { object: to } : key);
    } else if (!isSet) {
      addEntry(mem, map, random.chance(0.3) ? `key ${key}` : key, { object: to });
    }
  }

  #linkStruct(from: ObjectRef, field: Field, to: ObjectRef): void {
    const { mem } = this;
    incref(mem, to);
    if (field.kind === 'ref') {
      const old = mem.i32[from + field.offset] as ObjectRef;
      mem.i32[from + field.offset] = to;
      decrefUnlessNull(mem, old);
    } else {
      encodeReference(to);
      this.#replace(from + field.offset);
    }
  }

  /** Stores what is in `slot`, and drops what stood there. */
  #replace(at: number): void {
    const { mem } = this;
    const low = mem.i32[at + VALUE_LOW];
    const high = mem.i32[at + VALUE_HIGH];
    storeSlot(mem, at);
    dropValue(mem, low, high);
  }

  /** Takes something out of `from`. */
  cut(container: ObjectRef): void {
    const { mem, random } = this;
    const from = this.#insideOf(container);
    const kind = kindOf(mem, from);
    if (kind === KIND_ARRAY) this.#cutArray(from);
    else if (kind === KIND_MAP || kind === KIND_SET) this.#cutMap(from);
    else {
      const field = random.pick(this.#slotsOf(kind));
      if (field.kind === 'ref') {
        const old = mem.i32[from + field.offset] as ObjectRef;
        mem.i32[from + field.offset] = 0;
        decrefUnlessNull(mem, old);
      } else {
        encodeSimple(null);
        this.#replace(from + field.offset);
      }
    }
  }

  #cutArray(array: ObjectRef): void {
    const { mem, random } = this;
    const length = mem.i32[array + ARRAY_LENGTH];
    if (length === 0) return;
    const index = random.int(length);
    encodeSimple(true);
    replaceElement(mem, array, index);
    encodeSimple(false);
    replaceElement(mem, array, length - 1);
    removeLast(mem, array);
  }

  #cutMap(map: ObjectRef): void {
    const { mem, random } = this;
    if (mem.i32[map + MAP_SIZE] === 0) return;
    if (random.chance(0.1)) clearMap(mem, map);
    else deleteEntry(mem, map, firstEntry(mem, map));
  }

  /** Gives an object something that is no container: a number, a text, a bigint, nothing. */
  fill(container: ObjectRef): void {
    const { mem, random } = this;
    const object = this.#insideOf(container);
    const kind = kindOf(mem, object);
    const text = `${random.chance(0.5) ? 'text' : 'text'.repeat(12)} ${random.int(20)}`;
    const atom = this.#createAtom();
    const value = random.pick<Plain>([1, 0.5, text, { object: atom }]);
    if (kind === KIND_ARRAY) push(mem, object, value);
    else if (kind === KIND_MAP) addEntry(mem, object, this.#nextKey++, value);
    else if (kind === KIND_SET) addEntry(mem, object, { object: atom }, 0);
    else {
      for (const { kind: fieldKind, offset } of structLayoutOf(mem, kind).fields) {
        if (fieldKind === 'string') {
          const old = mem.i32[object + offset] as ObjectRef;
          mem.i32[object + offset] = createString(random.pick(this.mutators), text);
          decrefUnlessNull(mem, old);
        } else if (fieldKind === 'any' && random.chance(0.5)) {
          put(mem, value);
          this.#replace(object + offset);
        }
      }
    }
    decref(mem, atom);
  }

  /** Containers and other structs that can be reached, by address: what a program could change. */
  reachable(): ObjectRef[] {
    const { mem } = this;
    const isContainer = (object: ObjectRef) =>
      (mem.i32[object + HEADER_INFO] & GC_CONTAINER) !== 0 || isStructKind(kindOf(mem, object));
    return [...traceReachable(mem, this.locals)]
      .filter((object) => isContainer(object) && mem.i32[object + HEADER_COUNT] > 0)
      .sort((a, b) => a - b);
  }

  /** Holds an object that the caller owns from outside. */
  hold(object: ObjectRef): void {
    this.locals.push(object);
  }

  /** Lets go of one of the locals. */
  release(index = this.random.int(this.locals.length)): void {
    const [object] = this.locals.splice(index, 1);
    if (object !== undefined) decref(this.mem, object);
  }

  /** Collects, and compares what was freed with what the naive trace says, object by object. */
  collect(generation: number): Collection {
    const { mem, locals } = this;
    const before = liveObjects(mem);
    const members = [...before].filter(([object, info]) => isMember(mem, object, info, generation));
    const older = [...before]
      .filter(([, info]) => (info & GC_TRACKED) !== 0 && (info & GC_GENERATION_MASK) > generation)
      .map(([object]) => object);
    const unreachable = findUnreachable(mem, [...locals, ...older]);
    const reached = traceReachable(mem, locals);
    const frozen = [...before.keys()].filter((object) => generationOf(mem, object) === PERMANENT);
    const kept = traceReachable(mem, [...locals, ...frozen]);
    const collection = this.collector.collect(generation);
    const after = liveObjects(mem);
    expect(collection.collected).toBe(unreachable.length);
    expect(collection.candidates).toBe(members.length);
    expect(unreachable.filter((object) => after.has(object))).toEqual([]);
    const isSame = (object: ObjectRef) =>
      (after.get(object) ?? 0) >>> KIND_SHIFT === (before.get(object) ?? 0) >>> KIND_SHIFT;
    expect([...reached].filter((object) => !isSame(object))).toEqual([]);
    // A frozen object may die of it by its count, and leave garbage to the next collection.
    if (generation === OLDEST) {
      expect([...after.keys()].filter((object) => !kept.has(object))).toEqual([]);
    }
    const to = Math.min(generation + 1, OLDEST);
    const isPromoted = (info: number) =>
      (info & GC_TRACKED) !== 0
        ? (info & GC_GENERATION_MASK) === to
        : generation === OLDEST && (info & GC_GENERATION_MASK) === 0;
    const survivors = members
      .map(([object]) => after.get(object))
      .filter((info) => info !== undefined);
    expect(survivors.filter((info) => !isPromoted(info))).toEqual([]);
    return collection;
  }
}

function isMember(mem: Mutator, object: ObjectRef, info: number, generation: number): boolean {
  if ((info & GC_TRACKED) === 0 || mem.i32[object + HEADER_COUNT] < 0) return false;
  return (info & GC_GENERATION_MASK) <= generation;
}

/** All objects of a heap and their info words. */
export function liveObjects(mem: Mutator): Map<ObjectRef, number> {
  const objects = new Map<ObjectRef, number>();
  visitRuns(mem, (record) => {
    visitBlocks(mem, record, (block, info) => {
      if (isBackingKind(info >>> KIND_SHIFT)) return;
      objects.set(block as number as ObjectRef, mem.i32[block + HEADER_INFO]);
    });
  });
  return objects;
}
