/** Leak checks: what they count, what they name, what they leave out. */
import { expect, test } from 'vitest';
import { expectNoLeaks, leakCheck, ring, tree } from '../src/testing.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

test('code that releases what it makes leaves nothing, cycles included', () => {
  withHeap({}, (heap) => {
    expect(leakCheck(heap, () => ring(heap, 10).release())).toEqual([]);
    expectNoLeaks(heap, () => heap.run(() => tree(heap, 4) && undefined));
  });
});

test('a leak check counts what is left behind by kind, most objects first', () => {
  withHeap({}, (heap) => {
    const root = heap.root;
    const text = 'a string that is too long to be interned';
    const leaks = leakCheck(heap, () =>
      heap.run(() => {
        const map = heap.map();
        for (let i = 0; i < 3; i++) map.set(i, heap.array());
        map.set('big', 2n ** 62n);
        map.set('text', `${text}, number 1`);
        root.set('map', map as never);
      }),
    );
    expect(leaks).toEqual([
      { kind: 'string', objects: 4 }, // 'map', 'big', 'text' and the long one
      { kind: 'array', objects: 3 },
      { kind: 'bigint', objects: 1 },
      { kind: 'map', objects: 1 },
    ]);
    root.clear();
  });
});

test('a handle that was not released is a leak, and the error names it', () => {
  withHeap({}, (heap) => {
    let kept: { release(): void } | undefined;
    const forget = () => {
      kept = ring(heap, 5);
    };
    expect(() => expectNoLeaks(heap, forget)).toThrow('objects were left behind: 5 of TestNode');
    kept?.release();
    expect(heap.gc.collect()).toBe(5);
  });
});

test('immortal objects are no leak, nor is what was there before', () => {
  withHeap({}, (heap) => {
    const before = heap.array<number>();
    const leaks = leakCheck(heap, () => {
      before.push(1);
      const array = heap.array();
      heap.immortalize(array);
      array.release();
    });
    expect(leaks).toEqual([]);
    before.release();
  });
});

test('an asynchronous body is waited for', async () => {
  await withHeapAsync({}, async (heap) => {
    const root = heap.root;
    const body = async () => {
      await Promise.resolve();
      root.set('late', heap.run(() => heap.array()) as never);
    };
    const leaks = leakCheck(heap, body);
    expect(leaks).toBeInstanceOf(Promise);
    expect(await leaks).toContainEqual({ kind: 'array', objects: 1 });
    root.clear();
    await expect(expectNoLeaks(heap, body)).rejects.toThrow('of array');
    root.clear();
  });
});

test('in a callback of the collector, where nothing is collected, a leak check refuses', () => {
  withHeap({ thresholds: [0, 0, 0] }, (heap) => {
    const errors: unknown[] = [];
    heap.gc.callbacks.push(() => {
      for (const check of [leakCheck, expectNoLeaks]) {
        try {
          check(heap, () => ring(heap, 3).release());
        } catch (error) {
          errors.push(error);
        }
      }
    });
    heap.gc.collect();
    heap.gc.callbacks.length = 0;
    expect(errors.length).toBe(4);
    for (const error of errors) {
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toContain('in a callback of the collector there is none');
    }
    expect(heap.gc.collect()).toBe(0); // no body has run
    expect(leakCheck(heap, () => ring(heap, 3).release())).toEqual([]);
  });
});
