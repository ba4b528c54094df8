/** Chains of millions, of all that can hold another: they die with the stack of one. */

import { describe, expect, test } from 'vitest';
import { raw } from '../src/raw.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const GIB = 2 ** 30;

test('a chain of 10,000,000 structs dies with the stack of one', () => {
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

  test('through map values and keys', () => {
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

  test('through array elements', () => {
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

  test('through any fields', () => {
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
