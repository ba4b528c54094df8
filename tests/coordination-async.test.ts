/** Waiting without blocking: order, ends, what keeps a process alive. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { HeapClosedError, StaleHandleError, UnlockToken } from '../src/index.ts';
import { untilWaiting } from './support/coordination.ts';
import { LIBRARY, sleep, type Thread, withStage } from './support/threads.ts';
import { withHeapAsync } from './support/with-heap.ts';

const TASKS = { tasks: 'tasks-coordination', seconds: 50 };

test('those of one thread are served in the order of their calls', async () => {
  await withHeapAsync({}, async (heap) => {
    const queue = heap.queue<number>({ capacity: 3 });
    const ends: number[] = [];
    const pushes = Array.from({ length: 20 }, async (_, i) => {
      await queue.pushAsync(i);
      ends.push(i);
    });
    await sleep(5);
    expect(ends).toEqual([0, 1, 2]);
    const popped = await Promise.all(
      Array.from({ length: 25 }, () => queue.popAsync()).slice(0, 20),
    );
    expect(popped).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await Promise.all(pushes);
    expect(ends).toEqual(popped);
    queue.close();
    const mutex = heap.mutex();
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3, 4].map(async (number) => {
        const token = await mutex.lockAsync();
        order.push(number);
        await sleep(2);
        expect(token.unlock()).toBe(true);
      }),
    );
    expect(order).toEqual([1, 2, 3, 4]);
    const semaphore = heap.semaphore(1);
    const much = semaphore.acquireAsync(3).then(() => order.push(5));
    const little = semaphore.acquireAsync(1).then(() => order.push(6));
    await sleep(5);
    semaphore.post(2);
    await much;
    expect(order.at(-1)).toBe(5); // the one that came first was not passed by
    semaphore.post();
    await little;
  });
});

test('the event loop runs on while something waits', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    using queue = heap.queue<number>({ capacity: 1 });
    heap.root.set('queue', queue);
    const [thread] = (await start(1)) as [Thread];
    let turns = 0;
    const popped = queue.popAsync();
    await untilWaiting(heap, queue, 'poppers', 1);
    for (; turns < 1000; turns++) await new Promise((resolve) => setImmediate(resolve));
    await thread.call('produce', 'queue', 5, 1);
    expect(await popped).toBe(5);
    heap.root.clear();
  });
});

test('a signal ends a wait at once, with its reason, and those behind it go on', async () => {
  await withHeapAsync({}, async (heap) => {
    const semaphore = heap.semaphore(1);
    const abort = new AbortController();
    const much = semaphore.acquireAsync(5, { signal: abort.signal });
    const little = semaphore.acquireAsync(1, { signal: new AbortController().signal });
    await sleep(5);
    abort.abort('enough');
    await expect(much).rejects.toBe('enough');
    expect((await little).release()).toBe(true);
    await expect(semaphore.acquireAsync(1, { signal: abort.signal })).rejects.toBe('enough');
    const queue = heap.queue<number>({ capacity: 1 });
    await expect(queue.popAsync({ signal: AbortSignal.timeout(5) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await expect(queue.popAsync({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    queue.push(1);
    expect([await queue.popAsync(), semaphore.permits]).toEqual([1, 1]);
    const barrier = heap.barrier(2);
    const second = new AbortController();
    const waiting = barrier.waitAsync({ signal: second.signal });
    await sleep(5);
    expect(barrier.waiting).toBe(1);
    second.abort('left');
    await expect(waiting).rejects.toBe('left');
    await untilWaiting(heap, barrier, 'barrier', 0);
    expect(barrier.isBroken).toBe(true);
  });
});

test('handles of a section may be waited on and pushed, those that end are refused', async () => {
  await withHeapAsync({}, async (heap) => {
    const queue = heap.queue({ capacity: 1 });
    let promise: Promise<unknown> | undefined;
    heap.run(() => {
      const local = heap.array<unknown>();
      local.push('local');
      queue.push('first');
      promise = queue.pushAsync(local); // held from now on
      const inner = heap.queue({ capacity: 1 });
      inner.popAsync({ timeoutMs: 20 }).catch(() => {}); // its last handle ends here
    });
    expect(queue.pop()).toBe('first');
    await promise;
    using popped = queue.pop() as unknown as { at(i: number): unknown } & Disposable;
    expect(popped.at(0)).toBe('local');
    await sleep(30);
    const stale = heap.array();
    const pushed = queue.pushAsync(stale);
    stale.release();
    await expect(pushed).rejects.toThrow(StaleHandleError);
    await expect(queue.pushAsync(Symbol('s') as never)).rejects.toThrow('symbol');
    expect(queue.size).toBe(0);
  });
});

test('a token that awaits a lock is in use', async () => {
  await withHeapAsync({}, async (heap) => {
    const mutex = heap.mutex();
    const token = new UnlockToken();
    const locked = mutex.lockAsync({ token });
    expect([token.locked, token.unlock()]).toEqual([false, false]);
    expect(() => mutex.lock(token)).toThrow(TypeError);
    await expect(mutex.lockAsync({ token })).rejects.toThrow(TypeError);
    expect(await locked).toBe(token);
    expect(token.locked).toBe(true);
    const condition = heap.condition();
    const notified = condition.waitAsync(token);
    expect([token.locked, token.unlock(), mutex.isLocked]).toEqual([false, false, false]);
    await expect(condition.waitAsync(token)).rejects.toThrow(TypeError);
    condition.notify();
    expect([await notified, token.locked, token.unlock()]).toEqual([true, true, true]);
  });
});

test('a thread that leaves the heap ends its waits', async () => {
  await withHeapAsync({ checkLeaks: false }, async (heap) => {
    const queue = heap.queue({ capacity: 1 });
    const mutex = heap.mutex();
    const token = mutex.lock();
    const waits = [queue.popAsync(), mutex.lockAsync(), heap.barrier(2).waitAsync()];
    const outcomes = Promise.allSettled(waits);
    await sleep(5);
    expect(heap.verify()).toEqual([]);
    await heap.close();
    for (const outcome of await outcomes) {
      expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(HeapClosedError);
    }
    expect([token.unlock(), token.locked]).toEqual([true, false]);
    await expect(queue.popAsync()).rejects.toThrow(HeapClosedError);
  }).catch((error) => {
    if (!(error instanceof HeapClosedError)) throw error; // the check afterwards finds it closed
  });
});

const SCRIPT = fileURLToPath(new URL('./support/coordination-exits.mjs', import.meta.url));

/** Runs a case of `coordination-exits.mjs`; a process that hangs is killed and has code null. */
function runCase(name: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [SCRIPT, LIBRARY, name], { timeout: 20_000 });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, output }));
  });
}

test.each([
  ['waits', 'popped 5\n'],
  ['waits for a thread', 'popped 6\n'],
  ['waits no longer', 'ended\n'],
  ['gave up', 'AbortError\nWaitTimeoutError\n'],
  ['was served', 'served\n'],
  ['closes the heap', 'HeapClosedError\n'],
])('a process lives as long as something %s', async (name, output) => {
  expect(await runCase(name)).toEqual({ code: 0, output });
});
