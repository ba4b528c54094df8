/** Waits that are served, completed or broken at the moment at which they give up. */

import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { sessionOf } from '../src/heap.ts';
import {
  BrokenBarrierError,
  type Heap,
  HeapExhaustedError,
  StaleHandleError,
  WaitTimeoutError,
} from '../src/index.ts';
import { caught } from './support/coordination.ts';
import { type Thread, until, withStage } from './support/threads.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

const TASKS = { tasks: 'tasks-coordination', seconds: 50 };

type Operation = (...args: never[]) => unknown;

/** Calls `body` before this thread runs an operation of that name for the first time. */
function justBefore(heap: Heap, name: string, body: () => void): void {
  const session = sessionOf(heap) as unknown as Record<'single' | 'look', Operation>;
  for (const method of ['single', 'look'] as const) {
    const original = session[method] as (...args: unknown[]) => unknown;
    let isCalled = false;
    session[method] = (operation: Operation, ...args: unknown[]) => {
      if (operation.name === name && !isCalled) {
        isCalled = true;
        body();
      }
      return original.call(session, operation, ...args);
    };
  }
}

describe('a notification', () => {
  test('that comes before a blocking wait gives up is not lost', () => {
    withHeap({}, (heap) => {
      const mutex = heap.mutex();
      const condition = heap.condition();
      const token = mutex.lock();
      let notified = 0;
      justBefore(heap, 'giveUpOperation', () => {
        notified = condition.notify(1);
      });
      expect([condition.waitFor(token, 0), notified]).toEqual([true, 1]);
      expect([condition.waitFor(token, 0), condition.waiting]).toEqual([false, 0]);
      expect(token.unlock()).toBe(true);
    });
  });

  test('that comes before an aborted wait gives up is not lost', async () => {
    await withHeapAsync({}, async (heap) => {
      const condition = heap.condition();
      const tokens = [heap.mutex().lock(), heap.mutex().lock()] as const;
      const abort = new AbortController();
      const first = condition.waitAsync(tokens[0], { signal: abort.signal });
      const second = condition.waitAsync(tokens[1], { signal: new AbortController().signal });
      await until(() => condition.waiting === 2);
      abort.abort();
      expect(condition.notify(1)).toBe(1);
      expect(await first).toBe(true);
      expect(condition.waiting).toBe(1);
      expect(condition.notify(1)).toBe(1);
      expect(await second).toBe(true);
      for (const token of tokens) expect(token.unlock()).toBe(true);
    });
  });

  test('of a thread that has the lock while another one gives up is not lost', () =>
    withStage(TASKS, async ({ heap, signals, start }) => {
      using condition = heap.condition();
      using mutex = heap.mutex();
      heap.root.set('condition', condition);
      const [holder] = (await start(1)) as [Thread];
      const token = mutex.lock();
      const { signal, abort } = withAbort();
      const given = condition.waitAsync(token, { signal });
      const told = holder.call('notifyInSection', 'condition', 0, 1);
      await until(() => Atomics.load(signals, 0) === 1);
      abort();
      Atomics.store(signals, 1, 1);
      Atomics.notify(signals, 1);
      expect([await told, await given, token.unlock()]).toEqual([1, true, true]);
      heap.root.clear();
    }));

  test('reaches a wait whose handle of the condition was released at once', async () => {
    await withHeapAsync({}, async (heap) => {
      const condition = heap.condition();
      heap.root.set('condition', condition);
      const token = heap.mutex().lock();
      const notified = condition.waitAsync(token);
      condition.release();
      const again = heap.root.get('condition') as typeof condition;
      expect([again.waiting, again.notify(1)]).toEqual([1, 1]);
      expect([await notified, again.waiting, token.unlock()]).toEqual([true, 0, true]);
    });
  });

  test('is not spent on a wait that has failed before it was held', async () => {
    await withHeapAsync({}, async (heap) => {
      const condition = heap.condition();
      const [first, second] = [heap.mutex().lock(), heap.mutex().lock()] as const;
      justBefore(heap, 'holdOperation', () => {
        throw new HeapExhaustedError(1, 0, 0);
      });
      await expect(condition.waitAsync(first)).rejects.toThrow(HeapExhaustedError);
      expect([condition.waiting, first.locked]).toEqual([0, true]);
      const notified = condition.waitAsync(second);
      expect(condition.notify(1)).toBe(1);
      expect(await notified).toBe(true);
      for (const token of [first, second]) expect(token.unlock()).toBe(true);
    });
  });

  test('is not spent on a wait whose signal aborts while it begins', async () => {
    await withHeapAsync({}, async (heap) => {
      const condition = heap.condition();
      const token = heap.mutex().lock();
      const { signal, abort } = withAbort();
      justBefore(heap, 'enlistOperation', abort);
      await expect(condition.waitAsync(token, { signal })).rejects.toBe('left');
      expect([condition.waiting, condition.notify(1), token.unlock()]).toEqual([0, 0, true]);
    });
  });
});

function withAbort() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort('left') };
}

describe('a phase', () => {
  test('that is completed before a party gives up is completed for it, too', () => {
    withHeap({}, (heap) => {
      const barrier = heap.barrier(2);
      let isLast = false;
      justBefore(heap, 'giveUpOperation', () => {
        isLast = barrier.wait();
      });
      expect(barrier.wait({ timeoutMs: 0 })).toBe(false);
      expect([isLast, barrier.isBroken, barrier.waiting]).toEqual([true, false, 0]);
      expect(caught(() => barrier.wait({ timeoutMs: 0 }))).toBeInstanceOf(WaitTimeoutError);
      expect(barrier.isBroken).toBe(true);
    });
  });

  test('that is broken before a party gives up is broken for it, too', () => {
    withHeap({}, (heap) => {
      const barrier = heap.barrier(2);
      justBefore(heap, 'giveUpOperation', () => barrier.reset());
      expect(caught(() => barrier.wait({ timeoutMs: 0 }))).toBeInstanceOf(BrokenBarrierError);
      expect([barrier.isBroken, barrier.waiting]).toEqual([false, 0]);
    });
  });

  test('that is completed before an aborted party gives up is completed for it', async () => {
    await withHeapAsync({}, async (heap) => {
      const barrier = heap.barrier(2);
      const { signal, abort } = withAbort();
      const passed = barrier.waitAsync({ signal });
      await until(() => barrier.waiting === 1);
      abort();
      expect(barrier.wait()).toBe(true);
      expect([await passed, barrier.isBroken]).toEqual([false, false]);
    });
  });

  test('that was completed is, however many have ended since', async () => {
    await withHeapAsync({}, async (heap) => {
      const barrier = heap.barrier(2);
      const passed = barrier.waitAsync();
      await until(() => barrier.waiting === 1);
      expect(barrier.wait()).toBe(true);
      for (let i = 0; i < 100; i++) {
        barrier.abort();
        barrier.reset();
      }
      for (let i = 0; i < 100; i++) expect(() => barrier.wait({ timeoutMs: 0 })).toThrow();
      barrier.reset();
      expect(await passed).toBe(false);
    });
  });

  test.each([
    [8, false, false],
    [8, true, 'BrokenBarrierError'],
    [9, false, 'BrokenBarrierError'], // more than is known
  ])('that %i later breaks follow, broken: %s, ends with %s', (breaks, isBroken, outcome) =>
    withStage(TASKS, async ({ heap, signals, start }) => {
      using barrier = heap.barrier(2);
      heap.root.set('barrier', barrier);
      const [sleeper] = (await start(1)) as [Thread];
      const slept = sleeper.call('sleepThrough', 'barrier', 0, 1);
      await until(() => Atomics.load(signals, 0) === 1);
      if (isBroken) barrier.reset();
      else expect(barrier.wait()).toBe(true);
      for (let i = 0; i < breaks; i++) {
        const passed = barrier.waitAsync();
        await until(() => barrier.waiting === 1);
        expect(barrier.wait()).toBe(true);
        expect(await passed).toBe(false);
        expect(caught(() => barrier.wait({ timeoutMs: 0 }))).toBeInstanceOf(WaitTimeoutError);
        barrier.reset();
      }
      Atomics.store(signals, 1, 1);
      Atomics.notify(signals, 1);
      expect(await slept).toBe(outcome);
      heap.root.clear();
    }),
  );
});

describe('signals', () => {
  test('that are no signals are refused, and the lock is still held', async () => {
    await withHeapAsync({}, async (heap) => {
      const token = heap.mutex().lock();
      const condition = heap.condition();
      for (const signal of [5, null, {}, 'signal', { aborted: false }] as never[]) {
        await expect(condition.waitAsync(token, { signal })).rejects.toThrow(
          'signal must be an AbortSignal',
        );
        await expect(heap.barrier(2).waitAsync({ signal })).rejects.toThrow(TypeError);
      }
      expect([token.locked, condition.waiting, token.unlock()]).toEqual([true, 0, true]);
    });
  });

  test('and other options are those of an object', async () => {
    await withHeapAsync({}, async (heap) => {
      const mutex = heap.mutex();
      const message = 'the options of a wait must be an object, not null';
      await expect(mutex.lockAsync(null as never)).rejects.toThrow(message);
      await expect(mutex.lockAsync({ tokens: 1 } as never)).rejects.toThrow(
        "unknown option 'tokens' of a wait; the options are timeoutMs, signal, token",
      );
      expect(mutex.isLocked).toBe(false);
    });
  });

  test('have one listener, however many wait with them', async () => {
    await withHeapAsync({}, async (heap) => {
      const queue = heap.queue<number>({ capacity: 100 });
      const condition = heap.condition();
      const { signal, abort } = withAbort();
      const count = () => getEventListeners(signal, 'abort').length;
      const pops = Array.from({ length: 20 }, () => queue.popAsync({ signal }));
      const tokens = Array.from({ length: 20 }, () => heap.mutex().lock());
      const waits = tokens.map((token) => condition.waitAsync(token, { signal }));
      expect(count()).toBe(1);
      for (let i = 0; i < 10; i++) queue.push(i);
      expect(await Promise.all(pops.slice(0, 10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(count()).toBe(1);
      abort();
      for (const wait of [...pops.slice(10), ...waits]) await expect(wait).rejects.toBe('left');
      expect([count(), condition.waiting]).toEqual([0, 0]);
      for (const token of tokens) expect(token.unlock()).toBe(true);
      queue.push(1);
      expect(await queue.popAsync({ signal: withAbort().signal })).toBe(1);
    });
  });

  test('have no listener when all that waited were served', async () => {
    await withHeapAsync({}, async (heap) => {
      const queue = heap.queue<number>({ capacity: 1 });
      const { signal } = withAbort();
      const pops = [queue.popAsync({ signal }), queue.popAsync({ signal })];
      for (const value of [1, 2]) await queue.pushAsync(value);
      expect(await Promise.all(pops)).toEqual([1, 2]);
      expect(getEventListeners(signal, 'abort').length).toBe(0);
    });
  });
});

test('waits that begin in a read section hold what they wait for and what they push', async () => {
  await withHeapAsync({}, async (heap) => {
    heap.run(() => {
      heap.root.set('queue', heap.queue({ capacity: 2 })).set('array', heap.array([7]));
      heap.root.set('mutex', heap.mutex()).set('semaphore', heap.semaphore(1));
      heap.root.set('barrier', heap.barrier(1));
    });
    const get = (name: string) => heap.root.get(name) as never;
    const waits: Promise<unknown>[] = [];
    let refused: Promise<unknown> | undefined;
    const token = heap.mutex().lock();
    const condition = heap.condition();
    heap.read(() => {
      const queue = get('queue') as ReturnType<typeof heap.queue>;
      waits.push(queue.pushAsync(get('array')), queue.popAsync());
      waits.push((get('mutex') as ReturnType<typeof heap.mutex>).lockAsync());
      waits.push((get('semaphore') as ReturnType<typeof heap.semaphore>).acquireAsync());
      waits.push((get('barrier') as ReturnType<typeof heap.barrier>).waitAsync());
      refused = condition.waitAsync(token);
    });
    await expect(refused).rejects.toMatchObject({ name: 'ReadOnlySectionError' });
    const [pushed, popped, lock, permit, isLast] = await Promise.all(waits);
    expect([pushed, heap.toJS(popped as never), isLast]).toEqual([undefined, [7], true]);
    expect((lock as { unlock(): boolean }).unlock()).toBe(true);
    expect((permit as { release(): boolean }).release()).toBe(true);
    token.unlock();
    const stale = heap.queue({ capacity: 1 });
    const late = stale.popAsync();
    stale.release();
    await expect(late).rejects.toThrow(StaleHandleError);
  });
});
