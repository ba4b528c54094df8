/** Queues between threads: nothing is lost, nothing comes twice, order, ends, limits. */

import { expect, test } from 'vitest';
import { QueueClosedError, WaitTimeoutError } from '../src/index.ts';
import { untilWaiting } from './support/coordination.ts';
import { sleep, type Thread, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-coordination', seconds: 50 };

interface Consumed {
  readonly count: number;
  readonly sum: number;
  readonly isOrdered: boolean;
}

const PER_PRODUCER = 3000;

test.each([1, 2, 7, 5000])(
  'three producers and three consumers, capacity %i: exact sums, each in order',
  async (capacity) => {
    await withStage(TASKS, async ({ heap, start }) => {
      using queue = heap.queue<number>({ capacity });
      heap.root.set('queue', queue);
      const threads = await start(6);
      const consumed = threads
        .slice(0, 3)
        .map((thread, i) =>
          thread.call<Consumed>(i === 2 ? 'consumeAsync' : 'consume', 'queue', PER_PRODUCER),
        );
      const produced = threads
        .slice(3)
        .map((thread, i) => thread.call('produce', 'queue', i * PER_PRODUCER, PER_PRODUCER));
      await Promise.all(produced);
      queue.close();
      const results = await Promise.all(consumed);
      const total = PER_PRODUCER * 3;
      expect(results.reduce((sum, { count }) => sum + count, 0)).toBe(total);
      expect(results.reduce((all, { sum }) => all + sum, 0)).toBe((total * (total - 1)) / 2);
      for (const { isOrdered } of results) expect(isOrdered).toBe(true);
      expect([queue.size, queue.isClosed, queue.capacity]).toEqual([0, true, capacity]);
      heap.root.delete('queue');
    });
  },
);

test('objects of the heap pass through, and none stays alive', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using queue = heap.queue({ capacity: 5 });
    heap.root.set('queue', queue);
    const [producer, consumer] = (await start(2)) as [Thread, Thread];
    const sum = consumer.call<number>('consumeObjects', 'queue');
    await producer.call('produceObjects', 'queue', 2000);
    queue.close();
    expect(await sum).toBe((2000 * 1999) / 2);
    expect(heap.stats().objectsByKind.array).toBe(1); // the ring
    heap.root.delete('queue');
  });
});

test('a thread that pops in its outermost section lets others in, and keeps locals', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using queue = heap.queue({ capacity: 5 });
    heap.root.set('queue', queue);
    const [thread] = (await start(1)) as [Thread];
    const popped = thread.call('popBetweenLocals', 'queue');
    await untilWaiting(heap, queue, 'poppers', 1);
    heap.gc.collect();
    expect(heap.verify()).toEqual([]);
    heap.run(() => {
      const array = heap.array<unknown>();
      array.push('yours');
      queue.push(array);
    });
    expect(await popped).toEqual(['mine', 'yours', 1]);
    heap.root.delete('queue');
  });
});

test('closing wakes all that wait to push and to pop', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using full = heap.queue<number>({ capacity: 1 });
    using empty = heap.queue<number>({ capacity: 1 });
    full.push(1);
    heap.root.set('full', full).set('empty', empty);
    const threads = await start(4);
    const pushes = threads.slice(0, 2).map((t, i) => {
      return t.fail(i === 0 ? 'call' : 'callInSection', 'full', 'push', 2);
    });
    const pops = threads.slice(2).map((t, i) => {
      return t.call(i === 0 ? 'call' : 'callInSection', 'empty', 'pop');
    });
    await untilWaiting(heap, full, 'pushers', 2);
    await untilWaiting(heap, empty, 'poppers', 2);
    full.close();
    empty.close();
    for (const error of await Promise.all(pushes)) {
      expect(error).toMatchObject({ name: 'QueueClosedError', code: 'ERR_SHARC_QUEUE_CLOSED' });
    }
    expect(await Promise.all(pops)).toEqual([undefined, undefined]);
    expect([full.pop(), full.pop(), full.tryPop()]).toEqual([1, undefined, undefined]);
    expect(() => full.tryPush(1)).toThrow(QueueClosedError);
    heap.root.clear();
  });
});

test('waits end in time, and have done nothing then', async () => {
  await withStage(TASKS, async ({ heap }) => {
    using queue = heap.queue<number>({ capacity: 1 });
    for (const timeoutMs of [0, 1, 30, 150]) {
      const begun = performance.now();
      expect(() => queue.pop({ timeoutMs })).toThrow(WaitTimeoutError);
      expect(() => heap.run(() => queue.pop({ timeoutMs }))).toThrow(WaitTimeoutError);
      await expect(queue.popAsync({ timeoutMs })).rejects.toThrow(WaitTimeoutError);
      // Timers may come a moment before their time.
      expect(performance.now() - begun).toBeGreaterThanOrEqual(3 * timeoutMs - 5);
    }
    queue.push(1);
    expect(() => queue.push(2, { timeoutMs: 20 })).toThrow(WaitTimeoutError);
    await expect(queue.pushAsync(3, { timeoutMs: 20 })).rejects.toMatchObject({ timeoutMs: 20 });
    expect([queue.pop(), queue.size]).toEqual([1, 0]);
    await untilWaiting(heap, queue, 'poppers', 0);
    await untilWaiting(heap, queue, 'pushers', 0);
  });
});

test('a consumer with little luck gets its turn: nobody starves beside hogs', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    using mutex = heap.mutex();
    heap.root.set('mutex', mutex);
    const hogs = await start(2);
    const times = hogs.map((hog, i) => hog.call<number>('hog', 'mutex', 10 + i, 20));
    while (Atomics.load(signals, 10) + Atomics.load(signals, 11) < 2) await sleep(1);
    for (let i = 0; i < 10; i++) mutex.lock().unlock();
    Atomics.store(signals, 20, 1);
    for (const count of await Promise.all(times)) expect(count).toBeGreaterThan(0);
    heap.root.clear();
  });
});
