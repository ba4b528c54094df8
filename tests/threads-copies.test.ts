/** Copies, plain objects and proxies, used by several threads at once. */
import { expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import { sessionOf } from '../src/heap.ts';
import { kindOf } from '../src/object/header.ts';
import { dictionaryOf } from '../src/object/shape.ts';
import { contentsOf, sleep, type Thread, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-copies' };

test('threads copy in and out of shared roots while another collects', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const threads = await start(3);
    await threads[0]?.call('copy', 45, 0); // shapes and names live as long as the heap
    heap.root.clear();
    heap.gc.collect();
    const before = contentsOf(heap) as { liveObjects: number };
    let running = 3;
    const results = threads.map(async (thread, i) => {
      const wrong = await thread.call('copy', 300, i);
      running--;
      return wrong;
    });
    while (running > 0) {
      heap.gc.collect();
      expect(heap.verify()).toEqual([]);
      await sleep(1);
    }
    expect(await Promise.all(results)).toEqual([0, 0, 0]);
    heap.root.clear();
    await Promise.all(threads.map((thread) => thread.finish()));
    heap.gc.collect();
    const { liveObjects } = contentsOf(heap) as { liveObjects: number };
    // At most the names of shapes that the first thread had not met.
    expect(liveObjects - before.liveObjects).toBeLessThan(100);
  });
});

test('threads that make objects of the same names share their shapes', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const sources = Array.from({ length: 60 }, (_, i) => ({ [`a ${i}`]: 1, [`b ${i % 7}`]: i }));
    const threads = await start(3);
    const kinds = await Promise.all(threads.map((thread) => thread.call('kinds', sources)));
    expect(kinds[1]).toEqual(kinds[0]);
    expect(kinds[2]).toEqual(kinds[0]);
    const { mem } = sessionOf(heap);
    const own = sources.map((source) => {
      using handle = heap.from(source) as unknown as Handle;
      return kindOf(mem, handle.$ref);
    });
    expect(own).toEqual(kinds[0]);
    expect(new Set(own).size).toBe(60);
  });
});

test('one thread makes a dictionary of an object that others hold', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const [first, second] = (await start(2)) as [Thread, Thread];
    const object = heap.from({ a: 1, b: 'text', list: [1] });
    heap.root.set('object', object);
    const ids = await Promise.all([first.call('hold', 'object'), second.call('hold', 'object')]);
    expect(ids).toEqual([heap.id(object), heap.id(object)]);
    expect(dictionaryOf(sessionOf(heap).mem, object.$ref)).toBe(0);
    await first.call('change', 'object', 'new', 5);
    expect(dictionaryOf(sessionOf(heap).mem, object.$ref)).not.toBe(0);
    const json = '{"a":1,"b":"text","list":[1],"new":5}';
    expect([object.keys(), JSON.stringify(object)]).toEqual([['a', 'b', 'list', 'new'], json]);
    const seen = [heap.id(object), ['a', 'b', 'list', 'new'], json, 4]; // a root, three threads
    expect(await second.call('see', 'object')).toEqual(seen);
    await second.call('change', 'object', 'a', undefined);
    expect(object.has('a')).toBe(false);
    expect(((await first.call('see', 'object')) as unknown[])[1]).toEqual(['b', 'list', 'new']);
    expect(heap.verify()).toEqual([]);
    await Promise.all([first.call('release', 'object'), second.call('release', 'object')]);
    expect(heap.refcount(object)).toBe(2);
    heap.root.clear();
    object.release();
  });
});

test('threads that write through proxies lose nothing', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const threads = await start(3);
    const state = heap.from({ count: 0, list: [] as number[] });
    heap.root.set('state', state);
    await Promise.all(threads.map((thread) => thread.call('count', 'state', 1500)));
    expect(state.get('count')).toBe(4500);
    expect(heap.verify()).toEqual([]);
    heap.root.clear();
    state.release();
  });
});
