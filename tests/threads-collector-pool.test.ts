/** The pool of scanners: ready when it says so, at work when called, whole again after a death. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import {
  abortJob,
  awaitLeaving,
  closeJoining,
  endJob,
  JOB_JOINED,
  openJob,
} from '../src/gc/job.ts';
import { readyScanners } from '../src/gc/requests.ts';
import { sessionOf } from '../src/heap.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { ScannerPool } from '../src/scanner-pool.ts';
import { findPoolEntry } from '../src/worker-entry.ts';
import { until } from './support/threads.ts';
import { withHeapAsync } from './support/with-heap.ts';

const SIZE = 2;

/** Runs `body` with a pool that this thread owns in the place of a collector thread. */
async function withPool(
  body: (pool: ScannerPool, mem: Mutator, warnings: string[]) => Promise<void>,
): Promise<void> {
  await withHeapAsync({}, async (heap) => {
    const { mem } = sessionOf(heap);
    const warnings: string[] = [];
    const pool = new ScannerPool(mem, SIZE, (message) => warnings.push(message));
    try {
      await body(pool, mem, warnings);
    } finally {
      await pool.stop();
    }
    expect(readyScanners(mem)).toBe(0);
    expect(pool.workers).toEqual([]);
  });
}

/** Opens a job, calls the pool, and waits until all its workers have joined. */
async function openJobForAll(pool: ScannerPool, mem: Mutator): Promise<void> {
  openJob(mem);
  expect(pool.post()).toBe(SIZE);
  await until(() => Atomics.load(mem.i32, JOB_JOINED) === SIZE, 20);
  expect(closeJoining(mem)).toBe(SIZE + 1);
}

/** Ends the job before it scans. Returns how many of the workers in it have died. */
function endEarly(mem: Mutator): number {
  abortJob(mem);
  const dead = awaitLeaving(mem);
  endJob(mem);
  return dead;
}

test('a pool is not there until it is asked for, and ready after warmUp()', async () => {
  await withPool(async (pool, mem) => {
    expect([pool.workers.length, pool.post(), readyScanners(mem)]).toEqual([0, 0, 0]);
    await pool.warmUp();
    expect([pool.workers.length, readyScanners(mem)]).toEqual([SIZE, SIZE]);
    await pool.start(); // no second pool
    expect(pool.workers.length).toBe(SIZE);
  });
});

test('every worker joins every job, however quickly they follow each other', async () => {
  await withPool(async (pool, mem, warnings) => {
    await pool.warmUp();
    for (let round = 0; round < 50; round++) {
      await openJobForAll(pool, mem);
      expect(endEarly(mem)).toBe(0);
    }
    expect(warnings).toEqual([]);
  });
});

test('calls without a job do no harm, and workers join the next job all the same', async () => {
  await withPool(async (pool, mem, warnings) => {
    await pool.warmUp();
    for (let i = 0; i < 100; i++) pool.post();
    await openJobForAll(pool, mem);
    expect(endEarly(mem)).toBe(0);
    expect(warnings).toEqual([]);
  });
});

test('an idle worker that dies is counted out, and a new one counted in', async () => {
  await withPool(async (pool, mem) => {
    await pool.warmUp();
    for (let round = 0; round < 3; round++) {
      await pool.workers[0]?.terminate();
      expect(readyScanners(mem)).toBe(SIZE - 1);
      await until(() => readyScanners(mem) === SIZE, 20);
      await openJobForAll(pool, mem);
      expect(endEarly(mem)).toBe(0);
    }
  });
});

test.runIf(process.platform === 'linux')(
  'a worker that dies in a job is reported, and replaced for the next one',
  async () => {
    await withPool(async (pool, mem, warnings) => {
      await pool.warmUp();
      await openJobForAll(pool, mem);
      await pool.workers[1]?.terminate();
      expect(endEarly(mem)).toBe(1);
      await until(() => readyScanners(mem) === SIZE && warnings.length > 0, 20);
      expect(warnings).toEqual(['a scanner has failed: worker exited with code: 1']);
      await openJobForAll(pool, mem);
      expect(endEarly(mem)).toBe(0);
    });
  },
);

test('a pool that is stopped with its workers in a job ends them, without a report', async () => {
  await withPool(async (pool, mem, warnings) => {
    await pool.warmUp();
    await openJobForAll(pool, mem);
    await pool.stop();
    expect(endEarly(mem)).toBe(SIZE);
    expect(warnings).toEqual([]);
  });
});

/** Kills workers that are still loading until Piscina replaces them no more. */
async function killWhileLoading(pool: ScannerPool): Promise<void> {
  const newest = () => [...pool.workers].sort((a, b) => b.threadId - a.threadId)[0];
  while (pool.workers.length === SIZE) await newest()?.terminate();
}

test('a pool whose workers die while they load is made anew', async () => {
  await withPool(async (pool, mem, warnings) => {
    await pool.warmUp();
    const before = pool.workers.map(({ threadId }) => threadId);
    await killWhileLoading(pool);
    expect(readyScanners(mem)).toBeLessThan(SIZE);
    await until(() => readyScanners(mem) === SIZE, 20);
    expect(pool.workers.filter(({ threadId }) => before.includes(threadId))).toEqual([]);
    await openJobForAll(pool, mem);
    expect(endEarly(mem)).toBe(0);
    expect(warnings).toEqual([]);
  });
});

test.runIf(process.platform === 'linux')(
  'a pool that gives place to a new one ends its job first',
  async () => {
    await withPool(async (pool, mem) => {
      await pool.warmUp();
      await openJobForAll(pool, mem);
      const last = pool.workers[1] as Worker;
      const ended = once(last, 'exit');
      while (pool.workers.length === SIZE) {
        await pool.workers.find((worker) => worker !== last)?.terminate();
      }
      await until(() => readyScanners(mem) === SIZE, 20);
      expect(pool.workers).not.toContain(last);
      expect(endEarly(mem)).toBe(1); // the first to be killed: `last` was in the job to its end
      await ended;
    });
  },
);

test('a pool whose workers cannot start is made anew three times, then given up', async () => {
  await withHeapAsync({}, async (heap) => {
    const { mem } = sessionOf(heap);
    const warnings: string[] = [];
    const broken = Object.create(mem, { buffer: { value: null } }) as Mutator;
    const pool = new ScannerPool(broken, SIZE, (message) => warnings.push(message));
    await pool.warmUp();
    const gaveUp = () => warnings.some((message) => message.includes('again and again'));
    await until(() => gaveUp() && pool.workers.length === 0, 40);
    expect(pool.post()).toBe(0);
    const failures = warnings.filter((message) => message.startsWith('a scanner has failed: '));
    // Of each of four pools: a worker and its replacement at least, all with theirs at most.
    expect(failures.length).toBeGreaterThanOrEqual(4 * 2);
    expect(failures.length).toBeLessThanOrEqual(4 * 2 * SIZE);
    expect(warnings.length - failures.length).toBe(1);
    await pool.stop();
  });
});

test('a pool that is stopped while its workers load ends them when they have', async () => {
  await withPool(async (pool, mem, warnings) => {
    await pool.start();
    const codes = pool.workers.map((worker) => once(worker, 'exit'));
    let loaded = 0;
    for (const worker of pool.workers) worker.on('message', () => loaded++);
    const start = performance.now();
    await pool.stop();
    const isLate = performance.now() - start >= 1000; // it does not wait for ever
    expect(await Promise.all(codes)).toEqual(Array(SIZE).fill([1]));
    expect(loaded >= SIZE || isLate).toBe(true); // each has said that it has loaded everything
    expect([readyScanners(mem), warnings]).toEqual([0, []]);
  });
});

test('what Piscina requires is the promise of a task that import() loads', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const entry = require(workerData.entry);
    const isPromise = entry instanceof Promise;
    entry.then((task) => parentPort.postMessage([isPromise, task()]));
  `;
  const module = 'data:text/javascript,export default () => 7';
  const workerData = { entry: fileURLToPath(findPoolEntry()), module };
  const worker = new Worker(code, { eval: true, workerData });
  expect(await once(worker, 'message')).toEqual([[true, 7]]);
});
