/** `gc.callbacks` and what else tells of collections (semantics B18). */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type PerformanceMeasure, PerformanceObserver, performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { HeapClosedError } from '../src/base/errors.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import type { CollectionInfo, CollectionStart, CollectionStop } from '../src/index.ts';
import { nodeStruct, ring } from './support/shapes.ts';
import { warningsOf } from './support/warnings.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };
const EAGER = { thresholds: [10, 1000, 1000] as const };

/** Makes eleven rings of one, the last of which is reason to collect with a threshold of 10. */
function makeDue(heap: Heap): void {
  for (let i = 0; i < 11; i++) heap.run(() => void ring(heap, 1));
}

test('B18 every callback is called before and after, in order, for collections by hand', () => {
  withHeap(MANUAL, (heap) => {
    const calls: string[] = [];
    heap.gc.callbacks.push((phase) => calls.push(`a ${phase}`));
    heap.gc.callbacks.push((phase) => calls.push(`b ${phase}`));
    heap.gc.collect();
    expect(calls).toEqual(['a start', 'b start', 'a stop', 'b stop']);
    heap.gc.callbacks.length = 0;
    heap.gc.collect();
    expect(calls.length).toBe(4);
  });
});

test('B18 the info has its keys: zeros at the start, the figures at the stop', () => {
  withHeap(MANUAL, (heap) => {
    const infos: CollectionInfo[] = [];
    heap.gc.callbacks.push((_, info) => infos.push(info));
    const kept = ring(heap, 2);
    ring(heap, 5).release();
    expect(heap.gc.collect(1)).toBe(5);
    const keys = ['id', 'generation', 'collected', 'uncollectable', 'candidates', 'durationMs'];
    expect(infos.map((info) => Object.keys(info))).toEqual([keys, keys]);
    expect(infos[0]).toEqual({
      id: 1,
      generation: 1,
      collected: 0,
      uncollectable: 0,
      candidates: 0,
      durationMs: 0,
    });
    const { durationMs, ...rest } = infos[1];
    expect(rest).toEqual({ id: 1, generation: 1, collected: 5, uncollectable: 0, candidates: 7 });
    expect(durationMs).toBeGreaterThan(0);
    kept.release();
    heap.gc.collect();
    expect(infos.map((info) => info.generation)).toEqual([1, 1, 2, 2]);
  });
});

test('B18 all callbacks of one phase get the same info, those of the other another', () => {
  withHeap(MANUAL, (heap) => {
    const infos: CollectionInfo[] = [];
    for (let i = 0; i < 2; i++) heap.gc.callbacks.push((_, info) => infos.push(info));
    heap.gc.collect();
    expect(infos[0]).toBe(infos[1]);
    expect(infos[2]).toBe(infos[3]);
    expect(infos[0]).not.toBe(infos[2]);
  });
});

test('B18 callbacks are called for automatic collections, too', () => {
  withHeap(EAGER, (heap) => {
    const calls: string[] = [];
    heap.gc.callbacks.push((phase, { generation, collected }) => {
      calls.push(`${phase} ${generation} ${collected}`);
    });
    makeDue(heap);
    expect(calls).toEqual(['start 0 0', 'stop 0 11']);
  });
});

test('B18 callbacks run without the lock: at the end of a section, and of one operation', () => {
  withHeap(EAGER, (heap) => {
    const { mem } = sessionOf(heap);
    const depths: number[] = [];
    heap.gc.callbacks.push(() => depths.push(mem.depth));
    makeDue(heap);
    expect(depths).toEqual([0, 0]);
    const kept = Array.from({ length: 11 }, () => heap.array());
    expect(depths).toEqual([0, 0, 0, 0]);
    heap.run(() => {
      heap.gc.collect();
      expect(depths).toEqual([0, 0, 0, 0, 1, 1]); // the program's own section
    });
    for (const array of kept) array.release();
  });
});

test("B18 at a safepoint they run inside of the program's section, whose locals stay", () => {
  withHeap(EAGER, (heap) => {
    const NodeClass = nodeStruct(heap);
    const { mem } = sessionOf(heap);
    const depths: number[] = [];
    heap.gc.callbacks.push(() => depths.push(mem.depth));
    heap.run(() => {
      const local = new NodeClass({ id: 42 });
      for (let i = 0; i < 20; i++) heap.array();
      heap.safepoint();
      expect(depths).toEqual([1, 1]);
      expect(local.id).toBe(42);
    });
  });
});

test('B18 callbacks may use the heap: allocate, link, open sections', () => {
  withHeap(EAGER, (heap) => {
    const log = heap.array<string>();
    heap.root.set('log', log);
    heap.gc.callbacks.push((phase, { generation }) => {
      heap.run(() => void ring(heap, 3));
      log.push(`${phase} ${generation}`);
    });
    makeDue(heap);
    heap.gc.collect();
    expect([...log]).toEqual(['start 0', 'stop 0', 'start 2', 'stop 2']);
    heap.gc.callbacks.length = 0;
    heap.gc.collect();
  });
});

test('B18 one that throws makes a warning, the others are called all the same', async () => {
  await withHeapAsync(MANUAL, async (heap) => {
    const calls: string[] = [];
    heap.gc.callbacks.push(
      (phase) => {
        throw new Error(`thrown at ${phase}`);
      },
      (phase) => calls.push(phase),
    );
    ring(heap, 3).release();
    const warnings = await warningsOf(() => expect(heap.gc.collect()).toBe(3));
    expect(calls).toEqual(['start', 'stop']);
    expect(warnings.map((warning) => warning.name)).toEqual(['SharcWarning', 'SharcWarning']);
    expect((warnings[1] as { detail?: string }).detail).toContain('thrown at stop');
  });
});

test('B18 what is no function, and what is thrown but no error, make warnings', async () => {
  await withHeapAsync(MANUAL, async (heap) => {
    heap.gc.callbacks.push('no function' as never, () => {
      throw null;
    });
    const warnings = await warningsOf(() => heap.gc.collect());
    expect(warnings.length).toBe(4);
    expect((warnings[0] as { detail?: string }).detail).toContain('TypeError');
    expect((warnings[1] as { detail?: string }).detail).toBe('null');
  });
});

test('B18 a callback removed while they are called shifts the list', () => {
  withHeap(MANUAL, (heap) => {
    const calls: string[] = [];
    const { callbacks } = heap.gc;
    const once = () => {
      calls.push('once');
      callbacks.shift();
    };
    callbacks.push(
      once,
      () => calls.push('b'),
      () => calls.push('c'),
    );
    heap.gc.collect();
    expect(calls).toEqual(['once', 'c', 'b', 'c']); // b moved to the place just called
  });
});

test('B18 a callback that adds another one while they are called: it is called, too', () => {
  withHeap(MANUAL, (heap) => {
    const calls: string[] = [];
    const { callbacks } = heap.gc;
    callbacks.push((phase) => {
      if (phase === 'start') callbacks.push((inner) => calls.push(inner));
    });
    heap.gc.collect();
    expect(calls).toEqual(['start', 'stop']);
  });
});

test('B18 a collection that a full heap forces is told at the end of the section', () => {
  withHeap({ ...MANUAL, maxBytes: 2 ** 21, checkLeaks: false }, (heap) => {
    const { mem } = sessionOf(heap);
    const calls: string[] = [];
    heap.gc.callbacks.push((phase, { generation }) => {
      calls.push(`${phase} ${generation} ${mem.depth}`);
    });
    heap.run(() => {
      while (heap.gc.getStats()[2].collections === 0) heap.scope(() => void ring(heap, 10));
      expect(calls).toEqual([]);
    });
    expect(calls).toEqual(['start 2 0', 'stop 2 0']);
    while (heap.gc.getStats()[2].collections === 1) ring(heap, 10).release();
    expect(calls.length).toBe(4);
    heap.run(() => {
      while (heap.gc.getStats()[2].collections === 2) heap.scope(() => void ring(heap, 10));
      expect(calls.length).toBe(4);
      heap.safepoint();
      expect(calls.slice(4)).toEqual(['start 2 1', 'stop 2 1']);
    });
    expect(calls.length).toBe(6);
  });
});

test('B18 callbacks that leave the heap: collect fails, safepoints do not', () => {
  const explicit = Heap.create({ ...MANUAL, maxBytes: 2 ** 20 });
  explicit.gc.callbacks.push(() => explicit.detach());
  expect(() => explicit.gc.collect()).toThrow(HeapClosedError);
  const automatic = Heap.create({ ...EAGER, maxBytes: 2 ** 20 });
  automatic.gc.callbacks.push(() => automatic.detach());
  expect(() => makeDue(automatic)).not.toThrow();
  expect(() => automatic.array()).toThrow(HeapClosedError);
});

test('collections are published on diagnostics channels', () => {
  const started: CollectionStart[] = [];
  const stopped: CollectionStop[] = [];
  const onStart = (message: unknown) => started.push(message as CollectionStart);
  const onStop = (message: unknown) => stopped.push(message as CollectionStop);
  withHeap(EAGER, (heap) => {
    subscribe('sharc:gc:start', onStart);
    subscribe('sharc:gc:stop', onStop);
    makeDue(heap);
    ring(heap, 4).release();
    heap.gc.collect();
    unsubscribe('sharc:gc:start', onStart);
    unsubscribe('sharc:gc:stop', onStop);
    heap.gc.collect();
    expect(channel('sharc:gc:start').hasSubscribers).toBe(false);
    expect(started.map(({ generation, reason }) => [generation, reason])).toEqual([
      [0, 'automatic'],
      [2, 'explicit'],
    ]);
    expect(stopped.map(({ generation, reason }) => [generation, reason])).toEqual([
      [0, 'automatic'],
      [2, 'explicit'],
    ]);
    expect(stopped.map(({ collected }) => collected)).toEqual([11, 4]);
    expect(stopped.map(({ candidates }) => candidates)).toEqual([11, 4]);
    expect(new Set([...started, ...stopped].map((message) => message.heap)).size).toBe(1);
    expect(stopped[0].heap).toMatch(/^[0-9a-f]{16}$/);
    expect(Object.keys(stopped[0])).toContain('pauseMaxMs');
  });
});

test('a collection that a full heap forces is published with its reason', () => {
  const reasons: string[] = [];
  const onStop = (message: unknown) => reasons.push((message as CollectionStop).reason);
  subscribe('sharc:gc:stop', onStop);
  withHeap({ ...MANUAL, maxBytes: 2 ** 21, checkLeaks: false }, (heap) => {
    while (heap.gc.getStats()[2].collections === 0) ring(heap, 10).release();
    expect(reasons).toEqual(['exhaustion']);
  });
  unsubscribe('sharc:gc:stop', onStop);
});

test('collections become measures of the timeline where that is asked for', async () => {
  await withHeapAsync(MANUAL, async (heap) => {
    const seen: PerformanceMeasure[] = [];
    const observer = new PerformanceObserver((list) =>
      seen.push(...(list.getEntries() as PerformanceMeasure[])),
    );
    observer.observe({ entryTypes: ['measure'] });
    heap.gc.collect();
    expect(heap.gc.isMeasured).toBe(false);
    heap.gc.isMeasured = true;
    ring(heap, 3).release();
    const before = performance.now();
    heap.gc.collect(1);
    heap.gc.isMeasured = false;
    heap.gc.collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
    observer.disconnect();
    expect(seen.length).toBe(1);
    const [entry] = seen;
    expect(entry.name).toBe('sharc:gc');
    expect(entry.startTime).toBeGreaterThanOrEqual(before);
    expect(entry.startTime + entry.duration).toBeLessThanOrEqual(performance.now());
    const { generation, reason, collected } = entry.detail as CollectionStop;
    expect({ generation, reason, collected }).toEqual({
      generation: 1,
      reason: 'explicit',
      collected: 3,
    });
    expect(performance.getEntriesByName('sharc:gc')).toEqual([]); // none pile up
  });
});
