/** `heap.gc.collect`: what it finds, what it returns, when it refuses (semantics B2, B19, K1). */
import { expect, test } from 'vitest';
import { estimateMs } from '../src/gc/estimate.ts';
import { CONTROL_WORDS, GC_COUNTS, GC_SIZES } from '../src/memory/layout.ts';
import type { Memory } from '../src/memory/memory.ts';
import type { HeapStruct } from '../src/struct.ts';
import { chain, hub, type NodeHandle, nodeStruct, ring, tree } from './support/shapes.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

/** No automatic collections: only the test's own. */
const MANUAL = { thresholds: [0, 0, 0] as const };

test('B2 collect returns the number of objects found unreachable', () => {
  withHeap(MANUAL, (heap) => {
    const handle = ring(heap, 3);
    expect(heap.gc.collect()).toBe(0); // reachable: nothing to find
    handle.release();
    expect(heap.gc.collect()).toBe(3);
    expect(heap.gc.collect()).toBe(0);
  });
});

test("B2 the articles' scripts give 2, 2 and 10", () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    heap.run(() => {
      const a = new NodeClass({ id: 1 });
      const b = new NodeClass({ id: 2, left: a });
      a.left = b;
    });
    expect(heap.gc.collect()).toBe(2);
    heap.run(() => {
      const list = heap.array();
      const other = heap.array();
      list.push(other as never);
      other.push(list as never);
    });
    expect(heap.gc.collect()).toBe(2);
    for (let i = 0; i < 10; i++) {
      heap.run(() => {
        const self = heap.map();
        self.set('self', self as never);
      });
    }
    expect(heap.gc.collect()).toBe(10);
  });
});

test('B2 cycles of any length are found: 1, 2, 10, 100,000', () => {
  withHeap(MANUAL, (heap) => {
    for (const length of [1, 2, 10, 100_000]) {
      ring(heap, length).release();
      expect(heap.gc.collect()).toBe(length);
    }
  });
});

test('B2 an array that holds itself, a map that holds itself, a struct that holds itself', () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    heap.run(() => {
      const array = heap.array();
      array.push(array as never);
    });
    expect(heap.gc.collect()).toBe(1);
    heap.run(() => {
      const map = heap.map();
      map.set(map as never, 1);
    });
    expect(heap.gc.collect()).toBe(1);
    heap.run(() => {
      const node = new NodeClass({ id: 0 });
      node.any = node;
    });
    expect(heap.gc.collect()).toBe(1);
  });
});

test('B2 acyclic objects die by their counts and are not counted by collect', () => {
  withHeap(MANUAL, (heap) => {
    chain(heap, 1000).release();
    tree(heap, 8).release();
    expect(mortalObjects(heap)).toBe(0);
    expect(heap.gc.collect()).toBe(0);
  });
});

test('B2 what only garbage holds is freed with it and counted only when tracked', () => {
  withHeap(MANUAL, (heap) => {
    const handle = hub(heap, 100);
    const before = heap.stats().liveObjects;
    heap.run(() => {
      handle.at(0)!.any = 'a string that is longer than interned ones are, so it is its own';
      handle.at(1)!.left = handle.at(2)!;
    });
    handle.release();
    expect(heap.gc.collect()).toBe(101); // number 0, outside of all cycles by now, is one of them
    expect(heap.stats().liveObjects).toBe(before - 101); // and the string has come and gone
  });
});

test('B2 a generation of 0 to 2 is collected, other integers are a RangeError', () => {
  withHeap(MANUAL, (heap) => {
    for (const generation of [0, 1, 2]) expect(heap.gc.collect(generation)).toBe(0);
    for (const generation of [3, -1, 1000, -1000, 2 ** 40]) {
      expect(() => heap.gc.collect(generation)).toThrow(RangeError);
      expect(() => heap.gc.collect({ generation })).toThrow(RangeError);
    }
  });
});

test('B2 what is no integer is a TypeError, undefined is 2', () => {
  withHeap(MANUAL, (heap) => {
    for (const generation of ['1', 1.5, null, Number.NaN, true, 1n, Number.POSITIVE_INFINITY]) {
      expect(() => heap.gc.collect(generation as never)).toThrow(TypeError);
    }
    for (const generation of ['1', 1.5, null]) {
      expect(() => heap.gc.collect({ generation } as never)).toThrow(TypeError);
    }
    expect(() => heap.gc.collect({ generations: 1 } as never)).toThrow(/unknown option 'gener/);
    expect(() => heap.gc.collect({ wait: 1 } as never)).toThrow(TypeError);
    expect(() => heap.gc.collect({ maxMs: '1' } as never)).toThrow(TypeError);
    expect(() => heap.gc.collect({ maxMs: -1 })).toThrow(RangeError);
    ring(heap, 5).release();
    expect(heap.gc.collect(undefined)).toBe(5);
    expect(heap.gc.getStats().map((stats) => stats.collections)).toEqual([0, 0, 1]);
  });
});

test('B2 collect finds garbage while automatic collections are disabled', () => {
  withHeap({}, (heap) => {
    heap.gc.disable();
    ring(heap, 10).release();
    expect(heap.gc.collect()).toBe(10);
  });
});

test('B2 collect inside a section keeps the lock and leaves the locals alone', () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    heap.run(() => {
      const local = new NodeClass({ id: 7 });
      local.left = local;
      heap.scope(() => {
        ring(heap, 4);
      });
      expect(heap.gc.collect()).toBe(4);
      expect(local.id).toBe(7);
      local.release();
      expect(heap.gc.collect()).toBe(1);
    });
  });
});

test('B2 collect inside a section notes no time to stop, outside it does', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => heap.gc.collect());
    expect(heap.gc.getTimesToStop().count).toBe(0);
    heap.gc.collect();
    expect(heap.gc.getTimesToStop().count).toBe(1);
    expect(heap.gc.getPauses().count).toBe(2);
  });
});

test('B2 a tuple-like struct in a cycle with an array: both are found', () => {
  withHeap(MANUAL, (heap) => {
    const Pair = heap.struct('Pair', { first: 'any', second: 'any' });
    heap.run(() => {
      const array = heap.array();
      const pair = new Pair({ first: array, second: 1 });
      array.push(pair as never);
    });
    expect(heap.gc.collect()).toBe(2);
  });
});

test('B2 in a cycle that a live object points to nothing is found until that is gone', () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    const holder = new NodeClass({ id: 0 });
    heap.run(() => {
      holder.left = ring(heap, 6);
      holder.left.release();
    });
    expect(heap.gc.collect()).toBe(0);
    holder.left = null;
    expect(heap.gc.collect()).toBe(6);
    holder.release();
  });
});

test('B19 collect in a callback returns 0 in both phases and collects nothing', () => {
  withHeap(MANUAL, (heap) => {
    const inner: number[] = [];
    heap.gc.callbacks.push(() => inner.push(heap.gc.collect(), heap.gc.collect({ wait: true })));
    ring(heap, 3).release();
    expect(heap.gc.collect()).toBe(3);
    expect(inner).toEqual([0, 0, 0, 0]);
    expect(heap.gc.getStats()[2].collections).toBe(1);
  });
});

test('B19 allocations in callbacks start no collection, however many there are', () => {
  withHeap({ thresholds: [10, 10, 10] }, (heap) => {
    const phases: string[] = [];
    heap.gc.callbacks.push((phase, { generation }) => {
      phases.push(`${phase} ${generation}`);
      for (let i = 0; i < 100; i++) heap.array();
    });
    heap.gc.collect(1);
    expect(phases).toEqual(['start 1', 'stop 1']);
    heap.gc.callbacks.length = 0;
  });
});

test('K1 a cycle held by an older dead object is found with that object, not before', () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    const old = new NodeClass({ id: 1 });
    old.right = old;
    expect(heap.gc.collect(0)).toBe(0); // now in generation 1
    heap.run(() => {
      const young = new NodeClass({ id: 2, left: old });
      old.left = young;
    });
    old.release();
    expect(heap.gc.collect(0)).toBe(0); // the young one is held by the old one, dead or not
    expect(heap.gc.collect(0)).toBe(0);
    expect(heap.gc.collect(1)).toBe(2);
  });
});

test('K1 garbage that was promoted needs a collection of its generation', () => {
  withHeap(MANUAL, (heap) => {
    const handle = ring(heap, 4);
    heap.gc.collect(0);
    heap.gc.collect(1);
    handle.release();
    expect(heap.gc.collect(0)).toBe(0);
    expect(heap.gc.collect(1)).toBe(0);
    expect(heap.gc.collect(2)).toBe(4);
  });
});

test('C11 with maxMs of 0 nothing is collected', () => {
  withHeap(MANUAL, (heap) => {
    const handle = ring(heap, 20);
    handle.release();
    expect(heap.gc.collect({ maxMs: 0 })).toBe(0);
    expect(heap.gc.getStats().map((stats) => stats.collections)).toEqual([0, 0, 0]);
    expect(heap.gc.collect()).toBe(20);
  });
});

test('C11 with time enough maxMs collects the generations from 0 up to the one asked for', () => {
  withHeap(MANUAL, (heap) => {
    ring(heap, 20).release();
    expect(heap.gc.collect({ maxMs: 60_000, generation: 1 })).toBe(20);
    expect(heap.gc.getStats().map((stats) => stats.collections)).toEqual([1, 1, 0]);
    expect(heap.gc.collect({ maxMs: 60_000 })).toBe(0);
    expect(heap.gc.getStats().map((stats) => stats.collections)).toEqual([2, 2, 1]);
    expect(heap.gc.collect({ maxMs: Number.POSITIVE_INFINITY })).toBe(0);
    expect(heap.gc.getStats().map((stats) => stats.collections)).toEqual([3, 3, 2]);
  });
});

test('C11 what a collection will cost is told from counts, without a look at the objects', () => {
  const i32 = new Int32Array(CONTROL_WORDS); // no heap behind them
  const mem = { i32, f64: new Float64Array(i32.buffer) } as unknown as Memory;
  i32[GC_COUNTS] = 4_000_000;
  i32[GC_SIZES + 1] = 20_000;
  i32[GC_SIZES + 2] = 100_000;
  const expectedMs = [0, 1, 2].map((generation) => estimateMs(mem, generation));
  expect(expectedMs.map((ms) => Math.round(ms * 10) / 10)).toEqual([2000.1, 2010.1, 2060.1]);
});

test('C11 maxMs leaves out a generation that is expected to take longer', () => {
  withHeap(MANUAL, (heap) => {
    const handle = chain(heap, 200_000) as NodeHandle & HeapStruct;
    heap.gc.collect(0);
    heap.gc.collect(1); // all in generation 2, of which there are no figures: 0.5 us each
    ring(heap, 10).release();
    expect(heap.gc.collect({ maxMs: 90 })).toBe(10);
    expect(heap.gc.getStats()[2].collections).toBe(0);
    handle.release();
  });
});
