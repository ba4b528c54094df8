/**
 * Threads that are killed while they wait, or while they hold what others wait for; and heaps that
 * are closed, collected and stopped meanwhile (semantics I4).
 */

import { expect, test } from 'vitest';
import type { Handle, Heap, HeapMutex, HeapQueue, HeapSemaphore } from '../src/index.ts';
import { THREAD_SERIAL } from '../src/memory/layout.ts';
import { Memory, threadRecordOf } from '../src/memory/memory.ts';
import { LINE_FIELDS } from '../src/sync/line.ts';
import { LINES, untilWaiting } from './support/coordination.ts';
import { type Thread, until, withStage } from './support/threads.ts';

const STAGE = { tasks: 'tasks-coordination', seconds: 50 };
// A killed thread may keep its record until threads are recovered, so the heap is not as before.
const SURVIVES = { ...STAGE, mayEndBroken: true };
const STARTED = 0;
const STOP = 1;

/** One way to wait: on what, where, and what ends the wait. */
interface Blocked {
  readonly name: string;
  readonly line: keyof typeof LINES;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly make: (heap: Heap) => Handle;
  /** Lets so many go on. */
  readonly letGo: (object: Handle, count: number) => void;
}

const repeat = (count: number, body: () => void) => {
  for (let i = 0; i < count; i++) body();
};

const BLOCKED: readonly Blocked[] = [
  {
    name: 'queue.push',
    line: 'pushers',
    method: 'push',
    args: [1],
    make(heap) {
      const queue = heap.queue<number>({ capacity: 1 });
      queue.push(0);
      return queue;
    },
    letGo: (queue, count) => repeat(count, () => void (queue as HeapQueue).pop()),
  },
  {
    name: 'queue.pop',
    line: 'poppers',
    method: 'pop',
    args: [],
    make: (heap) => heap.queue({ capacity: 9 }),
    letGo: (queue, count) => repeat(count, () => (queue as HeapQueue).push(1)),
  },
  {
    name: 'semaphore.acquire',
    line: 'semaphore',
    method: 'acquire',
    args: [],
    make: (heap) => heap.semaphore(0),
    letGo: (semaphore, count) => (semaphore as HeapSemaphore).post(count),
  },
  {
    name: 'barrier.wait',
    line: 'barrier',
    method: 'wait',
    args: [],
    make: (heap) => heap.barrier(5),
    letGo: () => {},
  },
];

/** As blocking calls outside of sections and in one, and without blocking. */
const callsOf = ({ method, args }: Blocked): readonly (readonly [string, ...unknown[]])[] => [
  ['call', 'object', method, ...args],
  ['callInSection', 'object', method, ...args],
  ['call', 'object', `${method}Async`, ...args],
];

test.each(BLOCKED)('collections and the end of the heap while threads wait: $name', (blocked) =>
  withStage({ ...STAGE, mayEndBroken: true }, async ({ heap, signals, start }) => {
    const object = blocked.make(heap);
    heap.root.set('object', object);
    const [collector, ...waiters] = (await start(4)) as [Thread, ...Thread[]];
    const errors = callsOf(blocked).map(([task, ...args], i) =>
      (waiters[i] as Thread).fail(task, ...args),
    );
    await untilWaiting(heap, object, blocked.line, 3);
    const collections = collector.call<number>('collect', STARTED, STOP);
    for (let i = 0; i < 20 || Atomics.load(signals, STARTED) === 0; i++) {
      heap.run(() => {
        const ring = heap.array<unknown>();
        ring.push(ring);
      });
      heap.gc.collect();
      expect(heap.verify()).toEqual([]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    Atomics.store(signals, STOP, 1);
    expect(await collections).toBeGreaterThan(0);
    await heap.close();
    for (const { name } of await Promise.all(errors)) expect(name).toBe('HeapClosedError');
    for (const thread of [collector, ...waiters]) expect(await thread.finish()).toBe(0);
  }),
);

test.each(BLOCKED.slice(0, 3))('a waiter that is killed takes nothing with it: $name', (blocked) =>
  withStage(SURVIVES, async ({ heap, start }) => {
    const object = blocked.make(heap);
    heap.root.set('object', object);
    const threads = await start(6);
    const calls = callsOf(blocked);
    const begin = (thread: Thread, i: number) => {
      const [task, ...args] = calls[i % calls.length] as readonly [string, ...unknown[]];
      return thread.call(task, ...args).then(
        () => 'done',
        () => 'killed',
      );
    };
    const victims = threads.slice(0, 3).map(begin);
    await untilWaiting(heap, object, blocked.line, 3);
    const others = threads.slice(3).map(begin);
    await untilWaiting(heap, object, blocked.line, 6);
    for (const victim of threads.slice(0, 3)) await victim.kill();
    expect(await Promise.all(victims)).toEqual(['killed', 'killed', 'killed']);
    blocked.letGo(object, 3);
    expect(await Promise.all(others)).toEqual(['done', 'done', 'done']);
    expect(heap.verify()).toEqual([]);
    heap.gc.collect();
    expect(heap.verify()).toEqual([]);
  }),
);

test('a thread that arrived at a barrier and died has arrived', async () => {
  await withStage(SURVIVES, async ({ heap, start }) => {
    using barrier = heap.barrier(3);
    heap.root.set('barrier', barrier);
    const [victim, other] = (await start(2)) as [Thread, Thread];
    victim.call('call', 'barrier', 'wait').catch(() => {});
    await until(() => barrier.waiting === 1);
    await victim.kill();
    const waiting = other.call('call', 'barrier', 'wait');
    await until(() => barrier.waiting === 2);
    expect(barrier.wait()).toBe(true);
    expect(await waiting).toBe(false);
    expect(heap.verify()).toEqual([]);
  });
});

/** How a thread may end without unlocking. */
const ENDS: Readonly<Record<string, (thread: Thread) => Promise<unknown>>> = {
  'is killed': (thread) => thread.kill(),
  ends: (thread) => thread.finish(),
  detaches: (thread) => thread.call('detach'),
};

test.each(Object.entries(ENDS))('a mutex whose owner %s passes on, and says so', (_, end) =>
  withStage(SURVIVES, async ({ heap, start }) => {
    using mutex = heap.mutex();
    heap.root.set('mutex', mutex);
    const ways: ((mutex: HeapMutex) => unknown)[] = [
      () => mutex.lock(),
      () => heap.run(() => mutex.lock()),
      () => mutex.lockAsync(),
      () => mutex.lockIfAvailable(40_000),
    ];
    for (const way of ways) {
      const [owner, other] = (await start(2)) as [Thread, Thread];
      expect(await owner.call('lock', 'mutex')).toBe(false);
      const waiting = other.call('lock', 'mutex');
      await untilWaiting(heap, mutex, 'mutex', 1);
      await end(owner);
      expect(await waiting).toBe(true);
      await end(other);
      const token = (await way(mutex)) as ReturnType<HeapMutex['lock']>;
      expect([token.locked, token.ownerDied]).toEqual([true, true]);
      token.unlock();
      expect(mutex.lock(token).ownerDied).toBe(false);
      token.unlock();
    }
    expect(heap.verify()).toEqual([]);
  }),
);

test('a notification is not spent on a thread that was killed', async () => {
  await withStage(SURVIVES, async ({ heap, start }) => {
    using mutex = heap.mutex();
    using condition = heap.condition();
    heap.root.set('mutex', mutex).set('condition', condition);
    const [victim, other] = (await start(2)) as [Thread, Thread];
    victim.call('waitOnce', 60_000).catch(() => {});
    await until(() => condition.waiting === 1);
    const waiting = other.call('waitOnce', 60_000);
    await until(() => condition.waiting === 2);
    await victim.kill();
    expect(condition.notify(1)).toBe(1);
    expect(await waiting).toEqual([true, true]);
    expect(condition.waiting).toBe(0);
    expect(heap.verify()).toEqual([]);
  });
});

test('a thread whose turn is next and that is dead keeps nobody waiting', async () => {
  await withStage(SURVIVES, async ({ heap, start }) => {
    using mutex = heap.mutex();
    const [victim] = (await start(1)) as [Thread];
    const osThread = await victim.call('osThread');
    const { id } = heap.stats().threads.find((thread) => thread.osThread === osThread)!;
    const { buffer } = heap.share();
    const mem = new Memory(buffer, id as never);
    const serial = mem.i32[threadRecordOf(mem, id) + THREAD_SERIAL]!;
    expect(serial).toBeGreaterThan(0);
    const line = mutex.$ref + LINES.mutex;
    const becomeHeir = () => {
      mem.i32[line + LINE_FIELDS.indexOf('heir')] = id;
      mem.i32[line + LINE_FIELDS.indexOf('heirSerial')] = serial;
    };
    becomeHeir();
    expect(mutex.lockIfAvailable(30)).toBe(null); // it lives, and has its turn
    await victim.kill();
    for (const lock of [() => mutex.lock(), () => mutex.lockAsync()]) {
      becomeHeir();
      (await lock()).unlock();
    }
    expect(heap.verify()).toEqual([]);
  });
});
