/** Generations: who is examined, who is promoted, what is counted (semantics C1 to C5, K1, D3). */
import { expect, test } from 'vitest';
import {
  dueGeneration,
  freezeAll,
  NONE,
  readCounts,
  resetTrigger,
  unfreezeAll,
} from '../src/gc/generations.ts';
import {
  GC_COUNTS,
  GC_LONG_LIVED,
  GC_SIZES,
  GC_THRESHOLDS,
  GC_TRACKED,
  GC_TRIGGER,
  HEADER_INFO,
  type ObjectRef,
} from '../src/memory/layout.ts';
import { createArray, replaceElement } from '../src/object/array.ts';
import { decref } from '../src/object/dealloc.ts';
import { generationOf, isTracked } from '../src/object/header.ts';
import { clearMap, createMap } from '../src/object/map.ts';
import { incref } from '../src/object/refcount.ts';
import { encodeSimple } from '../src/object/value.ts';
import { addEntry, expectSound, push } from './support/bare-heap.ts';
import { Nodes } from './support/nodes.ts';

const sizes = ({ mem }: Nodes) => [...mem.i32.subarray(GC_SIZES + 1, GC_SIZES + 4)];

test('survivors of generation g move to g + 1 with all younger ones, those of 2 stay', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const generations = (...list: ObjectRef[]) => list.map((node) => generationOf(mem, node));
  const a = nodes.create();
  expect(nodes.collect(0)).toBe(0);
  const b = nodes.create();
  expect(generations(a, b)).toEqual([1, 0]);
  expect(nodes.collect(0)).toBe(0);
  const c = nodes.create();
  expect(generations(a, b, c)).toEqual([1, 1, 0]);
  expect(nodes.collector.collect(1).candidates).toBe(3);
  const d = nodes.create();
  expect(generations(a, b, c, d)).toEqual([2, 2, 2, 0]);
  expect(sizes(nodes)).toEqual([0, 3, 0]);
  expect(nodes.collector.collect(1).candidates).toBe(1);
  expect(nodes.collector.collect(2).candidates).toBe(4);
  expect(generations(a, b, c, d)).toEqual([2, 2, 2, 2]);
  expect(sizes(nodes)).toEqual([0, 4, 0]);
  expectSound(mem, [a, b, c, d]);
});

test('the sizes of the generations follow deaths by count and by collections', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const [old] = nodes.ring(5) as [ObjectRef];
  nodes.collect(1);
  const middle = nodes.create();
  nodes.collect(0);
  const [garbage] = nodes.ring(3) as [ObjectRef];
  expect(sizes(nodes)).toEqual([1, 5, 0]);
  decref(mem, middle);
  expect(sizes(nodes)).toEqual([0, 5, 0]);
  decref(mem, garbage);
  decref(mem, old);
  expect(nodes.collect(1)).toBe(3);
  expect(sizes(nodes)).toEqual([0, 5, 0]);
  expect(nodes.collect(2)).toBe(5);
  expect(sizes(nodes)).toEqual([0, 0, 0]);
  expectSound(mem, []);
});

test('K1 young garbage that a dead old object holds is not found by collect(0)', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const [old] = nodes.ring(2) as [ObjectRef];
  nodes.collect(0);
  nodes.collect(1);
  const [young] = nodes.ring(2) as [ObjectRef];
  nodes.give(old, 'right', young);
  decref(mem, old); // dead, but in generation 2
  expect(nodes.collect(0)).toBe(0);
  expect(generationOf(mem, young)).toBe(1);
  expect(nodes.collect(1)).toBe(0);
  expect(nodes.collect(2)).toBe(4);
  expectSound(mem, []);
});

test('K1 garbage that was promoted needs a collection of its generation', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const [first] = nodes.ring(3) as [ObjectRef];
  nodes.collect(0);
  decref(mem, first);
  expect(nodes.collect(0)).toBe(0);
  expect(nodes.collect(1)).toBe(3);
  expectSound(mem, []);
});

test('K1 a cycle that spans old and young is found by collect(2) only', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const old = nodes.create();
  nodes.collect(1);
  const young = nodes.create();
  nodes.link(old, 'left', young);
  nodes.link(young, 'left', old);
  for (const node of [old, young]) decref(mem, node);
  expect(nodes.collect(0)).toBe(0);
  expect(nodes.collect(1)).toBe(0);
  expect(nodes.collect(2)).toBe(2);
  expectSound(mem, []);
});

test('young garbage that holds an old object lets go of it', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const old = nodes.create();
  const [kept] = nodes.ring(2) as [ObjectRef];
  nodes.give(old, 'left', kept);
  nodes.collect(1);
  const [young] = nodes.ring(2) as [ObjectRef];
  nodes.give(young, 'right', old);
  decref(mem, young);
  expect(nodes.collect(0)).toBe(2); // the old object dies by its count: that is no garbage
  expect(sizes(nodes)).toEqual([0, 2, 0]); // and its ring is old garbage now
  expect(nodes.collect(2)).toBe(2);
  expectSound(mem, []);
});

test('count 0 is allocations minus deaths since the last collection, never below 0', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const old = Array.from({ length: 10 }, () => nodes.create());
  expect(readCounts(mem)).toEqual([10, 0, 0]);
  nodes.collect(0);
  expect(readCounts(mem)).toEqual([0, 1, 0]);
  for (const node of old.slice(0, 4)) decref(mem, node);
  expect(readCounts(mem)).toEqual([0, 1, 0]);
  const young = [nodes.create(), createArray(mem), createMap(mem)];
  expect(readCounts(mem)).toEqual([3, 1, 0]);
  for (const node of [...young, ...old.slice(4)]) decref(mem, node);
  expect(readCounts(mem)).toEqual([0, 1, 0]);
  expectSound(mem, []);
});

test('count g + 1 counts collections of g, which set all younger counts to 0', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  for (let i = 0; i < 3; i++) nodes.collect(0);
  expect(readCounts(mem)).toEqual([0, 3, 0]);
  const node = nodes.create();
  nodes.collect(1);
  expect(readCounts(mem)).toEqual([0, 0, 1]);
  nodes.collect(0);
  nodes.collect(1);
  expect(readCounts(mem)).toEqual([0, 0, 2]);
  nodes.collect(2);
  expect(readCounts(mem)).toEqual([0, 0, 0]);
  expectSound(mem, [node]);
});

/** Makes as many objects that live as it takes until a collection is due, and collects. */
function collectWhenDue(nodes: Nodes, kept: ObjectRef[]): number {
  const { mem } = nodes;
  for (;;) {
    kept.push(nodes.create());
    if (mem.i32[GC_COUNTS] <= mem.i32[GC_TRIGGER]) continue;
    const generation = dueGeneration(mem);
    if (generation === NONE) resetTrigger(mem);
    else {
      nodes.collect(generation);
      return generation;
    }
  }
}

test('C4 thresholds of (50, 3, 2) give the sequence 0000 1 0000 1 0000 1 2', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  mem.i32.set([50, 3, 2], GC_THRESHOLDS);
  resetTrigger(mem);
  const kept: ObjectRef[] = [];
  const collected = Array.from({ length: 16 }, () => collectWhenDue(nodes, kept));
  expect(collected.join('')).toBe('0000100001000012');
  expect(kept.length).toBe(16 * 51);
  expectSound(mem, kept);
});

test('C5 generation 2 is not collected before it has grown by a quarter; deaths count', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  mem.i32.set([10, 1, 1], GC_THRESHOLDS);
  resetTrigger(mem);
  const kept = Array.from({ length: 1000 }, () => nodes.create());
  nodes.collect(2);
  const longLived = mem.i32[GC_LONG_LIVED];
  expect(longLived).toBe(1001); // all objects, the declaration included
  const sequence: number[] = [];
  while (sequence.at(-1) !== 2) sequence.push(collectWhenDue(nodes, kept));
  // Promoted by collections of generation 1, of which each takes 33 objects along.
  const pending = kept.length - 1000 - 11;
  expect(pending).toBeGreaterThanOrEqual(longLived / 4);
  expect(pending).toBeLessThan(longLived / 4 + 44);
  // What dies by its count is not pending any more (gh-122569).
  const before = kept.length;
  for (const node of kept.splice(200, 400)) decref(mem, node);
  sequence.length = 0;
  while (sequence.at(-1) !== 2) sequence.push(collectWhenDue(nodes, kept));
  expect(kept.length - before + 400).toBeGreaterThan(400 + before / 4);
  expectSound(mem, kept);
});

test('D3 an array is tracked from its first container on, and until a full collection', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const node = nodes.create();
  const array = createArray(mem);
  push(mem, array, 'text');
  expect(isTracked(mem, array)).toBe(false);
  nodes.collect(2);
  expect(isTracked(mem, array)).toBe(false);
  push(mem, array, { object: node });
  expect(isTracked(mem, array)).toBe(true);
  expect(generationOf(mem, array)).toBe(0);
  encodeSimple(null);
  replaceElement(mem, array, 1);
  nodes.collect(0);
  nodes.collect(1);
  expect(isTracked(mem, array)).toBe(true);
  nodes.collect(2);
  expect(mem.i32[array + HEADER_INFO] & (GC_TRACKED | 3)).toBe(0);
  expect(sizes(nodes)).toEqual([0, 1, 0]);
  expectSound(mem, [array, node]);
});

test('D3 a map is tracked from its first container on, as a key or as a value', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const node = nodes.create();
  const [byKey, byValue] = [createMap(mem), createMap(mem)];
  for (const map of [byKey, byValue]) addEntry(mem, map, 'text', 'text');
  expect([byKey, byValue].map((map) => isTracked(mem, map))).toEqual([false, false]);
  addEntry(mem, byKey, { object: node }, 1);
  addEntry(mem, byValue, 1, { object: node });
  expect([byKey, byValue].map((map) => isTracked(mem, map))).toEqual([true, true]);
  clearMap(mem, byKey);
  nodes.collect(2);
  expect([byKey, byValue].map((map) => isTracked(mem, map))).toEqual([false, true]);
  expectSound(mem, [node, byKey, byValue]);
});

test('an array tracked late is young, however long it has lived, and collected as such', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const array = createArray(mem);
  for (let i = 0; i < 3; i++) nodes.collect(2);
  push(mem, array, { object: array });
  decref(mem, array);
  expect(nodes.collect(0)).toBe(1);
  expectSound(mem, []);
});

test('frozen objects are not examined, and are old when they are unfrozen', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const [frozen] = nodes.ring(4) as [ObjectRef];
  nodes.collect(0);
  const alone = nodes.create();
  freezeAll(mem);
  expect(sizes(nodes)).toEqual([0, 0, 5]);
  expect(readCounts(mem)).toEqual([0, 0, 0]);
  const [held] = nodes.ring(2) as [ObjectRef];
  nodes.give(frozen, 'right', held);
  decref(mem, alone); // dies by its count all the same
  decref(mem, frozen);
  expect(nodes.collector.collect(2).candidates).toBe(2);
  expect(sizes(nodes)).toEqual([0, 2, 4]);
  const [garbage] = nodes.ring(3) as [ObjectRef];
  incref(mem, frozen);
  nodes.give(garbage, 'right', frozen); // garbage may hold what is frozen
  decref(mem, garbage);
  expect(nodes.collect(2)).toBe(3);
  unfreezeAll(mem);
  expect(sizes(nodes)).toEqual([0, 6, 0]);
  expect(nodes.collect(1)).toBe(0);
  expect(nodes.collect(2)).toBe(6);
  expectSound(mem, []);
});
