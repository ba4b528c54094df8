/** Tokens and permits that a program forgets. */

import { expect, test } from 'vitest';
import type { Heap } from '../src/index.ts';
import { withHeapAsync } from './support/with-heap.ts';

const kinds = (heap: Heap, name: string) => heap.stats().objectsByKind[name] ?? 0;

async function collectGarbage(until: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !until(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    (globalThis as { gc?: () => void }).gc?.();
  }
}

test('locked mutexes that nobody can reach are freed', { timeout: 20_000 }, async () => {
  await withHeapAsync({}, async (heap) => {
    for (let i = 0; i < 1500; i++) heap.scope(() => void heap.mutex().lock());
    for (let i = 0; i < 10; i++) heap.scope(() => void heap.semaphore(1).acquire());
    expect([kinds(heap, 'mutex'), kinds(heap, 'semaphore')]).toEqual([1500, 10]);
    await collectGarbage(() => kinds(heap, 'mutex') + kinds(heap, 'semaphore') === 0);
    expect([kinds(heap, 'mutex'), kinds(heap, 'semaphore')]).toEqual([0, 0]);
  });
});

test('a mutex that others can reach stays locked', { timeout: 20_000 }, async () => {
  await withHeapAsync({}, async (heap) => {
    const mutex = heap.mutex();
    (() => void mutex.lock())();
    expect(heap.refcount(mutex)).toBe(2);
    await collectGarbage(() => heap.refcount(mutex) === 1);
    expect([heap.refcount(mutex), mutex.isLocked]).toEqual([1, true]);
    expect(mutex.lockIfAvailable(0)).toBe(null);
  });
});

test('tokens that the program has unlock, however often they are used', async () => {
  await withHeapAsync({}, async (heap) => {
    const mutex = heap.mutex();
    const token = mutex.lock();
    const others = Array.from({ length: 100 }, () => heap.mutex().lock());
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      (globalThis as { gc?: () => void }).gc?.();
      expect([token.locked, token.unlock(), mutex.isLocked]).toEqual([true, true, false]);
      for (let k = 0; k < 200; k++) mutex.lock(token).unlock();
      mutex.lock(token);
    }
    for (const other of others) expect(other.unlock()).toBe(true);
    expect([token.unlock(), heap.refcount(mutex)]).toEqual([true, 1]);
  });
});
