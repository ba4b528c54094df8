/** The search for referrers by several threads: what it finds is what one thread finds. */
import { expect, test } from 'vitest';
import { lostScanners } from '../src/gc/figures.ts';
import { freezeAll } from '../src/gc/generations.ts';
import {
  abortJob,
  JOB_JOINED,
  JOB_NONE,
  JOB_TAKEN,
  jobState,
  joinJob,
  leaveJob,
  SCANNER_OS_ID,
  SCANNER_SCANNED,
  scannerAt,
} from '../src/gc/job.ts';
import { ObjectList } from '../src/gc/object-list.ts';
import { findReferrers } from '../src/gc/queries.ts';
import { searchAlone, searchTogether } from '../src/gc/referrers-shared.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import {
  GC_BACKGROUND,
  GC_CONDEMNED,
  GC_GENERATION_MASK,
  GC_PAGES_IN_USE,
  GC_POOL,
  GC_SCANNERS,
  GC_SCRATCH,
  GC_TRACKED,
  KIND_ARRAY,
  type ObjectRef,
  PAGE_WORDS,
  PERMANENT,
} from '../src/memory/layout.ts';
import { Scratch } from '../src/memory/scratch.ts';
import { createArray } from '../src/object/array.ts';
import { decref } from '../src/object/dealloc.ts';
import { kindOf } from '../src/object/header.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { makeImmortal } from '../src/object/refcount.ts';
import { visitReferences } from '../src/object/references.ts';
import { ScannerPool } from '../src/scanner-pool.ts';
import { createBareHeap, expectSound, push } from './support/bare-heap.ts';
import { addGraph, changeGraph, SHAPES } from './support/graph-shapes.ts';
import { GraphHeap, liveObjects } from './support/graphs.ts';
import { withRandom } from './support/random.ts';
import { withScanners } from './support/scanners.ts';
import { hub } from './support/shapes.ts';
import { until } from './support/threads.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

/** No system gives a thread this number. */
const NOBODY = 2 ** 30;
const MIB = 2 ** 20;
const MANUAL = { thresholds: [0, 0, 0] as const };
const isLinux = process.platform === 'linux';

/** What is found serially. */
function alone(mem: Mutator, targets: Iterable<ObjectRef>): number[] {
  const found = new ObjectList();
  searchAlone(mem, new Set(targets), found);
  return listOf(found);
}

/** What is found together with whoever `summon` calls; undefined when the search was void. */
function together(
  mem: Mutator,
  targets: Iterable<ObjectRef>,
  summon: (() => void) | null,
): number[] | undefined {
  const found = new ObjectList();
  const { isComplete } = searchTogether(mem, new Set(targets), found, summon);
  expect(jobState(mem)).toBe(JOB_NONE);
  expect(mem.i32[GC_SCRATCH]).toBe(0);
  if (isComplete) return listOf(found);
  expect(found.length).toBe(0);
  return undefined;
}

const listOf = ({ refs, length }: ObjectList): number[] => [...refs.subarray(0, length)];

/** What the slots of every object say, by code that no search uses. */
function expected(mem: Mutator, targets: ReadonlySet<ObjectRef>): number[] {
  const referrers: number[] = [];
  for (const [object, info] of liveObjects(mem)) {
    if ((info & (GC_TRACKED | GC_CONDEMNED)) !== GC_TRACKED) continue;
    if ((info & GC_GENERATION_MASK) === PERMANENT) continue;
    let holds = false;
    visitReferences(mem, object, (referent) => {
      holds ||= targets.has(referent as ObjectRef);
    });
    if (holds) referrers.push(object);
  }
  return referrers.sort((a, b) => a - b);
}

/** A heap with graphs of all shapes, some of it immortal, some of it frozen. */
function grow(heap: GraphHeap, rounds: number): void {
  const { mem, locals, random } = heap;
  for (let round = 0; round < rounds; round++) {
    addGraph(heap, random.pick(Object.values(SHAPES)), random.between(1, 60));
    changeGraph(heap, random.int(6));
    if (random.chance(0.03)) freezeAll(mem);
    if (random.chance(0.1) && locals.length > 0) makeImmortal(mem, random.pick(locals));
    while (locals.length > 40) heap.release();
  }
}

/** Objects that can be asked for: of all kinds but strings, tracked or not. */
function someTargets(heap: GraphHeap, count: number): Set<ObjectRef> {
  const { mem, random } = heap;
  const objects = [...liveObjects(mem).keys()].filter((ref) => kindOf(mem, ref) >= KIND_ARRAY);
  return new Set(Array.from({ length: count }, () => random.pick(objects)));
}

test.for([1, 2, 3])(
  'B7 %i helpers and the lead find what one thread finds, in the same order',
  async (helpers) => {
    await withRandom(async (random) => {
      const heap = new GraphHeap(random, 3);
      const { mem, collector } = heap;
      let byHelpers = 0;
      await withScanners(collector, helpers, () => {
        const { summon } = collector;
        const summonAll = () => {
          summon?.();
          while (Atomics.load(mem.i32, JOB_JOINED) < helpers) {
            Atomics.wait(mem.i32, JOB_JOINED, Atomics.load(mem.i32, JOB_JOINED), 1);
          }
        };
        const end = performance.now() + 30_000;
        for (let round = 0; round < 10 || byHelpers === 0; round++) {
          if (performance.now() > end) throw new Error('helpers never had a run to search');
          grow(heap, 8);
          for (const count of [1, 2, random.between(3, 500)]) {
            const targets = someTargets(heap, count);
            const serial = alone(mem, targets);
            expect(serial).toEqual(expected(mem, targets));
            expect(together(mem, targets, summonAll)).toEqual(serial);
            for (let scanner = 1; scanner <= helpers; scanner++) {
              byHelpers += mem.i32[scannerAt(scanner) + SCANNER_SCANNED] as number;
            }
          }
        }
      });
      expectSound(mem, heap.locals);
      expect(lostScanners(mem)).toBe(0);
    });
  },
);

test('B7 30,000 arrays that hold one target, some of them 4,000 times, are found once each', () => {
  const mem = createBareHeap(32 * MIB);
  const target = createArray(mem);
  const holders: ObjectRef[] = [];
  for (let i = 0; i < 30_000; i++) {
    const holder = createArray(mem);
    if (i % 1000 === 0) for (let k = 0; k < 4000; k++) push(mem, holder, { object: target });
    else push(mem, holder, { object: target });
    holders.push(holder);
  }
  const found = together(mem, [target], null);
  expect(found).toEqual(holders.sort((a, b) => a - b));
  expect(alone(mem, [target])).toEqual(found);
  expect(together(mem, [holders[5] as ObjectRef], null)).toEqual([]);
  for (const holder of holders) decref(mem, holder);
  decref(mem, target);
  expectSound(mem, []);
});

test('B7 the other objects of a run are no referrers: bits of a search before are gone', () => {
  withRandom((random) => {
    const heap = new GraphHeap(random);
    const { mem } = heap;
    grow(heap, 30);
    const all = [...liveObjects(mem).keys()].filter((ref) => kindOf(mem, ref) >= KIND_ARRAY);
    for (const target of all.slice(0, 100)) {
      together(mem, all, null); // sets as many bits as there can be
      expect(together(mem, [target], null)).toEqual(alone(mem, [target]));
    }
  });
});

test('B7 an empty heap has no referrers, and no targets have none', () => {
  const mem = createBareHeap();
  const target = createArray(mem);
  expect(together(mem, [target], null)).toEqual([]);
  expect(together(mem, [], null)).toEqual([]);
  decref(mem, target);
});

/** Takes a seat, and the first run, as a thread that is dead by now. */
function joinAndDie(mem: Mutator): void {
  const scanner = joinJob(mem);
  mem.i32[scannerAt(scanner) + SCANNER_OS_ID] = NOBODY;
  Atomics.add(mem.i32, JOB_TAKEN, 1);
}

test.runIf(isLinux)('B7 a helper that has died makes the search void, and it is repeated', () => {
  withRandom((random) => {
    const heap = new GraphHeap(random);
    const { mem } = heap;
    grow(heap, 30);
    const targets = [...someTargets(heap, 5)];
    const serial = alone(mem, targets);
    const reported: number[] = [];
    const onLost = (helpers: number) => reported.push(helpers);
    expect(together(mem, targets, () => joinAndDie(mem))).toBe(undefined);
    const bothDie = () => {
      joinAndDie(mem);
      joinAndDie(mem);
    };
    expect(together(mem, targets, bothDie)).toBe(undefined);
    expect(lostScanners(mem)).toBe(3);
    mem.i32[GC_PAGES_IN_USE] = 1000; // a large heap, as far as the choice goes
    mem.i32[GC_POOL] = 1;
    const helpers = { summon: () => joinAndDie(mem), onLost };
    expect(listOf(findReferrers(mem, targets, helpers))).toEqual(serial);
    expect(reported).toEqual([1]);
    expect(lostScanners(mem)).toBe(4);
  });
});

test('B7 a helper that fails makes the search void', () => {
  withRandom((random) => {
    const heap = new GraphHeap(random);
    const { mem } = heap;
    grow(heap, 10);
    const fail = () => {
      const scanner = joinJob(mem);
      abortJob(mem);
      leaveJob(mem, scanner);
    };
    expect(together(mem, [...someTargets(heap, 5)], fail)).toBe(undefined);
    expect(lostScanners(mem)).toBe(0);
    expectSound(mem, heap.locals);
  });
});

test('B7 a heap without room for the job is searched by one thread', () => {
  const mem = createBareHeap(4 * MIB);
  const target = createArray(mem);
  const holder = createArray(mem);
  push(mem, holder, { object: target });
  // Scratch of somebody else, as it were; the job gives it back with its own.
  const fill = () => {
    const scratch = new Scratch(mem);
    while (scratch.take(PAGE_WORDS, PAGE_WORDS) !== 0);
  };
  expect(together(mem, [target], fill)).toBe(undefined);
  const inUse = mem.i32[GC_PAGES_IN_USE] as number;
  mem.i32[GC_PAGES_IN_USE] = 1000; // a large heap, as far as the choice goes
  mem.i32[GC_SCANNERS] = 2;
  mem.i32[GC_POOL] = 1;
  expect(listOf(findReferrers(mem, [target], { summon: fill, onLost: null }))).toEqual([holder]);
  expect(mem.i32[GC_SCRATCH]).toBe(0);
  mem.i32[GC_PAGES_IN_USE] = inUse;
  mem.i32[GC_POOL] = 0;
  decref(mem, holder);
  decref(mem, target);
  expectSound(mem, []);
});

test('B7 helpers are asked in large heaps only, and not while a collection has the job', () => {
  const mem = createBareHeap();
  const target = createArray(mem);
  let asked = 0;
  const helpers = { summon: () => void asked++, onLost: null };
  const ask = (word: number, value: number): number => {
    const before = mem.i32[word] as number;
    mem.i32[word] = value;
    asked = 0;
    expect(listOf(findReferrers(mem, [target], helpers))).toEqual([]);
    mem.i32[word] = before;
    return asked;
  };
  mem.i32[GC_SCANNERS] = 2;
  mem.i32[GC_POOL] = 1;
  expect(ask(GC_POOL, 1)).toBe(0); // a small heap
  mem.i32[GC_PAGES_IN_USE] = 1000;
  expect(ask(GC_POOL, 1)).toBe(1);
  expect(ask(GC_POOL, 0)).toBe(1); // for the next time
  expect(ask(GC_SCANNERS, 1)).toBe(0);
  expect(ask(GC_BACKGROUND, 1)).toBe(0);
  expect(listOf(findReferrers(mem, [target], { summon: null, onLost: null }))).toEqual([]);
});

test.runIf(isLinux)(
  'B7 workers of the pool that are killed in searches change no result',
  async () => {
    // No automatic collections: they would start a collector thread with a pool of its own.
    await withHeapAsync({ ...MANUAL, scanners: 3 }, async (heap) => {
      const { mem } = sessionOf(heap);
      const pool = new ScannerPool(mem, 2, () => {});
      try {
        await pool.warmUp();
        const center = hub(heap, 50_000);
        let lost = 0;
        const onLost = (helpers: number) => {
          lost += helpers;
        };
        for (let round = 0; round < 3; round++) {
          let ended: Promise<number> | undefined;
          await until(() => (mem.i32[GC_POOL] as number) === 2, 20);
          heap.run(() => {
            mem.i32[GC_PAGES_IN_USE]! += 1000;
            const summon = () => {
              pool.post();
              ended = pool.workers[round % 2]?.terminate();
            };
            const targets = [heap.id(center) as ObjectRef];
            const found = findReferrers(mem, targets, { summon, onLost });
            mem.i32[GC_PAGES_IN_USE]! -= 1000;
            expect(listOf(found)).toEqual(alone(mem, targets));
            expect(found.length).toBe(50_000);
          });
          await ended; // one that dies while it loads is not replaced
        }
        expect(lostScanners(mem)).toBe(lost);
        center.release();
        expect(heap.gc.collect()).toBe(50_001);
      } finally {
        await pool.stop();
      }
    });
  },
);

/** Arrays that are large enough for the pool to be asked, and hold `center` all of them. */
function fillPages(heap: Heap, center: never): void {
  heap.run(() => {
    const arrays = heap.array();
    heap.root.set('arrays', arrays as never);
    for (let i = 0; i < 40; i++) {
      const array = heap.array();
      for (let k = 0; k < 20_000; k++) array.push(k);
      array.push(center);
      arrays.push(array as never);
    }
  });
}

test('B7 heap.gc.getReferrers() gives the same with the pool as before it was ready', async () => {
  await withHeapAsync({ scanners: 2 }, async (heap) => {
    const { mem } = sessionOf(heap);
    const center = heap.map();
    fillPages(heap, center as never);
    const ask = () =>
      heap.run(() => heap.gc.getReferrers(center).map((referrer) => heap.id(referrer)));
    const before = ask(); // asks for the pool
    expect(before.length).toBe(40);
    expect(before).toEqual([...before].sort((a, b) => a - b));
    await until(() => Atomics.load(mem.i32, GC_POOL) === 1, 30);
    for (let round = 0; round < 20; round++) expect(ask()).toEqual(before);
    expect(lostScanners(mem)).toBe(0);
    center.release();
  });
});

test('B7 atoms and immortal targets, and containers that hold nothing', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const { gc } = heap;
      const empty = heap.array();
      const holder = heap.array();
      holder.push(empty as never, 'text', 5 as never);
      const immortal = heap.map();
      heap.immortalize(immortal);
      const byKey = heap.map();
      byKey.set(immortal as never, 1);
      expect(gc.isTracked(empty)).toBe(false);
      expect(gc.getReferrers('text', 5, null)).toEqual([]);
      expect(gc.getReferrers('text', empty)).toEqual([holder]);
      expect(gc.getReferrers(immortal)).toEqual([byKey]);
      expect(new Set(gc.getReferrers(immortal, empty))).toEqual(new Set([holder, byKey]));
    });
  });
});
