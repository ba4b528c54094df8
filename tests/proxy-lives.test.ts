/** How long proxies live, and what is behind them. */

import { expect, test } from 'vitest';
import { StaleHandleError } from '../src/base/errors.ts';
import { withHeap } from './support/with-heap.ts';

test('a view that is returned from a section outlives it, as a handle does', () => {
  withHeap({}, (heap) => {
    const view = heap.run(() => heap.proxy(heap.from({ a: { b: 1 } })));
    expect(view.a.b).toBe(1);
    expect(heap.scope(() => heap.proxy(heap.from({ c: 2 }))).c).toBe(2);
    heap.run(() => {
      const inner = heap.scope(() => heap.proxy(heap.from({ d: 3 })));
      expect(inner.d).toBe(3);
    });
    let lost = view;
    heap.run(() => {
      lost = heap.proxy(heap.from({ a: { b: 4 } }));
    });
    expect(() => lost.a).toThrow(StaleHandleError);
  });
});

test('what an object with many changes refers to are its names and values, not its map', () => {
  withHeap({}, (heap) => {
    const object = heap.from({ a: 1 } as Record<string, unknown>);
    object.set('b', heap.tuple(2));
    expect(heap.gc.getReferents(object).map(String)).toEqual(['a', '1', 'b', '[object HeapTuple]']);
  });
});
