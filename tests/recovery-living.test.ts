/** What living threads hold outlives the death of another: rows, iterators, locals, copies. */
import { beforeAll, expect, test } from 'vitest';
import { readDeaths } from '../src/gc/deaths.ts';
import { recoverDead } from '../src/gc/forget-thread.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import {
  CONTROL_SUSPECT,
  DIED_OUTSIDE,
  HEADER_COUNT,
  MAP_ITERATORS,
  type ObjectRef,
  THREAD_DIED,
  THREAD_FREE,
  THREAD_STATE,
} from '../src/memory/layout.ts';
import { threadRecordOf } from '../src/memory/memory.ts';
import { tryFreeHalfClaimed } from '../src/sync/thread-table.ts';
import { expectNoLeak, expectSoundAfter } from './support/kill-steps.ts';
import { depose, joinBeside, killAt, patchAtomics, recoverAs } from './support/killing.ts';
import { COUNTS } from './support/with-heap.ts';

beforeAll(patchAtomics);

// biome-ignore lint/suspicious/noExplicitAny: what stands in the roots is known to each test.
type Any = any;

interface Pair {
  readonly heap: Heap;
  readonly victim: Heap;
  /** The victim changes the map in a section until it dies, and `heap` recovers. */
  die(store: number, change?: (map: Any) => void): boolean;
}

const KEYS = Array.from({ length: 30 }, (_, i) => `key ${i}`);

function pair(): Pair {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, counts: COUNTS });
  heap.root.set('map', heap.map(KEYS.map((key, i) => [key, i])) as Any);
  const victim = joinBeside(heap);
  const churn = (map: Any) => {
    for (const key of KEYS) {
      map.delete(key);
      map.set(`${key} again`, [...map].length);
    }
  };
  return {
    heap,
    victim,
    die(store, change = churn) {
      const { threadId } = sessionOf(victim).mem;
      const killer = killAt(victim, store, () =>
        victim.run(() => change(victim.root.get('map') as Any)),
      );
      if (killer === null) return false;
      depose(threadId, heap);
      recoverAs(heap);
      return true;
    },
  };
}

/** Runs `body` for deaths at many stores. */
function atManyStores(body: (both: Pair, store: number) => void): void {
  for (let store = 1; store < 2500; store += 1 + Math.floor(store / 9)) {
    const both = pair();
    body(both, store);
    expectSoundAfter(both.heap, `store ${store}`, true);
    both.heap.gc.collect();
    expectNoLeak(both.heap, `store ${store}`);
    both.heap[Symbol.dispose]();
  }
}

test('iterators of a living thread go on where they are', () => {
  atManyStores(({ heap, die }, store) => {
    const map = heap.root.get('map') as Any;
    const iterator = map.keys();
    const seen = [iterator.next().value, iterator.next().value];
    if (!die(store)) return;
    const { mem } = sessionOf(heap);
    const ref = heap.run(() => (map as Any).$ref as ObjectRef);
    expect(mem.i32[ref + MAP_ITERATORS]).toBe(1);
    const left = [...iterator];
    expect(seen).toEqual(['key 0', 'key 1']);
    const now = [...map.keys()].filter((key: string) => !seen.includes(key));
    expect(left).toEqual(now);
    expect(mem.i32[ref + MAP_ITERATORS]).toBe(0);
  });
});

test('iterators of the dead thread are closed', () => {
  atManyStores(({ heap, die }, store) => {
    const map = heap.root.get('map') as Any;
    const died = die(store, (mine) => {
      const iterators = [mine.keys(), mine.values(), mine.entries()];
      for (let i = 0; i < 20; i++) {
        for (const iterator of iterators) iterator.next();
        mine.delete(`key ${i}`);
      }
    });
    const ref = heap.run(() => (map as Any).$ref as ObjectRef);
    if (died) expect(sessionOf(heap).mem.i32[ref + MAP_ITERATORS]).toBe(0);
  });
});

test('kept handles, and locals of a section at a safepoint, are valid', () => {
  atManyStores(({ heap, die }, store) => {
    const kept = heap.array(['kept']);
    heap.run(() => {
      const local = heap.array(['local', heap.map([['a', 1]])]);
      const { handles, mem } = sessionOf(heap);
      expect(handles.tryLendLocals()).toBe(true);
      const { depth } = mem;
      mem.depth = 0;
      mem.i32[16] = 0;
      if (!die(store)) mem.i32[16] = mem.threadId;
      mem.i32[16] = mem.threadId;
      mem.depth = depth;
      handles.reclaimLocals();
      expect(local.at(0)).toBe('local');
      expect([...(local.at(1) as Any)]).toEqual([['a', 1]]);
      expect(heap.refcount(local)).toBe(1);
    });
    expect(kept.at(0)).toBe('kept');
    kept.release();
  });
});

test('a copy that is half made is completed', () => {
  atManyStores(({ heap, die }, store) => {
    const source: Any = {
      list: [{ a: 1 }, { b: 'text' }],
      get late() {
        die(store);
        return [{ c: 3 }];
      },
    };
    source.self = source;
    const copy = heap.toJS(heap.from(source)) as Any;
    expect(copy.list).toEqual([{ a: 1 }, { b: 'text' }]);
    expect(copy.late).toEqual([{ c: 3 }]);
    expect(copy.self).toBe(copy);
  });
});

test('a thread that died outside of sections is forgotten with all it had', () => {
  const { heap, victim } = pair();
  const { mem } = sessionOf(heap);
  const dead = sessionOf(victim).mem;
  const before = heap.stats().liveObjects;
  const kept = Array.from({ length: 100 }, (_, i) => victim.array([i, `text ${i}`]));
  const map = victim.root.get('map') as Any;
  map.keys().next();
  victim.gc.disabled();
  expect(kept.length).toBe(100);
  mem.i32[threadRecordOf(mem, dead.threadId) + THREAD_DIED] = DIED_OUTSIDE;
  const deaths = heap.run(() => recoverDead(mem));
  expect(deaths).toMatchObject([{ number: 1, thread: dead.threadId, where: 'outside' }]);
  expect(deaths[0]!.rows).toBeGreaterThanOrEqual(102);
  expect(deaths[0]!.pages).toBeGreaterThan(0);
  expect(deaths[0]!.blocks).toBeGreaterThanOrEqual(200);
  expect(heap.run(() => readDeaths(mem, 0))).toMatchObject([{ number: 1 }]);
  expect(heap.run(() => readDeaths(mem, 1))).toEqual([]);
  expect(heap.stats().liveObjects).toBe(before);
  expect(heap.stats().threads.length).toBe(1);
  expectSoundAfter(heap, 'forgotten', false);
  heap[Symbol.dispose]();
});

test('a thread that died while it claimed its record leaves none behind', () => {
  const { heap } = pair();
  const { mem } = sessionOf(heap);
  const at = threadRecordOf(mem, 9) + THREAD_STATE;
  mem.i32[at] = -(2 ** 30);
  heap.run(() => tryFreeHalfClaimed(mem, 9));
  expect(mem.i32[at]).toBe(THREAD_FREE);
  heap[Symbol.dispose]();
});

test('counts in doubt may be too high, until a full collection counts them again', () => {
  const { heap } = pair();
  const { mem } = sessionOf(heap);
  const list = heap.array(['kept']);
  const map = heap.root.get('map') as Any;
  const ref = heap.run(() => (list as Any).$ref as ObjectRef);
  mem.i32[ref + HEADER_COUNT] = (mem.i32[ref + HEADER_COUNT] as number) + 5;
  expect(heap.verify().map(({ code }) => code)).toEqual(['REFCOUNT_TOO_HIGH']);
  mem.i32[CONTROL_SUSPECT] = 1;
  expect(heap.verify()).toEqual([]);
  heap.gc.collect(1);
  expect(mem.i32[CONTROL_SUSPECT]).toBe(1);
  heap.gc.collect();
  expect(mem.i32[CONTROL_SUSPECT]).toBe(0);
  expect(heap.refcount(list)).toBe(1);
  expect([...map.keys()]).toEqual(KEYS);
  expect(heap.verify()).toEqual([]);
  heap[Symbol.dispose]();
});
