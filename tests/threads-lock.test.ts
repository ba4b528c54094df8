/** The lock: sections exclude each other, waiters are served in turn, nobody starves. */
import { expect, test } from 'vitest';
import { HeapClosedError, LockTimeoutError } from '../src/index.ts';
import { CONTROL_GIL, THREAD_PARK } from '../src/memory/layout.ts';
import { Memory, threadRecordOf } from '../src/memory/memory.ts';
import { acquireGil, isHandoverRequested, releaseGil } from '../src/sync/gil.ts';
import { markClosed } from '../src/sync/heap-state.ts';
import { claimThread, releaseThread } from '../src/sync/thread-table.ts';
import { rootMap, sleep, type Thread, until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-lock' };

const HELD = 0;
const RELEASE = 1;
const START = 3;
const STOP = 4;
const COUNTER = 5;
const WAITING = 10;

const OWNER_MASK = 0xff;
const PARKED = 1;

function raise(signals: Int32Array, at: number): void {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

interface Contended {
  readonly sections: number;
  readonly heldMs: number;
}

test('sections of four threads never interleave, and no change is lost', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using pair = rootMap<number>(heap, 'pair').set('left', 0).set('right', 0);
    const threads = await start(4);
    const broken = await Promise.all(threads.map((t) => t.call('increment', 'pair', 5000)));
    expect(broken).toEqual([0, 0, 0, 0]);
    expect([...pair]).toEqual([
      ['left', 20_000],
      ['right', -20_000],
    ]);
  });
});

test('single operations outside of sections are atomic too', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using map = rootMap<number>(heap, 'many');
    const threads = await start(4);
    await Promise.all(threads.map((t, i) => t.call('setAndDelete', 'many', i, 1500)));
    expect(map.size).toBe(4);
    expect([...map.values()].sort()).toEqual([0, 1, 2, 3]);
  });
});

test('a wait for the lock ends in time, and nothing has happened', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [holder] = (await start(1)) as [Thread];
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    for (const timeoutMs of [0, 1, 30, 150]) {
      const begun = performance.now();
      let ran = false;
      const body = () => {
        ran = true;
      };
      expect(() => heap.run(body, { timeoutMs })).toThrow(LockTimeoutError);
      const waited = performance.now() - begun;
      expect(waited).toBeGreaterThanOrEqual(timeoutMs);
      expect(waited).toBeLessThan(timeoutMs + 1000);
      expect(ran).toBe(false);
    }
    const error = errorOf(() => heap.run(() => {}, { timeoutMs: 5 })) as LockTimeoutError;
    expect(error).toMatchObject({ code: 'ERR_SHARC_LOCK_TIMEOUT', timeoutMs: 5, holder: 2 });
    raise(signals, RELEASE);
    await held;
    expect(heap.run(() => 'ran', { timeoutMs: 0 })).toBe('ran');
    expect(heap.stats().lock.waits).toBeGreaterThanOrEqual(5);
  });
});

function errorOf(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    return error;
  }
}

test('waiters that time out at random moments lose nothing and take nothing', async () => {
  await withStage({ ...TASKS, switchIntervalMs: 0.2 }, async ({ heap, signals, start }) => {
    const threads = await start(6);
    const counts = await Promise.all(
      threads.map((t, i) => t.call<{ ran: number; late: number }>('hurry', i + 1, 1500, COUNTER)),
    );
    const ran = counts.reduce((sum, count) => sum + count.ran, 0);
    const late = counts.reduce((sum, count) => sum + count.late, 0);
    expect(ran + late).toBe(6 * 1500);
    expect(signals[COUNTER]).toBe(ran);
    expect(late).toBeGreaterThan(50);
    expect(heap.stats().lock.handovers).toBeGreaterThan(50);
    const i32 = new Int32Array(heap.share().buffer);
    expect(heap.run(() => i32[CONTROL_GIL]! & OWNER_MASK)).toBe(1);
    expect(i32[CONTROL_GIL]).toBe(0);
  });
});

test('after a hand-over request the holder starts no further section', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const [waiter] = (await start(1)) as [Thread];
    const { buffer } = heap.share();
    const mem = new Memory(buffer, claimThread(buffer));
    for (let round = 0; round < 20; round++) {
      Atomics.store(signals, WAITING, 0);
      acquireGil(mem, Number.POSITIVE_INFINITY);
      const done = waiter.call('queue', WAITING, COUNTER, 0);
      await until(() => isHandoverRequested(mem));
      releaseGil(mem);
      // The lock is the waiter's now, though it may still be asleep: no other can get in between.
      acquireGil(mem, Number.POSITIVE_INFINITY);
      expect(Atomics.load(signals, COUNTER)).toBe(round + 1);
      releaseGil(mem);
      await done;
    }
    releaseThread(mem, mem.threadId);
  });
});

test('counted by the thread itself: no section begins between request and hand-over', async () => {
  await withStage({ ...TASKS, switchIntervalMs: 1 }, async ({ signals, start }) => {
    const threads = await start(3);
    const results = threads.map((t) => t.call<number[]>('countAfterRequest', START, STOP));
    raise(signals, START);
    await sleep(600);
    raise(signals, STOP);
    for (const [requests, begunAfter] of await Promise.all(results)) {
      expect(requests).toBeGreaterThan(5);
      expect(begunAfter).toBe(0);
    }
  });
});

test('two threads with sections of 10 us share the lock evenly', async () => {
  await withStage(TASKS, async ({ signals, start }) => {
    const threads = await start(2);
    const results = threads.map((t) => t.call<Contended>('contend', START, STOP, 10));
    raise(signals, START);
    await sleep(1500);
    raise(signals, STOP);
    const [first, second] = (await Promise.all(results)) as [Contended, Contended];
    const share = first.heldMs / (first.heldMs + second.heldMs);
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
  });
});

test('eight threads with tiny sections all get on', async () => {
  await withStage(TASKS, async ({ signals, start }) => {
    const threads = await start(8);
    const results = threads.map((t) => t.call<Contended>('contend', START, STOP, 0));
    raise(signals, START);
    await sleep(1500);
    raise(signals, STOP);
    const sections = (await Promise.all(results)).map((result) => result.sections);
    const total = sections.reduce((sum, count) => sum + count, 0);
    for (const count of sections) expect(count).toBeGreaterThan(total / 8 / 4);
  });
});

test('waiters to whom the lock is handed over get it in the order in which they came', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const threads = await start(6);
    const { buffer } = heap.share();
    const mem = new Memory(buffer, claimThread(buffer));
    acquireGil(mem, Number.POSITIVE_INFINITY);
    const places: Promise<number>[] = [];
    for (const [i, thread] of threads.entries()) {
      places.push(thread.call<number>('queue', WAITING + i, COUNTER, 6));
      await until(() => parkedCount(mem) === i + 1);
    }
    await until(() => isHandoverRequested(mem));
    releaseGil(mem);
    expect(await Promise.all(places)).toEqual([0, 1, 2, 3, 4, 5]);
    releaseThread(mem, mem.threadId);
  });
});

function parkedCount(mem: Memory): number {
  let count = 0;
  for (let id = 1; id <= 16; id++) {
    if (Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_PARK) === PARKED) count++;
  }
  return count;
}

test('sections that wait when the heap is closed are refused', async () => {
  await withStage({ ...TASKS, mayEndBroken: true }, async ({ heap, start }) => {
    const waiters = await start(4);
    const { buffer } = heap.share();
    const closer = new Memory(buffer, claimThread(buffer));
    acquireGil(closer, Number.POSITIVE_INFINITY);
    const errors = waiters.map((thread, i) => thread.fail('wait', WAITING + i));
    await until(() => parkedCount(closer) === 4);
    markClosed(closer);
    releaseGil(closer);
    const closed = performance.now();
    for (const error of await Promise.all(errors)) expect(error.name).toBe('HeapClosedError');
    expect(performance.now() - closed).toBeLessThan(1000);
    expect(parkedCount(closer)).toBe(0);
    expect(() => heap.run(() => {})).toThrow(HeapClosedError);
  });
});

test('a long section that lets the creator in to close the heap ends there', async () => {
  await withStage({ ...TASKS, mayEndBroken: true }, async ({ heap, signals, start }) => {
    heap.root.set('shared', heap.map());
    const [long] = (await start(1)) as [Thread];
    const failed = long.fail('long', WAITING, STOP);
    await until(() => Atomics.load(signals, WAITING) === 1);
    await heap.close();
    expect((await failed).name).toBe('HeapClosedError');
    expect((await long.fail('run')).name).toBe('HeapClosedError');
    expect(await long.finish()).toBe(0);
  });
});
