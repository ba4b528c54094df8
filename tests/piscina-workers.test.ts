/** `sharc/piscina` when workers come and go: recycled, aborted, killed, crashed. */

import { describe, expect, test } from 'vitest';
import { Heap, type HeapMap } from '../src/index.ts';
import { createPool, type HeapPool, type PoolOptions } from '../src/piscina.ts';
import { heapOptions, LIBRARY, until } from './support/threads.ts';
import { mortalObjects } from './support/with-heap.ts';

const FILE = new URL('./support/pool-worker.mjs', import.meta.url).href;

interface Stage {
  readonly heap: Heap;
  readonly pool: HeapPool;
  readonly map: HeapMap<string, number>;
  readonly signals: Int32Array;
}

/**
 * Runs `body` with a pool and a map. Afterwards nothing may be in transit. What killed threads
 * held lives on for as long as nobody has noticed their death: at most `held` objects.
 */
async function withPool(
  options: PoolOptions & { held?: number },
  body: (stage: Stage) => unknown,
): Promise<void> {
  const { held = 0, ...rest } = options;
  const heap = Heap.create(heapOptions());
  const env = { ...process.env, SHARC_LIBRARY: LIBRARY };
  const pool = createPool(heap, { filename: FILE, minThreads: 1, maxThreads: 1, env, ...rest });
  const signals = new Int32Array(new SharedArrayBuffer(16));
  const map = heap.map<string, number>().set('child', 1);
  try {
    await body({ heap, pool, map, signals });
    await until(() => heap.stats().inTransit === 0);
    map.release();
    heap.gc.collect();
    expect(heap.verify()).toEqual([]);
    expect(mortalObjects(heap)).toBeLessThanOrEqual(held);
  } finally {
    await pool.destroy();
    await heap.close().catch(() => {});
  }
}

const NEXT = { name: 'size' };

test('workers that were idle too long are replaced', async () => {
  await withPool({ minThreads: 0, idleTimeout: 5, maxThreads: 2 }, async ({ pool, map, heap }) => {
    const ids = new Set<number>();
    for (let i = 0; i < 4; i++) {
      ids.add(await pool.run(map, { name: 'id' }));
      expect(await pool.run([map, map], { name: 'echo' })).toEqual([map, map]);
      map.release();
      map.release();
      await until(() => pool.threads.length === 0);
    }
    expect(ids.size).toBe(4);
    expect(heap.refcount(map)).toBe(1);
  });
});

test('more workers are started for more tasks', async () => {
  await withPool({ maxThreads: 3 }, async ({ pool, map, heap, signals }) => {
    const runs = [1, 2, 3].map(() => pool.run({ signals, map, result: true }, { name: 'waitFor' }));
    await until(() => Atomics.load(signals, 1) === 3);
    Atomics.store(signals, 0, 1);
    expect(await Promise.all(runs)).toEqual([map, map, map]);
    for (let i = 0; i < 3; i++) map.release();
    expect(heap.refcount(map)).toBe(1);
  });
});

describe('a task is aborted', () => {
  test('before it has begun', async () => {
    await withPool({}, async ({ pool, map, heap, signals }) => {
      const first = pool.run({ signals, map }, { name: 'waitFor' });
      const controller = new AbortController();
      const { signal } = controller;
      const queued = pool.run(map, { ...NEXT, signal });
      const outcome = expect(queued).rejects.toThrow('The task has been aborted');
      await until(() => Atomics.load(signals, 1) === 1);
      expect(heap.stats().inTransit).toBe(1);
      controller.abort();
      await outcome;
      expect(heap.stats().inTransit).toBe(0);
      Atomics.store(signals, 0, 1);
      expect(await first).toBe(1);
      const late = pool.run(map, { ...NEXT, signal: AbortSignal.abort() });
      await expect(late).rejects.toThrow('The task has been aborted');
      expect(heap.refcount(map)).toBe(1);
    });
  });

  test('while it runs: its worker ends, and the next task has another', async () => {
    await withPool({ held: 2 }, async ({ pool, map, heap, signals }) => {
      const { signal, abort } = abortable();
      const run = pool.run({ signals, map }, { name: 'block', signal });
      const outcome = expect(run).rejects.toThrow('The task has been aborted');
      await until(() => Atomics.load(signals, 1) === 1);
      abort();
      await outcome;
      expect(await pool.run(map, NEXT)).toBe(1);
      expect(heap.stats().inTransit).toBe(0);
    });
  });

  test('when its result is under way', async () => {
    await withPool({ held: 2 }, async ({ pool, map, signals }) => {
      for (let i = 0; i < 5; i++) {
        const { signal, abort } = abortable();
        const input = { signals, map, result: true };
        const run = pool.run(input, { name: 'waitFor', signal });
        const settled = Promise.allSettled([run]);
        await until(() => Atomics.load(signals, 1) === i + 1);
        Atomics.store(signals, 0, 1);
        abort(); // sooner or later than the worker answers
        const [{ status }] = await settled;
        if (status === 'fulfilled') map.release();
        Atomics.store(signals, 0, 0);
      }
      expect(await pool.run(map, NEXT)).toBe(1);
    });
  });
});

function abortable(): { signal: AbortSignal; abort(): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

describe('a worker is lost', () => {
  test.each(['block', 'waitFor'])('it is killed in a task: %s', async (name) => {
    await withPool({ held: 2 }, async ({ pool, map, heap, signals }) => {
      const run = pool.run({ signals, map }, { name });
      const outcome = expect(run).rejects.toThrow('worker exited with code: 1');
      await until(() => Atomics.load(signals, 1) === 1);
      await pool.threads[0]?.terminate();
      await outcome;
      expect(await pool.run(map, NEXT)).toBe(1);
      expect(heap.stats().inTransit).toBe(0);
    });
  });

  test('it is killed before it has read its task', async () => {
    await withPool({ held: 2, concurrentTasksPerWorker: 4 }, async (stage) => {
      const { pool, map, heap, signals } = stage;
      const first = pool.run({ signals }, { name: 'block' });
      const outcome = expect(first).rejects.toThrow('worker exited');
      await until(() => Atomics.load(signals, 1) === 1);
      const others = [1, 2, 3].map(() => pool.run([map, map], { name: 'echo' }));
      const outcomes = Promise.allSettled(others);
      expect(heap.stats().inTransit).toBe(3);
      await pool.threads[0]?.terminate();
      await outcome;
      expect((await outcomes).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
      expect(heap.stats().inTransit).toBe(0);
      expect(heap.refcount(map)).toBe(1);
      expect(await pool.run(map, NEXT)).toBe(1);
    });
  });

  test('it calls process.exit(): it leaves the heap, and holds nothing', async () => {
    await withPool({}, async ({ pool, map, heap }) => {
      await expect(pool.run([map], { name: 'exit' })).rejects.toThrow('worker exited with code: 3');
      await until(() => heap.refcount(map) === 1);
      expect(await pool.run(map, NEXT)).toBe(1);
    });
  });

  test('it ends by an uncaught error: it leaves the heap, and holds nothing', async () => {
    await withPool({}, async ({ pool, map, heap }) => {
      await expect(pool.run({ map }, { name: 'crash' })).rejects.toThrow('crashed');
      await until(() => heap.refcount(map) === 1);
      expect(await pool.run(map, NEXT)).toBe(1);
    });
  });

  test('its answer cannot be cloned', async () => {
    await withPool({}, async ({ pool, map, heap }) => {
      await expect(pool.run([map], { name: 'uncloneable' })).rejects.toBeDefined();
      await until(() => heap.refcount(map) === 1);
      expect(await pool.run(map, NEXT)).toBe(1);
    });
  });
});

test('when the thread of a pool leaves the heap, what it has sent is dropped', async () => {
  const heap = Heap.create(heapOptions());
  const token = heap.share();
  const pool = createPool(heap, { filename: FILE, minThreads: 1, maxThreads: 1 });
  const signals = new Int32Array(new SharedArrayBuffer(16));
  const first = pool.run({ signals }, { name: 'block' });
  const outcomes = Promise.allSettled([first, pool.run(heap.map(), { name: 'echo' })]);
  await until(() => Atomics.load(signals, 1) === 1);
  heap.detach();
  const again = Heap.attach(token);
  expect(again.stats().inTransit).toBe(0);
  expect(again.verify()).toEqual([]);
  expect(mortalObjects(again)).toBe(0);
  await pool.destroy();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(pool.run(1)).rejects.toThrow('this thread has left the heap');
  again.detach();
});
