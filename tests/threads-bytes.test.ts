/** Bytes that threads share: one memory, seen without a lock, held by the views of each thread. */
import { expect, test } from 'vitest';
import type { HeapArray, HeapBytes } from '../src/index.ts';
import { type Thread, until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-bytes' };

test('threads see through their views what others write, without a section', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const [a, b] = (await start(2)) as [Thread, Thread];
    using bytes = heap.bytes(400);
    heap.root.set('bytes', bytes);
    const view = bytes.view(Int32Array);
    expect(await Promise.all([a.call('hold', 'bytes'), b.call('hold', 'bytes')])).toEqual([
      100, 100,
    ]);
    expect(heap.refcount(bytes)).toBe(5); // the root, this handle, a row of each of three threads
    view[7] = 77;
    expect(await a.call('read', 6, 9)).toEqual([0, 77, 0]);
    await a.call('fill', 5);
    expect([...view.slice(0, 3)]).toEqual([5, 5, 5]);
    expect(await b.call('read', 98, 101)).toEqual([5, 5]);
    expect(await b.call('verify')).toBe(0);
  });
});

test('Atomics on views count exactly, wait and wake', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const [a, b] = (await start(2)) as [Thread, Thread];
    using bytes = heap.bytes(16);
    heap.root.set('bytes', bytes);
    const view = bytes.view(Int32Array);
    await Promise.all([a.call('hold', 'bytes'), b.call('hold', 'bytes')]);
    const counts = [a.call('count', 100_000), b.call('count', 100_000)];
    for (let i = 0; i < 100_000; i++) Atomics.add(view, 0, 1);
    await Promise.all(counts);
    expect(view[0]).toBe(300_000);
    const answer = a.call('answer');
    await new Promise((resolve) => setTimeout(resolve, 20));
    Atomics.store(view, 1, 41);
    Atomics.notify(view, 1);
    expect(['ok', 'not-equal']).toContain(await answer);
    expect(view[2]).toBe(42);
  });
});

test('a view of one thread holds bytes that all others have let go of', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const [a, b] = (await start(2)) as [Thread, Thread];
    const living = () => heap.stats().objectsByKind.bytes ?? 0;
    await b.call('make', 'bytes', 40_000, 3);
    await a.call('hold', 'bytes');
    heap.root.delete('bytes');
    await b.finish();
    heap.gc.collect();
    expect(living()).toBe(1);
    expect(await a.call('read', 9999, 10_001)).toEqual([0x03030303]);
    expect(heap.verify()).toEqual([]);
    await a.call('drop');
    await a.finish(); // its views are void from here on
    expect(living()).toBe(0);
  });
});

test('bytes that threads make, and others free, come back zeroed', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const threads = await start(3);
    using array: HeapArray<HeapBytes | null> = heap.array<HeapBytes | null>();
    for (let i = 0; i < 60; i++) array.push(null);
    heap.root.set('array', array);
    const wrong = threads.map((thread, i) => thread.call('churn', 'array', 1500, i + 1));
    expect(await Promise.all(wrong)).toEqual([0, 0, 0]);
    expect(heap.verify()).toEqual([]);
    array.length = 0;
    await Promise.all(threads.map((thread) => thread.finish()));
    await until(() => (heap.stats().objectsByKind.bytes ?? 0) === 0);
  });
});
