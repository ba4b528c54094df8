/** The pool of scanners: ready when it says so, at work when called, whole again after a death. */
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
