/** Garbage of every shape is freed by one collection, and nothing else is. */
import { expect, test } from 'vitest';
import { findUnreachable } from '../src/gc/trace.ts';
import { countWords } from '../src/memory/accounting.ts';
import {
  CONTROL_INTERN_COUNT,
  GC_SIZES,
  GC_TRACKED,
  HEADER_INFO,
  type ObjectRef,
} from '../src/memory/layout.ts';
import { createArray } from '../src/object/array.ts';
import { decref } from '../src/object/dealloc.ts';
import { declareStruct } from '../src/object/kinds.ts';
import { createMap } from '../src/object/map.ts';
import { incref, makeImmortal, refcountOf } from '../src/object/refcount.ts';
import { createString } from '../src/object/string.ts';
import { createStruct } from '../src/object/struct.ts';
import { addEntry, attachBare, expectSound, push } from './support/bare-heap.ts';
import { liveObjects } from './support/graphs.ts';
import { Nodes } from './support/nodes.ts';

const MIB = 2 ** 20;

/** Everything has died but the declaration of the nodes. */
function expectEmpty(nodes: Nodes): void {
  expectSound(nodes.mem, []);
  expect(liveObjects(nodes.mem).size).toBe(1);
}

for (const length of [1, 2, 10, 1_000_000]) {
  test(`a ring of ${length} is garbage when its last holder lets go`, () => {
    const nodes = new Nodes(length > 10 ? 64 * MIB : MIB);
    const { mem } = nodes;
    const [first] = nodes.ring(length) as [ObjectRef];
    expect(nodes.collect(2)).toBe(0);
    expect(mem.i32[GC_SIZES + 2]).toBe(length);
    decref(mem, first);
    expect(nodes.collect(1)).toBe(0); // it has grown old
    expect(nodes.collect(2)).toBe(length);
    expect(mem.i32[GC_SIZES + 2]).toBe(0);
    expectEmpty(nodes);
  });
}

test('an array that holds itself is garbage', () => {
  const nodes = new Nodes();
  const array = createArray(nodes.mem);
  push(nodes.mem, array, 1);
  push(nodes.mem, array, { object: array });
  decref(nodes.mem, array);
  expect(nodes.collect(0)).toBe(1);
  expectEmpty(nodes);
});

test('a map that holds itself as a value is garbage', () => {
  const nodes = new Nodes();
  const map = createMap(nodes.mem);
  addEntry(nodes.mem, map, 'self', { object: map });
  decref(nodes.mem, map);
  expect(nodes.collect(0)).toBe(1);
  expectEmpty(nodes);
});

test('a map that holds itself as a key is garbage', () => {
  const nodes = new Nodes();
  const map = createMap(nodes.mem);
  addEntry(nodes.mem, map, { object: map }, 'value');
  decref(nodes.mem, map);
  expect(nodes.collect(0)).toBe(1);
  expectEmpty(nodes);
});

test('maps that hold each other by keys, with tables, are garbage', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const [a, b] = [createMap(mem), createMap(mem)];
  for (let i = 0; i < 300; i++) addEntry(mem, a, i, `a value that is not interned, number ${i}`);
  for (let i = 0; i < 30; i++) addEntry(mem, b, `key ${i}`, i);
  addEntry(mem, a, { object: b }, 0);
  addEntry(mem, b, { object: a }, { object: a });
  for (const map of [a, b]) decref(mem, map);
  expect(nodes.collect(0)).toBe(2);
  expectEmpty(nodes);
});

test('a struct and an array that hold each other are garbage', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const box = createArray(mem);
  const node = nodes.create();
  nodes.link(node, 'left', box);
  push(mem, box, { object: node });
  for (const object of [box, node]) decref(mem, object);
  expect(nodes.collect(0)).toBe(2);
  expectEmpty(nodes);
});

test('a hub of 100,000 spokes that hold it is garbage', () => {
  const nodes = new Nodes(32 * MIB);
  const { mem } = nodes;
  const hub = createArray(mem);
  for (let i = 0; i < 100_000; i++) {
    const spoke = nodes.create();
    nodes.link(spoke, 'right', hub);
    push(mem, hub, { object: spoke });
    decref(mem, spoke);
  }
  expect(refcountOf(mem, hub)).toBe(100_001);
  expect(nodes.collect(0)).toBe(0);
  decref(mem, hub);
  expect(nodes.collect(2)).toBe(100_001);
  expectEmpty(nodes);
});

test('a chain of 300,000 that ends in a ring is kept by its first object', () => {
  const nodes = new Nodes(32 * MIB);
  const { mem } = nodes;
  const [ring] = nodes.ring(3) as [ObjectRef];
  let first = ring;
  for (let i = 0; i < 300_000; i++) {
    const next = nodes.create();
    nodes.give(next, 'left', first);
    first = next;
  }
  nodes.link(ring, 'right', first);
  expect(nodes.collect(2)).toBe(0);
  expect(nodes.countReachable([first])).toBe(300_003);
  decref(mem, first);
  expect(nodes.collect(2)).toBe(300_003);
  expectEmpty(nodes);
});

test('what only garbage holds is garbage when tracked, and dies by its count when not', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const [a, b] = nodes.ring(2) as [ObjectRef, ObjectRef];
  nodes.give(a, 'right', nodes.create()); // a leaf, tracked
  const plain = createArray(mem); // holds no container: not tracked
  for (let i = 0; i < 2000; i++) push(mem, plain, i % 2 === 0 ? i : `text ${i}`);
  nodes.give(b, 'right', plain);
  expect(mem.i32[plain + HEADER_INFO] & GC_TRACKED).toBe(0);
  decref(mem, a);
  expect(nodes.collect(0)).toBe(3);
  expectEmpty(nodes);
});

test('garbage drops what it holds of the living: their counts are exact afterwards', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const alive = nodes.create();
  const deep = nodes.create();
  nodes.link(alive, 'left', deep);
  const [a, b, c] = nodes.ring(3) as [ObjectRef, ObjectRef, ObjectRef];
  for (const node of [a, b, c]) nodes.link(node, 'right', alive);
  const array = createArray(mem);
  for (let i = 0; i < 1500; i++) push(mem, array, { object: deep });
  push(mem, array, { object: a });
  nodes.link(c, 'right', array);
  for (const object of [array, a]) decref(mem, object);
  expect(refcountOf(mem, alive)).toBe(3);
  expect(refcountOf(mem, deep)).toBe(1502);
  expect(nodes.collect(0)).toBe(4);
  expect(refcountOf(mem, alive)).toBe(1);
  expect(refcountOf(mem, deep)).toBe(2);
  expectSound(mem, [alive, deep]);
});

test('a ring is kept by a holder of any of its objects, and by nothing else', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const ring = nodes.ring(7);
  for (const holder of ring) {
    incref(mem, holder);
    decref(mem, ring[0] as ObjectRef);
    expect(nodes.collect(2)).toBe(0);
    expectSound(mem, [holder]);
    incref(mem, ring[0] as ObjectRef);
    decref(mem, holder);
  }
  decref(mem, ring[0] as ObjectRef);
  expect(nodes.collect(2)).toBe(7);
  expectEmpty(nodes);
});

test('strings that only garbage held die, the interned ones leave the table', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const interned = mem.i32[CONTROL_INTERN_COUNT];
  const { liveWords } = countWords(mem);
  const shared = createString(mem, 'shared');
  const ring = nodes.ring(200);
  ring.forEach((node, i) => {
    nodes.name(node, i % 3 === 0 ? 'shared' : `${'name '.repeat(i % 12)}${i}`);
  });
  expect(mem.i32[CONTROL_INTERN_COUNT]).toBeGreaterThan(interned + 50);
  decref(mem, ring[0] as ObjectRef);
  expect(nodes.collect(0)).toBe(200);
  expect(mem.i32[CONTROL_INTERN_COUNT]).toBe(interned + 1);
  expect(refcountOf(mem, shared)).toBe(1);
  expectSound(mem, [shared]);
  decref(mem, shared);
  // The intern table keeps the buckets that it has grown.
  expect(countWords(mem).liveWords - liveWords).toBeLessThan(1024);
  expectEmpty(nodes);
});

test('the backing of garbage is freed to the last word', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const { liveWords } = countWords(mem);
  const array = createArray(mem);
  for (let i = 0; i < 5000; i++) push(mem, array, i);
  const map = createMap(mem);
  for (let i = 0; i < 3000; i++) addEntry(mem, map, i, i);
  push(mem, array, { object: map });
  addEntry(mem, map, 'array', { object: array });
  for (const object of [array, map]) decref(mem, object);
  expect(countWords(mem).liveWords).toBeGreaterThan(liveWords + 29_000);
  expect(nodes.collect(0)).toBe(2);
  expect(countWords(mem).liveWords).toBe(liveWords);
  expectEmpty(nodes);
});

test("garbage in other threads' pages is freed there, also after they have left", () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const others = [attachBare(mem), attachBare(mem)];
  const { liveWords } = countWords(mem);
  const ring = [mem, ...others].flatMap((owner) => nodes.ring(50, owner));
  // One ring through all three threads' pages.
  ring.forEach((node, i) => {
    nodes.link(node, 'right', ring[(i + 75) % ring.length] as ObjectRef);
  });
  for (const first of [0, 50, 100]) decref(mem, ring[first] as ObjectRef);
  expect(nodes.collect(0)).toBe(150);
  expect(countWords(mem).liveWords).toBe(liveWords);
  expectEmpty(nodes);
});

test('immortal objects are never garbage, and keep what they hold', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const [a, b] = nodes.ring(2) as [ObjectRef, ObjectRef];
  makeImmortal(mem, a);
  expect(nodes.collect(2)).toBe(0);
  nodes.link(a, 'left', 0); // the last reference to the other
  expect(liveObjects(mem).has(b)).toBe(false);
  expect(nodes.collect(2)).toBe(0);
  expectSound(mem, []);
});

test('structs that can hold no container are never tracked, whatever they hold', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const { kind } = declareStruct(
    mem,
    'Leaf',
    new Map([
      ['name', 'string'],
      ['x', 'float64'],
    ]),
  );
  const leaf = createStruct(mem, kind);
  const [a] = nodes.ring(2) as [ObjectRef];
  nodes.link(a, 'right', leaf);
  expect(nodes.collector.collect(2).candidates).toBe(2);
  expect(refcountOf(mem, leaf)).toBe(2);
  decref(mem, a);
  expect(nodes.collect(2)).toBe(2);
  expect(refcountOf(mem, leaf)).toBe(1);
  expectSound(mem, [leaf]);
  expect(findUnreachable(mem, [])).toEqual([]); // it is not tracked: no collection finds it
});
