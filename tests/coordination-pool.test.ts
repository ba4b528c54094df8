/** Waits of the tasks of a pool: what one pops is its own. */

import { expect, test } from 'vitest';
import { Heap, type HeapQueue } from '../src/index.ts';
import { createPool, type HeapPool } from '../src/piscina.ts';
import { heapOptions, LIBRARY, until } from './support/threads.ts';
import { mortalObjects } from './support/with-heap.ts';

const FILE = new URL('./support/pool-worker.mjs', import.meta.url).href;

interface Stage {
  readonly heap: Heap;
  readonly pool: HeapPool;
  readonly queue: HeapQueue;
  readonly signals: Int32Array;
}

/** Runs `body` with a pool of one worker. Afterwards nothing may be left. */
async function withPool(body: (stage: Stage) => Promise<void>): Promise<void> {
  const heap = Heap.create(heapOptions());
  const env = { ...process.env, SHARC_LIBRARY: LIBRARY };
  const options = { minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 2, env };
  const pool = createPool(heap, { filename: FILE, ...options });
  const queue = heap.queue({ capacity: 9 });
  try {
    await body({ heap, pool, queue, signals: new Int32Array(new SharedArrayBuffer(16)) });
    await until(() => heap.stats().inTransit === 0);
    queue.release();
    expect(heap.verify()).toEqual([]);
    expect(mortalObjects(heap)).toBe(0);
  } finally {
    await pool.destroy();
    await heap.close().catch(() => {});
  }
}

test('a popped handle belongs to the task that has popped it', async () => {
  await withPool(async ({ heap, pool, queue, signals }) => {
    const pop = (at: number) => pool.run({ queue, signals, at }, { name: 'popAndRead' });
    const first = pop(0);
    await until(() => Atomics.load(signals, 1) === 1);
    const second = pop(1);
    await until(() => Atomics.load(signals, 1) === 2);
    heap.run(() => {
      for (const text of ['first', 'second']) queue.push(heap.array([text]));
    });
    expect(await first).toBe('first');
    await until(() => Atomics.load(signals, 2) === 2);
    Atomics.store(signals, 0, 1);
    expect(await second).toBe('second');
  });
});

test('what is popped for a task that has ended is released', async () => {
  await withPool(async ({ heap, pool, queue }) => {
    await pool.run({ queue }, { name: 'popAndForget' });
    heap.run(() => queue.push(heap.array(['for nobody'])));
    while (mortalObjects(heap) > 2) await pool.run(null, { name: 'turn' }); // the queue, its ring
    expect(queue.size).toBe(0);
  });
});
