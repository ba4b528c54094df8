/** Read sections of many threads: together with each other, never with exclusive ones. */
import { expect, test } from 'vitest';
import { LockTimeoutError } from '../src/index.ts';
import { rootMap, sleep, type Thread, until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-reading' };

const HELD = 0;
const RELEASE = 1;
const STOP = 2;
const BEGUN = 3;

function raise(signals: Int32Array, at: number): void {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

test('any number of threads read at the same time', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const threads = await start(4);
    const reading = threads.map((thread) => thread.call('holdReading', HELD, RELEASE));
    await until(() => Atomics.load(signals, HELD) === 4);
    expect(heap.read(() => 'reads, too', { timeoutMs: 0 })).toBe('reads, too');
    raise(signals, RELEASE);
    await Promise.all(reading);
  });
});

test('an exclusive section waits until the last reader has left', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [reader, writer] = (await start(2)) as [Thread, Thread];
    const reading = reader.call('holdReading', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    expect(() => heap.run(() => {}, { timeoutMs: 20 })).toThrow(LockTimeoutError);
    expect(() => heap.run(() => {}, { timeoutMs: 0 })).toThrow(/thread [23] holds it/);
    let hasRun = false;
    const writing = writer.call<number>('section', 'run').then((waited) => {
      hasRun = true;
      return waited;
    });
    await sleep(50);
    expect(hasRun).toBe(false);
    raise(signals, RELEASE);
    expect(await writing).toBeGreaterThan(20);
    await reading;
  });
});

test('a writer whose wait for readers ends does not hand the lock over to itself', async () => {
  await withStage({ ...TASKS, switchIntervalMs: 400 }, async ({ signals, start }) => {
    const threads = await start(4);
    const [reader, first, second, third] = threads as [Thread, Thread, Thread, Thread];
    const reading = reader.call('holdReading', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    // The first has the lock while the second begins to wait for it. That one takes it before it
    // has asked for a hand-over; the third asks the second for one.
    const failing = first.fail('section', 'run', { timeoutMs: 200 });
    await sleep(100);
    const failingToo = second.fail('section', 'run', { timeoutMs: 700 });
    await sleep(150);
    const writing = third.call<number>('section', 'run', { timeoutMs: 10_000 });
    expect((await failing).name).toBe('LockTimeoutError');
    expect((await failingToo).name).toBe('LockTimeoutError');
    raise(signals, RELEASE);
    await reading;
    expect(await writing).toBeLessThan(5000);
  });
});

test('a read section waits until the exclusive one has ended', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [holder] = (await start(1)) as [Thread];
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    expect(() => heap.read(() => {}, { timeoutMs: 20 })).toThrow(LockTimeoutError);
    raise(signals, RELEASE);
    heap.read(() => {});
    await held;
  });
});

test('readers never see half of a change, whatever the threads', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using pair = rootMap<number>(heap, 'pair').set('left', 0).set('right', 0);
    const [a, b, c, d] = (await start(4)) as [Thread, Thread, Thread, Thread];
    const broken = await Promise.all([
      a.call('compare', 'pair', 20_000),
      b.call('compare', 'pair', 20_000),
      c.call('change', 'pair', 5000),
      d.call('change', 'pair', 5000),
    ]);
    expect(broken).toEqual([0, 0, undefined, undefined]);
    expect([...pair.values()]).toEqual([10_000, -10_000]);
  });
});

test('readers that overlap without end do not keep a writer out', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const threads = await start(3);
    const loops = threads.map((thread) => thread.call<number>('loop', 'read', STOP, 2, BEGUN));
    await until(() => Atomics.load(signals, BEGUN) === 3);
    for (let i = 0; i < 50; i++) heap.run(() => {}, { timeoutMs: 5000 });
    raise(signals, STOP);
    for (const sections of await Promise.all(loops)) expect(sections).toBeGreaterThan(0);
  });
});

test('writers that follow each other without end do not keep a reader out', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const threads = await start(3);
    const loops = threads.map((thread) => thread.call<number>('loop', 'run', STOP, 1, BEGUN));
    await until(() => Atomics.load(signals, BEGUN) === 3);
    for (let i = 0; i < 20; i++) heap.read(() => {}, { timeoutMs: 5000 });
    raise(signals, STOP);
    for (const sections of await Promise.all(loops)) expect(sections).toBeGreaterThan(0);
  });
});

test('threads keep and release in read sections together, and counts are right', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using array = heap.array<object>();
    heap.root.set('shared', array as never);
    heap.run(() => {
      for (let i = 0; i < 200; i++) array.push(heap.map());
    });
    const threads = await start(4);
    await Promise.all(threads.map((thread) => thread.call('keepMany', 'shared', 200)));
    expect(heap.run(() => heap.refcount(array.at(7) as never))).toBe(6);
    expect(heap.verify()).toEqual([]);
    await Promise.all(threads.map((thread) => thread.call('releaseMany')));
    expect(heap.run(() => heap.refcount(array.at(7) as never))).toBe(2);
  });
});

test('a thread that dies in a read section does not stand in the way of writers', async () => {
  await withStage({ ...TASKS, mayEndBroken: true }, async ({ heap, signals, start }) => {
    const [reader] = (await start(1)) as [Thread];
    reader.call('holdReading', HELD, RELEASE).catch(() => {});
    await until(() => Atomics.load(signals, HELD) === 1);
    await reader.kill();
    expect(heap.run(() => 'runs', { timeoutMs: 5000 })).toBe('runs');
    expect(heap.read(() => 'reads')).toBe('reads');
  });
});

test('the collector thread and readers get on with each other', async () => {
  const options = { ...TASKS, thresholds: [100, 2, 2] as const };
  await withStage(options, async ({ heap, signals, start }) => {
    using pair = rootMap<number>(heap, 'pair').set('left', 0).set('right', 0);
    const threads = await start(2);
    const loops = threads.map((thread) => thread.call<number>('loop', 'read', STOP));
    const Node = heap.struct('Node', { next: 'ref', more: 'any' });
    heap.run(() => {
      for (let i = 0; i < 60_000; i++) {
        heap.scope(() => {
          const node = new Node({});
          node.next = node;
        });
        if (i % 100 === 0) heap.safepoint();
      }
    });
    heap.gc.collect();
    raise(signals, STOP);
    await Promise.all(loops);
    expect(pair.size).toBe(2);
  });
});
