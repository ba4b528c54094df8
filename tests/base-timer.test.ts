/** Time limits of any length: timers of Node.js end at once when they are set for 2^31 ms. */

import { afterEach, expect, test, vi } from 'vitest';
import { startTimer } from '../src/base/timer.ts';
import type { ThreadId } from '../src/memory/layout.ts';
import { Memory } from '../src/memory/memory.ts';
import { longestParked } from '../src/sync/waiters.ts';
import { type Thread, until, withStage } from './support/threads.ts';
import { withHeapAsync } from './support/with-heap.ts';

const TIMER_MAX = 2 ** 31 - 1;
const HELD = 0;
const RELEASE = 1;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The timers that are set for days. They end when the test says so. */
function holdLongTimers(): { readonly ms: number; readonly end: () => void }[] {
  const long: { ms: number; end: () => void }[] = [];
  const start = globalThis.setTimeout;
  const held = (end: () => void, ms: number, ...rest: unknown[]) => {
    if (ms < 2 ** 30) return start(end, ms, ...(rest as []));
    long.push({ ms, end });
    return undefined;
  };
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(held as never);
  return long;
}

/** What a promise was rejected with. */
const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: unknown) => error,
  );

test.each([1, TIMER_MAX, TIMER_MAX + 1, 5 * TIMER_MAX + 7])('a timer ends after %d ms', (ms) => {
  vi.useFakeTimers();
  const ends: number[] = [];
  startTimer(() => ends.push(Date.now()), ms);
  const start = Date.now();
  vi.advanceTimersByTime(ms - 1);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ends).toEqual([start + ms]);
  expect(vi.getTimerCount()).toBe(0);
});

test('one that is set for Infinity is none, and one that was stopped never ends', () => {
  vi.useFakeTimers();
  let ends = 0;
  startTimer(() => ends++, Number.POSITIVE_INFINITY);
  expect(vi.getTimerCount()).toBe(0);
  const stop = startTimer(() => ends++, 3 * TIMER_MAX);
  vi.advanceTimersByTime(2 * TIMER_MAX);
  stop();
  expect(vi.getTimerCount()).toBe(0);
  expect(ends).toBe(0);
});

test.each(['runAsync', 'readAsync'] as const)('%s waits for weeks if asked to', async (enter) => {
  await withStage({ tasks: 'tasks-reading' }, async ({ heap, signals, start }) => {
    const [holder] = (await start(1)) as [Thread];
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    const timers = holdLongTimers();
    const timeoutMs = 2 ** 31;
    const waiting = reasonOf(heap[enter](() => {}, { timeoutMs }));
    await Promise.resolve();
    expect(timers.map(({ ms }) => ms)).toEqual([TIMER_MAX]);
    timers[0]!.end(); // 1 ms is left
    expect(await waiting).toMatchObject({ name: 'LockTimeoutError', timeoutMs, holder: 2 });
    const others = [2 ** 31, 1e10, 1e300, Number.POSITIVE_INFINITY].map((timeoutMs) =>
      heap[enter](() => 'had it', { timeoutMs }),
    );
    Atomics.store(signals, RELEASE, 1);
    Atomics.notify(signals, RELEASE);
    expect(await Promise.all(others)).toEqual(others.map(() => 'had it'));
    await held;
  });
});

test('popAsync waits for weeks if asked to', async () => {
  await withHeapAsync({}, async (heap) => {
    using queue = heap.queue<string>({ capacity: 1 });
    const timers = holdLongTimers();
    const timeoutMs = 2 ** 31 + 2 ** 30;
    const waiting = reasonOf(queue.popAsync({ timeoutMs }));
    await Promise.resolve();
    timers[0]!.end();
    timers[1]!.end();
    expect(await waiting).toMatchObject({ name: 'WaitTimeoutError', timeoutMs });
    expect(timers.map(({ ms }) => ms)).toEqual([TIMER_MAX, 2 ** 30 + 1]);
  });
});

test.each([2 ** 31, 1e300])('a section that blocks waits for %d ms if asked to', (timeoutMs) =>
  withStage({ tasks: 'tasks-reading' }, async ({ heap, signals, start }) => {
    const [holder, waiter] = (await start(2)) as [Thread, Thread];
    const held = holder.call('hold', HELD, RELEASE);
    await until(() => Atomics.load(signals, HELD) === 1);
    const waiting = waiter.call<number>('section', 'run', { timeoutMs });
    const mem = new Memory(heap.share().buffer, 0 as ThreadId);
    const isParked = () => longestParked(mem, false) !== 0;
    await until(isParked);
    Atomics.store(signals, RELEASE, 1);
    Atomics.notify(signals, RELEASE);
    expect(await waiting).toBeGreaterThan(0);
    await held;
  }),
);
