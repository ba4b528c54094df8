/** Cards: young collections find all young objects wherever they lie, and look at few others. */
import { expect, test } from 'vitest';
import {
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_INFO,
  type ObjectRef,
  PAGE_OWNER,
  PAGE_WORDS,
} from '../src/memory/layout.ts';
import { pageOf } from '../src/memory/memory.ts';
import { abandonRuns, runRecordOf } from '../src/memory/pages.ts';
import { createArray } from '../src/object/array.ts';
import { decref } from '../src/object/dealloc.ts';
import { declareStruct } from '../src/object/kinds.ts';
import { createMap } from '../src/object/map.ts';
import { createStruct } from '../src/object/struct.ts';
import { releaseThread } from '../src/sync/thread-table.ts';
import { addEntry, attachBare, expectSound, push } from './support/bare-heap.ts';
import { GraphHeap, liveObjects } from './support/graphs.ts';
import { Nodes } from './support/nodes.ts';
import { Random } from './support/random.ts';

const MIB = 2 ** 20;

/** Tracked objects of a generation, counted by their headers. */
function countTracked({ mem }: Pick<Nodes, 'mem'>, generation: number): number {
  const bits = GC_TRACKED | generation;
  return [...liveObjects(mem).values()].filter(
    (info) => (info & (GC_TRACKED | GC_GENERATION_MASK)) === bits,
  ).length;
}

test('young garbage in reused blocks all over a fragmented old heap is found', () => {
  const nodes = new Nodes(32 * MIB);
  const { mem } = nodes;
  const random = new Random(1);
  const old = Array.from({ length: 60_000 }, () => nodes.create());
  expect(nodes.collect(1)).toBe(0);
  // Holes all over the heap, for single objects and for whole runs of them.
  const kept = old.filter((node, i) => {
    const isFreed = random.chance(0.02) || i % 9000 < 200;
    if (isFreed) decref(mem, node);
    return !isFreed;
  });
  let pages = new Set<number>();
  for (let round = 0; round < 4; round++) {
    pages = new Set();
    const young = Array.from({ length: 300 }, () => nodes.ring(2)).flat();
    for (const node of young) pages.add(pageOf(node));
    young.forEach((node, i) => {
      if (i % 2 === 0) decref(mem, node);
    });
    const { candidates, collected } = nodes.collector.collect(0);
    expect([candidates, collected]).toEqual([600, 600]);
    expectSound(mem, kept);
    // Some of what lives now is middle-aged, and is passed over next time.
    const survivors = Array.from({ length: 200 }, () => nodes.create());
    expect(nodes.collector.collect(0).candidates).toBe(200);
    kept.push(...survivors);
  }
  expect(pages.size).toBeGreaterThan(1);
  expect(nodes.collector.collect(1).candidates).toBe(800);
  expect(countTracked(nodes, 2)).toBe(kept.length);
  expectSound(mem, kept);
});

test('young objects are found in runs of several pages', () => {
  const nodes = new Nodes(64 * MIB);
  const { mem } = nodes;
  const wide = [300, 3000, 20_000].map((fields) => {
    const names = Array.from({ length: fields }, (_, i) => [`f${i}`, 'ref'] as const);
    return declareStruct(mem, `Wide${fields}`, new Map(names));
  });
  const create = (count: number) =>
    wide.flatMap(({ kind }) => Array.from({ length: count }, () => createStruct(mem, kind)));
  const kept = create(12);
  expect(Math.max(...kept.map((object) => object % PAGE_WORDS))).toBeGreaterThan(PAGE_WORDS / 2);
  for (const generation of [0, 1, 0]) {
    const before = countTracked(nodes, 0) + (generation > 0 ? countTracked(nodes, 1) : 0);
    const garbage = create(5);
    for (const object of garbage) {
      mem.i32[object + 2] = object; // holds itself by its first field, with the caller's count
    }
    const { candidates, collected } = nodes.collector.collect(generation);
    expect([candidates, collected]).toEqual([before + 15, 15]);
    expectSound(mem, kept);
  }
});

test('arrays and maps that become tracked in old pages are found', () => {
  const nodes = new Nodes(16 * MIB);
  const { mem } = nodes;
  const containers: ObjectRef[] = [];
  for (let i = 0; i < 6000; i++) containers.push(i % 2 === 0 ? createArray(mem) : createMap(mem));
  nodes.collect(2);
  expect(nodes.collector.collect(0).candidates).toBe(0);
  const chosen = containers.filter((_, i) => i % 501 < 2);
  chosen.forEach((container, i) => {
    if (containers.indexOf(container) % 2 === 0) push(mem, container, { object: container });
    else addEntry(mem, container, { object: container }, i);
    decref(mem, container);
  });
  const { candidates, collected } = nodes.collector.collect(0);
  expect([candidates, collected]).toEqual([chosen.length, chosen.length]);
  expectSound(
    mem,
    containers.filter((container) => !chosen.includes(container)),
  );
});

test('young objects are found in pages that were taken over from a thread that left', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const other = attachBare(mem);
  const kept = Array.from({ length: 5000 }, () => nodes.create(other));
  for (const node of kept.splice(1000, 1000)) decref(other, node);
  const young = Array.from({ length: 10 }, () => nodes.create(other));
  nodes.collect(1);
  kept.push(...young);
  abandonRuns(other, other.threadId);
  releaseThread(other, other.threadId);
  const ring = nodes.ring(1500); // fills the holes of the pages left behind
  const owners = new Set(ring.map((node) => mem.i32[runRecordOf(mem, node) + PAGE_OWNER]));
  expect(ring.some((node) => kept.some((k) => pageOf(k) === pageOf(node)))).toBe(true);
  expect([...owners].every((owner) => Math.abs(owner) === mem.threadId)).toBe(true);
  decref(mem, ring[0] as ObjectRef);
  const { candidates, collected } = nodes.collector.collect(0);
  expect([candidates, collected]).toEqual([1500, 1500]);
  expectSound(mem, kept);
});

test('young objects are found in blocks that other threads have freed', () => {
  const nodes = new Nodes();
  const { mem } = nodes;
  const other = attachBare(mem);
  const kept = Array.from({ length: 9000 }, () => nodes.create());
  nodes.collect(1);
  for (const node of kept.splice(500, 7000)) decref(other, node);
  const ring = nodes.ring(6000);
  decref(mem, ring[0] as ObjectRef);
  const { candidates, collected } = nodes.collector.collect(0);
  expect([candidates, collected]).toEqual([6000, 6000]);
  expectSound(mem, kept);
});

test('young objects are found in larger blocks that a full heap gives to small requests', () => {
  const nodes = new Nodes(MIB + MIB / 2);
  const { mem } = nodes;
  // Maps take larger blocks than nodes. Many of them, so that their bin has a first run and
  // others; then nodes until nothing is left, and single holes in other runs than the first.
  const maps = Array.from({ length: 8000 }, () => createMap(mem));
  const kept: ObjectRef[] = [];
  for (;;) {
    try {
      kept.push(nodes.create());
    } catch {
      break;
    }
  }
  nodes.collect(1);
  for (let i = 0; i < maps.length; i += 400) decref(mem, maps[i] as ObjectRef);
  const locals = [...kept, ...maps.filter((_, i) => i % 400 !== 0)];
  nodes.collect(0); // whatever has made a page young so far is over
  const young = Array.from({ length: 20 }, () => nodes.create());
  expectSound(mem, [...locals, ...young]);
  expect(new Set(young.map((node) => pageOf(node))).size).toBeGreaterThan(1);
  for (const node of young) nodes.give(node, 'left', node);
  const { candidates, collected } = nodes.collector.collect(0);
  expect([candidates, collected]).toEqual([20, 20]);
  expectSound(mem, locals);
});

test('a young collection looks at the young: their number does not depend on the old', () => {
  const heap = new GraphHeap(new Random(1), 1, 32 * MIB);
  const { mem } = heap;
  for (const old of [0, 1000, 50_000]) {
    for (let i = 0; i < old; i++) heap.hold(createStruct(mem, heap.layouts[0]?.kind ?? 0));
    heap.collector.collect(2);
    const young = Array.from({ length: 10 }, () => createStruct(mem, heap.layouts[0]?.kind ?? 0));
    expect(heap.collector.collect(0).candidates).toBe(10);
    expect(heap.collector.collect(0).candidates).toBe(0);
    expect(heap.collector.collect(1).candidates).toBe(10);
    expect(heap.collector.collect(1).candidates).toBe(0);
    for (const object of young) heap.hold(object);
  }
  expect(mem.i32[(heap.locals[0] as number) + HEADER_INFO] & GC_GENERATION_MASK).toBe(2);
  expectSound(mem, heap.locals);
});
