/** Reference counts: exact at any time, immortal, saturated; death at once. */

import { describe, expect, test } from 'vitest';
import { HeapCorruptionError } from '../src/base/errors.ts';
import type { Handle } from '../src/handle.ts';
import { IMMORTAL_REFCOUNT, sessionOf } from '../src/heap.ts';
import { raw } from '../src/raw.ts';
import { chain, hub, nodeStruct, ring, tree } from './support/shapes.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

describe('heap.refcount', () => {
  test('follows CPython: fresh 1, in an array 2, in an array and a map 3', () => {
    withHeap({}, (heap) => {
      heap.run(() => {
        const a = heap.array<unknown>();
        expect(heap.refcount(a)).toBe(1);
        const b = heap.array<unknown>();
        b.push(a);
        expect(heap.refcount(a)).toBe(2);
        const c = heap.map<unknown, unknown>();
        c.set('k', a);
        expect(heap.refcount(a)).toBe(3);
        c.set('k', a);
        expect(heap.refcount(a)).toBe(3);
        c.set(a, a);
        expect(heap.refcount(a)).toBe(5);
        c.set('k', 1);
        expect(heap.refcount(a)).toBe(4);
        c.delete(a);
        expect(heap.refcount(a)).toBe(2);
        b.push(a, a, a);
        expect(heap.refcount(a)).toBe(5);
        b.splice(1, 2);
        expect(heap.refcount(a)).toBe(3);
        b.length = 0;
        expect(heap.refcount(a)).toBe(1);
        expect([heap.refcount(b), heap.refcount(c)]).toEqual([1, 1]);
      });
    });
  });

  test('counts an object that holds itself', () => {
    withHeap({}, (heap) => {
      const array = heap.array<unknown>();
      array.push(array);
      expect(heap.refcount(array)).toBe(2);
      expect(array.pop()).toBe(array);
      expect(array.length).toBe(0);
      array.release(); // what pop has acquired
      expect(heap.refcount(array)).toBe(1);
    });
  });

  test('counts fields as they are overwritten, with themselves too', () => {
    withHeap({}, (heap) => {
      const Node = nodeStruct(heap);
      const a = new Node();
      const b = new Node({ left: a, right: a, any: a });
      expect(heap.refcount(a)).toBe(4);
      heap.run(() => {
        b.left = a;
        b.any = a;
        expect(heap.refcount(a)).toBe(4);
        b.left = b.right;
        b.right = null;
        b.any = b.left;
        expect(heap.refcount(a)).toBe(3);
        b.any = 5;
        expect(heap.refcount(a)).toBe(2);
      });
      b.release();
      expect(heap.refcount(a)).toBe(1);
    });
  });

  test('counts a thread once, whatever its handles', () => {
    withHeap({}, (heap) => {
      const map = heap.map();
      map.keep().keep();
      heap.root.set('map', map);
      expect(heap.refcount(map)).toBe(2);
      heap.run(() => expect(heap.refcount(heap.root.get('map') as Handle)).toBe(2));
    });
  });

  test('counts open iterators', () => {
    withHeap({}, (heap) => {
      const map = heap.map<number, number>().set(1, 1).set(2, 2);
      const keys = map.keys();
      expect(heap.refcount(map)).toBe(1);
      keys.next();
      expect(heap.refcount(map)).toBe(2);
      keys.return?.();
      expect(heap.refcount(map)).toBe(1);
      for (const _ of map) expect(heap.refcount(map)).toBe(2);
      expect(heap.refcount(map)).toBe(1);
    });
  });
});

describe('death by count', () => {
  test('is done before the next statement, and takes along what dies with it', () => {
    withHeap({}, (heap) => {
      const head = chain(heap, 1000);
      const root = tree(heap, 10);
      expect(heap.stats().objectsByKind.Node).toBe(1000 + 1023);
      head.release();
      expect(heap.stats().objectsByKind.Node).toBe(1023);
      root.left = null;
      expect(heap.stats().objectsByKind.Node).toBe(512);
      root.release();
      expect(heap.stats().objectsByKind.Node ?? 0).toBe(0);
    });
  });

  test('stops at what something else holds', () => {
    withHeap({}, (heap) => {
      const head = chain(heap, 100);
      const middle = heap.run(() => {
        let node = head;
        for (let i = 0; i < 50; i++) node = node.left as typeof head;
        return node;
      });
      head.release();
      expect(heap.stats().objectsByKind.Node).toBe(50);
      expect([middle.id, heap.refcount(middle)]).toEqual([50, 1]);
    });
  });

  test('of an object referenced twice by another is one death', () => {
    withHeap({}, (heap) => {
      const Node = nodeStruct(heap);
      const holder = heap.run(() => {
        const shared = new Node();
        return new Node({ left: shared, right: shared, any: shared });
      });
      expect(mortalObjects(heap)).toBe(2);
      holder.release();
      expect(mortalObjects(heap)).toBe(0);
    });
  });

  test('happens when a slot is overwritten, an entry deleted, an element cut off', () => {
    withHeap({}, (heap) => {
      const Node = nodeStruct(heap);
      const map = heap.map<unknown, unknown>();
      const array = heap.array<unknown>();
      const node = new Node();
      const before = mortalObjects(heap);
      const steps: [() => void, () => void][] = [
        [() => (node.left = new Node()), () => (node.left = null)],
        [() => (node.any = new Node()), () => (node.any = 1)],
        [() => map.set(1, new Node()), () => map.set(1, 1)],
        [() => map.set(1, new Node()), () => map.delete(1)],
        [() => map.set(new Node(), new Node()), () => map.clear()],
        [() => array.push(new Node()), () => array.set(0, 1)],
        [() => array.push(new Node()), () => (array.length = 0)],
        [() => array.push(new Node(), new Node()), () => array.splice(0, 2, 1)],
      ];
      for (const [fill, drop] of steps) {
        heap.run(() => void fill());
        expect(mortalObjects(heap)).toBeGreaterThan(before);
        heap.run(() => void drop());
        expect(mortalObjects(heap)).toBe(before);
      }
    });
  });

  test.each([1, 2, 10, 100_000])('never comes to a ring of %i', (length) => {
    withHeap({ leaked: length }, (heap) => {
      ring(heap, length).release();
      expect(mortalObjects(heap)).toBe(length);
    });
  });

  test('never comes to a hub and its spokes', () => {
    withHeap({ leaked: 11 }, (heap) => {
      const center = hub(heap, 10);
      expect(heap.refcount(center)).toBe(11);
      center.release();
    });
  });
});

describe('an immortal object', () => {
  test('has a count that never changes, and is never freed', () => {
    withHeap({}, (heap) => {
      const Node = nodeStruct(heap);
      const before = heap.stats().immortalObjects;
      const node = new Node({ id: 7 });
      heap.immortalize(node);
      expect(heap.refcount(node)).toBe(IMMORTAL_REFCOUNT);
      const array = heap.array<unknown>();
      array.push(node, node);
      expect(heap.refcount(node)).toBe(IMMORTAL_REFCOUNT);
      array.length = 0;
      node.release();
      expect(heap.stats().immortalObjects).toBe(before + 1);
      expect(heap.stats().objectsByKind.Node).toBe(1);
      expect(heap.refcount(heap.root)).toBe(IMMORTAL_REFCOUNT);
    });
  });

  test('keeps alive what it holds, for as long as it holds it', () => {
    withHeap({}, (heap) => {
      const Node = nodeStruct(heap);
      const inner = new Node();
      const node = new Node({ left: inner });
      inner.release();
      heap.immortalize(node);
      expect(heap.stats().objectsByKind.Node).toBe(2);
      node.left = null;
      expect(heap.stats().objectsByKind.Node).toBe(1);
    });
  });
});

test('a count that runs over its top sticks: the object is immortal from then on', () => {
  withHeap({}, (heap) => {
    const array = heap.array<unknown>();
    const node = heap.map();
    const { i32 } = raw(heap);
    const ref = heap.id(node);
    i32[ref] = 2 ** 31 - 2;
    array.push(node);
    expect(heap.refcount(node)).toBe(2 ** 31 - 1);
    array.push(node);
    expect(heap.refcount(node)).toBe(IMMORTAL_REFCOUNT);
    array.push(node, node);
    array.length = 0;
    expect(heap.refcount(node)).toBe(IMMORTAL_REFCOUNT);
    node.release();
    expect(heap.stats().objectsByKind.map).toBe(2);
    expect(heap.verify()).toEqual([]);
  });
});

describe('in the raw layer', () => {
  test('dropping a dead object is refused, whatever its neighbours', () => {
    withHeap({}, (heap) => {
      const Node = nodeStruct(heap);
      heap.run(() => {
        const layer = raw(heap);
        const kind = layer.kindOf(Node as never);
        const objects = Array.from({ length: 5 }, () => layer.alloc(kind));
        for (const object of objects) layer.decref(object);
        for (const object of objects) {
          expect(() => layer.decref(object)).toThrow(HeapCorruptionError);
          expect(() => layer.incref(object)).toThrow(HeapCorruptionError);
        }
      });
    });
  });

  test('with the count option every change is what the option says', () => {
    withHeap({ counts: 'atomic' }, (heap) => {
      expect(sessionOf(heap).mem.atomicCounts).toBe(true);
    });
    withHeap({ counts: 'plain' }, (heap) => {
      expect(sessionOf(heap).mem.atomicCounts).toBe(false);
    });
  });
});
