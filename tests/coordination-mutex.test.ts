/** Mutexes and conditions between threads. */

import { expect, test } from 'vitest';
import { untilWaiting } from './support/coordination.ts';
import { rootMap, type Thread, until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-coordination', seconds: 50 };

test('what a mutex protects is whole for all, blocking and async', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using mutex = heap.mutex();
    using pair = rootMap<number>(heap, 'pair').set('left', 0).set('right', 0);
    heap.root.set('mutex', mutex);
    const threads = await start(4);
    const broken = threads.map((t, i) => t.call<number>('addUnderMutex', 2000, i === 3));
    expect(await Promise.all(broken)).toEqual([0, 0, 0, 0]);
    expect([...pair.values()]).toEqual([8000, -8000]);
    expect(mutex.isLocked).toBe(false);
    heap.root.clear();
  });
});

test('a mutex is passed on when it is unlocked, and not before', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using mutex = heap.mutex();
    heap.root.set('mutex', mutex);
    const [first, second] = (await start(2)) as [Thread, Thread];
    expect(await first.call('lock', 'mutex')).toBe(false);
    expect(mutex.lockIfAvailable(0)).toBe(null);
    expect(mutex.lockIfAvailable(30)).toBe(null);
    const locked = second.call('lock', 'mutex');
    await untilWaiting(heap, mutex, 'mutex', 1);
    expect(await first.call('unlock')).toBe(true);
    expect(await locked).toBe(false);
    expect(mutex.isLocked).toBe(true);
    expect(await second.call('unlock')).toBe(true);
    expect(mutex.isLocked).toBe(false);
    heap.root.clear();
  });
});

test.each([false, true])(
  'waiters of a condition go on when they are notified, async: %s',
  (isAsync) =>
    withStage(TASKS, async ({ heap, start }) => {
      using mutex = heap.mutex();
      using condition = heap.condition();
      using state = rootMap<unknown>(heap, 'state').set('done', false).set('awake', 0);
      heap.root.set('mutex', mutex).set('condition', condition);
      const threads = await start(4);
      const results = threads.map((thread, i) => thread.call('waitUntilDone', isAsync || i === 3));
      await until(() => condition.waiting === 4);
      expect(condition.notify(1)).toBe(1); // one wakes up, and waits again
      await until(() => condition.waiting === 4);
      expect(state.get('awake')).toBe(0);
      const token = mutex.lock();
      state.set('done', true);
      expect(condition.notify(3)).toBe(3);
      expect(condition.notify()).toBe(1);
      expect(condition.notify()).toBe(0);
      token.unlock();
      expect(await Promise.all(results)).toEqual([true, true, true, true]);
      expect([state.get('awake'), condition.waiting]).toEqual([4, 0]);
      heap.root.clear();
    }),
);

test('one notification wakes one, the one that has waited longest', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using mutex = heap.mutex();
    using condition = heap.condition();
    heap.root.set('mutex', mutex).set('condition', condition);
    const [first, second] = (await start(2)) as [Thread, Thread];
    const ends: string[] = [];
    const early = first.call('waitOnce', 60_000).then((result) => {
      ends.push('first');
      return result;
    });
    await until(() => condition.waiting === 1);
    const late = second.call('waitOnce', 60_000).then((result) => {
      ends.push('second');
      return result;
    });
    await until(() => condition.waiting === 2);
    expect(condition.notify(1)).toBe(1);
    expect(await early).toEqual([true, true]);
    expect(condition.waiting).toBe(1);
    expect(condition.notify(1)).toBe(1);
    expect(await late).toEqual([true, true]);
    expect(ends).toEqual(['first', 'second']);
    expect(condition.waiting).toBe(0);
    heap.root.clear();
  });
});

test('one that waits no longer takes no notification', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using mutex = heap.mutex();
    using condition = heap.condition();
    heap.root.set('mutex', mutex).set('condition', condition);
    const [patient] = (await start(1)) as [Thread];
    const token = mutex.lock();
    const abort = new AbortController();
    const given = condition.waitAsync(token, { signal: abort.signal });
    const waiting = patient.call('waitOnce', 60_000);
    await until(() => condition.waiting === 2);
    abort.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    expect(token.locked).toBe(true); // also when the wait has failed
    expect(condition.waiting).toBe(1);
    expect(condition.notify(1)).toBe(1);
    token.unlock();
    expect(await waiting).toEqual([true, true]);
    expect(await patient.call('waitOnce', 10)).toEqual([false, true]);
    heap.root.clear();
  });
});
