/** Full heaps: whatever fails has changed nothing, and what is taken is not lost. */

import { expect, test } from 'vitest';
import { sessionOf } from '../src/heap.ts';
import { type Handle, type Heap, type HeapArray, HeapExhaustedError } from '../src/index.ts';
import { failAllocation } from './support/exhaustion.ts';
import { mortalObjects, withHeap, withHeapAsync } from './support/with-heap.ts';

type Act = (heap: Heap, objects: Objects) => unknown;

interface Objects {
  readonly queue: ReturnType<Heap['queue']>;
  readonly mutex: ReturnType<Heap['mutex']>;
  readonly condition: ReturnType<Heap['condition']>;
  readonly semaphore: ReturnType<Heap['semaphore']>;
  readonly value: Handle;
}

const ACTS: Readonly<Record<string, Act>> = {
  'heap.mutex': (heap) => heap.mutex(),
  'heap.condition': (heap) => heap.condition(),
  'heap.queue': (heap) => heap.queue({ capacity: 5 }),
  'heap.semaphore': (heap) => heap.semaphore(1),
  'heap.barrier': (heap) => heap.barrier(1),
  'heap.counter': (heap) => heap.counter(),
  'push of a string': (_, { queue }) => queue.push('a string that nobody has pushed before'),
  'push of an object': (_, { queue, value }) => queue.push(value),
  'pushes that let the ring grow': (heap, { queue }) =>
    heap.run(() => {
      while (queue.tryPush(1));
    }),
  'pop of an object': (_, { queue }) => queue.pop(),
  'lock and unlock': (_, { mutex }) => mutex.lock().unlock(),
  acquire: (_, { semaphore }) => semaphore.acquire().release(),
  'a wait in vain': (_, { mutex, condition }) => {
    using token = mutex.lock();
    condition.waitFor(token, 1);
  },
};

/** What can be seen of the objects. */
const stateOf = (heap: Heap, { queue, mutex, condition, semaphore }: Objects): unknown =>
  heap.run(() => JSON.stringify([queue, mutex, condition, semaphore]));

test.each(Object.entries(ACTS))('%s fails whole, at every allocation', (name, act) => {
  for (let n = 1, isDone = false; !isDone; n++) {
    withHeap({ checkLeaks: name !== 'pop of an object' }, (heap) => {
      const objects: Objects = {
        queue: heap.queue({ capacity: 40 }),
        mutex: heap.mutex(),
        condition: heap.condition(),
        semaphore: heap.semaphore(1),
        value: heap.array(),
      };
      heap.run(() => {
        for (let i = 0; i < 4; i++) objects.queue.push(heap.array([i]));
      });
      const before = stateOf(heap, objects);
      const mortal = mortalObjects(heap);
      try {
        const { count } = failAllocation(heap, n, () => act(heap, objects));
        isDone = count < n;
      } catch (error) {
        expect(error).toBeInstanceOf(HeapExhaustedError);
        expect(heap.verify()).toEqual([]);
        if (name.startsWith('pushes')) return; // those before it have succeeded
        expect(stateOf(heap, objects)).toBe(before);
        // A list of waiters that has grown for nothing is no object.
        expect(mortalObjects(heap)).toBe(mortal);
      }
    });
    expect(n).toBeLessThan(100);
  }
});

test('a value for whose handle there is no room stays in the queue', async () => {
  let failed = 0;
  for (let kept = 0; kept < 40; kept++) {
    await withHeapAsync({}, async (heap) => {
      const { mem } = sessionOf(heap);
      const queue = heap.queue<HeapArray<number>>({ capacity: 2 });
      heap.run(() => {
        queue.push(heap.array([1]));
        queue.push(heap.array([2]));
        for (let i = 0; i < kept; i++) heap.array().keep(); // so that now and then rows run out
      });
      const pops = [() => queue.pop(), () => queue.tryPop(), () => queue.popAsync()];
      for (const pop of pops) {
        mem.hostile = { shouldFail: () => true };
        try {
          (await pop())?.release();
          return; // there was room
        } catch (error) {
          expect(error).toBeInstanceOf(HeapExhaustedError);
          failed++;
        } finally {
          mem.hostile = null;
        }
        expect([queue.size, heap.verify()]).toEqual([2, []]);
      }
      expect([queue.pop()?.at(0), (await queue.popAsync())?.at(0)]).toEqual([1, 2]);
    });
  }
  expect(failed).toBeGreaterThanOrEqual(3);
});

test('in a heap that is really full a push fails, and a pop makes room', () => {
  withHeap({ maxBytes: 2 ** 20 }, (heap) => {
    const queue = heap.queue<string>({ capacity: 1_000_000 });
    const text = (i: number) => String(i).padStart(5000, 'x');
    let count = 0;
    try {
      for (; ; count++) queue.push(text(count));
    } catch (error) {
      expect(error).toBeInstanceOf(HeapExhaustedError);
    }
    expect(count).toBeGreaterThan(10);
    expect(queue.size).toBe(count);
    expect(heap.verify()).toEqual([]);
    expect(queue.pop()).toBe(text(0));
    queue.push(text(count));
    for (let i = 1; i <= count; i++) expect(queue.pop()).toBe(text(i));
    expect(queue.size).toBe(0);
  });
});
