/** Containers of millions, and chains as deep. */

import { describe, expect, test } from 'vitest';
import { raw } from '../src/raw.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const GIB = 2 ** 30;

test('a map of 2,000,000 entries is filled, read, walked and emptied', { timeout: 40_000 }, () => {
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

test('an array of 5,000,000 elements is filled, read and cut', { timeout: 40_000 }, () => {
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

test('a chain of 10,000,000 structs dies with the stack of one', { timeout: 40_000 }, () => {
  withHeap({ maxBytes: GIB }, (heap) => {
    const Link = heap.struct<{ next: object | null; n: number }>('Link', {
      next: 'ref',
      n: 'int32',
    });
    const first = heap.run(() => {
      const layer = raw(heap);
      const kind = layer.kindOf(Link as never);
      let head = layer.alloc(kind);
      for (let i = 1; i < 1e7; i++) {
        const next = head;
        head = layer.alloc(kind);
        layer.storeOwned(head, 0, next);
      }
      return layer.toHandle(head);
    });
    expect(heap.stats().objectsByKind.Link).toBe(1e7);
    first.release();
    expect(heap.stats().objectsByKind.Link ?? 0).toBe(0);
  });
});

describe('a chain of 1,000,000 dies at once', () => {
  const DEPTH = 1e6;

  test('through map values and keys', { timeout: 40_000 }, () => {
    withHeap({ maxBytes: GIB }, (heap) => {
      const head = heap.run(() => {
        let map = heap.map();
        for (let i = 1; i < DEPTH; i++) {
          const next = map;
          map = heap.map();
          if (i % 2 === 0) map.set(next, 1);
          else map.set(1, next);
          next.release();
        }
        return map;
      });
      expect(heap.stats().objectsByKind.map).toBe(DEPTH + 1);
      head.release();
      expect(heap.stats().objectsByKind.map).toBe(1);
    });
  });

  test('through array elements', { timeout: 40_000 }, () => {
    withHeap({ maxBytes: GIB }, (heap) => {
      const head = heap.run(() => {
        let array = heap.array();
        for (let i = 1; i < DEPTH; i++) {
          const next = array;
          array = heap.array();
          array.push(0, next);
          next.release();
        }
        return array;
      });
      expect(heap.stats().objectsByKind.array).toBe(DEPTH);
      const box = heap.array();
      box.push(head);
      head.release();
      expect(heap.stats().objectsByKind.array).toBe(DEPTH + 1);
      box.length = 0;
      expect(heap.stats().objectsByKind.array).toBe(1);
    });
  });

  test('through any fields', { timeout: 40_000 }, () => {
    withHeap({ maxBytes: GIB }, (heap) => {
      const Link = heap.struct<{ next: unknown }>('Link', { next: 'any' });
      const head = heap.run(() => {
        let link = new Link();
        for (let i = 1; i < DEPTH; i++) {
          const next = link;
          link = new Link({ next });
          next.release();
        }
        return link;
      });
      const map = heap.map().set('chain', head);
      head.release();
      expect(mortalObjects(heap)).toBe(DEPTH + 2); // the map and its key
      map.delete('chain');
      expect(mortalObjects(heap)).toBe(1);
    });
  });
});
