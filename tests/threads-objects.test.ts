/** Objects that threads pass to each other: who holds them, when they die, where memory goes. */
import { expect, test } from 'vitest';
import type { HeapArray, HeapStats } from '../src/index.ts';
import { contentsOf, rootMap, sleep, type Thread, until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-objects' };

test('an object is passed through a named root, and counts once for each thread', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const threads = (await start(2)) as [Thread, Thread];
    using map = rootMap<string>(heap, 'map').set('key', 'value');
    expect(heap.refcount(map)).toBe(2); // the root's slot and this handle
    for (const [i, thread] of threads.entries()) {
      const { id, refcount } = await thread.call<{ id: number; refcount: number }>(
        'keepRoot',
        'map',
      );
      expect([id, refcount]).toEqual([heap.id(map), 3 + i]);
      expect(await thread.call('read', 'map', 'key')).toBe('value');
    }
    expect(await threads[0].call('deleteRoot', 'map')).toBe(true);
    expect(heap.refcount(map)).toBe(3);
    await threads[0].call('release', 'map');
    expect(heap.refcount(map)).toBe(2);
    await threads[1].finish();
    expect(heap.refcount(map)).toBe(1);
    expect(map.get('key')).toBe('value');
  });
});

test('an object dies in the thread that drops it last, before the operation returns', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    heap.root.set('large', 'i');
    heap.root.delete('large');
    const [thread] = (await start(1)) as [Thread];
    const before = contentsOf(heap);
    heap.run(() => {
      const array = heap.array<object>();
      for (let i = 0; i < 1000; i++) array.push(heap.map().set('i', heap.array()));
      heap.root.set('large', array);
    });
    // The array, a thousand maps, a thousand arrays, and the two strings 'i' and 'large'.
    expect(await thread.call('dropAndCount', 'large')).toBe(2003);
    await thread.finish(); // its root table stays until then
    expect(contentsOf(heap)).toEqual(before);
  });
});

test('producers and consumers leave nothing behind', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const [first, ...others] = (await start(4)) as [Thread, ...Thread[]];
    using queue = heap.array<object>();
    heap.root.set('queue', queue);
    await first.call('produce', 'queue', 1, 0);
    expect(await first.call('consume', 'queue', 1)).toBe(0);
    const run = async () => {
      const results = [
        first.call('produce', 'queue', 4000, 1),
        others[0]!.call('produce', 'queue', 4000, 5),
        others[1]!.call<number>('consume', 'queue', 4000),
        others[2]!.call<number>('consume', 'queue', 4000),
      ];
      expect((await Promise.all(results)).slice(2)).toEqual([0, 0]);
    };
    await run(); // the table of short strings and the queue's nodes stay grown
    const before = heap.stats();
    await run();
    const after = heap.stats();
    expect(queue.length).toBe(0);
    expect(after.liveObjects).toBe(before.liveObjects);
    expectBounded(before, after);
  });
});

/** What other threads' blocks were freed into is used again: memory does not grow by rounds. */
function expectBounded(before: HeapStats, after: HeapStats): void {
  expect(after.committedBytes).toBeLessThan(before.committedBytes * 1.5 + 2 ** 21);
}

test('threads that free what others have allocated do not use up the heap', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const threads = await start(4);
    const slots = 512;
    const array = heap.array<unknown>();
    heap.root.set('slots', array);
    heap.run(() => {
      for (let i = 0; i < slots; i++) array.push(null);
    });
    const base = contentsOf(heap);
    const run = () => Promise.all(threads.map((t) => t.call('swap', 'slots', 4000, slots)));
    await run();
    const before = heap.stats();
    await run();
    await run();
    expectBounded(before, heap.stats());
    expect(heap.verify()).toEqual([]);
    heap.run(() => {
      for (let i = 0; i < slots; i++) (array as HeapArray<unknown>).set(i, null);
    });
    expect(contentsOf(heap)).toMatchObject({ liveObjects: (base as HeapStats).liveObjects });
    array.release();
  });
});

const INSIDE = 0;
const PROCEED = 1;

test('at a safepoint others change the heap; locals stay, and see what has changed', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [long, other] = (await start(2)) as [Thread, Thread];
    using shared = rootMap<unknown>(heap, 'shared');
    const prepare = () => {
      shared.set('text', 'before').set('victim', heap.map().set('name', 'still here'));
    };
    heap.run(prepare);
    const before = contentsOf(heap);
    const result = long.call<Record<string, unknown>>('longSection', INSIDE, PROCEED);
    await until(() => Atomics.load(signals, INSIDE) === 1);
    heap.run(() => {
      expect(heap.verify()).toEqual([]); // the other's locals stand in its rows now
      expect(shared.delete('victim')).toBe(true);
      shared.set('text', 'after');
    });
    expect(await other.call('verify')).toBe(0);
    Atomics.store(signals, PROCEED, 1);
    const { inner, ...rest } = await result;
    expect(inner).toEqual([1, 1]);
    expect(rest).toEqual({
      ...{ victim: 'still here', victimCount: 1, own: 'mine', ownCount: 1 },
      ...{ same: false, text: 'after', isGone: true, findings: [] },
    });
    heap.run(prepare);
    await Promise.all([long.finish(), other.finish()]); // their root tables stay until then
    expect(contentsOf(heap)).toEqual(before);
  });
});

test('a walk over a map goes on after a safepoint at which another thread changed it', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [walker] = (await start(1)) as [Thread];
    using shared = rootMap<number>(heap, 'shared');
    for (let i = 0; i < 500; i++) shared.set(`key ${i}`, i);
    const result = walker.call<string[]>('walk', INSIDE, PROCEED);
    await until(() => Atomics.load(signals, INSIDE) === 1);
    heap.run(() => {
      for (let i = 0; i < 500; i += 2) shared.delete(`key ${i}`);
      for (let i = 500; i < 2000; i++) shared.set(`key ${i}`, i);
      shared.delete('key 1999');
      shared.set('key 2', 2); // again, now behind the others
    });
    Atomics.store(signals, PROCEED, 1);
    const numbers = [0];
    for (let i = 1; i < 500; i += 2) numbers.push(i);
    for (let i = 500; i < 1999; i++) numbers.push(i);
    expect(await result).toEqual([...numbers, 2].map((i) => `key ${i}`));
    expect([...shared.values()].length).toBe(numbers.length);
    expect(heap.verify()).toEqual([]);
  });
});

test('a safepoint in a full heap keeps the lock, or gives it up, but loses nothing', async () => {
  await withStage({ ...TASKS, maxBytes: 2 ** 20 }, async ({ heap, signals, start }) => {
    const [long, waiter] = (await start(2)) as [Thread, Thread];
    const result = long.call('fullSafepoint', INSIDE, PROCEED);
    await until(() => Atomics.load(signals, INSIDE) === 1);
    const findings = waiter.call('verify');
    await sleep(30); // by now it has asked for the lock
    Atomics.store(signals, PROCEED, 1);
    Atomics.notify(signals, PROCEED);
    expect(await result).toEqual([0, 0]);
    expect(await findings).toBe(0);
    heap.root.clear();
  });
});
