/** Collections by a clock, at events, and when the event loop is idle (semantics C7). */
import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { Heap } from '../src/heap.ts';
import { ring } from './support/shapes.ts';
import { sleep, until } from './support/threads.ts';
import { warningsOf } from './support/warnings.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };

const collections = (heap: Heap) => heap.gc.getStats().map((stats) => stats.collections);

test('C7 every collects at its interval until it is stopped', () => {
  vi.useFakeTimers();
  try {
    withHeap(MANUAL, (heap) => {
      const schedule = heap.gc.every({ ms: 1000 });
      ring(heap, 3).release();
      vi.advanceTimersByTime(999);
      expect(collections(heap)).toEqual([0, 0, 0]);
      vi.advanceTimersByTime(1);
      expect(collections(heap)).toEqual([0, 0, 1]);
      expect(heap.gc.getStats()[2].collected).toBe(3);
      vi.advanceTimersByTime(3000);
      expect(collections(heap)).toEqual([0, 0, 4]);
      schedule.stop();
      schedule.stop();
      vi.advanceTimersByTime(10_000);
      expect(collections(heap)).toEqual([0, 0, 4]);
    });
  } finally {
    vi.useRealTimers();
  }
});

test('C7 every collects the generation it is given, also while automatic ones are disabled', () => {
  vi.useFakeTimers();
  try {
    withHeap({}, (heap) => {
      heap.gc.disable();
      {
        using _ = heap.gc.every({ ms: 10, generation: 0 });
        vi.advanceTimersByTime(25);
      }
      vi.advanceTimersByTime(100);
      expect(collections(heap)).toEqual([2, 0, 0]);
    });
  } finally {
    vi.useRealTimers();
  }
});

test('C7 on collects at every event of an emitter or a target', () => {
  withHeap(MANUAL, (heap) => {
    const emitter = new EventEmitter();
    const schedule = heap.gc.on(emitter, 'request');
    emitter.emit('request');
    emitter.emit('request', 'with', 'arguments');
    emitter.emit('other');
    expect(collections(heap)).toEqual([0, 0, 2]);
    schedule.stop();
    expect(emitter.listenerCount('request')).toBe(0);
    emitter.emit('request');
    expect(collections(heap)).toEqual([0, 0, 2]);
    const target = new EventTarget();
    const other = heap.gc.on(target, 'tick', 1);
    target.dispatchEvent(new Event('tick'));
    expect(collections(heap)).toEqual([0, 1, 2]);
    other[Symbol.dispose]();
    target.dispatchEvent(new Event('tick'));
    expect(collections(heap)).toEqual([0, 1, 2]);
  });
});

test('C7 wrong arguments are refused', () => {
  withHeap(MANUAL, (heap) => {
    const { gc } = heap;
    for (const wrong of [undefined, null, 5, { ms: '5' }, {}]) {
      expect(() => gc.every(wrong as never)).toThrow(TypeError);
    }
    for (const ms of [0, -1, Number.NaN]) expect(() => gc.every({ ms })).toThrow(RangeError);
    expect(() => gc.every({ ms: 10, generation: 3 })).toThrow(RangeError);
    for (const wrong of [null, {}, 'x', undefined]) {
      expect(() => gc.on(wrong as never, 'x')).toThrow(TypeError);
    }
    const emitter = new EventEmitter();
    expect(() => gc.on(emitter, 'x', 1.5)).toThrow(TypeError);
    expect(emitter.listenerCount('x')).toBe(0);
    expect(() => gc.onIdle(3)).toThrow(RangeError);
  });
});

test('C7 onIdle collects once after a stretch of work, not again without more', async () => {
  await withHeapAsync(MANUAL, async (heap) => {
    const schedule = heap.gc.onIdle();
    ring(heap, 5).release();
    let stops = 0; // reading the statistics would be work
    heap.gc.callbacks.push((phase) => {
      if (phase === 'stop') stops++;
    });
    await until(() => stops === 1);
    expect(heap.gc.getStats()[2].collected).toBe(5);
    ring(heap, 7).release();
    await until(() => stops === 2);
    await sleep(200);
    expect(stops).toBe(2);
    schedule.stop();
    expect(heap.gc.getStats()[2].collected).toBe(12);
  });
});

test('C7 onIdle leaves a busy event loop alone', async () => {
  await withHeapAsync(MANUAL, async (heap) => {
    using _ = heap.gc.onIdle();
    ring(heap, 5).release();
    const end = performance.now() + 300;
    while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
    expect(collections(heap)).toEqual([0, 0, 0]);
    heap.gc.collect();
  });
});

test('C7 schedules end when the heap is closed, without a word', async () => {
  const warnings = await warningsOf(async () => {
    const emitter = new EventEmitter();
    const heap = Heap.create({ maxBytes: 2 ** 20 });
    heap.gc.every({ ms: 1 });
    heap.gc.on(emitter, 'x');
    heap.gc.onIdle();
    await heap.close();
    expect(emitter.listenerCount('x')).toBe(0);
    await sleep(100);
  });
  expect(warnings).toEqual([]);
});

test('C7 a schedule in a section of the same thread waits for nothing: it collects inside', () => {
  withHeap(MANUAL, (heap) => {
    const emitter = new EventEmitter();
    using _ = heap.gc.on(emitter, 'x');
    heap.run(() => {
      heap.scope(() => void ring(heap, 3));
      emitter.emit('x');
      expect(heap.gc.getStats()[2].collected).toBe(3);
    });
  });
});
