/** Mutexes, queues and the others in atomic sections: what is undone, and what cannot begin. */

import { describe, expect, test } from 'vitest';
import { sessionOf } from '../src/heap.ts';
import {
  AtomicSectionError,
  type Heap,
  type HeapMutex,
  type SemaphorePermit,
  UnlockToken,
} from '../src/index.ts';
import { THREAD_UNDO } from '../src/memory/layout.ts';
import { MUTEX_OWNER } from '../src/object/coordination.ts';
import { caught, oneOfEach } from './support/coordination.ts';
import { type Thread, withStage } from './support/threads.ts';
import { mortalObjects, withHeap, withHeapAsync } from './support/with-heap.ts';

class Stop extends Error {}

/** Runs `body` in an atomic section and throws behind it. */
function undone(heap: Heap, body: () => void): void {
  const section = () => {
    body();
    throw new Stop();
  };
  expect(() => heap.run(section, { atomic: true })).toThrow(Stop);
}

const committed = <T>(heap: Heap, body: () => T): T => heap.run(body, { atomic: true });

describe('in a section that is undone', () => {
  test('a lock that was taken is given back, and its token is empty', () => {
    withHeap({}, (heap) => {
      const mutex = heap.mutex();
      const token = new UnlockToken();
      undone(heap, () => {
        expect(mutex.lockIfAvailable(0, token)).toBe(token);
        expect([token.locked, mutex.isLocked]).toEqual([true, true]);
      });
      expect([token.locked, token.unlock(), mutex.isLocked]).toEqual([false, false, false]);
      expect(mutex.lock(token)).toBe(token);
      expect([token.unlock(), mutex.isLocked]).toEqual([true, false]);
      expect(heap.refcount(mutex)).toBe(1);
    });
  });

  test('a mutex that was unlocked is locked, by the same token', () => {
    withHeap({}, (heap) => {
      const mutex = heap.mutex();
      const token = mutex.lock();
      undone(heap, () => {
        expect([token.unlock(), token.locked, mutex.isLocked]).toEqual([true, false, false]);
        expect(mutex.lockIfAvailable(0, token)).toBe(token);
        token[Symbol.dispose]();
      });
      expect([token.locked, mutex.isLocked, heap.refcount(mutex)]).toEqual([true, true, 2]);
      expect([token.unlock(), token.unlock(), mutex.isLocked]).toEqual([true, false, false]);
      expect(heap.refcount(mutex)).toBe(1);
    });
  });

  test('a token does not unlock what another thread has locked since', () =>
    withStage({ tasks: 'tasks-coordination', seconds: 50 }, async ({ heap, start }) => {
      using mutex = heap.mutex();
      heap.root.set('mutex', mutex);
      const [other] = (await start(1)) as [Thread];
      const token = new UnlockToken();
      undone(heap, () => void mutex.lockIfAvailable(0, token));
      expect(await other.call('lock', 'mutex')).toBe(false);
      expect([token.unlock(), mutex.isLocked]).toEqual([false, true]);
      expect(mutex.lockIfAvailable(0)).toBe(null);
      expect(await other.call('unlock')).toBe(true);
      heap.root.clear();
    }));

  test('what a token says of a dead owner is what it said before', () =>
    withStage(
      { tasks: 'tasks-coordination', seconds: 50, mayEndBroken: true },
      async ({ heap, start }) => {
        using mutex = heap.mutex();
        heap.root.set('mutex', mutex);
        const [owner] = (await start(1)) as [Thread];
        await owner.call('lock', 'mutex');
        await owner.call('detach');
        const token = new UnlockToken();
        undone(heap, () => {
          expect(mutex.lockIfAvailable(0, token)?.ownerDied).toBe(true);
        });
        expect([token.ownerDied, token.locked]).toEqual([false, false]);
        expect(mutex.lockIfAvailable(0, token)?.ownerDied).toBe(true);
        expect(token.unlock()).toBe(true);
      },
    ));

  test('permits are taken and given back as before', () => {
    withHeap({}, (heap) => {
      const semaphore = heap.semaphore(2);
      const held = semaphore.acquire();
      let taken: SemaphorePermit | null = null;
      undone(heap, () => {
        taken = semaphore.tryAcquire();
        expect([semaphore.permits, taken?.acquired, held.release()]).toEqual([0, true, true]);
        expect([semaphore.permits, held.acquired]).toEqual([1, false]);
        semaphore.post(5);
      });
      const permit = taken as SemaphorePermit | null;
      expect([permit?.acquired, permit?.release(), semaphore.permits]).toEqual([false, false, 1]);
      expect([held.acquired, held.release(), semaphore.permits]).toEqual([true, true, 2]);
      expect(heap.refcount(semaphore)).toBe(1);
    });
  });

  test('queues, barriers, counters and notifications are as before', async () => {
    await withHeapAsync({}, async (heap) => {
      const queue = heap.queue<unknown>({ capacity: 2 });
      queue.push('first');
      const [barrier, broken, counter] = [heap.barrier(2), heap.barrier(2), heap.counter(5)];
      broken.abort();
      const condition = heap.condition();
      const token = heap.mutex().lock();
      const notified = condition.waitAsync(token);
      const passed = barrier.waitAsync();
      await new Promise((resolve) => setImmediate(resolve));
      undone(heap, () => {
        expect([queue.tryPop(), queue.tryPush(heap.array()), queue.tryPush(2)]).toEqual([
          'first',
          true,
          true,
        ]);
        queue.close();
        barrier.abort();
        broken.reset();
        counter.add(3);
        counter.value = 9;
        expect([condition.notify(1), condition.waiting]).toEqual([1, 0]);
      });
      expect([heap.toJS(queue), queue.isClosed, counter.value]).toEqual([['first'], false, 5]);
      expect([barrier.isBroken, barrier.waiting, broken.isBroken]).toEqual([false, 1, true]);
      expect(condition.waiting).toBe(1);
      expect(barrier.wait()).toBe(true);
      expect([await passed, condition.notify()]).toEqual([false, 1]);
      expect([await notified, token.unlock()]).toEqual([true, true]);
    });
  });

  test('the inner one is undone by itself', () => {
    withHeap({}, (heap) => {
      const mutexes = [heap.mutex(), heap.mutex(), heap.mutex()] as [
        HeapMutex,
        HeapMutex,
        HeapMutex,
      ];
      const [outer, inner, before] = mutexes;
      const tokens = [new UnlockToken(), new UnlockToken(), before.lock()] as const;
      const nested = () => {
        outer.lockIfAvailable(0, tokens[0]);
        undone(heap, () => {
          inner.lockIfAvailable(0, tokens[1]);
          tokens[0].unlock();
          tokens[2].unlock();
        });
        expect(tokens.map(({ locked }) => locked)).toEqual([true, false, true]);
        committed(heap, () => tokens[2].unlock());
      };
      committed(heap, nested);
      expect(tokens.map(({ locked }) => locked)).toEqual([true, false, false]);
      expect(mutexes.map(({ isLocked }) => isLocked)).toEqual([true, false, false]);
      expect(mutexes.map((mutex) => heap.refcount(mutex))).toEqual([2, 1, 1]);
      tokens[0].unlock();
      before.lock(tokens[2]);
      undone(heap, nested);
      expect(mutexes.map(({ isLocked }) => isLocked)).toEqual([false, false, true]);
      expect(tokens.map((token) => token.unlock())).toEqual([false, false, true]);
    });
  });
});

test('a section that is committed keeps its locks, and drops those it gave back', () => {
  withHeap({}, (heap) => {
    const objects = mortalObjects(heap);
    const { token, permit } = committed(heap, () => {
      const semaphore = heap.semaphore(1);
      semaphore.tryAcquire()?.release();
      heap.mutex().lockIfAvailable(0)?.unlock();
      return {
        token: heap.mutex().lockIfAvailable(0),
        permit: semaphore.tryAcquire(),
      };
    });
    expect(mortalObjects(heap)).toBe(objects + 2);
    expect([token?.unlock(), permit?.release()]).toEqual([true, true]);
    expect(mortalObjects(heap)).toBe(objects);
  });
});

test('a token whose mutex is not its thread’s any more unlocks nothing', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    const mutex = heap.mutex();
    const token = mutex.lock();
    mem.i32[mutex.$ref + MUTEX_OWNER] = mem.threadId + 1; // as nothing but a fault could do
    const condition = heap.condition();
    expect(caught(() => condition.wait(token))).toBeInstanceOf(TypeError);
    expect([token.unlock(), token.locked, condition.waiting]).toEqual([false, false, 0]);
    expect(mem.i32[mutex.$ref + MUTEX_OWNER]).toBe(mem.threadId + 1);
    expect(heap.refcount(mutex)).toBe(1);
  });
});

describe('nothing waits in an atomic section', () => {
  test('blocking', () => {
    withHeap({}, (heap) => {
      const queue = heap.queue({ capacity: 1 });
      const token = heap.mutex().lock();
      const calls: (() => unknown)[] = [
        () => heap.mutex().lock(),
        () => heap.mutex().lockIfAvailable(1),
        () => heap.condition().wait(token),
        () => heap.condition().waitFor(token, 1, () => true),
        () => queue.push(1),
        () => queue.pop(),
        () => [...queue],
        () => heap.semaphore(1).acquire(),
        () => heap.barrier(1).wait(),
      ];
      for (const call of calls) {
        for (const section of [call, () => heap.run(call)]) {
          const error = caught(() => committed(heap, section));
          expect(error).toBeInstanceOf(AtomicSectionError);
          expect(error.message).toMatch(/^\w+\.\w+\(\) may have to wait, and cannot in an atomic/);
        }
      }
      expect([token.unlock(), queue.size]).toEqual([true, 0]);
    });
  });

  test.each(['undone', 'committed'])('without blocking, in one that is %s', async (end) => {
    await withHeapAsync({}, async (heap) => {
      const [mutex, condition, queue, semaphore, barrier] = [
        heap.mutex(),
        heap.condition(),
        heap.queue<number>({ capacity: 2 }),
        heap.semaphore(1),
        heap.barrier(1),
      ];
      const token = heap.mutex().lock();
      const empty = new UnlockToken();
      queue.push(1);
      let begun: readonly Promise<unknown>[] = [];
      const begin = () => {
        begun = [
          mutex.lockAsync({ token: empty }),
          condition.waitAsync(token),
          queue.pushAsync(2),
          queue.popAsync(),
          queue[Symbol.asyncIterator]().next(),
          semaphore.acquireAsync(),
          barrier.waitAsync(),
          heap.runAsync(() => queue.tryPush(3)),
          heap.readAsync(() => 4),
        ];
      };
      if (end === 'undone') undone(heap, begin);
      else committed(heap, begin);
      for (const outcome of await Promise.allSettled(begun)) {
        expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(AtomicSectionError);
      }
      expect([mutex.isLocked, condition.waiting, queue.size]).toEqual([false, 0, 1]);
      expect([semaphore.permits, barrier.isBroken, token.unlock()]).toEqual([1, false, true]);
      expect((await mutex.lockAsync({ token: empty })).unlock()).toBe(true);
    });
  });
});

test('looking at objects notes nothing', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    const objects = oneOfEach(heap);
    const names = ['isLocked', 'waiting', 'size', 'capacity', 'isClosed', 'permits', 'parties'];
    const seen = committed(heap, () => {
      const values = [...names, 'isBroken', 'value'].map((name) =>
        objects.map((object) => (name in object ? (object as never)[name] : null)),
      );
      expect(mem.i32[mem.thread + THREAD_UNDO]).toBe(0);
      return values.flat().filter((value) => value !== null);
    });
    expect(seen).toEqual([false, 0, 0, 0, 2, false, 1, 2, false, 7]);
  });
});
