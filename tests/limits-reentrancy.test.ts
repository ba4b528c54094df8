/**
 * Arguments may run user code when they are read (`valueOf`, getters). It runs before the operation
 * begins, so whatever it does to the same objects, the operation works on what is there then.
 */

import { expect, test } from 'vitest';
import type { HeapArray } from '../src/array.ts';
import type { Heap } from '../src/heap.ts';
import { withHeap } from './support/with-heap.ts';

const LENGTH = 5000;

/** A number that empties the array when somebody asks for its value. */
function trap(array: HeapArray<unknown>, value: number): number {
  const argument = {
    valueOf() {
      array.length = 10;
      return value;
    },
  };
  return argument as unknown as number;
}

function filled(heap: Heap): HeapArray<unknown> {
  const array = heap.array<unknown>();
  heap.run(() => {
    for (let i = 0; i < LENGTH; i++) array.push(`element ${i}`);
  });
  return array;
}

test('at() reads what is there after its argument was read', () => {
  withHeap({}, (heap) => {
    const array = filled(heap);
    expect(array.at(trap(array, 4000))).toBeUndefined();
    expect(array.at(trap(array, 4))).toBe('element 4');
  });
});

test('set() takes numbers only, and runs no code of others', () => {
  withHeap({}, (heap) => {
    const array = filled(heap);
    expect(() => array.set(trap(array, 4000), 'x')).toThrow(RangeError);
    expect(array.length).toBe(LENGTH);
  });
});

test('splice() works on what is there after its arguments were read', () => {
  withHeap({}, (heap) => {
    const array = filled(heap);
    expect(array.splice(trap(array, 100), 3, 'a', 'b')).toEqual([]);
    expect(array.length).toBe(12);
    expect([array.at(10), array.at(11)]).toEqual(['a', 'b']);
  });
});

test('slice() and indexOf() work on what is there after their arguments were read', () => {
  withHeap({}, (heap) => {
    const array = filled(heap);
    expect(array.slice(trap(array, 100))).toEqual([]);
    const other = filled(heap);
    expect(other.indexOf('element 4000', trap(other, 100))).toBe(-1);
  });
});

test('getters of the fields of a new struct run before it is made', () => {
  withHeap({}, (heap) => {
    const Point = heap.struct<{ x: number; y: number }>('Point', { x: 'int32', y: 'int32' });
    let findings: unknown;
    let inner: { x: number } | undefined;
    const point = new Point({
      get x() {
        findings = heap.verify();
        return 3;
      },
      get y() {
        inner = new Point({ x: 7 });
        return 4;
      },
    });
    expect(findings).toEqual([]);
    expect([point.x, point.y, inner?.x]).toEqual([3, 4, 7]);
  });
});

test('a step of an iterator that finds no room for its results is not taken', () => {
  for (let kept = 0; kept < 20; kept++) {
    withHeap({ maxBytes: 2 ** 20, checkLeaks: false }, (heap) => {
      const Item = heap.struct<{ id: number }>('Item', { id: 'int32' });
      const map = heap.map<object, object>();
      const items = Array.from({ length: 3 }, (_, id) => new Item({ id }));
      for (const item of items) map.set(item, item);
      for (const item of items) item.release();
      const held = Array.from({ length: kept }, () => new Item({ id: 0 }));
      const steps = map.entries();
      const ballast = heap.array<string>();
      expect(() => {
        for (let i = 0; ; i++) ballast.push(`ballast ${i}`);
      }).toThrow('heap exhausted');
      const ids: number[] = [];
      for (let tries = 0; ids.length < 3 && tries < 10; tries++) {
        try {
          const [key] = steps.next().value as unknown as [{ id: number }];
          ids.push(key.id);
        } catch {
          ballast.length = 0;
        }
      }
      expect(ids).toEqual([0, 1, 2]);
      expect(held.length).toBe(kept);
      expect(heap.verify()).toEqual([]);
    });
  }
});
