/** Handles and iterators that a program forgets: released when JavaScript collects them. */

import { describe, expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import { Heap } from '../src/heap.ts';
import type { HeapMap } from '../src/map.ts';
import { withHeapAsync } from './support/with-heap.ts';

type Named = { name: string } & Handle;
const P = (heap: Heap) => heap.struct<{ name: string }>('P', { name: 'string' });
const living = (heap: Heap) => heap.stats().objectsByKind.P ?? 0;

/** A kept map that holds one P, which no handle holds. */
function holder(heap: Heap): HeapMap<string, Named> {
  const Struct = P(heap);
  const map = heap.map<string, Named>();
  heap.run(() => {
    map.set('p', new Struct({ name: 'held' }));
  });
  return map;
}

describe('forgotten handles', () => {
  const collectGarbage = async (until: () => boolean) => {
    for (let i = 0; i < 50 && !until(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      (globalThis as { gc?: () => void }).gc?.();
    }
  };

  test('are released when JavaScript collects them', { timeout: 20_000 }, async () => {
    await withHeapAsync({}, async (heap) => {
      const Struct = P(heap);
      for (let i = 0; i < 3000; i++) new Struct();
      expect(living(heap)).toBe(3000);
      await collectGarbage(() => living(heap) === 0);
      expect(living(heap)).toBe(0);
    });
  });

  test('are not those that the program still has', { timeout: 20_000 }, async () => {
    await withHeapAsync({}, async (heap) => {
      const Struct = P(heap);
      const kept = Array.from({ length: 100 }, (_, i) => new Struct({ name: `${i}` }));
      for (let i = 0; i < 2000; i++) new Struct();
      await collectGarbage(() => living(heap) === 100);
      expect(living(heap)).toBe(100);
      expect(kept.map((handle) => handle.name)).toEqual(kept.map((_, i) => `${i}`));
      for (const handle of kept) handle.release();
      expect(living(heap)).toBe(0);
    });
  });

  test('found again before that are the same object in new hands', {
    timeout: 20_000,
  }, async () => {
    await withHeapAsync({}, async (heap) => {
      const map = holder(heap);
      for (let i = 0; i < 20; i++) {
        (() => expect(map.get('p')?.name).toBe('held'))();
        await new Promise((resolve) => setTimeout(resolve, 2));
        (globalThis as { gc?: () => void }).gc?.();
        (() => expect(heap.refcount(map.get('p') as Handle)).toBe(2))();
      }
      expect(heap.verify()).toEqual([]);
    });
  });

  test('iterators close when they are forgotten', { timeout: 20_000 }, async () => {
    await withHeapAsync({}, async (heap) => {
      const map = heap.map<number, number>();
      for (let i = 0; i < 100; i++) map.set(i, i);
      for (let i = 0; i < 10; i++) map.keys().next();
      heap.run(() => map.values().next());
      expect(heap.refcount(map)).toBe(12);
      await collectGarbage(() => heap.refcount(map) === 1);
      expect(heap.refcount(map)).toBe(1);
    });
  });

  // V8 calls no registry of a thread again once one has died whose call was pending.
  test('are released also when another heap was dropped with its own', {
    timeout: 20_000,
  }, async () => {
    const gc = (globalThis as { gc?: () => void }).gc as () => void;
    let dropped: Heap | undefined = (() => {
      const heap = Heap.create({ maxBytes: 2 ** 20 });
      for (let i = 0; i < 100; i++) heap.bytes(1).view();
      heap[Symbol.dispose]();
      return heap;
    })();
    const isDropped = new WeakRef(dropped);
    await new Promise((resolve) => setTimeout(resolve, 5));
    gc(); // the views are gone, and it is to be told
    dropped = undefined;
    gc(); // but is gone, too
    expect(isDropped.deref()).toBe(undefined);
    await withHeapAsync({}, async (heap) => {
      for (let i = 0; i < 10; i++) (() => heap.bytes(1).view())();
      heap.gc.collect();
      await collectGarbage(() => heap.stats().objectsByKind.bytes === undefined);
      expect(heap.stats().objectsByKind.bytes).toBe(undefined);
    });
  });
});
