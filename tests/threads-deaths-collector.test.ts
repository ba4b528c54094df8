/**
 * Every way in which a thread can end, for the threads of the collector: see
 * `threads-deaths-table`.
 *
 * A scanner is attached to nothing and holds nothing, so nobody is told of a death: the scan is
 * repeated by one thread, and the collection finds what it would have found. Neither of the two
 * runs code of the program: here it stands in place of what the library calls.
 */
import { expect, test, vi } from 'vitest';
import { ensureCollectorThread, startedCollector } from '../src/collector-thread.ts';
import { wantBackground } from '../src/gc/background-state.ts';
import { readDeaths } from '../src/gc/deaths.ts';
import { hasCollector, isCollectorServing } from '../src/gc/requests.ts';
import { findUnreachable } from '../src/gc/trace.ts';
import { sessionOf } from '../src/heap.ts';
import type { DeathRecord, Heap } from '../src/index.ts';
import { COLLECTOR_THREAD } from '../src/memory/layout.ts';
import type * as workerEntry from '../src/worker-entry.ts';
import { addGraph, SHAPES } from './support/graph-shapes.ts';
import { GraphHeap } from './support/graphs.ts';
import { Random, SEED } from './support/random.ts';
import { withScanners } from './support/scanners.ts';
import { canDieBy, LIBRARY, type Thread, until, withStage } from './support/threads.ts';

const THERE = 0;
const GO = 1;
const SURVIVED = 2;
const WAITING = 3;
const BEGUN = 4;
const STOP = 5;

const MIB = 2 ** 20;
const SMALL = { maxOldGenerationSizeMb: 24 };

type Way = 'terminate' | 'exception' | 'exit' | 'memory';
const WAYS: Record<Way, string> = {
  terminate: 'terminate()',
  memory: 'running out of its own memory',
  exception: 'an error that nobody catches',
  exit: 'process.exit()',
};
const ALL = Object.keys(WAYS) as Way[];

/** How the next collector thread is to die; null: not at all. */
let death: object | null = null;

vi.mock('../src/worker-entry.ts', async (importOriginal) => {
  const original = await importOriginal<typeof workerEntry>();
  const file = new URL('./support/dying-collector.mjs', import.meta.url);
  return {
    ...original,
    findWorkerEntry: (name: 'collector' | 'scanner') =>
      death === null ? original.findWorkerEntry(name) : { file, data: death },
  };
});

vi.mock('node:worker_threads', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:worker_threads')>();
  class Small extends original.Worker {
    constructor(...[file, options]: ConstructorParameters<typeof original.Worker>) {
      super(file, death === null ? options : { ...options, resourceLimits: SMALL });
    }
  }
  return { ...original, Worker: Small };
});

/** Garbage in cycles, enough for a collection beside the mutators. */
function makeRings(heap: Heap): void {
  heap.run(() => {
    for (let i = 0; i < 5000; i++) {
      const list = heap.array<unknown>();
      list.push(heap.map([['list', list]]));
    }
  });
}

type Place = DeathRecord['where'];

/** When the collector thread dies, and where it is then said to have been. */
const MOMENTS: Record<string, Place> = {
  'between collections': 'outside',
  'in its scan': 'collecting',
  'in a stop': 'collecting',
};

async function expectDeath(way: Way, moment: string, where: Place | null): Promise<void> {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const options = { tasks: 'tasks-deaths', mayEndBroken: true, seconds: 50, maxBytes: 64 * MIB };
  await withStage(options, async ({ heap, signals, start }) => {
    const { mem } = sessionOf(heap);
    const told: DeathRecord[] = [];
    heap.on('threaddeath', (record) => void told.push(record));
    heap.gc.disable();
    heap.root.set(
      'shared',
      heap.map([
        ['a', 1],
        ['b', 2],
      ]) as never,
    );
    const before = heap.stats().objectsByKind;
    const [waiter, other] = (await start(2)) as [Thread, Thread];
    death = { way, moment, signals: signals.buffer, library: LIBRARY };
    expect(ensureCollectorThread(mem)).toBe(true);
    death = null;
    const collector = startedCollector(mem)!;
    const ended = new Promise((resolve) => collector.once('exit', resolve));
    await until(() => isCollectorServing(mem), 20);
    makeRings(heap);
    if (moment !== 'between collections') heap.run(() => wantBackground(mem, 2));
    await until(() => Atomics.load(signals, THERE) === 1, 20);
    const section = other.call('long', BEGUN, STOP);
    const waiting = waiter.call('wait', WAITING);
    Atomics.store(signals, GO, 1);
    Atomics.notify(signals, GO);
    if (way === 'terminate') await collector.terminate();
    if (where !== null) {
      await ended;
      await until(() => !hasCollector(mem));
      expect(signals[SURVIVED]).toBe(0);
    }
    expect(await waiting).toBe('ran');
    if (where !== null) await until(() => told.length > 0);
    await until(() => Atomics.load(signals, BEGUN) === 1);
    Atomics.store(signals, STOP, 1);
    expect(await section).toEqual(['mine', 'a,b']);
    expect(heap.verify()).toEqual([]);
    await Promise.all([waiter.finish(), other.finish()]);
    await until(() => ensureCollectorThread(mem) && isCollectorServing(mem), 20);
    heap.gc.collect();
    expect(heap.run(() => findUnreachable(mem, []))).toEqual([]);
    expect(heap.stats().objectsByKind).toEqual(before);
    expect(heap.verify()).toEqual([]);
    const deaths = where === null ? [] : [{ number: 1, thread: COLLECTOR_THREAD, where, rows: 0 }];
    expect(told).toMatchObject(deaths);
    expect(heap.run(() => readDeaths(mem, 0))).toEqual(told);
  }).finally(() => warn.mockRestore());
}

for (const [moment, where] of Object.entries(MOMENTS)) {
  for (const way of ALL) {
    const isDeath = moment !== 'in its scan' || way !== 'exception';
    const what = `a collector thread that ends ${moment} by ${WAYS[way]}`;
    const title = isDeath ? `${what} died ${where}` : 'an error in its scan costs that scan alone';
    test.runIf(canDieBy(way))(title, () => expectDeath(way, moment, isDeath ? where : null));
  }
}

for (const way of ALL) {
  test.runIf(canDieBy(way))(
    `a scanner that ends by ${WAYS[way]} in the middle of a scan costs that scan alone`,
    async () => {
      const signals = new Int32Array(new SharedArrayBuffer(64));
      Atomics.store(signals, GO, 1);
      const random = new Random(SEED);
      const heap = new GraphHeap(random, 1, 32 * MIB);
      const lost: number[] = [];
      heap.collector.onLost = (scanners) => void lost.push(scanners);
      const workerData = { way, signals: signals.buffer, isKiller: way === 'terminate' };
      const file = new URL('./support/dying-scanner.mjs', import.meta.url);
      const resourceLimits = way === 'terminate' ? {} : SMALL;
      const body = () => {
        for (let round = 0; round < 40 && signals[THERE] === 0; round++) {
          addGraph(heap, random.pick(Object.values(SHAPES)), 3000);
          heap.collect(2); // which compares what it finds with a trace
        }
        expect([signals[THERE], signals[SURVIVED]]).toEqual([1, 0]);
        // One that fails gives the scan up, and says that it leaves it.
        expect(lost).toEqual(way === 'exception' ? [] : [1]);
        lost.length = 0;
        addGraph(heap, random.pick(Object.values(SHAPES)), 3000);
        heap.collect(2);
        expect(lost).toEqual([]);
      };
      await withScanners(heap.collector, 1, body, { file, workerData, resourceLimits });
    },
  );
}
