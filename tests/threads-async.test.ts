/** Sections that wait for the lock without blocking the event loop. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { CONTROL_GIL } from '../src/memory/layout.ts';
import { OFFERED } from '../src/sync/lock-word.ts';
import { LIBRARY, rootMap, sleep, type Thread, until, withStage } from './support/threads.ts';
import { withHeapAsync } from './support/with-heap.ts';

const TASKS = { tasks: 'tasks-reading' };

const HELD = 0;
const RELEASE = 1;
const STOP = 2;
const BEGUN = 3;

function raise(signals: Int32Array, at: number): void {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

/** What a promise was rejected with. */
const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: unknown) => error,
  );

test('runAsync gives what the section returns, and what it throws', async () => {
  await withHeapAsync({}, async (heap) => {
    using map = heap.map<string, number>();
    expect(await heap.runAsync(() => map.set('a', 1).size)).toBe(1);
    expect(await heap.readAsync(() => map.get('a'))).toBe(1);
    const failure = new Error('mine');
    const failing = heap.runAsync(() => {
      throw failure;
    });
    expect(await reasonOf(failing)).toBe(failure);
    const kept = await heap.runAsync(() => heap.array([1]));
    expect(kept.at(0)).toBe(1);
    kept.release();
  });
});

test('an asynchronous section never begins inside the call', async () => {
  await withHeapAsync({}, async (heap) => {
    const order: string[] = [];
    const later = heap.runAsync(() => order.push('section'));
    order.push('call');
    await later;
    expect(order).toEqual(['call', 'section']);
  });
});

test('one asked for inside a section begins after that', async () => {
  await withHeapAsync({}, async (heap) => {
    const order: string[] = [];
    const later = heap.run(() => {
      const promised = { promise: heap.runAsync(() => order.push('later')) };
      order.push('now');
      return promised;
    });
    await later.promise;
    expect(order).toEqual(['now', 'later']);
  });
});

test('asynchronous sections of a thread begin in the order of the calls', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [holder] = (await start(1)) as [Thread];
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    const order: number[] = [];
    const all = Array.from({ length: 50 }, (_, i) =>
      i % 3 === 0 ? heap.readAsync(() => order.push(i)) : heap.runAsync(() => order.push(i)),
    );
    await sleep(30);
    expect(order).toEqual([]);
    raise(signals, RELEASE);
    await Promise.all([...all, held]);
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

test('the event loop goes on while a section waits', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [holder] = (await start(1)) as [Thread];
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    const waiting = heap.runAsync(() => 'had it');
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await until(() => turns >= 20);
    clearInterval(timer);
    raise(signals, RELEASE);
    expect(await waiting).toBe('had it');
    await held;
  });
});

test('an aborted wait is rejected with the reason; the others go on', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [holder] = (await start(1)) as [Thread];
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    const controller = new AbortController();
    const { signal } = controller;
    const first = reasonOf(heap.runAsync(() => 'first', { signal }));
    const second = heap.runAsync(() => 'second');
    await sleep(5);
    controller.abort('enough');
    expect(await first).toBe('enough');
    expect(await reasonOf(heap.readAsync(() => {}, { signal }))).toBe('enough');
    raise(signals, RELEASE);
    expect(await second).toBe('second');
    await held;
  });
});

test('a wait that takes too long is rejected with LockTimeoutError', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [holder] = (await start(1)) as [Thread];
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    for (const timeoutMs of [0, 30]) {
      const error = await reasonOf(heap.runAsync(() => {}, { timeoutMs }));
      expect(error).toMatchObject({ name: 'LockTimeoutError', timeoutMs, holder: 2 });
    }
    raise(signals, RELEASE);
    await held;
  });
});

test('bad options are refused', async () => {
  await withHeapAsync({}, async (heap) => {
    const bad = (options: unknown) => reasonOf(heap.runAsync(() => {}, options as never));
    expect(await bad({ timeout: 1 })).toMatchObject({ name: 'TypeError' });
    expect(String(await bad({ timeout: 1 }))).toContain('timeoutMs, signal, atomic');
    expect(await bad({ signal: 'no' })).toMatchObject({ name: 'TypeError' });
    expect(await bad({ timeoutMs: -1 })).toMatchObject({ name: 'RangeError' });
    expect(await bad(null)).toMatchObject({ name: 'TypeError' });
  });
});

test('a section has the asynchronous context of its call', async () => {
  await withHeapAsync({}, async (heap) => {
    const storage = new AsyncLocalStorage<number>();
    const inContext = (i: number) => storage.run(i, () => heap.runAsync(() => storage.getStore()));
    expect(await Promise.all([inContext(1), inContext(2)])).toEqual([1, 2]);
  });
});

test('leaving the heap rejects what still waits', async () => {
  await withStage({ ...TASKS, mayEndBroken: true }, async ({ heap, signals, start }) => {
    const [reader] = (await start(1)) as [Thread];
    const reading = reader.call('holdReading', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    const waiting = reasonOf(heap.runAsync(() => {}));
    await sleep(5);
    setTimeout(() => raise(signals, RELEASE), 10);
    await reading;
    heap.detach();
    const reason = await waiting;
    if (reason !== 'resolved') expect(reason).toMatchObject({ name: 'HeapClosedError' });
    const late = await reasonOf(heap.runAsync(() => {}));
    expect(late).toMatchObject({ name: 'HeapClosedError' });
  });
});

test('a thread that waits asynchronously is not starved by threads that never pause', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const threads = await start(3);
    const loops = threads.map((thread) => thread.call<number>('loop', 'run', STOP, 0, BEGUN));
    await until(() => Atomics.load(signals, BEGUN) === 3);
    for (let i = 0; i < 30; i++) await heap.runAsync(() => {}, { timeoutMs: 5000 });
    for (let i = 0; i < 30; i++) await heap.readAsync(() => {}, { timeoutMs: 5000 });
    raise(signals, STOP);
    for (const sections of await Promise.all(loops)) expect(sections).toBeGreaterThan(0);
  });
});

test('nor by readers that overlap without end', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const threads = await start(3);
    const loops = threads.map((thread) => thread.call<number>('loop', 'read', STOP, 3, BEGUN));
    await until(() => Atomics.load(signals, BEGUN) === 3);
    for (let i = 0; i < 10; i++) await heap.runAsync(() => {}, { timeoutMs: 10_000 });
    raise(signals, STOP);
    for (const sections of await Promise.all(loops)) expect(sections).toBeGreaterThan(0);
  });
});

test('threads that wait asynchronously starve neither each other nor those that block', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const threads = await start(4);
    const loops = [
      threads[0]!.call<number>('loopLater', 'run', STOP),
      threads[1]!.call<number>('loopLater', 'run', STOP),
      threads[2]!.call<number>('loopLater', 'read', STOP),
      threads[3]!.call<number>('loop', 'run', STOP, 0, BEGUN),
    ];
    await sleep(500);
    for (let i = 0; i < 5; i++) heap.run(() => {}, { timeoutMs: 5000 });
    raise(signals, STOP);
    for (const sections of await Promise.all(loops)) expect(sections).toBeGreaterThan(5);
  });
});

test('an offer to a thread whose event loop is busy lapses', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const threads = await start(2);
    const loops = threads.map((thread) => thread.call<number>('loop', 'run', STOP, 0, BEGUN));
    await until(() => Atomics.load(signals, BEGUN) === 2);
    const i32 = new Int32Array(heap.share().buffer);
    const isOffered = () => (Atomics.load(i32, CONTROL_GIL) & OFFERED) !== 0;
    let lapsed = 0;
    for (const end = performance.now() + 10_000; lapsed < 3 && performance.now() < end; ) {
      const mine = heap.runAsync(() => {});
      await Promise.resolve();
      // The event loop is blocked here, until this thread was offered the lock in vain.
      for (const slice = performance.now() + 100; performance.now() < slice; ) {
        if (!isOffered()) continue;
        while (isOffered());
        lapsed++;
        break;
      }
      await mine;
    }
    expect(lapsed).toBe(3);
    raise(signals, STOP);
    for (const sections of await Promise.all(loops)) expect(sections).toBeGreaterThan(0);
  });
});

test('the heap survives a thread that dies while it waits asynchronously', async () => {
  await withStage({ ...TASKS, mayEndBroken: true }, async ({ heap, signals, start }) => {
    const [holder, victim] = (await start(2)) as [Thread, Thread];
    using counts = rootMap<number>(heap, 'counts').set('n', 0);
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    victim.call('later', 'run', BEGUN).catch(() => {});
    await until(() => Atomics.load(signals, BEGUN) === 1);
    await sleep(30);
    await victim.kill();
    raise(signals, RELEASE);
    await held;
    for (let i = 0; i < 20; i++) {
      await heap.runAsync(() => counts.set('n', i), { timeoutMs: 5000 });
    }
    expect(counts.get('n')).toBe(19);
  });
});

/** Runs a program on the compiled library; how it ended. */
function runProgram(body: string) {
  const program = `
    import { Heap } from '${LIBRARY}';
    import { Worker } from 'node:worker_threads';
    const heap = Heap.create({ maxBytes: 2 ** 24 });
    const signals = new Int32Array(new SharedArrayBuffer(64));
    const holder = new Worker(\`
      import { Heap } from '${LIBRARY}';
      import { workerData } from 'node:worker_threads';
      const { token, signals } = workerData;
      const heap = Heap.attach(token);
      heap.run(() => { Atomics.store(signals, 0, 1); Atomics.wait(signals, 1, 0, 300); });
    \`, { eval: true, execArgv: ['--input-type=module'], workerData: { token: heap.share(), signals } });
    holder.unref();
    while (Atomics.load(signals, 0) === 0) await new Promise((r) => setTimeout(r, 5));
    ${body}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 30_000,
  });
}

test('a process stays alive while a section waits, and ends when none does', () => {
  const { stdout, stderr, status } = runProgram(`
    heap.runAsync(() => console.log('had it'));
    heap.readAsync(() => console.log('read it'));`);
  expect(stderr).toBe('');
  expect([stdout, status]).toEqual(['had it\nread it\n', 0]);
});
