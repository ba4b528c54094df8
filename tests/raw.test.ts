/** The raw layer: its borrow rules, on plain integers. */

import { describe, expect, test } from 'vitest';
import { HeapClosedError, NotShareableError, StaleHandleError } from '../src/base/errors.ts';
import { Heap } from '../src/heap.ts';
import { raw } from '../src/raw.ts';
import type { StructClass } from '../src/struct.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

interface Cell {
  head: object | null;
  tail: object | null;
  n: number;
  x: number;
}

function open(heap: Heap) {
  const Struct = heap.struct<Cell>('Cell', { head: 'ref', tail: 'ref', n: 'int32', x: 'float64' });
  const layer = raw(heap);
  return { Struct, layer, kind: layer.kindOf(Struct as StructClass<unknown>) };
}

test('alloc gives an owned, empty object; decref ends it', () => {
  withHeap({}, (heap) => {
    const { layer, kind } = open(heap);
    heap.run(() => {
      const cell = layer.alloc(kind);
      expect(layer.refcount(cell)).toBe(1);
      expect([layer.load(cell, 0), layer.load(cell, 1)]).toEqual([0, 0]);
      expect(mortalObjects(heap)).toBe(1);
      layer.decref(cell);
      expect(mortalObjects(heap)).toBe(0);
    });
  });
});

test('store counts for itself, load borrows', () => {
  withHeap({}, (heap) => {
    const { layer, kind } = open(heap);
    heap.run(() => {
      const [a, b] = [layer.alloc(kind), layer.alloc(kind)];
      layer.store(a, 0, b);
      expect(layer.refcount(b)).toBe(2);
      expect(layer.load(a, 0)).toBe(b);
      expect(layer.refcount(b)).toBe(2);
      layer.store(a, 0, b);
      expect(layer.refcount(b)).toBe(2);
      layer.decref(b);
      expect(layer.refcount(b)).toBe(1);
      layer.store(a, 0, 0 as typeof a);
      expect(mortalObjects(heap)).toBe(1);
      layer.decref(a);
    });
  });
});

test('storeOwned takes the count over and drops what stood there', () => {
  withHeap({}, (heap) => {
    const { layer, kind } = open(heap);
    heap.run(() => {
      const a = layer.alloc(kind);
      for (let i = 0; i < 3; i++) {
        layer.storeOwned(a, 1, layer.alloc(kind));
        expect(mortalObjects(heap)).toBe(2);
        expect(layer.refcount(layer.load(a, 1))).toBe(1);
      }
      layer.decref(a);
      expect(mortalObjects(heap)).toBe(0);
    });
  });
});

test('fields are words at their offsets, the same that handles read', () => {
  withHeap({}, (heap) => {
    const { Struct, layer } = open(heap);
    const cell = new Struct({ n: -5, x: 0.1 });
    heap.run(() => {
      const ref = layer.fromHandle(cell);
      const at = (field: string) => ref + layer.offsetOf(Struct as StructClass<unknown>, field);
      expect(layer.i32[at('n')]).toBe(-5);
      expect(layer.f64[at('x') / 2]).toBe(0.1);
      layer.i32[at('n')] = 6;
      layer.f64[at('x') / 2] = -0;
      expect([cell.n, cell.x]).toEqual([6, -0]);
      expect(at('x') % 2).toBe(0);
      expect(() => at('nope')).toThrow(/Cell has no field 'nope'/);
    });
  });
});

describe('toHandle', () => {
  test('takes an owned reference over, whether there is a handle or not', () => {
    withHeap({}, (heap) => {
      const { layer, kind } = open(heap);
      heap.run(() => {
        const handle = layer.toHandle(layer.alloc(kind));
        const ref = layer.fromHandle(handle);
        expect(layer.refcount(ref)).toBe(1);
        layer.incref(ref);
        expect(layer.toHandle(ref)).toBe(handle);
        expect(layer.refcount(ref)).toBe(1);
      });
      expect(mortalObjects(heap)).toBe(0);
    });
  });

  test('gives a handle of the class of its struct', () => {
    withHeap({}, (heap) => {
      const { Struct, layer, kind } = open(heap);
      class Better extends Struct {
        twice() {
          return this.n * 2;
        }
      }
      Better.register();
      const handle = heap.run(() => layer.toHandle(layer.alloc(kind))) as unknown as Better;
      handle.n = 4;
      expect(handle.twice()).toBe(8);
    });
  });
});

test('what only reads may stand in a read section', () => {
  withHeap({}, (heap) => {
    const Named = heap.struct<{ next: object; name: string; size: number }>('Named', {
      next: 'ref',
      name: 'string',
      size: 'int32',
    });
    const { i32, load, fromHandle, offsetOf, textOf, lengthOf, compare, refcount } = raw(heap);
    const last = new Named({ name: 'last', size: 7 });
    const first = new Named({ name: 'first', next: last });
    const found = heap.read(() => {
      const ref = load(fromHandle(first), 0);
      const name = load(ref, 1);
      const order = Math.sign(compare(name, load(fromHandle(first), 1)));
      const size = i32[ref + offsetOf(Named, 'size')];
      return [textOf(name), lengthOf(name), order, size, refcount(ref)];
    });
    expect(found).toEqual(['last', 4, 1, 7, 2]);
  });
});

test('fromHandle refuses stale handles, those of other heaps, and what is none', () => {
  withHeap({}, (heap) => {
    withHeap({}, (other) => {
      const { Struct, layer } = open(heap);
      const stale = new Struct();
      stale.release();
      expect(() => layer.fromHandle(stale)).toThrow(StaleHandleError);
      expect(() => layer.fromHandle(other.map())).toThrow(NotShareableError);
      expect(() => layer.fromHandle({} as never)).toThrow(NotShareableError);
      expect(() => layer.kindOf(class {} as never)).toThrow(/no struct of this heap/);
    });
  });
});

test('an immortal object has a negative count', () => {
  withHeap({}, (heap) => {
    const { layer } = open(heap);
    expect(heap.run(() => layer.refcount(layer.fromHandle(heap.root)))).toBeLessThan(0);
  });
});

test('there is no raw layer of a heap that this thread has left', () => {
  const heap = Heap.create({ maxBytes: 2 ** 20 });
  heap.detach();
  expect(() => raw(heap)).toThrow(HeapClosedError);
});
