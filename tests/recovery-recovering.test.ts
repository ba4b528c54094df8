/** Recovery is killed at its stores, too, again and again; and what living threads hold stays. */
import { beforeAll, expect, test } from 'vitest';
import { readDeaths } from '../src/gc/deaths.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import { DIED_RECOVERING, THREAD_DIED } from '../src/memory/layout.ts';
import { threadRecordOf } from '../src/memory/memory.ts';
import type { Session } from '../src/session.ts';
import { createRandom } from './support/bare-heap.ts';
import { expectNoLeak, expectSoundAfter } from './support/kill-steps.ts';
import { depose, joinAfter, Killer, killAt, patchAtomics, recoverAs } from './support/killing.ts';
import { COUNTS } from './support/with-heap.ts';

beforeAll(patchAtomics);

// biome-ignore lint/suspicious/noExplicitAny: what stands in the roots is known to each test.
type Any = any;

const NAMES = Array.from({ length: 30 }, (_, i) => `name ${i}`);

function fill(heap: Heap): void {
  const Node = heap.struct('Node', { next: 'ref', extra: 'any', name: 'string' } as Any) as Any;
  heap.run(() => {
    const list = heap.array(NAMES as Any) as Any;
    const map = heap.map(
      NAMES.map((name) => [name, new Node({ name, extra: list })]) as Any,
    ) as Any;
    heap.root.set('list', list);
    heap.root.set('map', map);
    map.get('name 0').next = map.get('name 1');
    map.get('name 1').next = map.get('name 0');
    const ring = new Node({ name: 'ring' });
    ring.next = ring;
  });
}

/** Many changes in one section; the thread dies somewhere in it. */
function work(heap: Heap): void {
  heap.run(() => {
    const list = heap.root.get('list') as Any;
    const map = heap.root.get('map') as Any;
    for (let i = 0; i < 40; i++) {
      list.push(heap.from({ i, text: `text ${i}` }));
      map.set(`more ${i}`, list);
      if (i % 3 === 0) map.delete(`more ${i - 1}`);
      if (i % 5 === 0) heap.gc.collect(i % 10 === 0 ? 0 : 2);
    }
    list.splice(35, 20);
  });
}

function check(heap: Heap, at: string): void {
  expectSoundAfter(heap, at, true);
  const map = heap.root.get('map') as Any;
  for (const name of NAMES) expect(map.get(name).name, at).toBe(name);
  const left = new Set(heap.root.get('list') as Any);
  for (const name of NAMES) expect(left.has(name), at).toBe(true);
  heap.gc.collect();
  expectSoundAfter(heap, at, true);
  expectNoLeak(heap, at);
}

/** The thread of `session` has died: the next one joins and has its lock. */
function takeOver(session: Session): Heap {
  const heap = joinAfter(session);
  depose(session.mem.threadId, heap);
  return heap;
}

function killedHeap(store: number): Session {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, counts: COUNTS });
  fill(heap);
  const session = sessionOf(heap);
  expect(killAt(heap, store, () => work(heap))).not.toBe(null);
  return session;
}

test('recovery is killed at its stores, and begun again by the next thread', () => {
  const random = createRandom(7);
  let stores = 0;
  for (let store = 60; store < 3200; store += 391) {
    for (let n = 1; ; n += 1 + random(120)) {
      const second = takeOver(killedHeap(store));
      const session = sessionOf(second);
      const killer = new Killer(session.mem, n);
      try {
        recoverAs(second);
      } catch (error) {
        if (!killer.isDead) throw error;
      }
      killer.spare();
      stores = Math.max(stores, killer.stores);
      const last = killer.isDead ? takeOver(session) : second;
      if (killer.isDead) recoverAs(last);
      check(last, `killed at ${store}, recovery at ${n}`);
      last.detach();
      if (!killer.isDead) break;
    }
  }
  expect(stores).toBeGreaterThan(500);
});

test('ten threads die one after the other while they recover the same heap', () => {
  let session = killedHeap(777);
  for (let i = 1; i <= 10; i++) {
    const heap = takeOver(session);
    session = sessionOf(heap);
    const killer = new Killer(session.mem, i * 61);
    expect(() => recoverAs(heap)).toThrow('');
    expect(killer.isDead).toBe(true);
  }
  const last = takeOver(session);
  const { mem } = sessionOf(last);
  mem.i32[threadRecordOf(mem, session.mem.threadId) + THREAD_DIED] = DIED_RECOVERING;
  recoverAs(last);
  check(last, 'the eleventh');
  const deaths = last.run(() => readDeaths(mem, 0));
  expect(deaths.length).toBe(11);
  expect(deaths.at(-1)!.where).toBe('recovering');
  expect(deaths.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  last.detach();
});
