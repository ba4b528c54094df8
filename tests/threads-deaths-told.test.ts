/** Deaths outside of sections: they are noticed, recovered and told of. */
import { spawnSync } from 'node:child_process';
import { expect, test, vi } from 'vitest';
import { type DeathRecord, Heap, HeapClosedError } from '../src/index.ts';
import type { ThreadId } from '../src/memory/layout.ts';
import { Memory } from '../src/memory/memory.ts';
import { isReading } from '../src/sync/readers.ts';
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

test.runIf(isLinux).each([
  ['hold', 'holding'],
  ['holdReading', 'reading'],
])(
  'when a worker ends that would %s, nobody has to sleep to find that out',
  async (task, where) => {
    await withStage(TASKS, async ({ heap, signals, start }) => {
      const deaths = listen(heap);
      const [victim] = (await start(1)) as [Thread];
      victim.call(task, HELD, RELEASE).catch(() => {});
      await until(() => Atomics.load(signals, HELD) === 1);
      const wait = vi.spyOn(Atomics, 'wait');
      try {
        await victim.kill();
        await until(() => deaths.length === 1);
        expect(deaths[0]!.where).toBe(where);
        expect(wait).not.toHaveBeenCalled();
      } finally {
        wait.mockRestore();
      }
      expect(heap.verify()).toEqual([]);
    });
  },
);

test.runIf(isLinux)('a dead reader is found while another one lives and reads on', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const deaths = listen(heap);
    const [reader] = (await start(1)) as [Thread];
    const [victim] = (await start(1)) as [Thread];
    const reading = reader.call('holdReading', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    victim.call('holdReading', HELD, RELEASE).catch(() => {});
    await until(() => Atomics.load(signals, HELD) === 2);
    await victim.kill();
    const mem = new Memory(heap.share().buffer, 1 as ThreadId);
    await until(() => !isReading(mem, 3));
    expect(isReading(mem, 2)).toBe(true);
    Atomics.store(signals, RELEASE, 1);
    Atomics.notify(signals, RELEASE);
    await reading;
    await until(() => deaths.length === 1);
    expect(deaths[0]).toMatchObject({ thread: 3, where: 'reading' });
    expect(heap.verify()).toEqual([]);
  });
});

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

test('nobody can begin to listen to a heap that was left or closed', async () => {
  const listener = () => {};
  const heap = Heap.create({ maxBytes: 2 ** 24 }).on('threaddeath', listener);
  heap.detach();
  expect(() => heap.on('threaddeath', listener)).toThrow(HeapClosedError);
  expect(heap.off('threaddeath', listener)).toBe(heap);
  await withStage(TASKS, async ({ heap, start }) => {
    const [other] = (await start(1)) as [Thread];
    expect(await other.call('listen')).toBe('listens');
    await heap.close();
    expect(() => heap.on('threaddeath', listener)).toThrow(HeapClosedError);
    expect(await other.fail('listen')).toMatchObject({ name: 'HeapClosedError' });
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
