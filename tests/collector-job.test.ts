/** Joining a job: seats, and who is noticed to be dead. */
import { expect, test } from 'vitest';
import { SCANNERS_MAX } from '../src/base/options.ts';
import {
  abortJob,
  awaitLeaving,
  beginCounting,
  closeJoining,
  endJob,
  isScannerDead,
  JOB_ABORTED,
  JOB_RETESTS,
  jobState,
  joinJob,
  leaveJob,
  openJob,
  SCANNER_OS_ID,
  scannerAt,
} from '../src/gc/job.ts';
import { sessionOf } from '../src/heap.ts';
import type { Memory } from '../src/memory/memory.ts';
import { acquireGil, releaseGil } from '../src/sync/gil.ts';
import { withHeap } from './support/with-heap.ts';

/** No system gives a thread this number. */
const NOBODY = 2 ** 30;

/** Runs `body` with the lock, as a lead would. */
function withJob(body: (mem: Memory) => void): void {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    acquireGil(mem, Number.POSITIVE_INFINITY);
    body(mem);
    endJob(mem);
    releaseGil(mem);
  });
}

test('before the first job nobody can join, and no word is written', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    expect(joinJob(mem)).toBe(0);
    expect(mem.i32[scannerAt(1) + SCANNER_OS_ID]).toBe(0);
  });
});

test('helpers take the seats in order, and none when joining is closed', () => {
  withJob((mem) => {
    openJob(mem);
    expect([joinJob(mem), joinJob(mem)]).toEqual([1, 2]);
    expect(closeJoining(mem)).toBe(3);
    expect(closeJoining(mem)).toBe(3);
    expect(joinJob(mem)).toBe(0);
  });
});

test('a job has as many scanners as there are seats, and then nobody joins any more', () => {
  withJob((mem) => {
    openJob(mem);
    for (let scanner = 1; scanner < SCANNERS_MAX; scanner++) expect(joinJob(mem)).toBe(scanner);
    expect(joinJob(mem)).toBe(0);
    expect(closeJoining(mem)).toBe(SCANNERS_MAX);
  });
});

test('seats that were left or never taken are free in the next job', () => {
  withJob((mem) => {
    openJob(mem);
    joinJob(mem);
    closeJoining(mem);
    leaveJob(mem, 1);
    expect(awaitLeaving(mem)).toBe(0);
    endJob(mem);
    openJob(mem);
    expect([joinJob(mem), joinJob(mem), joinJob(mem)]).toEqual([1, 2, 3]);
  });
});

test('nobody joins a second scan: it has tables for the lead alone', () => {
  withJob((mem) => {
    openJob(mem, JOB_RETESTS);
    expect(joinJob(mem)).toBe(0);
    expect(closeJoining(mem)).toBe(1);
    expect(joinJob(mem)).toBe(0);
  });
});

test('a job that was aborted before it began does not begin', () => {
  withJob((mem) => {
    openJob(mem);
    closeJoining(mem);
    abortJob(mem);
    beginCounting(mem);
    expect(jobState(mem)).toBe(JOB_ABORTED);
  });
});

test.runIf(process.platform === 'linux')(
  'a helper that dies as it sits down, before it has written anything else, is noticed',
  () => {
    withJob((mem) => {
      openJob(mem);
      Atomics.store(mem.i32, scannerAt(1) + SCANNER_OS_ID, NOBODY);
      expect(closeJoining(mem)).toBe(2);
      expect([isScannerDead(mem, 0), isScannerDead(mem, 1)]).toEqual([false, true]);
      expect(awaitLeaving(mem)).toBe(1);
    });
  },
);
