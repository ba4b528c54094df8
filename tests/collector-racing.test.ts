/**
 * Collections beside racing mutators, with a naive trace at quiescence: whatever was read while
 * they ran, nothing that can be reached was collected, and nothing else outlives the next explicit
 * collection.
 */
import { expect, test } from 'vitest';
import { findUnreachable, traceReachable } from '../src/gc/trace.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import {
  GC_BACKGROUND_MIN,
  GC_BACKGROUND_NO,
  GC_COLLECTIONS,
  GC_PARALLEL_MIN,
  GC_SHARED_MIN,
} from '../src/memory/layout.ts';
import { liveObjects } from './support/graphs.ts';
import { SEED } from './support/random.ts';
import { until, withStage } from './support/threads.ts';

const MIB = 2 ** 20;
const THREADS = 3;
/** Races, and automatic collections in each. */
const ROUNDS = 4;
const COLLECTIONS = 12;
/** Of those beside the mutators, which take longer. */
const COLLECTIONS_BESIDE = 6;
const NEVER = 2 ** 30;

/** From how many objects on a collection is shared, asks for help, runs beside the mutators. */
interface Limits {
  readonly shared: number;
  readonly parallel: number;
  readonly background: number;
}

function setLimits(heap: Heap, { shared, parallel, background }: Limits): void {
  const { mem } = sessionOf(heap);
  heap.run(() => {
    mem.i32[GC_SHARED_MIN] = shared;
    mem.i32[GC_PARALLEL_MIN] = parallel;
    mem.i32[GC_BACKGROUND_MIN] = background;
  });
}

/** Automatic collections so far: of any kind, or those beside the mutators. */
function automatic(heap: Heap, { background }: Limits): number {
  const { i32 } = sessionOf(heap).mem;
  return background === NEVER ? Atomics.load(i32, GC_COLLECTIONS) : i32[GC_BACKGROUND_NO];
}

/** Collects, and compares all that lives with all that can be reached. */
function expectOnlyReachable(heap: Heap): void {
  const session = sessionOf(heap);
  expect(heap.verify()).toEqual([]);
  heap.gc.collect();
  heap.run(() => {
    const { mem } = session;
    const locals = session.handles.localRefs();
    expect(findUnreachable(mem, locals)).toEqual([]);
    expect(liveObjects(mem).size).toBe(traceReachable(mem, locals).size);
  });
  expect(heap.verify()).toEqual([]);
}

const CASES: Record<string, Limits> = {
  'by lists': { shared: NEVER, parallel: NEVER, background: NEVER },
  'page by page': { shared: 1, parallel: NEVER, background: NEVER },
  'by several scanners': { shared: 1, parallel: 50, background: NEVER },
  'beside the mutators': { shared: NEVER, parallel: NEVER, background: 20 },
  'beside the mutators, by several scanners': { shared: 1, parallel: 20, background: 20 },
};

for (const [how, limits] of Object.entries(CASES)) {
  test(`mutators race with collections ${how} (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const options = { tasks: 'tasks-race', maxBytes: 32 * MIB, seconds: 100 };
    const thresholds = [300, 2, 1] as const;
    await withStage({ ...options, thresholds, scanners: 3 }, async (stage) => {
      const { heap, signals } = stage;
      setLimits(heap, limits);
      const world = heap.array();
      world.length = 150;
      heap.root.set('world', world);
      const Node = heap.struct<{ id: number; check: number; left: unknown }>('Racer', {
        id: 'int32',
        check: 'int32',
        left: 'ref',
        right: 'ref',
        any: 'any',
      } as never);
      for (let i = 0; i < 150; i++) world.set(i, new Node({ id: 0, check: 0 }) as never);
      const threads = await stage.start(THREADS);
      for (let round = 0; round < ROUNDS; round++) {
        const before = automatic(heap, limits);
        Atomics.store(signals, 0, 0);
        const races = threads.map((thread, i) =>
          thread.call<number>('race', SEED + round * THREADS + i),
        );
        const wanted = limits.background === NEVER ? COLLECTIONS : COLLECTIONS_BESIDE;
        await until(() => automatic(heap, limits) >= before + wanted, 60);
        Atomics.store(signals, 0, 1);
        expect(Math.min(...(await Promise.all(races)))).toBeGreaterThan(0);
        expectOnlyReachable(heap);
      }
      await Promise.all(threads.map((thread) => thread.call('forget')));
      heap.root.clear();
      world.release();
      expectOnlyReachable(heap);
    });
  });
}
