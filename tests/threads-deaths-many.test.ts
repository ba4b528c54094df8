/** A place in a heap is free again when its thread has died, however many die. */
import { expect, test } from 'vitest';
import type { DeathRecord } from '../src/index.ts';
import { MAX_THREADS } from '../src/memory/layout.ts';
import { until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-reading', mayEndBroken: true };
const BATCH = 8;

test.runIf(process.platform === 'linux')('more threads die than a heap has places', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const deaths: DeathRecord[] = [];
    heap.on('threaddeath', (death) => void deaths.push(death));
    while (deaths.length <= MAX_THREADS) {
      const told = deaths.length + BATCH;
      const threads = await start(BATCH);
      await Promise.all(threads.map((thread) => thread.kill()));
      await until(() => deaths.length === told);
    }
    expect(deaths.map(({ number }) => number)).toEqual(deaths.map((_, i) => i + 1));
    expect(heap.stats().threads.length).toBe(1);
    expect(heap.verify()).toEqual([]);
  });
});
