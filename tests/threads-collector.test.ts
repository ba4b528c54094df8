/** The collector thread: starting once, ending with its heap, dying and being replaced. */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import { ensureCollectorThread, startedCollector } from '../src/collector-thread.ts';
import * as job from '../src/gc/job.ts';
import { JOB_JOINED } from '../src/gc/job.ts';
import {
  hasCollector,
  isCollectorLost,
  isCollectorServing,
  REQUEST_POOL,
  REQUEST_SCANNERS,
  readyScanners,
  request,
} from '../src/gc/requests.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import { COLLECTOR_THREAD, GC_COLLECTOR, GC_POOL, MAX_THREADS } from '../src/memory/layout.ts';
import { Memory } from '../src/memory/memory.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { acquireGil, releaseGil } from '../src/sync/gil.ts';
import { claimThread, isAttached, releaseThread } from '../src/sync/thread-table.ts';
import { startTask, WORDS } from './support/collector-tasks.ts';
import { until } from './support/threads.ts';
import { COUNTS } from './support/with-heap.ts';

const NONE = 0;
const UNAVAILABLE = -1;

/** Makes `new Worker` fail while it is true, as without permission to start threads. */
let isForbidden = false;

vi.mock('node:worker_threads', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:worker_threads')>();
  class Guarded extends original.Worker {
    constructor(...args: ConstructorParameters<typeof original.Worker>) {
      if (isForbidden) throw new Error('Access to this API has been restricted');
      super(...args);
    }
  }
  return { ...original, Worker: Guarded };
});

/** Runs `body` with a heap, which must verify clean and have no collector thread in the end. */
async function withCollector(
  scanners: number,
  body: (heap: Heap, mem: Mutator) => Promise<void> | void,
): Promise<void> {
  const heap = Heap.create({ maxBytes: 2 ** 24, counts: COUNTS, scanners });
  const { mem } = sessionOf(heap);
  try {
    await body(heap, mem);
    expect(heap.verify()).toEqual([]);
    expect(heap.stats().threads.length).toBe(1);
  } finally {
    await heap.close();
  }
  expect(startedCollector(mem)).toBeUndefined();
  expect([mem.i32[GC_COLLECTOR], mem.i32[GC_POOL]]).toEqual([NONE, 0]);
}

/** Waits for a shared word in the way of a thread that holds the lock: blocking. */
function waitBlocking(condition: () => boolean): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within 20 s: ${condition}`);
    Atomics.wait(nothing, 0, 0, 1);
  }
}

/** Starts the collector thread and waits until it serves. */
async function start(mem: Mutator): Promise<Worker> {
  expect(ensureCollectorThread(mem)).toBe(true);
  await until(() => isCollectorServing(mem), 20);
  return startedCollector(mem) as Worker;
}

test('the first to ask starts it, and it takes no place among the 128', async () => {
  await withCollector(2, async (heap, mem) => {
    const { buffer } = heap.share();
    const others: Memory[] = [];
    while (others.length < MAX_THREADS - 1) others.push(new Memory(buffer, claimThread(buffer)));
    expect(hasCollector(mem)).toBe(false);
    const worker = await start(mem);
    expect(others.every((other) => ensureCollectorThread(other))).toBe(true);
    expect(startedCollector(mem)).toBe(worker);
    expect(heap.stats().threads.map(({ id }) => id)).toEqual(
      Array.from({ length: MAX_THREADS }, (_, i) => i + 1),
    );
    expect(isAttached(mem, COLLECTOR_THREAD)).toBe(true);
    for (const other of others) releaseThread(other, other.threadId);
  });
});

test('of three threads that want to start it at once, one does', async () => {
  await withCollector(2, async (heap, mem) => {
    const words = new Int32Array(new SharedArrayBuffer(16));
    const threads = Array.from({ length: 3 }, () => startTask(heap, 'claim', words));
    waitBlocking(() => Atomics.load(words, WORDS.ready) === 3);
    const granted: number[] = [];
    for (let round = 1; round <= 500; round++) {
      Atomics.store(words, WORDS.done, 0);
      Atomics.store(words, WORDS.granted, 0);
      Atomics.store(words, WORDS.round, round);
      Atomics.notify(words, WORDS.round);
      while (Atomics.load(words, WORDS.done) < 3) Atomics.wait(words, WORDS.done, 0, 1);
      granted.push(Atomics.load(words, WORDS.granted));
      Atomics.store(mem.i32, GC_COLLECTOR, NONE);
    }
    expect(granted).toEqual(Array(500).fill(1));
    Atomics.store(words, WORDS.round, -1);
    Atomics.notify(words, WORDS.round);
    await Promise.all(threads.map((thread) => once(thread, 'exit')));
  });
});

test('it starts, and its scanners join a job, while the starter blocks with the lock', async () => {
  await withCollector(3, async (_heap, mem) => {
    acquireGil(mem, Number.POSITIVE_INFINITY);
    expect(ensureCollectorThread(mem)).toBe(true);
    request(mem, REQUEST_POOL);
    waitBlocking(() => readyScanners(mem) === 2);
    for (let round = 0; round < 20; round++) {
      job.openJob(mem);
      request(mem, REQUEST_SCANNERS);
      waitBlocking(() => Atomics.load(mem.i32, JOB_JOINED) === 2);
      expect(job.closeJoining(mem)).toBe(3);
      job.abortJob(mem);
      expect(job.awaitLeaving(mem)).toBe(0);
      job.endJob(mem);
    }
    releaseGil(mem);
  });
});

test('a request made before the collector thread has started is served when it has', async () => {
  await withCollector(2, async (_heap, mem) => {
    request(mem, REQUEST_POOL);
    await start(mem);
    await until(() => readyScanners(mem) === 1, 20);
  });
});

test('closing a heap ends its collector thread and the pool, also while they start', async () => {
  for (const isRunning of [true, false]) {
    const heap = Heap.create({ maxBytes: 2 ** 22, counts: COUNTS });
    const { mem } = sessionOf(heap);
    ensureCollectorThread(mem);
    request(mem, REQUEST_POOL);
    const worker = startedCollector(mem) as Worker;
    const ended = once(worker, 'exit');
    if (isRunning) await until(() => readyScanners(mem) === 1, 20);
    await heap.close();
    await ended;
    expect([mem.i32[GC_COLLECTOR], mem.i32[GC_POOL]]).toEqual([NONE, 0]);
    expect(ensureCollectorThread(mem)).toBe(false);
  }
});

test.runIf(process.platform === 'linux')(
  'closing a heap does not wait for a collector thread that has died with its starter',
  async () => {
    const heap = Heap.create({ maxBytes: 2 ** 22, counts: COUNTS });
    const { mem } = sessionOf(heap);
    const collector = await start(mem);
    const serving = mem.i32[GC_COLLECTOR];
    await collector.terminate();
    await until(() => !hasCollector(mem));
    Atomics.store(mem.i32, GC_COLLECTOR, serving); // as a starter leaves it that dies, too
    await until(() => isCollectorLost(mem));
    vi.useFakeTimers({ toFake: ['setTimeout'] }); // they stand still: who waits for one hangs
    try {
      await heap.close();
    } finally {
      vi.useRealTimers();
    }
    expect(mem.i32[GC_COLLECTOR]).toBe(serving); // and nobody has noted it meanwhile
  },
);

test('a heap at the end of its `using` block lets its collector thread end', async () => {
  const heap = Heap.create({ maxBytes: 2 ** 22, counts: COUNTS });
  const { mem } = sessionOf(heap);
  const ended = once(await start(mem), 'exit');
  heap[Symbol.dispose]();
  expect(await ended).toEqual([0]);
  expect(mem.i32[GC_COLLECTOR]).toBe(NONE);
});

test('when the last thread has left the heap, the collector thread ends', async () => {
  const heap = Heap.create({ maxBytes: 2 ** 22, counts: COUNTS });
  const { mem } = sessionOf(heap);
  const ended = once(await start(mem), 'exit');
  heap.detach();
  expect(await ended).toEqual([0]);
  expect(isAttached(mem, COLLECTOR_THREAD)).toBe(false);
});

test('a collector thread that was killed is replaced, and leaves nothing behind', async () => {
  await withCollector(2, async (heap, mem) => {
    const first = await start(mem);
    request(mem, REQUEST_POOL);
    await until(() => readyScanners(mem) === 1, 20);
    await first.terminate();
    await until(() => !hasCollector(mem));
    expect(readyScanners(mem)).toBe(0);
    expect(heap.verify()).toEqual([]);
    const second = await start(mem);
    expect(second).not.toBe(first);
    request(mem, REQUEST_POOL);
    await until(() => readyScanners(mem) === 1, 20);
  });
});

test.runIf(process.platform === 'linux')(
  'a collector thread whose death nobody has told of is replaced by the next to ask',
  async () => {
    await withCollector(2, async (_heap, mem) => {
      const first = await start(mem);
      const serving = mem.i32[GC_COLLECTOR];
      await first.terminate();
      Atomics.store(mem.i32, GC_COLLECTOR, serving); // as its starter would find it, if it blocks
      const second = await start(mem);
      expect(second).not.toBe(first);
    });
  },
);

test('a thread that ends stops the collector thread it started; another starts one', async () => {
  await withCollector(2, async (heap, mem) => {
    const words = new Int32Array(new SharedArrayBuffer(16));
    const starter = startTask(heap, 'start', words);
    const [code] = await once(starter, 'exit');
    expect(code).toBe(0);
    expect(Atomics.load(words, WORDS.ready)).toBe(1);
    expect(mem.i32[GC_COLLECTOR]).toBe(NONE);
    expect(isAttached(mem, COLLECTOR_THREAD)).toBe(false);
    await start(mem);
  });
});

test('where no thread can be started the heap goes on without, and says so once', async () => {
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  isForbidden = true;
  try {
    const heap = Heap.create({ maxBytes: 2 ** 22, counts: COUNTS });
    const { mem } = sessionOf(heap);
    expect([ensureCollectorThread(mem), ensureCollectorThread(mem)]).toEqual([false, false]);
    expect(mem.i32[GC_COLLECTOR]).toBe(UNAVAILABLE);
    expect(emitWarning.mock.calls).toEqual([
      [
        'no collector thread can be started, so collections stop the world: ' +
          'Access to this API has been restricted',
        { type: 'SharcWarning', code: 'SHARC_COLLECTOR' },
      ],
    ]);
    expect(heap.verify()).toEqual([]);
    await heap.close();
  } finally {
    isForbidden = false;
    emitWarning.mockRestore();
  }
});
