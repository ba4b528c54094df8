/** Containers of millions of numbers. */

import { expect, test } from 'vitest';
import { withHeap } from './support/with-heap.ts';

const GIB = 2 ** 30;

test('a map of 2,000,000 entries is filled, read, walked and emptied', () => {
  withHeap({ maxBytes: GIB }, (heap) => {
    const map = heap.map<number, number>();
    heap.run(() => {
      for (let i = 0; i < 2e6; i++) map.set(i * 3, i);
      expect(map.size).toBe(2e6);
      for (let i = 0; i < 2e6; i += 7) if (map.get(i * 3) !== i) expect.fail(`key ${i * 3}`);
      expect(map.has(1)).toBe(false);
      let sum = 0;
      for (const value of map.values()) sum += value;
      expect(sum).toBe((2e6 * (2e6 - 1)) / 2);
      for (let i = 0; i < 2e6; i += 2) map.delete(i * 3);
      expect(map.size).toBe(1e6);
      expect(map.get(3)).toBe(1);
    });
    expect(heap.verify()).toEqual([]);
    map.clear();
    expect(map.size).toBe(0);
  });
});

test('an array of 5,000,000 elements is filled, read and cut', () => {
  withHeap({ maxBytes: GIB }, (heap) => {
    const array = heap.array<number>();
    heap.run(() => {
      for (let i = 0; i < 5e6; i++) array.push(i + 0.5);
      expect(array.length).toBe(5e6);
      for (let i = 0; i < 5e6; i += 3) if (array.at(i) !== i + 0.5) expect.fail(`element ${i}`);
      expect(array.indexOf(4_999_999.5, 4_900_000)).toBe(4_999_999);
      array.length = 10;
      expect([...array.splice(8)]).toEqual([8.5, 9.5]);
      array.length = 3_000_000;
      expect(array.at(2_999_999)).toBe(undefined);
    });
    array.length = 0;
    expect(heap.stats().liveBytes).toBeLessThan(200_000);
  });
});
