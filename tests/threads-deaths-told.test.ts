/** Deaths outside of sections: they are noticed, recovered and told of. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { DeathRecord, Heap } from '../src/index.ts';
import { LIBRARY, type Thread, until, withStage } from './support/threads.ts';
import { withHeap } from './support/with-heap.ts';

const TASKS = { tasks: 'tasks-reading', mayEndBroken: true };
const isLinux = process.platform === 'linux';
const HELD = 0;
const RELEASE = 1;

function listen(heap: Heap): DeathRecord[] {
  const deaths: DeathRecord[] = [];
  heap.on('threaddeath', (death) => void deaths.push(death));
  return deaths;
}

test.runIf(isLinux)('what a killed thread held is released, and its place is free', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const deaths = listen(heap);
    using array = heap.array<object>();
    heap.root.set('shared', array as never);
    heap.run(() => {
      for (let i = 0; i < 50; i++) array.push(heap.map());
    });
    const [victim] = (await start(1)) as [Thread];
    const { id, osThread } = heap.stats().threads.find((thread) => thread.id !== 1)!;
    await victim.call('keepMany', 'shared', 50);
    expect(heap.run(() => heap.refcount(array.at(7) as never))).toBe(3);
    await victim.kill();
    await until(() => deaths.length === 1);
    const { durationMs, pages, blocks, ...death } = deaths[0]!;
    expect(death).toEqual({ number: 1, thread: id, osThread, where: 'outside', rows: 52 });
    expect(durationMs).toBeGreaterThanOrEqual(0);
    expect(pages + blocks).toBeGreaterThanOrEqual(1); // the table of its rows was its own
    expect(heap.stats().threads.length).toBe(1);
    expect(heap.run(() => heap.refcount(array.at(7) as never))).toBe(2);
    expect(heap.verify()).toEqual([]);
  });
});

test.runIf(isLinux)(
  'a thread that dies in a read section is told apart, and recounted',
  async () => {
    await withStage(TASKS, async ({ heap, signals, start }) => {
      const deaths = listen(heap);
      const [reader] = (await start(1)) as [Thread];
      reader.call('holdReading', HELD, RELEASE).catch(() => {});
      await until(() => Atomics.load(signals, HELD) === 1);
      await reader.kill();
      heap.run(() => {}, { timeoutMs: 5000 });
      await until(() => deaths.length === 1);
      expect(deaths[0]!.where).toBe('reading');
      heap.gc.collect();
      expect(heap.verify()).toEqual([]);
      expect(heap.stats().threads.length).toBe(1);
    });
  },
);

test.runIf(isLinux)(
  'a thread that dies in its section is told of as one that held the lock',
  async () => {
    await withStage(TASKS, async ({ heap, signals, start }) => {
      const deaths = listen(heap);
      const [holder] = (await start(1)) as [Thread];
      holder.call('hold', HELD, RELEASE).catch(() => {});
      await until(() => Atomics.load(signals, HELD) === 1);
      await holder.kill();
      await until(() => deaths.length === 1);
      expect(deaths[0]!.where).toBe('holding');
      expect(heap.verify()).toEqual([]);
    });
  },
);

test.runIf(isLinux)('an atomic section whose thread dies is undone', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    using map = heap.map<string, number>([['a', 1]]);
    using array = heap.array([1, 2, 3]);
    heap.root.set('map', map as never).set('array', array as never);
    const { objectsByKind } = heap.stats();
    for (let round = 0; round < 5; round++) {
      Atomics.store(signals, HELD, 0);
      const [victim] = (await start(1)) as [Thread];
      victim.call('changeAtomically', HELD, RELEASE).catch(() => {});
      await until(() => Atomics.load(signals, HELD) === 1);
      await victim.kill();
      expect(heap.run(() => [...map, ...array])).toEqual([['a', 1], 1, 2, 3]);
      expect(heap.verify()).toEqual([]);
    }
    await until(() => heap.stats().threads.length === 1);
    heap.gc.collect();
    expect(heap.stats().objectsByKind).toEqual(objectsByKind);
  });
});

test('listeners are checked, and can be taken back', () => {
  withHeap({}, (heap) => {
    const listener = () => {};
    expect(() => heap.on('gone' as never, listener)).toThrow(/the event is threaddeath/);
    expect(() => heap.on('threaddeath', 5 as never)).toThrow(TypeError);
    expect(heap.on('threaddeath', listener).off('threaddeath', listener)).toBe(heap);
  });
});

test('a listener does not keep the process alive', () => {
  const program = `import { Heap } from '${LIBRARY}';
    Heap.create({ maxBytes: 2 ** 24 }).on('threaddeath', () => {});`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  expect([status, stderr]).toEqual([0, '']);
});
