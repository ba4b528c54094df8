/** What happens when a thread dies: in a section, while it waits for the lock, and elsewhere. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readDeaths } from '../src/gc/deaths.ts';
import { findUnreachable } from '../src/gc/trace.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { CONTROL_GIL, THREAD_PARK } from '../src/memory/layout.ts';
import { Memory, threadRecordOf } from '../src/memory/memory.ts';
import { acquireGil } from '../src/sync/gil.ts';
import { claimThread, releaseThread } from '../src/sync/thread-table.ts';
import { LIBRARY, sleep, type Thread, until, withStage } from './support/threads.ts';

const HELD = 0;
const RELEASE = 1;
const WAITING = 2;
const START = 3;
const STOP = 4;
/** The arguments of `contend`: tiny sections. */
const ARGS = [START, STOP, 0];

// A killed thread may keep its record for a while, so the heap is not as before.
const SURVIVES = { tasks: 'tasks-lock', mayEndBroken: true };

const PARKED = 1;
const SIGNALLED = 2;
const GRANTED = 3;
/** The flag of the lock word that says that somebody may be parked. */
const CONTENDED = 1 << 8;

/** The heap's number of a thread of the system. */
function idOfSystemThread(heap: Heap, osThread: unknown): number {
  return heap.stats().threads.find((thread) => thread.osThread === osThread)!.id;
}

function parkWord(heap: Heap, id: number): { i32: Int32Array; at: number } {
  const i32 = new Int32Array(heap.share().buffer);
  const mem = new Memory(heap.share().buffer, id as never);
  return { i32, at: threadRecordOf(mem, id) + THREAD_PARK };
}

/** Waits until the thread sleeps in the lock's queue. */
async function untilParked(heap: Heap, id: number): Promise<void> {
  const { i32, at } = parkWord(heap, id);
  await until(() => Atomics.load(i32, at) === PARKED);
}

/** Begins a section in `thread` that holds the lock until RELEASE. */
async function holdIn(thread: Thread, signals: Int32Array): Promise<void> {
  thread.call('hold', HELD, RELEASE).catch(() => {});
  await until(() => Atomics.load(signals, HELD) === 1);
}

/** The deaths that were recovered so far. */
const deathsOf = (heap: Heap) => heap.run(() => readDeaths(sessionOf(heap).mem, 0));

test('waiters go on when the thread that holds the lock is killed', async () => {
  await withStage(SURVIVES, async ({ heap, signals, start }) => {
    const threads = await start(4);
    const [victim, ...others] = threads as [Thread, ...Thread[]];
    const osThread = await victim.call<number>('osThread');
    const thread = idOfSystemThread(heap, osThread);
    await holdIn(victim, signals);
    const waiting = others.map((other) => other.call('wait', WAITING));
    await until(() => Atomics.load(signals, WAITING) === 1);
    await sleep(20);
    const killed = performance.now();
    await victim.kill();
    await Promise.all(waiting);
    expect(performance.now() - killed).toBeLessThan(1000);
    expect(deathsOf(heap)).toMatchObject([{ number: 1, thread, osThread, where: 'holding' }]);
    expect(heap.stats().threads.length).toBe(4);
    expect(heap.verify()).toEqual([]);
    for (const other of others) expect(await other.call('run')).toBe('ran');
  });
});

test('a section with a timeout recovers the heap, too, when the holder has died', async () => {
  await withStage(SURVIVES, async ({ heap, signals, start }) => {
    const [victim] = (await start(1)) as [Thread];
    await holdIn(victim, signals);
    await victim.kill();
    expect(heap.run(() => 'ran', { timeoutMs: 500 })).toBe('ran');
    expect(heap.stats().threads.length).toBe(1);
    expect(heap.verify()).toEqual([]);
  });
});

test('a thread in a long section goes on at its safepoint, and its handles are valid', async () => {
  await withStage(SURVIVES, async ({ heap, signals, start }) => {
    heap.root.set('shared', heap.map());
    const [long, victim] = (await start(2)) as [Thread, Thread];
    const ended = long.call('long', WAITING, STOP);
    await until(() => Atomics.load(signals, WAITING) === 1);
    await holdIn(victim, signals); // it gets in at a safepoint
    await victim.kill();
    await sleep(50);
    Atomics.store(signals, STOP, 1);
    await ended;
    expect(heap.verify()).toEqual([]);
    expect(deathsOf(heap).length).toBe(1);
  });
});

test('a heap whose lock a dead thread holds can be attached to', async () => {
  await withStage(SURVIVES, async ({ heap, signals, start, startDetached }) => {
    const [victim] = (await start(1)) as [Thread];
    await holdIn(victim, signals);
    await victim.kill();
    const late = await startDetached();
    await late.call('attach', heap.share());
    expect(await late.call('run')).toBe('ran');
    expect(heap.stats().threads.length).toBe(2);
    expect(heap.verify()).toEqual([]);
  });
});

test('threads are killed again and again in the middle of their sections', async () => {
  await withStage({ ...SURVIVES, seconds: 60 }, async ({ heap, start }) => {
    heap.root.set('work', heap.map() as never);
    for (let round = 0; round < 12; round++) {
      const [victim] = (await start(1)) as [Thread];
      victim.call('churn', 'work', round).catch(() => {});
      await sleep(15 + round * 5);
      await victim.kill();
      expect(heap.run(() => heap.verify())).toEqual([]);
      heap.gc.collect();
      const { mem } = sessionOf(heap);
      expect(heap.run(() => findUnreachable(mem, []))).toEqual([]);
    }
    expect(heap.stats().threads.length).toBeLessThanOrEqual(13);
  });
});

test('a thread killed while it waits for the lock breaks nothing', async () => {
  await withStage(SURVIVES, async ({ heap, signals, start }) => {
    const [holder, victim, third] = (await start(3)) as [Thread, Thread, Thread];
    const victimId = idOfSystemThread(heap, await victim.call('osThread'));
    await holdIn(holder, signals);
    victim.call('wait', WAITING).catch(() => {});
    await untilParked(heap, victimId);
    await sleep(20); // long enough to have asked for a hand-over
    await victim.kill();
    const waiting = third.call('run');
    await sleep(20);
    Atomics.store(signals, RELEASE, 1);
    Atomics.notify(signals, RELEASE);
    expect(await waiting).toBe('ran');
    for (let i = 0; i < 20; i++) {
      expect(await third.call('run')).toBe('ran');
      expect(heap.run(() => i)).toBe(i);
    }
    expect(heap.verify()).toEqual([]);
  });
});

test('a thread killed after it was signalled does not slow the others down for ever', async () => {
  await withStage(SURVIVES, async ({ heap, signals, start }) => {
    const [holder, victim, ...others] = (await start(4)) as [Thread, Thread, ...Thread[]];
    const victimId = idOfSystemThread(heap, await victim.call('osThread'));
    await holdIn(holder, signals);
    victim.call('wait', WAITING).catch(() => {});
    await untilParked(heap, victimId);
    await victim.kill();
    const { i32, at } = parkWord(heap, victimId);
    Atomics.store(i32, at, SIGNALLED); // as if its signal had come just before
    Atomics.store(signals, RELEASE, 1);
    Atomics.notify(signals, RELEASE);
    Atomics.store(signals, START, 1);
    const results = others.map((thread) => thread.call<{ sections: number }>('contend', ...ARGS));
    await sleep(300);
    Atomics.store(signals, STOP, 1);
    for (const { sections } of await Promise.all(results)) expect(sections).toBeGreaterThan(10);
    expect(heap.verify()).toEqual([]);
  });
});

test('a thread killed after the lock was granted to it had not begun: others go on', async () => {
  await withStage(SURVIVES, async ({ heap, signals, start }) => {
    const [victim] = (await start(1)) as [Thread];
    const victimId = idOfSystemThread(heap, await victim.call('osThread'));
    const { buffer } = heap.share();
    const holder = new Memory(buffer, claimThread(buffer));
    acquireGil(holder, Number.POSITIVE_INFINITY);
    victim.call('wait', WAITING).catch(() => {});
    await untilParked(heap, victimId);
    await victim.kill();
    const { i32, at } = parkWord(heap, victimId);
    Atomics.store(i32, at, GRANTED);
    Atomics.store(i32, CONTROL_GIL, victimId | CONTENDED);
    expect(heap.run(() => 'ran')).toBe('ran');
    releaseThread(holder, holder.threadId);
    expect(heap.verify()).toEqual([]);
    expect(signals[WAITING]).toBe(1);
  });
});

test('a waiter granted the lock by a holder that then died recovers the heap', async () => {
  await withStage(SURVIVES, async ({ heap, signals, start }) => {
    const [holder, waiter] = (await start(2)) as [Thread, Thread];
    const waiterId = idOfSystemThread(heap, await waiter.call('osThread'));
    await holdIn(holder, signals);
    const waited = waiter.call('wait', WAITING);
    await untilParked(heap, waiterId);
    const { i32, at } = parkWord(heap, waiterId);
    await until(() => Atomics.compareExchange(i32, at, PARKED, GRANTED) === PARKED);
    await holder.kill();
    const killed = performance.now();
    await waited;
    expect(performance.now() - killed).toBeLessThan(1000);
    expect(heap.run(() => 'ran')).toBe('ran');
    expect(heap.verify()).toEqual([]);
  });
});

test('a thread killed outside of sections leaves the heap usable', async () => {
  await withStage(SURVIVES, async ({ heap, start }) => {
    const [victim, other] = (await start(2)) as [Thread, Thread];
    heap.root.set('pair', heap.map().set('left', 0).set('right', 0));
    expect(await victim.call('increment', 'pair', 100)).toBe(0);
    await victim.kill();
    expect(await other.call('increment', 'pair', 100)).toBe(0);
    expect((heap.root.get('pair') as unknown as Map<string, number>).get('left')).toBe(200);
    expect(heap.verify()).toEqual([]);
  });
});

test('an error that nobody catches in a section ends the section, not the heap', async () => {
  await withStage(SURVIVES, async ({ heap, start }) => {
    const [victim, other] = (await start(2)) as [Thread, Thread];
    await victim.call('crash');
    expect(await victim.ended).toBe(1);
    expect(victim.crash()?.message).toBe('on purpose');
    expect(heap.root.get('crash')).toBe(1);
    expect(await other.call('run')).toBe('ran');
    expect(heap.stats().threads.length).toBe(2);
    expect(heap.verify()).toEqual([]);
  });
});

test('running out of file descriptors is not taken for the death of a thread', () => {
  const script = fileURLToPath(new URL('./support/no-descriptors.mjs', import.meta.url));
  // The shell sets both limits, so that Node cannot raise its own.
  const command = 'ulimit -n 80; exec "$0" "$@"';
  const result = spawnSync('sh', ['-c', command, process.execPath, script, LIBRARY], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(result.stderr).toBe('');
  expect(result.stdout).toBe('sound\n');
});
