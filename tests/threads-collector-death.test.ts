/**
 * Deaths in the middle of collections: of workers of the pool, of the collector thread. Nothing
 * that is reachable may be lost by them, and nothing that is not may stay.
 */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import { ensureCollectorThread, startedCollector } from '../src/collector-thread.ts';
import {
  BACKGROUND_IDLE,
  BACKGROUND_OPEN,
  BACKGROUND_SETTLING,
  backgroundState,
  wantBackground,
} from '../src/gc/background-state.ts';
import { JOB_COUNTING, JOB_REACHING, JOB_SCANNERS, JOB_STATE } from '../src/gc/job.ts';
import {
  hasCollector,
  isCollectorServing,
  REQUEST_POOL,
  readyScanners,
  request,
  takeRequests,
  waitForRequest,
  wakeCollector,
} from '../src/gc/requests.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import {
  BACKGROUND_WANTED,
  GC_BACKGROUND_MIN,
  GC_PARALLEL_MIN,
  GC_SHARED_MIN,
} from '../src/memory/layout.ts';
import type { Mutator } from '../src/object/mutator.ts';
import { ScannerPool } from '../src/scanner-pool.ts';
import { acquireGil, releaseGil } from '../src/sync/gil.ts';
import { dropRings, growGraph, LIVE, RING, startTask, WORDS } from './support/collector-tasks.ts';
import { until } from './support/threads.ts';
import { withHeapAsync } from './support/with-heap.ts';

const SCANNERS = 3;
const MIB = 2 ** 20;
const NEVER = 2 ** 31 - 1;

// Threads are started again and again, from the sources: seconds each on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

/** Waits until helpers scan in a job, or for a while. Returns whether they do. */
async function waitForScan(mem: Mutator): Promise<boolean> {
  const { i32 } = mem;
  const end = performance.now() + 1000;
  while (performance.now() < end) {
    const state = Atomics.load(i32, JOB_STATE);
    const isScanning = state === JOB_COUNTING || state === JOB_REACHING;
    if (isScanning && i32[JOB_SCANNERS] === SCANNERS) return true;
    await setImmediate();
  }
  return false;
}

/**
 * Lets another thread collect again and again, and calls `kill` in the middle of its scans until
 * helpers were lost twice. Every collection must have found exactly what was garbage.
 */
async function killInScans(
  heap: Heap,
  mem: Mutator,
  parts: { prepare(): Promise<void>; kill(): Promise<void> },
): Promise<void> {
  heap.gc.disable();
  mem.i32[GC_SHARED_MIN] = 0;
  mem.i32[GC_PARALLEL_MIN] = 1;
  const words = new Int32Array(new SharedArrayBuffer(4 * Object.keys(WORDS).length));
  const thread = startTask(heap, 'collect', words);
  const ended = once(thread, 'exit');
  await until(() => Atomics.load(words, WORDS.ready) === 1, 40);
  for (let lost = 0; lost < 2; lost = Atomics.load(words, WORDS.lost)) {
    await parts.prepare();
    if (await waitForScan(mem)) await parts.kill();
  }
  await parts.prepare();
  const before = Atomics.load(words, WORDS.done);
  await until(() => Atomics.load(words, WORDS.done) > before + 2, 40); // and it goes on
  Atomics.store(words, WORDS.round, -1);
  expect(await ended).toEqual([0]);
  expect(Atomics.load(words, WORDS.wrong)).toBe(0);
  heap.root.clear();
  expect(heap.gc.collect()).toBe(0); // the graph died when it was let go: it has no cycles
}

test.runIf(process.platform === 'linux')(
  'workers of the pool that die in the middle of a scan are reported, and their scan repeated',
  async () => {
    await withHeapAsync({ scanners: SCANNERS, maxBytes: 128 * MIB }, async (heap) => {
      const { mem } = sessionOf(heap);
      const pool = new ScannerPool(mem, SCANNERS - 1, () => {});
      let isServing = true;
      const serving = (async () => {
        while (isServing) {
          if (takeRequests(mem) === 0) await waitForRequest(mem);
          else pool.post();
        }
      })();
      let victim = 0;
      await killInScans(heap, mem, {
        async prepare() {
          await pool.start();
          await until(() => readyScanners(mem) === SCANNERS - 1, 20);
        },
        async kill() {
          await pool.workers[victim++ % pool.workers.length]?.terminate();
        },
      });
      isServing = false;
      wakeCollector(mem);
      await serving;
      await pool.stop();
    });
  },
);

test.runIf(process.platform === 'linux')(
  'a collector thread that dies with its pool in explicit collections costs no result',
  async () => {
    await withHeapAsync({ scanners: SCANNERS, maxBytes: 128 * MIB }, async (heap) => {
      const { mem } = sessionOf(heap);
      await killInScans(heap, mem, {
        async prepare() {
          await start(mem);
          request(mem, REQUEST_POOL);
          await until(() => readyScanners(mem) === SCANNERS - 1, 20);
        },
        kill: () => kill(mem),
      });
    });
  },
);

/** Starts the collector thread, if there is none, and waits until it serves. */
async function start(mem: Mutator): Promise<void> {
  await until(() => ensureCollectorThread(mem) && isCollectorServing(mem), 20);
}

async function kill(mem: Mutator): Promise<void> {
  await (startedCollector(mem) as Worker).terminate();
  await until(() => !hasCollector(mem));
}

/** Links in the heap: all of them are garbage. */
const linksOf = (heap: Heap) => heap.stats().objectsByKind.Link ?? 0;

/**
 * Starts a collection beside the mutators and kills the collector thread when it has got to
 * `state`, while this thread holds the lock: it dies in no section.
 */
async function killInBackground(heap: Heap, mem: Mutator, state: number): Promise<void> {
  for (;;) {
    if (linksOf(heap) === 0) dropRings(heap, 2000);
    await start(mem);
    acquireGil(mem, Number.POSITIVE_INFINITY);
    wantBackground(mem, 2);
    if (state !== BACKGROUND_WANTED) {
      releaseGil(mem);
      while (backgroundState(mem) === BACKGROUND_WANTED) await setImmediate();
      const isEarly = () => backgroundState(mem) === BACKGROUND_OPEN;
      while (state === BACKGROUND_SETTLING && isEarly()) await setImmediate();
      acquireGil(mem, Number.POSITIVE_INFINITY);
    }
    if (backgroundState(mem) === state) {
      await kill(mem);
      releaseGil(mem);
      return;
    }
    releaseGil(mem); // too late: once more
    await until(() => backgroundState(mem) === BACKGROUND_IDLE, 20);
  }
}

const STATES = [
  ['before it has begun', BACKGROUND_WANTED],
  ['in the scan', BACKGROUND_OPEN],
  ['while it settles and sweeps', BACKGROUND_SETTLING],
] as const;

for (const [when, state] of STATES) {
  test(`a collection that loses the collector thread ${when} is done all the same`, async () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await withHeapAsync({ maxBytes: 128 * MIB, pauseBudgetMs: 0.05 }, async (heap) => {
      const { mem } = sessionOf(heap);
      mem.i32[GC_BACKGROUND_MIN] = NEVER; // but for those that are started here
      growGraph(heap, LIVE);
      for (const successor of ['a mutator', 'the next collector thread']) {
        emitWarning.mockClear();
        heap.gc.disable();
        await killInBackground(heap, mem, state);
        expect(linksOf(heap)).toBeGreaterThan(0);
        if (successor !== 'a mutator') await start(mem);
        heap.gc.enable();
        await until(() => {
          if (successor === 'a mutator') dropRings(heap, 100);
          // Under the lock: a successor gives the old one up and begins anew in one section.
          return heap.run(() => backgroundState(mem)) === BACKGROUND_IDLE;
        }, 40);
        heap.gc.disable();
        expect(linksOf(heap)).toBeLessThan(2000 * RING);
        const codes = emitWarning.mock.calls.map(
          ([, options]) => (options as { code: string }).code,
        );
        if (state !== BACKGROUND_WANTED) expect(codes).toEqual(['SHARC_COLLECTOR_LOST']);
        expect(heap.verify()).toEqual([]);
        heap.gc.collect();
        expect(linksOf(heap)).toBe(0);
      }
      expect(heap.root.get('nodes')).toHaveLength(LIVE);
      heap.root.clear();
    }).finally(() => emitWarning.mockRestore());
  });
}
