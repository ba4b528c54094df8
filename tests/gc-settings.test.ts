/** Switches, thresholds, statistics, throttle, guards (semantics B1, B3, B5, C8). */
import { expect, test, vi } from 'vitest';
import { dueGeneration, NONE, throttle } from '../src/gc/generations.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { GC_BACKGROUND_MIN, GC_COUNTS } from '../src/memory/layout.ts';
import { ring } from './support/shapes.ts';
import { withHeap } from './support/with-heap.ts';

const EAGER = { thresholds: [10, 1000, 1000] as const };

const collections = (heap: Heap) => heap.gc.getStats().map((stats) => stats.collections);

/** Makes rings of one, each in a section of its own: every 11 of them are reason to collect. */
function makeGarbage(heap: Heap, count: number): void {
  for (let i = 0; i < count; i++) {
    heap.run(() => {
      ring(heap, 1);
    });
  }
}

test('B1 automatic collections run at first, disable stops them, enable starts them', () => {
  withHeap(EAGER, (heap) => {
    expect(heap.gc.isEnabled()).toBe(true);
    makeGarbage(heap, 22);
    expect(collections(heap)).toEqual([2, 0, 0]);
    expect(heap.gc.disable()).toBe(undefined);
    expect(heap.gc.isEnabled()).toBe(false);
    makeGarbage(heap, 10_000);
    expect(collections(heap)).toEqual([2, 0, 0]);
    expect(heap.gc.enable()).toBe(undefined);
    expect(heap.gc.isEnabled()).toBe(true);
    expect(collections(heap)).toEqual([3, 0, 0]); // long due, and enable() was a safepoint
    expect(heap.gc.getStats()[0].collected).toBe(10_022);
  });
});

test('B1 enable and disable do not nest', () => {
  withHeap(EAGER, (heap) => {
    heap.gc.disable();
    heap.gc.disable();
    heap.gc.enable();
    expect(heap.gc.isEnabled()).toBe(true);
    makeGarbage(heap, 11);
    expect(collections(heap)).toEqual([1, 0, 0]);
  });
});

test('B1 a first threshold of 0 stops automatic collections, isEnabled stays true', () => {
  withHeap(EAGER, (heap) => {
    heap.gc.setThreshold(0);
    makeGarbage(heap, 100);
    expect(collections(heap)).toEqual([0, 0, 0]);
    expect(heap.gc.isEnabled()).toBe(true);
    heap.gc.collect();
  });
});

test('B3 getThreshold gives three numbers, of which setThreshold leaves those not given', () => {
  withHeap({}, (heap) => {
    expect(heap.gc.getThreshold()).toEqual([700, 10, 10]);
    heap.gc.setThreshold(5);
    expect(heap.gc.getThreshold()).toEqual([5, 10, 10]);
    heap.gc.setThreshold(6, 7);
    expect(heap.gc.getThreshold()).toEqual([6, 7, 10]);
    heap.gc.setThreshold(0, undefined, 9);
    expect(heap.gc.getThreshold()).toEqual([0, 7, 9]);
    heap.gc.setThreshold(2 ** 30, 0, 0);
    expect(heap.gc.getThreshold()).toEqual([2 ** 30, 0, 0]);
  });
});

test('B3 wrong thresholds are refused, and then nothing has changed', () => {
  withHeap({}, (heap) => {
    const set = heap.gc.setThreshold.bind(heap.gc) as (...args: unknown[]) => void;
    for (const args of [
      [],
      [1, 2, 3, 4],
      ['1'],
      [null],
      [undefined],
      [1.5],
      [1, '2'],
      [1, 2, null],
    ]) {
      expect(() => set(...args)).toThrow(TypeError);
    }
    for (const args of [[-1], [2 ** 30 + 1], [1, -1], [1, 2, 2 ** 31]]) {
      expect(() => set(...args)).toThrow(RangeError);
    }
    expect(heap.gc.getThreshold()).toEqual([700, 10, 10]);
  });
});

test('B3 a threshold set below the count takes effect at the next safepoint', () => {
  withHeap({}, (heap) => {
    makeGarbage(heap, 100);
    expect(collections(heap)).toEqual([0, 0, 0]);
    heap.gc.setThreshold(99);
    expect(collections(heap)).toEqual([1, 0, 0]);
    expect(heap.gc.getStats()[0].collected).toBe(100);
  });
});

test('B5 getStats has three entries, and a collection is booked on its generation only', () => {
  withHeap({ thresholds: [0, 0, 0] }, (heap) => {
    const keys = Object.keys(heap.gc.getStats()[0]);
    for (const key of ['collections', 'collected', 'uncollectable', 'candidates', 'durationMs']) {
      expect(keys).toContain(key);
    }
    expect(heap.gc.getStats().length).toBe(3);
    ring(heap, 5).release();
    heap.gc.collect(0);
    expect(collections(heap)).toEqual([1, 0, 0]);
    ring(heap, 6).release();
    heap.gc.collect(2);
    ring(heap, 7).release();
    heap.gc.collect(1);
    expect(collections(heap)).toEqual([1, 1, 1]);
    const stats = heap.gc.getStats();
    expect(stats.map((s) => s.collected)).toEqual([5, 7, 6]);
    expect(stats.map((s) => s.candidates)).toEqual([5, 7, 6]);
    expect(stats.map((s) => s.uncollectable)).toEqual([0, 0, 0]);
    expect(stats.map((s) => s.scanned)).toEqual([[5], [7], [6]]);
    for (const entry of stats) {
      expect(entry.durationMs).toBeGreaterThan(0);
      expect(entry.pauseMs).toBeGreaterThan(0);
      expect(entry.pauseMaxMs).toBeLessThanOrEqual(entry.pauseMs);
    }
  });
});

test('B5 every collection is one pause of the histogram, and its longest is the longest', () => {
  withHeap({ thresholds: [0, 0, 0] }, (heap) => {
    expect(heap.gc.getPauses()).toEqual({ count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0, buckets: [] });
    for (let i = 0; i < 20; i++) heap.gc.collect(i % 3);
    const { count, p50Ms, p99Ms, maxMs, buckets } = heap.gc.getPauses();
    expect(count).toBe(20);
    expect(buckets.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(20);
    expect(p50Ms).toBeLessThanOrEqual(p99Ms);
    expect(p99Ms).toBeLessThanOrEqual(maxMs);
    const longest = Math.max(...heap.gc.getStats().map((stats) => stats.pauseMaxMs));
    expect(Math.abs(maxMs - longest)).toBeLessThanOrEqual(0.001); // whole microseconds
  });
});

test('C8 a guard stops automatic collections until it is disposed of, also by a throw', () => {
  withHeap(EAGER, (heap) => {
    const attempt = () => {
      using _ = heap.gc.disabled();
      makeGarbage(heap, 100);
      expect(collections(heap)).toEqual([0, 0, 0]);
      throw new Error('on purpose');
    };
    expect(attempt).toThrow('on purpose');
    expect(collections(heap)).toEqual([1, 0, 0]);
    expect(heap.gc.getStats()[0].collected).toBe(100);
  });
});

test('C8 guards nest in any order, leave isEnabled alone, and end once', () => {
  withHeap(EAGER, (heap) => {
    const outer = heap.gc.disabled();
    const inner = heap.gc.disabled();
    expect(heap.gc.isEnabled()).toBe(true);
    outer[Symbol.dispose]();
    outer[Symbol.dispose](); // again: nothing
    makeGarbage(heap, 100);
    expect(collections(heap)).toEqual([0, 0, 0]);
    inner[Symbol.dispose]();
    expect(collections(heap)).toEqual([1, 0, 0]); // due by now, and this was a safepoint
  });
});

test('C8 a guard over a heap that is disabled restores just that', () => {
  withHeap(EAGER, (heap) => {
    heap.gc.disable();
    {
      using _ = heap.gc.disabled();
      expect(heap.gc.isEnabled()).toBe(false);
      heap.gc.enable(); // takes effect when the guard is gone
      makeGarbage(heap, 100);
      expect(collections(heap)).toEqual([0, 0, 0]);
    }
    expect(heap.gc.isEnabled()).toBe(true);
    expect(collections(heap)).toEqual([1, 0, 0]);
  });
});

test('C8 collect works under a guard', () => {
  withHeap(EAGER, (heap) => {
    using _ = heap.gc.disabled();
    ring(heap, 30).release();
    expect(heap.gc.collect()).toBe(30);
  });
});

test('C11 the share of the time for automatic collections is read back, and 1 at first', () => {
  withHeap({}, (heap) => {
    expect(heap.gc.getThrottle()).toBe(1);
    heap.gc.setThrottle(0.25);
    expect(heap.gc.getThrottle()).toBe(0.25);
    for (const share of [0, 1.5, -1, Number.NaN]) {
      expect(() => heap.gc.setThrottle(share)).toThrow(RangeError);
    }
    for (const share of ['1', null, undefined]) {
      expect(() => heap.gc.setThrottle(share as never)).toThrow(TypeError);
    }
    expect(heap.gc.getThrottle()).toBe(0.25);
  });
  withHeap({ collectorShare: 0.125 }, (heap) => expect(heap.gc.getThrottle()).toBe(0.125));
});

test('C11 under the smallest share a second automatic collection waits, collect does not', () => {
  vi.useFakeTimers({ toFake: ['hrtime'] }); // time stands still for the throttle
  try {
    withHeap(EAGER, (heap) => {
      sessionOf(heap).mem.i32[GC_BACKGROUND_MIN] = 2 ** 30; // all of them in this thread
      heap.gc.setThrottle(0.001);
      const kept = ring(heap, 20_000); // a collection at its end, long enough to be noted
      expect(collections(heap)).toEqual([1, 0, 0]);
      makeGarbage(heap, 1000);
      expect(collections(heap)).toEqual([1, 0, 0]);
      expect(heap.gc.collect()).toBe(1000);
      makeGarbage(heap, 11);
      vi.advanceTimersByTime(3_600_000);
      makeGarbage(heap, 1);
      expect(collections(heap)).toEqual([2, 0, 1]);
      expect(heap.gc.getStats()[0].collected).toBe(12);
      kept.release();
      heap.gc.collect();
    });
  } finally {
    vi.useRealTimers();
  }
});

test('C11 setThrottle forgets what was to be waited for', () => {
  vi.useFakeTimers({ toFake: ['hrtime'] });
  try {
    withHeap(EAGER, (heap) => {
      sessionOf(heap).mem.i32[GC_BACKGROUND_MIN] = 2 ** 30; // all of them in this thread
      heap.gc.setThrottle(0.001);
      const kept = ring(heap, 20_000);
      makeGarbage(heap, 20);
      expect(collections(heap)).toEqual([1, 0, 0]);
      heap.gc.setThrottle(1);
      expect(collections(heap)).toEqual([2, 0, 0]);
      kept.release();
      heap.gc.collect();
    });
  } finally {
    vi.useRealTimers();
  }
});

test('C11 a system clock that is set back does not make collections wait', () => {
  vi.useFakeTimers({ toFake: ['Date', 'hrtime'] });
  try {
    withHeap(EAGER, (heap) => {
      heap.gc.setThrottle(0.5);
      makeGarbage(heap, 11);
      expect(collections(heap)).toEqual([1, 0, 0]);
      vi.advanceTimersByTime(3_600_000);
      vi.setSystemTime(Date.now() - 24 * 3_600_000);
      makeGarbage(heap, 11);
      expect(collections(heap)).toEqual([2, 0, 0]);
    });
  } finally {
    vi.useRealTimers();
  }
});

test('C11 a wait is never shorter than the share asks for, were it a part of a millisecond', () => {
  vi.useFakeTimers({ toFake: ['hrtime'] });
  try {
    withHeap({}, (heap) => {
      heap.gc.setThrottle(0.5);
      heap.gc.setThreshold(1);
      heap.run(() => {
        const { mem } = sessionOf(heap);
        mem.i32[GC_COUNTS] = 2; // more than the threshold: a collection is due
        for (const [takenMs, waitMs] of [
          [0.01, 1],
          [0.3, 1],
          [1, 1],
          [7.2, 8],
        ] as const) {
          throttle(mem, takenMs);
          vi.advanceTimersByTime(waitMs - 1);
          expect(dueGeneration(mem)).toBe(NONE);
          vi.advanceTimersByTime(1);
          expect(dueGeneration(mem)).toBe(0);
        }
        mem.i32[GC_COUNTS] = 0;
      });
    });
  } finally {
    vi.useRealTimers();
  }
});

test('C11 waits are told right when the clock wraps around, and none is served twice', () => {
  const clock = vi.spyOn(process, 'hrtime');
  try {
    withHeap({}, (heap) => {
      const at = (ms: number) => clock.mockReturnValue([Math.floor(ms / 1000), (ms % 1000) * 1e6]);
      heap.gc.setThrottle(0.5);
      heap.gc.setThreshold(1);
      heap.run(() => {
        const { mem } = sessionOf(heap);
        mem.i32[GC_COUNTS] = 2;
        for (const beforeWrap of [2 ** 31, 2 ** 32, 3 * 2 ** 32]) {
          at(beforeWrap - 10);
          throttle(mem, 20);
          at(beforeWrap + 5);
          expect(dueGeneration(mem)).toBe(NONE);
          at(beforeWrap + 10);
          expect(dueGeneration(mem)).toBe(0);
          at(beforeWrap - 5 + 2 ** 32);
          expect(dueGeneration(mem)).toBe(0);
        }
        mem.i32[GC_COUNTS] = 0;
      });
    });
  } finally {
    clock.mockRestore();
  }
});

test('A2 getrefcount gives one more than refcount, as sys.getrefcount does', () => {
  withHeap({}, (heap) => {
    const object = heap.array();
    expect(heap.gc.getrefcount(object)).toBe(2);
    const b = heap.array();
    const c = heap.map();
    b.push(object as never);
    c.set('k', object as never);
    expect(heap.gc.getrefcount(object)).toBe(4);
    const self = heap.array();
    self.push(self as never);
    expect(heap.gc.getrefcount(self)).toBe(3);
    self.pop();
    for (const handle of [object, b, c, self]) handle.release();
    expect(heap.gc.getrefcount(heap.root as never)).toBe(Number.POSITIVE_INFINITY);
  });
});
