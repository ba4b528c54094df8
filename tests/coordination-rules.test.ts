/** What mutexes, conditions, queues, semaphores, barriers and counters do within one thread. */

import { describe, expect, test } from 'vitest';
import {
  type Handle,
  type HeapBarrier,
  type HeapCondition,
  HeapMutex,
  type HeapQueue,
  type HeapSemaphore,
  NotShareableError,
  QueueClosedError,
  UnlockToken,
  WouldBlockError,
} from '../src/index.ts';
import { caught, oneOfEach } from './support/coordination.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

describe('a thread may not wait', () => {
  const blocking: readonly [string, (objects: readonly Handle[], token: UnlockToken) => unknown][] =
    [
      ['mutex.lock', ([mutex]) => (mutex as HeapMutex).lock()],
      ['mutex.lockIfAvailable', ([mutex]) => (mutex as HeapMutex).lockIfAvailable(1)],
      ['condition.wait', ([, condition], token) => (condition as HeapCondition).wait(token)],
      ['condition.waitFor', ([, c], token) => (c as HeapCondition).waitFor(token, 5, () => true)],
      ['queue.push', ([, , queue]) => (queue as HeapQueue).push(1)],
      ['queue.pop', ([, , queue]) => (queue as HeapQueue).pop()],
      ['queue iteration', ([, , queue]) => [...(queue as HeapQueue)]],
      ['semaphore.acquire', ([, , , semaphore]) => (semaphore as HeapSemaphore).acquire()],
      ['barrier.wait', ([, , , , barrier]) => (barrier as HeapBarrier).wait()],
    ];

  test.each(blocking)('%s in a nested section, even if it need not', (_, call) => {
    withHeap({}, (heap) => {
      const objects = oneOfEach(heap);
      const other = heap.mutex();
      const token = other.lock();
      const error = heap.run(() => heap.run(() => caught(() => call(objects, token))));
      expect(error).toBeInstanceOf(WouldBlockError);
      expect(error).toMatchObject({ code: 'ERR_SHARC_WOULD_BLOCK', depth: 2 });
      expect(error.message).toMatch(/(?:try\w+\(\)|lockIfAvailable\(0\)|Async\(\))/);
      expect([token.locked, (objects[0] as HeapMutex).isLocked]).toEqual([true, false]);
      token.unlock();
    });
  });

  test('but forms that never wait are allowed there', () => {
    withHeap({}, (heap) => {
      const mutex = heap.mutex();
      const queue = heap.queue<number>({ capacity: 1 });
      const semaphore = heap.semaphore(1);
      heap.run(() =>
        heap.run(() => {
          expect(mutex.lockIfAvailable(0)?.unlock()).toBe(true);
          expect([queue.tryPush(1), queue.tryPush(2), queue.tryPop()]).toEqual([true, false, 1]);
          expect(semaphore.tryAcquire()?.release()).toBe(true);
          expect(heap.condition().notify()).toBe(0);
        }),
      );
    });
  });
});

describe('arguments', () => {
  test('that are wrong are refused before anything happens', () => {
    withHeap({}, (heap) => {
      const bad = [0, -1, 1.5, Number.NaN, 2 ** 31, '5', null, undefined] as never[];
      for (const capacity of bad) expect(() => heap.queue({ capacity })).toThrow(RangeError);
      expect(() => heap.queue(undefined as never)).toThrow(TypeError);
      expect(() => heap.queue({ capacity: 1, size: 1 } as never)).toThrow("'size'");
      for (const parties of bad) expect(() => heap.barrier(parties)).toThrow(RangeError);
      for (const permits of bad.slice(1)) expect(() => heap.semaphore(permits)).toThrow(RangeError);
      for (const value of [1.5, 2 ** 53, Number.NaN, '1', null, 1n] as never[]) {
        expect(() => heap.counter(value)).toThrow(RangeError);
      }
      const queue = heap.queue({ capacity: 1 });
      expect(() => queue.push(1, { timeoutMs: -1 })).toThrow(RangeError);
      expect(() => queue.push(1, { signal: 1 } as never)).toThrow("'signal'");
      expect(() => queue.push(1, null as never)).toThrow(TypeError);
      expect(() => queue.push({})).toThrow(NotShareableError);
      expect(() => queue.tryPush(() => 1)).toThrow(NotShareableError);
      expect(queue.size).toBe(0);
      const mutex = heap.mutex();
      expect(() => mutex.lock({} as never)).toThrow(TypeError);
      expect(() => mutex.lockIfAvailable(undefined as never)).toThrow(RangeError);
      const condition = heap.condition();
      expect(() => condition.wait({} as never)).toThrow(TypeError);
      expect(() => condition.wait(new UnlockToken())).toThrow(TypeError);
      for (const count of [-1, 1.5, Number.NaN]) {
        expect(() => condition.notify(count)).toThrow(RangeError);
      }
      const semaphore = heap.semaphore(1);
      expect(() => semaphore.acquire(0)).toThrow(RangeError);
      expect(() => semaphore.post(2 ** 31 - 1)).toThrow(RangeError);
      expect(semaphore.permits).toBe(1);
      using other = heap.mutex();
      expect(mutexOfAnotherHeap(condition, other)).toBeInstanceOf(TypeError);
    });
  });

  function mutexOfAnotherHeap(condition: HeapCondition, mutex: HeapMutex): Error {
    const token = mutex.lock();
    let error = new Error('none');
    withHeap({}, (heap) => {
      error = caught(() => heap.condition().wait(token));
    });
    expect([token.locked, condition.waiting]).toEqual([true, 0]);
    token.unlock();
    return error;
  }
});

describe('mutexes', () => {
  test('tokens lock and unlock once, and can be used again', () => {
    withHeap({}, (heap) => {
      const mutex = heap.mutex();
      const token = mutex.lock();
      expect([token.locked, token.ownerDied, mutex.isLocked]).toEqual([true, false, true]);
      expect(() => mutex.lock()).toThrow('would wait for itself');
      expect(() => mutex.lockIfAvailable(5)).toThrow(TypeError);
      expect(mutex.lockIfAvailable(0)).toBe(null);
      expect(() => heap.mutex().lock(token)).toThrow(TypeError);
      expect([token.unlock(), token.unlock(), mutex.isLocked]).toEqual([true, false, false]);
      expect(mutex.lock(token)).toBe(token);
      token[Symbol.dispose]();
      expect([token.locked, mutex.isLocked]).toEqual([false, false]);
      expect(new HeapMutex.UnlockToken().unlock()).toBe(false);
    });
  });

  test('a token holds the mutex: it can be unlocked when all handles are gone', () => {
    withHeap({}, (heap) => {
      const token = heap.run(() => {
        const mutex = heap.mutex();
        return { token: mutex.lock() };
      }).token;
      expect(heap.stats().objectsByKind.mutex).toBe(1);
      expect(token.unlock()).toBe(true);
      expect(mortalObjects(heap)).toBe(0);
    });
  });

  test('waitFor asks its predicate under the lock', () => {
    withHeap({}, (heap) => {
      const mutex = heap.mutex();
      const condition = heap.condition();
      const token = mutex.lock();
      const seen: boolean[] = [];
      const ask = (answer: boolean) => () => {
        seen.push(token.locked);
        return answer;
      };
      expect(condition.waitFor(token, 60_000, ask(true))).toBe(true);
      expect(condition.waitFor(token, 20, ask(false))).toBe(false);
      expect(condition.waitFor(token, 0)).toBe(false);
      expect(heap.run(() => condition.waitFor(token, 5))).toBe(false);
      const failure = () => {
        throw new Error('on purpose');
      };
      expect(() => condition.waitFor(token, 5, failure)).toThrow('on purpose');
      expect(seen).toEqual([true, true, true]);
      expect([token.unlock(), condition.waiting]).toEqual([true, 0]);
    });
  });
});

describe('queues', () => {
  test('values of any kind come out as they went in, around the ring', () => {
    withHeap({}, (heap) => {
      const queue = heap.queue<unknown>({ capacity: 3 });
      const values = [1, 'text', undefined, null, true, 2n ** 62n, -0, Number.NaN, new Date(5)];
      for (let round = 0; round < 50; round++) {
        for (const value of values) {
          queue.push(value);
          queue.push('behind');
          expect(queue.pop()).toEqual(value);
          expect([queue.pop(), queue.tryPop()]).toEqual(['behind', undefined]);
        }
        queue.push(round);
        queue.push(round);
        queue.pop();
        expect(queue.size).toBe(1);
        expect(queue.pop()).toBe(round);
      }
      expect(queue.tryPush(1) && queue.tryPush(2) && queue.tryPush(3)).toBe(true);
      expect(queue.tryPush(4)).toBe(false);
      queue.close();
      queue.close();
      expect(() => queue.push(5)).toThrow(QueueClosedError);
      expect([...queue]).toEqual([1, 2, 3]);
      expect([...queue]).toEqual([]);
    });
  });

  test('a loop that is left takes no more than it has seen', () => {
    withHeap({}, (heap) => {
      const queue = heap.queue<number>({ capacity: 9 });
      for (let i = 0; i < 5; i++) queue.push(i);
      for (const value of queue) if (value === 2) break;
      expect(queue.size).toBe(2);
      queue.close();
      expect([...queue]).toEqual([3, 4]);
    });
  });

  test('an order of operations gives what a plain array gives', () => {
    withHeap({}, (heap) => {
      for (const capacity of [1, 2, 3, 600]) {
        const queue = heap.queue<number>({ capacity });
        const model: number[] = [];
        let state = capacity;
        for (let i = 0; i < 4000; i++) {
          state = (Math.imul(state, 1664525) + 1013904223) | 0;
          if (state >>> 16 < 0x8400) {
            expect(queue.tryPush(i)).toBe(model.length < capacity);
            if (model.length < capacity) model.push(i);
          } else expect(queue.tryPop()).toBe(model.shift());
          expect(queue.size).toBe(model.length);
        }
        expect(heap.toJS(queue)).toEqual(model);
      }
    });
  });
});

describe('semaphores, barriers and counters', () => {
  test('permits are given back once', () => {
    withHeap({}, (heap) => {
      const semaphore = heap.semaphore(3);
      {
        using two = semaphore.acquire(2);
        expect([two.count, two.acquired, semaphore.permits]).toEqual([2, true, 1]);
        expect([semaphore.tryAcquire(2), semaphore.tryAcquire()?.count]).toEqual([null, 1]);
      }
      expect(semaphore.permits).toBe(2);
      const permit = semaphore.acquire();
      expect([permit.release(), permit.release(), permit.acquired]).toEqual([true, false, false]);
      semaphore.post(4);
      expect(semaphore.permits).toBe(6);
    });
  });

  test('a barrier of one never waits', () => {
    withHeap({}, (heap) => {
      const barrier = heap.barrier(1);
      for (let i = 0; i < 100; i++) expect(barrier.wait()).toBe(true);
      expect(heap.run(() => barrier.wait())).toBe(true);
      barrier.abort();
      expect(() => barrier.wait()).toThrow('broken');
    });
  });

  test('counters count in safe integers, as Atomics do', () => {
    withHeap({}, (heap) => {
      const { MAX_SAFE_INTEGER: max, MIN_SAFE_INTEGER: min } = Number;
      const counter = heap.counter();
      expect([counter.add(), counter.add(5), counter.sub(2), counter.value]).toEqual([0, 1, 6, 4]);
      for (const value of [0, -1, 1, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32) - 1, max, min]) {
        counter.value = value;
        expect(counter.value).toBe(value);
        expect(heap.run(() => counter.exchange(value))).toBe(value);
        expect(counter.compareExchange(value, value)).toBe(value);
        expect(counter.compareExchange(value - 1 < min ? 5 : value - 1, 3)).toBe(value);
        expect(counter.value).toBe(value);
      }
      counter.value = max;
      expect(() => counter.add(1)).toThrow(RangeError);
      expect(() => counter.sub(-1)).toThrow(RangeError);
      expect(() => counter.add(0.5)).toThrow(RangeError);
      expect(counter.value).toBe(max);
      expect(heap.counter(-3).value).toBe(-3);
    });
  });
});
