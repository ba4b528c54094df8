/** What atomic sections keep as it is: tracking, chunks of maps, room for others, their own log. */
import { expect, test } from 'vitest';
import type { Heap, HeapArray, HeapMap } from '../src/index.ts';
import { withHeap } from './support/with-heap.ts';

class Stop extends Error {}

const ATOMIC = { atomic: true } as const;
const SIZES = [300_000, 65_536, 16_384, 4000, 400, 40, 8];

function undone(heap: Heap, body: () => void): void {
  const section = () => {
    body();
    throw new Stop();
  };
  expect(() => heap.run(section, ATOMIC)).toThrow(Stop);
}

/** Fills a heap with bytes that `hold` keeps. A collection that cannot help comes last. */
function fillUp(heap: Heap, hold: HeapArray): void {
  for (const size of SIZES) {
    try {
      for (;;) heap.scope(() => void hold.push(heap.bytes(size)));
    } catch {
      // no more of this size
    }
  }
}

type Holder = HeapArray<unknown> | HeapMap<unknown, unknown>;

const HOLDERS: Readonly<Record<string, (heap: Heap) => Holder>> = {
  array: (heap) => heap.array<unknown>([heap.array()]),
  map: (heap) => heap.map<unknown, unknown>([[0, heap.array()]]),
  'plain object': (heap) => heap.from({ 0: [] }) as never,
};

for (const [name, create] of Object.entries(HOLDERS)) {
  test(`a cycle that is undone back into place is collected: ${name}`, () => {
    withHeap({ maxBytes: 2 ** 20 }, (heap) => {
      const holder = create(heap) as HeapMap<unknown, unknown>;
      const key = name === 'plain object' ? '0' : 0;
      holder.set(key, holder);
      undone(heap, () => {
        const hold = heap.array();
        holder.set(key, 1);
        fillUp(heap, hold); // collects, and finds nothing in the holder that needs tracking
      });
      expect(heap.gc.isTracked(holder)).toBe(true);
      expect(heap.verify()).toEqual([]);
      heap.gc.collect();
      holder.release();
      expect(heap.gc.collect()).toBe(1);
    });
  });
}

for (const isUndone of [false, true]) {
  const end = isUndone ? 'undone' : 'committed';
  test(`a chunk that an iterator has kept empty goes when the section is ${end}`, () => {
    withHeap({}, (heap) => {
      const map = heap.map<unknown, number>();
      const sizes: number[] = [];
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 4; i++) map.set(`${round}:${i}`, i);
        const iterator = map.keys();
        iterator.next();
        for (const key of [...map.keys()]) map.delete(key); // the last chunk stays, empty
        const add = () => void map.set('x', round);
        if (isUndone) undone(heap, add);
        else heap.run(add, ATOMIC);
        expect(heap.verify()).toEqual([]);
        while (iterator.next().done !== true);
        map.delete('x');
        expect(heap.verify()).toEqual([]);
        sizes.push(heap.stats().liveBytes);
      }
      expect(sizes.at(-1)).toBe(sizes[2]);
    });
  });
}

test('a field of a number finds room by a collection, as all others do', () => {
  withHeap({ maxBytes: 2 ** 20 }, (heap) => {
    const Point = heap.struct('Point', { n: 'int32' });
    const points = Array.from({ length: 500 }, () => new Point({ n: 1 }));
    const hold = heap.array();
    heap.gc.disable();
    const garbage = heap.array<unknown>(new Array(20_000).fill(0));
    garbage.push(garbage);
    heap.run(() => fillUp(heap, hold));
    garbage.release();
    const { collections } = heap.gc.getStats()[2] as { collections: number };
    heap.run(() => {
      for (const point of points) point.n = 2;
    }, ATOMIC);
    expect(heap.gc.getStats()[2]).toMatchObject({ collections: collections + 1, collected: 1 });
    expect(points.map(({ n }) => n)).toEqual(points.map(() => 2));
    heap.gc.enable();
  });
});

test('programs do not get hold of the log', () => {
  withHeap({}, (heap) => {
    const child = heap.array([1]);
    const map = heap.map<string, unknown>([['child', child]]);
    heap.run(() => {
      map.set('child', 'another');
      map.set('new', child);
      const arrays = heap.gc
        .getObjects()
        .filter((object) => object.constructor.name === 'HeapArray');
      expect(arrays).toEqual([]); // the one that there is holds no reference
      expect(heap.gc.getReferrers(child)).toEqual([map]);
      expect(heap.gc.getReferrers(map)).toEqual([]);
    }, ATOMIC);
  });
});

test('arrays that change in turns are noted once each', () => {
  withHeap({}, (heap) => {
    const from = heap.array(Array.from({ length: 20_000 }, (_, i) => i));
    const to = heap.array<unknown>();
    const before = heap.stats().liveBytes;
    heap.run(() => {
      for (let i = 0; i < 500; i++) to.push(from.shift());
      // The elements once, and as much again for the elements that were moved.
      expect(heap.stats().liveBytes - before).toBeLessThan(3 * 20_000 * 8);
    }, ATOMIC);
  });
});
