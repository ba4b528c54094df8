/**
 * Nobody is kept waiting for ever, and no stop waits for anybody (semantics I4): idle threads,
 * threads that attach, tight loops of collections, threads that are blocked wherever they can be.
 */
import { expect, test } from 'vitest';
import { sessionOf } from '../src/heap.ts';
import type {
  Handle,
  Heap,
  HeapBarrier,
  HeapCondition,
  HeapMutex,
  HeapQueue,
  HeapSemaphore,
} from '../src/index.ts';
import { THREAD_ASYNC, THREAD_PARK } from '../src/memory/layout.ts';
import { threadRecordOf } from '../src/memory/memory.ts';
import { type LINES, untilWaiting } from './support/coordination.ts';
import { rootMap, type Thread, until, withStage } from './support/threads.ts';

const STAGE = { tasks: 'tasks-starvation', seconds: 50, thresholds: [0, 0, 0] as const };
const BEGUN = 10;
const STOP = 11;
const NOTHING = 12;

/** Collections of the other thread, and of this one, each of a ring of three. */
const TIMES = 10;

function raise(signals: Int32Array, at: number): void {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

const untilRaised = (signals: Int32Array, at: number) =>
  until(() => Atomics.load(signals, at) === 1, 30);

/** Sections that each thread but this has begun. */
const sectionsOf = (heap: Heap, id: number) =>
  heap.stats().threads.find((thread) => thread.id === id)!.sections;

/** Collects here, and in another thread: each collection finds just its ring. */
async function collectBoth(heap: Heap, other: Thread): Promise<void> {
  expect(await other.call('collect', TIMES)).toBe(3 * TIMES);
  for (let i = 0; i < TIMES; i++) {
    heap.run(() => {
      const lists = [0, 1, 2].map(() => heap.array<unknown>());
      for (const [k, list] of lists.entries()) list.push(lists[(k + 1) % 3]);
    });
    expect(heap.gc.collect()).toBe(3);
  }
  expect(heap.gc.getStats()[2]).toMatchObject({ collections: 2 * TIMES, collected: 6 * TIMES });
  expect(heap.verify()).toEqual([]);
}

test('collections go on while an attached thread is in its event loop', async () => {
  await withStage(STAGE, async ({ heap, start }) => {
    const [idle] = (await start(1)) as [Thread];
    const [other] = (await start(1)) as [Thread];
    const before = sectionsOf(heap, 2);
    await collectBoth(heap, other);
    expect(sectionsOf(heap, 2)).toBe(before); // it had no part in them
    expect(await idle.call('section', 'run')).toBe('ran');
  });
});

test('collections go on while an attached thread sleeps outside of sections', async () => {
  await withStage(STAGE, async ({ heap, signals, start }) => {
    const [sleeper] = (await start(1)) as [Thread];
    const [other] = (await start(1)) as [Thread];
    const sleeping = sleeper.call('sleep', BEGUN, STOP);
    await untilRaised(signals, BEGUN);
    const before = sectionsOf(heap, 2);
    await collectBoth(heap, other);
    expect(sectionsOf(heap, 2)).toBe(before);
    raise(signals, STOP);
    expect(await sleeping).toBe('awake');
  });
});

test('eight threads attach at once while the world is stopped again and again', async () => {
  await withStage(STAGE, async ({ heap, signals, start, startDetached }) => {
    const [loop] = (await start(1)) as [Thread];
    const collections = loop.call<number>('collectTightly', BEGUN, STOP, 1e9);
    await untilRaised(signals, BEGUN);
    const threads = await Promise.all(Array.from({ length: 8 }, () => startDetached()));
    const attaching = threads.map((thread) => thread.call('attach', heap.share()));
    expect(await Promise.all(attaching)).toEqual(Array(8).fill('attached'));
    raise(signals, STOP);
    expect(await collections).toBeGreaterThan(0);
    expect(heap.stats().threads.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

test.runIf(process.platform === 'linux')(
  'eight threads attach at once, and one of them is killed: the others do, and its place is free',
  async () => {
    await withStage({ ...STAGE, mayEndBroken: true }, async (stage) => {
      const { heap, signals, start, startDetached } = stage;
      const [loop] = (await start(1)) as [Thread];
      const collections = loop.call<number>('collectTightly', BEGUN, STOP, 1e9);
      await untilRaised(signals, BEGUN);
      for (let victim = 0; victim < 4; victim++) {
        const threads = await Promise.all(Array.from({ length: 8 }, () => startDetached()));
        const attaching = threads.map((thread) => thread.call('attach', heap.share()));
        attaching[victim]!.catch(() => {});
        await threads[victim]!.kill();
        const others = attaching.filter((_, i) => i !== victim);
        expect(await Promise.all(others)).toEqual(Array(7).fill('attached'));
        for (const [i, thread] of threads.entries()) if (i !== victim) await thread.finish();
        await until(() => heap.stats().threads.length === 2);
      }
      raise(signals, STOP);
      expect(await collections).toBeGreaterThan(0);
      expect(heap.verify()).toEqual([]);
    });
  },
);

/** Operations of one thread, and the collections that another has time for meanwhile. */
const OPERATIONS = 20;
const COLLECTIONS = 5000;

test.each([
  ['sleeps between its sections', 'run', 1],
  ['wants the lock again and again', 'run', 0],
  ['operates outside of sections', 'single', 0],
  ['wants to read', 'read', 0],
  ['wants the lock without blocking', 'runAsync', 0],
] as const)('a tight loop of collections lets a thread in that %s', async (_, way, sleepMs) => {
  await withStage(STAGE, async ({ heap, signals, start }) => {
    using map = rootMap<unknown>(heap, 'map').set('n', 0);
    heap.run(() => map.set('live', heap.array(Array.from({ length: 2000 }, () => heap.array()))));
    const [loop, other] = (await start(2)) as [Thread, Thread];
    const collections = loop.call<number>('collectTightly', BEGUN, STOP, COLLECTIONS);
    await untilRaised(signals, BEGUN);
    await other.call('operate', way, OPERATIONS, sleepMs, NOTHING);
    raise(signals, STOP);
    expect(await collections).toBeLessThan(COLLECTIONS); // it did not have to end first
    map.clear();
    heap.gc.collect();
  });
});

interface Blocked {
  readonly name: string;
  readonly line: keyof typeof LINES;
  make(heap: Heap): Handle;
  /** Lets the one that waits go on. */
  letGo(object: Handle): void;
  /** What it then gets. */
  readonly result: unknown;
}

const tokens = new WeakMap<object, ReturnType<HeapMutex['lock']>>();

const BLOCKED: readonly Blocked[] = [
  {
    name: 'mutex.lock',
    line: 'mutex',
    make(heap) {
      const mutex = heap.mutex();
      tokens.set(mutex, mutex.lock());
      return mutex;
    },
    letGo: (mutex) => void tokens.get(mutex)!.unlock(),
    result: 'object',
  },
  {
    name: 'condition.wait',
    line: 'condition',
    make(heap) {
      heap.root.set('mutex', heap.mutex());
      return heap.condition();
    },
    letGo: (condition) => expect((condition as HeapCondition).notify(1)).toBe(1),
    result: undefined,
  },
  {
    name: 'queue.push',
    line: 'pushers',
    make(heap) {
      const queue = heap.queue<number>({ capacity: 1 });
      queue.push(1);
      return queue;
    },
    letGo: (queue) => expect((queue as HeapQueue<number>).pop()).toBe(1),
    result: undefined,
  },
  {
    name: 'queue.pop',
    line: 'poppers',
    make: (heap) => heap.queue({ capacity: 1 }),
    letGo: (queue) => (queue as HeapQueue<number>).push(5),
    result: 5,
  },
  {
    name: 'semaphore.acquire',
    line: 'semaphore',
    make: (heap) => heap.semaphore(0),
    letGo: (semaphore) => (semaphore as HeapSemaphore).post(),
    result: 'object',
  },
  {
    name: 'barrier.wait',
    line: 'barrier',
    make: (heap) => heap.barrier(2),
    letGo: (barrier) => expect((barrier as HeapBarrier).wait()).toBe(true),
    result: false,
  },
];

for (const { name, line, make, letGo, result } of BLOCKED) {
  test.each(['outside', 'section', 'async'])(
    `the world stops while a thread waits in ${name}, and that goes on then: %s`,
    async (how) => {
      await withStage(STAGE, async ({ heap, start }) => {
        using object = make(heap);
        heap.root.set('object', object as never);
        const [blocked, other] = (await start(2)) as [Thread, Thread];
        const waiting = blocked.call('block', name, how);
        await untilWaiting(heap, object, line, 1);
        await collectBoth(heap, other);
        letGo(object);
        expect(await waiting).toEqual(result);
        await untilWaiting(heap, object, line, 0);
        expect(heap.verify()).toEqual([]);
      });
    },
  );
}

test.each([
  ['run', THREAD_PARK],
  ['read', THREAD_PARK],
  ['runAsync', THREAD_ASYNC],
  ['readAsync', THREAD_ASYNC],
] as const)('a section collects while a thread waits in heap.%s, which goes on then', (way, at) =>
  withStage(STAGE, async ({ heap, signals, start }) => {
    const [holder] = (await start(1)) as [Thread];
    const [waiter] = (await start(1)) as [Thread];
    const { mem } = sessionOf(heap);
    const collected = holder.call('collectInSection', BEGUN, STOP, TIMES);
    await untilRaised(signals, BEGUN);
    const waiting = waiter.call('section', way);
    await until(() => Atomics.load(mem.i32, threadRecordOf(mem, 3) + at) !== 0);
    raise(signals, STOP);
    expect(await collected).toBe(3 * TIMES);
    expect(await waiting).toBe('ran');
    expect(heap.gc.getStats()[2].collections).toBe(TIMES);
  }),
);
