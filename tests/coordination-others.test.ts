/** Semaphores, barriers and counters between threads. */

import { expect, test } from 'vitest';
import { untilWaiting } from './support/coordination.ts';
import { type Thread, until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-coordination', seconds: 50 };
const INSIDE = 30;
const MOST = 31;

test('no more hold permits than there are, and all get some', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    using semaphore = heap.semaphore(3);
    heap.root.set('semaphore', semaphore);
    const threads = await start(5);
    await Promise.all(threads.map((t) => t.call('work', 'semaphore', 600, INSIDE, MOST)));
    expect(semaphore.permits).toBe(3);
    expect(Atomics.load(signals, MOST)).toBeLessThanOrEqual(3);
    expect(Atomics.load(signals, INSIDE)).toBe(0);
    heap.root.clear();
  });
});

test('permits that are posted wake those for whom they are enough', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using semaphore = heap.semaphore(0);
    heap.root.set('semaphore', semaphore);
    const [much, little] = (await start(2)) as [Thread, Thread];
    const all = much.call('call', 'semaphore', 'acquire', 5);
    await untilWaiting(heap, semaphore, 'semaphore', 1);
    const one = little.call('call', 'semaphore', 'acquire');
    await untilWaiting(heap, semaphore, 'semaphore', 2);
    semaphore.post();
    await one;
    semaphore.post(5);
    await all;
    expect(semaphore.permits).toBe(0);
    heap.root.clear();
  });
});

test('threads meet at a barrier, phase after phase, and one is the last', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using barrier = heap.barrier(4);
    using counter = heap.counter();
    heap.root.set('barrier', barrier).set('counter', counter);
    const threads = await start(4);
    const results = await Promise.all(
      threads.map((t) =>
        t.call<{ last: number; wrong: number }>('meet', 'barrier', 100, threads.length),
      ),
    );
    expect(results.reduce((sum, { last }) => sum + last, 0)).toBe(100);
    for (const { wrong } of results) expect(wrong).toBe(0);
    expect([counter.value, barrier.waiting]).toEqual([400, 0]);
    heap.root.clear();
  });
});

test.each(['abort', 'reset', 'timeout'] as const)(
  'a barrier breaks by %s, for all',
  async (how) => {
    await withStage(TASKS, async ({ heap, start }) => {
      using barrier = heap.barrier(4);
      heap.root.set('barrier', barrier);
      const [first, second] = (await start(2)) as [Thread, Thread];
      const errors = [
        first.fail('call', 'barrier', 'wait'),
        second.fail('callInSection', 'barrier', 'wait'),
      ];
      await until(() => barrier.waiting === 2);
      if (how === 'abort') barrier.abort();
      if (how === 'reset') barrier.reset();
      if (how === 'timeout') expect(() => barrier.wait({ timeoutMs: 10 })).toThrow('in vain');
      for (const error of await Promise.all(errors)) {
        expect(error).toMatchObject({
          name: 'BrokenBarrierError',
          code: 'ERR_SHARC_BROKEN_BARRIER',
        });
      }
      expect([barrier.isBroken, barrier.waiting]).toEqual([how !== 'reset', 0]);
      if (how !== 'reset') expect(() => barrier.wait()).toThrow('broken');
      barrier.reset();
      expect(barrier.isBroken).toBe(false);
      const all = [first.call('call', 'barrier', 'wait'), second.call('call', 'barrier', 'wait')];
      const mine = [barrier.waitAsync(), barrier.waitAsync()];
      const last = (await Promise.all([...all, ...mine])).filter(Boolean);
      expect(last).toEqual([true]);
      heap.root.clear();
    });
  },
);

test('four threads count together', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using counter = heap.counter(-5);
    heap.root.set('counter', counter);
    const threads = await start(4);
    await Promise.all(threads.map((t) => t.call('count', 'counter', 3000)));
    expect(counter.value).toBe(-5 + 4 * 1000 * (3 - 1 + 1));
    heap.root.clear();
  });
});
