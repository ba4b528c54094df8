/** Generations: promotion, counts, triggers (semantics B4, C1 to C5, K4, K8). */
import { expect, test } from 'vitest';
import type { Heap } from '../src/heap.ts';
import { chain, nodeStruct, ring } from './support/shapes.ts';
import { withHeap } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };

const sizes = (heap: Heap) => [0, 1, 2].map((generation) => heap.gc.countObjects(generation));
const collections = (heap: Heap) => heap.gc.getStats().map((stats) => stats.collections);

/** Allocates one container that lives on in `holder`, and nothing else. */
function allocate(heap: Heap, holder: { push(value: never): unknown }): void {
  heap.run(() => {
    holder.push(heap.array() as never);
  });
}

/** The generations of the automatic collections while `steps` containers are made, in order. */
function recordCollections(heap: Heap, steps: number, step: () => void): number[] {
  const seen: number[] = [];
  let before = collections(heap);
  for (let i = 0; i < steps; i++) {
    step();
    const now = collections(heap);
    for (const generation of [0, 1, 2]) {
      if (now[generation] !== before[generation]) seen.push(generation);
    }
    before = now;
  }
  return seen;
}

test('C1 new objects are young, survivors of generation g move to g + 1, those of 2 stay', () => {
  withHeap(MANUAL, (heap) => {
    const handle = chain(heap, 10);
    expect(sizes(heap)).toEqual([10, 0, 0]);
    heap.gc.collect(0);
    expect(sizes(heap)).toEqual([0, 10, 0]);
    heap.gc.collect(0);
    expect(sizes(heap)).toEqual([0, 10, 0]);
    heap.gc.collect(1);
    expect(sizes(heap)).toEqual([0, 0, 10]);
    heap.gc.collect(2);
    expect(sizes(heap)).toEqual([0, 0, 10]);
    handle.release();
    expect(sizes(heap)).toEqual([0, 0, 0]);
  });
});

test('C1 a collection of generation 1 takes the young along to generation 2', () => {
  withHeap(MANUAL, (heap) => {
    const older = chain(heap, 3);
    heap.gc.collect(0);
    const young = chain(heap, 4);
    expect(sizes(heap)).toEqual([4, 3, 0]);
    heap.gc.collect(1);
    expect(sizes(heap)).toEqual([0, 0, 7]);
    older.release();
    young.release();
  });
});

test('C2 collect(0), collect(1) and collect(2) move one object through getObjects', () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    const node = new NodeClass({ id: 1 });
    for (const [generation, expected] of [
      [0, 1],
      [1, 2],
      [2, 2],
    ]) {
      heap.gc.collect(generation);
      heap.run(() => {
        for (const g of [0, 1, 2]) {
          expect(heap.gc.getObjects(g).includes(node)).toBe(g === expected);
        }
      });
    }
    node.release();
  });
});

test('C3 a collection runs when count 0 exceeds the threshold, not when it equals it', () => {
  withHeap({ thresholds: [20, 1000, 1000] }, (heap) => {
    const holder = heap.array();
    expect(heap.gc.getCount()).toEqual([1, 0, 0]);
    for (let count = 2; count <= 20; count++) allocate(heap, holder);
    expect(heap.gc.getCount()).toEqual([20, 0, 0]);
    expect(collections(heap)).toEqual([0, 0, 0]);
    allocate(heap, holder);
    expect(collections(heap)).toEqual([1, 0, 0]);
    expect(heap.gc.getCount()).toEqual([0, 1, 0]);
    holder.release();
  });
});

test('C3 a collection never runs inside a section, but at its end or at a safepoint', () => {
  withHeap({ thresholds: [20, 1000, 1000] }, (heap) => {
    heap.run(() => {
      for (let i = 0; i < 100; i++) heap.array();
      expect(collections(heap)).toEqual([0, 0, 0]);
      heap.safepoint();
      expect(collections(heap)).toEqual([1, 0, 0]);
      for (let i = 0; i < 100; i++) heap.array();
      expect(collections(heap)).toEqual([1, 0, 0]);
    });
    expect(collections(heap)).toEqual([1, 0, 0]); // all have died by their counts before its end
    const holder = heap.array();
    heap.run(() => {
      for (let i = 0; i < 100; i++) holder.push(heap.array() as never);
    });
    expect(collections(heap)).toEqual([2, 0, 0]);
    holder.release();
  });
});

test('C3 a first threshold of 0 starts nothing, whatever is allocated', () => {
  withHeap({ thresholds: [0, 1, 1] }, (heap) => {
    const holder = heap.array();
    for (let i = 0; i < 2000; i++) allocate(heap, holder);
    expect(collections(heap)).toEqual([0, 0, 0]);
    expect(heap.gc.getCount()).toEqual([2001, 0, 0]);
    holder.release();
  });
});

test('C4 thresholds of (50, 3, 2) give the sequence 0000 1 0000 1 0000 1 2', () => {
  withHeap({ thresholds: [50, 3, 2], growthFactor: 0 }, (heap) => {
    const holder = heap.array();
    // 50 containers leave the count at the threshold; the 51st of each round starts a collection.
    const seen = recordCollections(heap, 51 * 16, () => allocate(heap, holder));
    expect(seen.join('')).toBe('0000100001000012');
    holder.release();
  });
});

test('C4 with count 1 at its threshold, generation 0 is collected', () => {
  withHeap({ thresholds: [10, 1, 1000] }, (heap) => {
    const holder = heap.array();
    const seen = recordCollections(heap, 11 * 9, () => allocate(heap, holder));
    expect(seen.join('')).toBe('001001001');
    holder.release();
  });
});

test('C5 generation 2 is left alone until what is pending is a quarter of what was alive', () => {
  withHeap({ thresholds: [0, 0, 0], growthFactor: 0 }, (heap) => {
    const holder = heap.array();
    const grow = (count: number) => {
      heap.run(() => {
        for (let i = 0; i < count; i++) holder.push(heap.array() as never);
      });
    };
    grow(999);
    heap.gc.collect(); // 1,000 containers and the map of named roots are alive
    heap.gc.setThreshold(10, 1, 1);
    heap.gc.disable();
    const promote = () => {
      heap.gc.collect(1);
      heap.gc.collect(1); // its count exceeds the threshold
    };
    holder.push(heap.map() as never);
    heap.run(() => {
      for (let i = 0; i < 200; i++) holder.push(ring(heap, 1));
    });
    promote();
    heap.gc.enable();
    const before = collections(heap)[2];
    for (let i = 0; i < 11; i++) allocate(heap, holder);
    expect(collections(heap)[2]).toBe(before); // 200 of 1,000 are less than a quarter
    heap.gc.disable();
    heap.run(() => {
      for (let i = 0; i < 60; i++) holder.push(ring(heap, 1));
    });
    promote();
    heap.gc.enable();
    for (let i = 0; i < 11; i++) allocate(heap, holder);
    expect(collections(heap)[2]).toBe(before + 1);
    holder.release();
    heap.gc.collect();
  });
});

test('C5 a workload of garbage alone never collects generation 2', () => {
  withHeap({ thresholds: [10, 2, 2], growthFactor: 0 }, (heap) => {
    const kept = chain(heap, 100);
    heap.gc.collect();
    for (let i = 0; i < 1000; i++) {
      heap.run(() => {
        ring(heap, 3); // it is garbage before the collection at the end of the section
      });
    }
    const [zero, one, two] = collections(heap);
    expect(two).toBe(1); // the test's own
    expect(zero).toBeGreaterThan(100);
    expect(one).toBeGreaterThan(30);
    heap.gc.collect();
    kept.release();
  });
});

test('B4 count 0 is allocations minus deaths of containers, and never below 0', () => {
  withHeap(MANUAL, (heap) => {
    const NodeClass = nodeStruct(heap);
    const handle = chain(heap, 10);
    expect(heap.gc.getCount()).toEqual([10, 0, 0]);
    heap.gc.collect();
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
    handle.release(); // ten deaths
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
    const node = new NodeClass({ id: 1 });
    expect(heap.gc.getCount()).toEqual([1, 0, 0]);
    const array = heap.array();
    const map = heap.map();
    expect(heap.gc.getCount()).toEqual([3, 0, 0]);
    for (const object of [node, array, map]) object.release();
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
  });
});

test('B4 strings and structs that can hold no container do not count', () => {
  withHeap(MANUAL, (heap) => {
    const Point = heap.struct('Point', { x: 'float64', name: 'string' });
    const point = new Point({ x: 1, name: 'a name that is far too long to be interned, by far' });
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
    point.release();
  });
});

test('B4 a collection of generation g zeroes the counts up to g and adds 1 to the next', () => {
  withHeap(MANUAL, (heap) => {
    const handle = chain(heap, 5);
    heap.gc.collect(0);
    expect(heap.gc.getCount()).toEqual([0, 1, 0]);
    heap.gc.collect(0);
    expect(heap.gc.getCount()).toEqual([0, 2, 0]);
    heap.gc.collect(1);
    expect(heap.gc.getCount()).toEqual([0, 0, 1]);
    heap.gc.collect(0);
    heap.gc.collect(1);
    expect(heap.gc.getCount()).toEqual([0, 0, 2]);
    heap.gc.collect(2);
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
    handle.release();
  });
});

test('B4 after collect the counts are 0, and a new container raises the first', () => {
  withHeap({}, (heap) => {
    for (let i = 0; i < 300; i++) heap.array();
    heap.gc.collect();
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
    heap.array();
    expect(heap.gc.getCount()).toEqual([1, 0, 0]);
  });
});

test('K4 collect in a callback of an automatic collection returns 0 in both phases', () => {
  withHeap({ thresholds: [10, 1000, 1000] }, (heap) => {
    const results: [string, number][] = [];
    heap.gc.callbacks.push((phase) => results.push([phase, heap.gc.collect()]));
    const holder = heap.array();
    for (let i = 0; i < 10; i++) allocate(heap, holder);
    expect(results).toEqual([
      ['start', 0],
      ['stop', 0],
    ]);
    expect(collections(heap)).toEqual([1, 0, 0]);
    heap.gc.callbacks.length = 0;
    holder.release();
  });
});

test('K7 wrong generations and thresholds are refused', () => {
  withHeap({}, (heap) => {
    expect(() => heap.gc.getObjects(3)).toThrow(RangeError);
    expect(() => heap.gc.getObjects('1' as never)).toThrow(TypeError);
    expect(() => (heap.gc.setThreshold as () => void)()).toThrow(TypeError);
    expect(() => heap.gc.setThreshold(-5)).toThrow(RangeError); // CPython takes it
    expect(heap.gc.getThreshold()).toEqual([700, 10, 10]);
  });
});

test('K8 freeze sets the counts to 0', () => {
  withHeap(MANUAL, (heap) => {
    const handle = chain(heap, 10);
    heap.gc.collect(0);
    heap.gc.collect(1);
    heap.gc.collect(0);
    const other = chain(heap, 3);
    expect(heap.gc.getCount()).toEqual([3, 1, 1]);
    heap.gc.freeze();
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
    heap.gc.unfreeze();
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
    handle.release();
    other.release();
  });
});

test('C6 a small heap that grows starts nothing with thresholds of 0', () => {
  withHeap({ thresholds: [0, 0, 0], growthFactor: 2, maxBytes: 256 * 2 ** 20 }, (heap) => {
    const holder = heap.array();
    heap.run(() => {
      for (let i = 0; i < 100_000; i++) holder.push(heap.array() as never);
    });
    expect(collections(heap)).toEqual([0, 0, 0]);
    holder.release();
  });
});
