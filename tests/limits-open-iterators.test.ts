/** Programs that leave iterators open, or change what they iterate over at every step. */

import { expect, test } from 'vitest';
import { withHeap } from './support/with-heap.ts';

const STEPS = 50_000;

test('a set is a worklist: its loop goes on over what is added, past no empty chunks', () => {
  withHeap({}, (heap) => {
    const set = heap.set<number>([0]);
    let steps = 0;
    heap.run(() => {
      for (const element of set) {
        expect(element).toBe(steps);
        set.delete(element);
        if (++steps < STEPS) set.add(element + 1);
      }
    });
    expect([steps, set.size]).toEqual([STEPS, 0]);
  });
});

test('the oldest entry is found by keys().next() though nobody closes those iterators', () => {
  withHeap({}, (heap) => {
    const map = heap.map<number, string>();
    heap.run(() => {
      for (let i = 0; i < STEPS; i++) {
        map.set(i, 'x');
        if (map.size <= 100) continue;
        const oldest = map.keys().next().value as number;
        expect(oldest).toBe(i - 100);
        map.delete(oldest);
      }
    });
    expect([map.size, [...map.keys()][0]]).toEqual([100, STEPS - 100]);
    expect(heap.verify()).toEqual([]);
  });
});

test('an iterator that stands in a chunk that has become empty goes on behind it', () => {
  withHeap({}, (heap) => {
    const map = heap.map<number, number>();
    heap.run(() => {
      for (let i = 0; i < 1000; i++) map.set(i, i);
      const iterator = map.keys();
      expect([iterator.next().value, iterator.next().value]).toEqual([0, 1]);
      for (let i = 0; i < 900; i++) map.delete(i);
      expect(heap.verify()).toEqual([]);
      expect(iterator.next().value).toBe(900);
      map.clear();
      map.set(-1, 0);
      expect(iterator.next().value).toBe(-1);
      expect(iterator.next().done).toBe(true);
    });
  });
});
