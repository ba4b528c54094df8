/** Mutexes, queues and the others as objects of the heap: shown, copied, counted, collected. */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  type Handle,
  HeapBarrier,
  HeapCondition,
  HeapCounter,
  HeapMutex,
  HeapQueue,
  HeapSemaphore,
  StaleHandleError,
} from '../src/index.ts';
import { oneOfEach } from './support/coordination.ts';
import { withHeap } from './support/with-heap.ts';

const CLASSES = [HeapMutex, HeapCondition, HeapQueue, HeapSemaphore, HeapBarrier, HeapCounter];

describe('as objects of the heap', () => {
  test('they have classes, names, identity and counts', () => {
    withHeap({}, (heap) => {
      const objects = oneOfEach(heap);
      for (const [i, object] of objects.entries()) {
        expect(object).toBeInstanceOf(CLASSES[i]);
        expect(object.constructor.name).toBe(CLASSES[i]?.name);
        expect(Object.prototype.toString.call(object)).toBe(`[object ${CLASSES[i]?.name}]`);
        heap.root.set('object', object);
        using same = heap.root.get('object') as Handle;
        expect(same).toBe(object);
        expect(heap.refcount(object)).toBe(2);
        expect(() => Object.assign(object, { other: 1 })).toThrow(TypeError);
      }
      const { objectsByKind } = heap.stats();
      for (const name of ['mutex', 'condition', 'queue', 'semaphore', 'barrier', 'counter']) {
        expect(objectsByKind[name], name).toBe(1);
      }
      const Mutex = heap.struct('mutex', { a: 'int32' });
      new Mutex();
      expect(heap.stats().objectsByKind['struct mutex']).toBe(1);
      for (const object of objects) object.release();
      expect(() => (objects[0] as HeapMutex).lock()).toThrow(StaleHandleError);
    });
  });

  test('no program can declare their structs, or make them otherwise', () => {
    withHeap({}, (heap) => {
      expect(() => heap.struct('\u0001mutex', { owner: 'int32' })).toThrow(TypeError);
      for (const Class of CLASSES) expect(() => new (Class as never as new () => 1)()).toThrow();
    });
  });

  test('they are printed, and copied out, as what can be said of them', () => {
    withHeap({}, (heap) => {
      const objects = oneOfEach(heap);
      const queue = objects[2] as HeapQueue;
      queue.push(heap.array([1]));
      expect(inspect(objects, { breakLength: 1000, depth: 4 })).toBe(
        '[ HeapMutex { isLocked: false }, HeapCondition { waiting: 0 }, ' +
          'HeapQueue { capacity: 2, size: 1, isClosed: false, values: [ HeapArray(1) [ 1 ] ] }, ' +
          'HeapSemaphore { permits: 1 }, ' +
          'HeapBarrier { parties: 2, waiting: 0, isBroken: false }, HeapCounter { value: 7 } ]',
      );
      const copies = [
        { isLocked: false },
        { waiting: 0 },
        [[1]],
        { permits: 1 },
        { parties: 2, waiting: 0, isBroken: false },
        7,
      ];
      const array = heap.array(objects);
      expect(heap.toJS(array)).toEqual(copies);
      expect(JSON.parse(JSON.stringify(array))).toEqual(copies);
      expect(objects.map((object) => heap.toJS(object))).toEqual(copies);
      expect(objects.map((object) => JSON.parse(JSON.stringify(object)))).toEqual(copies);
      expect(inspect(heap.array([array]), { depth: 0 })).toBe('HeapArray(1) [ [HeapArray] ]');
      expect(queue.size).toBe(1); // showing it has taken nothing
      queue.push(queue);
      expect(inspect(queue)).toContain('[Circular');
      expect(() => JSON.stringify(queue)).toThrow(TypeError);
      const copy = heap.toJS(queue) as unknown[];
      expect(copy[1]).toBe(copy);
      queue.pop();
      queue.pop();
    });
  });

  test('heap.from keeps them, and heap.proxy shows them as they are', () => {
    withHeap({}, (heap) => {
      for (const object of oneOfEach(heap)) {
        using copy = heap.from({ object });
        expect(heap.toJS(heap.from([object]))).toEqual([heap.toJS(object)]);
        expect(copy.get('object')).toBe(object);
        expect(heap.proxy(copy).object).toBe(object);
        expect(heap.proxy(object)).toBe(object);
        expect(heap.from(object)).toBe(object);
      }
    });
  });

  test('methods called on anything else say so', () => {
    withHeap({}, (heap) => {
      const objects: Handle[] = [...oneOfEach(heap), heap.array(), heap.from({ a: 1 })];
      for (const [i, Class] of CLASSES.entries()) {
        for (const [j, object] of objects.entries()) {
          if (i === j) continue;
          for (const name of ['isLocked', 'waiting', 'size', 'permits', 'parties', 'value']) {
            const get = Object.getOwnPropertyDescriptor(Class.prototype, name)?.get;
            if (get !== undefined) expect(() => get.call(object), name).toThrow(TypeError);
          }
        }
      }
      const array = heap.array() as never;
      expect(() => HeapMutex.prototype.lock.call(array)).toThrow(TypeError);
      expect(() => HeapQueue.prototype.push.call(array, 1)).toThrow(TypeError);
      expect(() => HeapQueue.prototype.tryPop.call(array)).toThrow(TypeError);
      expect(() => HeapCounter.prototype.add.call(array)).toThrow(TypeError);
      expect(() => HeapCondition.prototype.notify.call(array)).toThrow(TypeError);
      expect(() => HeapSemaphore.prototype.post.call(array)).toThrow(TypeError);
      expect(() => HeapBarrier.prototype.abort.call(array)).toThrow(TypeError);
    });
  });
});

describe('the collector', () => {
  test('finds a queue that is in a cycle with its own values', () => {
    withHeap({}, (heap) => {
      heap.run(() => {
        const queue = heap.queue({ capacity: 3 });
        const array = heap.array<unknown>();
        array.push(queue);
        queue.push(array);
        queue.push(queue);
      });
      expect(heap.stats().objectsByKind.queue).toBe(1);
      expect(heap.gc.collect()).toBe(3); // the queue, its ring, the array
      expect(heap.stats().objectsByKind.queue).toBe(undefined);
    });
  });

  test('popped values are not held, and the queue frees what is in it', () => {
    withHeap({}, (heap) => {
      const queue = heap.queue<Handle>({ capacity: 3 });
      const value = heap.array();
      queue.push(value);
      queue.push(value);
      expect(heap.refcount(value)).toBe(3);
      queue.pop()?.release();
      expect(heap.refcount(value)).toBe(2);
      queue.pop()?.release();
      expect(heap.refcount(value)).toBe(1);
      queue.push(value);
      queue.release();
      expect(heap.refcount(value)).toBe(1);
    });
  });

  test('answers who refers to what', () => {
    withHeap({}, (heap) => {
      for (const object of oneOfEach(heap)) {
        expect(Array.isArray(heap.gc.getReferents(object))).toBe(true);
        expect(heap.gc.getReferrers(object)).toEqual([]);
      }
      expect(heap.gc.getObjects().length).toBeGreaterThan(0);
      expect(heap.verify()).toEqual([]);
    });
  });

  test('a program that gets hold of the ring and changes it breaks nothing', () => {
    withHeap({}, (heap) => {
      const queue = heap.queue<unknown>({ capacity: 3 });
      const [ring] = heap.gc.getReferents(queue) as [{ length: number } & Handle];
      queue.push(1);
      queue.push(2);
      ring.length = 0;
      expect([queue.pop(), queue.size]).toEqual([undefined, 1]);
      queue.push(3);
      queue.push(4);
      expect([...'abc'].map(() => queue.pop())).toEqual([undefined, 3, 4]);
      ring.length = 500;
      queue.push(5);
      expect(queue.pop()).toBe(5);
    });
  });
});
