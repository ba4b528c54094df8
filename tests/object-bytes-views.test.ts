/** Views of bytes protect them: which views, and until when. */

import { describe, expect, test } from 'vitest';
import type { HeapBytes } from '../src/bytes.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { mortalObjects, withHeap, withHeapAsync } from './support/with-heap.ts';

const living = (heap: Heap) => heap.stats().objectsByKind.bytes ?? 0;

const collectGarbage = async (until: () => boolean) => {
  for (let i = 0; i < 60 && !until(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    (globalThis as { gc?: () => void }).gc?.();
  }
};

describe('a view protects its bytes', () => {
  test('all views of a thread together count once, when all handles are gone', async () => {
    await withHeapAsync({}, async (heap) => {
      const bytes = heap.bytes(100);
      expect(heap.refcount(bytes)).toBe(1);
      const views = [bytes.view(), bytes.view(Int32Array, 4, 3), bytes.view(DataView)];
      expect(heap.refcount(bytes)).toBe(2);
      (views[0] as Uint8Array).fill(7);
      bytes.release();
      const array = heap.array();
      for (let i = 0; i < 100; i++) array.push('x'.repeat(90));
      await collectGarbage(() => living(heap) === 0);
      expect(living(heap)).toBe(1);
      expect(heap.verify()).toEqual([]);
      expect((views[1] as Int32Array)[0]).toBe(0x07070707);
      expect((views[2] as DataView).getUint8(99)).toBe(7);
    });
  });

  test('until the last is gone: then they die', { timeout: 20_000 }, async () => {
    await withHeapAsync({}, async (heap) => {
      (() => {
        for (const Type of [Uint8Array, Float64Array, DataView]) {
          const bytes = heap.bytes(1000);
          bytes.view(Type as typeof Uint8Array);
          bytes.view(Type as typeof Uint8Array, 8);
          bytes.release();
        }
      })();
      expect(living(heap)).toBe(3);
      await collectGarbage(() => living(heap) === 0);
      expect(living(heap)).toBe(0);
      expect(mortalObjects(heap)).toBe(0);
      expect(sessionOf(heap).mem.freeRows.length).toBeGreaterThan(0);
    });
  });

  test('also by parts of it, and parts of those', { timeout: 20_000 }, async () => {
    await withHeapAsync({}, async (heap) => {
      let part: Uint8Array | undefined = (() => {
        const bytes = heap.bytes(1000);
        const view = bytes.view();
        view.fill(5);
        bytes.release();
        return view.subarray(10, 500).subarray(10);
      })();
      await collectGarbage(() => living(heap) === 0);
      expect(living(heap)).toBe(1);
      expect(part.length).toBe(480);
      expect(part.every((byte) => byte === 5)).toBe(true);
      part = undefined;
      await collectGarbage(() => living(heap) === 0);
      expect(living(heap)).toBe(0);
    });
  });

  const makers: [string, (view: Uint8Array) => Uint8Array][] = [
    ['subarray of its class by call', (v) => Uint8Array.prototype.subarray.call(v, 10)],
    [
      'subarray of all classes by call',
      (v) => Object.getPrototypeOf(Uint8Array.prototype).subarray.call(v, 10, 990),
    ],
    [
      'its own constructor',
      (v) => new (v.constructor as typeof Uint8Array)(v.buffer, v.byteOffset),
    ],
    [
      'a subclass of its class',
      (v) => {
        class Part extends (v.constructor as typeof Uint8Array) {}
        return new Part(v.buffer as never, v.byteOffset + 10, 20).subarray(5);
      },
    ],
  ];
  test.each(makers)('also by parts that %s makes', { timeout: 20_000 }, async (_, make) => {
    await withHeapAsync({}, async (heap) => {
      let part: Uint8Array | undefined = (() => {
        heap.bytes(100).view(); // neighbours, with views of their own
        const bytes = heap.bytes(1000);
        const view = bytes.view();
        heap.bytes(1000).release();
        view.fill(5);
        bytes.release();
        return make(view);
      })();
      await collectGarbage(() => living(heap) === 0);
      expect(living(heap)).toBe(1);
      expect(part.at(1)).toBe(5);
      part = undefined;
      await collectGarbage(() => living(heap) === 0);
      expect(living(heap)).toBe(0);
    });
  });

  test('but what is made from its buffer, or clones it, protects nothing', async () => {
    await withHeapAsync({}, async (heap) => {
      const others = (() => {
        const bytes = heap.bytes(1000);
        const view = bytes.view();
        bytes.release();
        const onBuffer = new Uint8Array(view.buffer, view.byteOffset, 10);
        return [structuredClone(view), onBuffer];
      })();
      await collectGarbage(() => living(heap) === 0);
      expect(living(heap)).toBe(0);
      expect(others.map((other) => other.constructor)).toEqual([Uint8Array, Uint8Array]);
    });
  });

  test('an empty part at the end of the bytes is held by what it is a part of', () => {
    withHeap({}, (heap) => {
      const [first, second] = [heap.bytes(56), heap.bytes(56)];
      const part = first.view().subarray(56); // begins where the next block does
      expect([part.length, part.byteOffset]).toEqual([0, first.view().byteOffset + 56]);
      expect([heap.refcount(first), heap.refcount(second)]).toEqual([2, 1]);
    });
  });

  test('and views made in sections, of bytes that no handle has left', async () => {
    await withHeapAsync({}, async (heap) => {
      const array = heap.array<HeapBytes>();
      const view = heap.run(() => {
        array.push(heap.bytes(16));
        return { view: (array.at(0) as HeapBytes).view(Float64Array) };
      }).view;
      array.length = 0;
      view[1] = 2.5;
      expect(living(heap)).toBe(1);
      heap.gc.collect();
      expect(living(heap)).toBe(1);
      expect(view[1]).toBe(2.5);
    });
  });

  test('views of a heap that was left do no harm', async () => {
    const views: Uint8Array[] = [];
    await withHeapAsync({ checkLeaks: false }, async (heap) => {
      views.push(heap.bytes(100).view());
    });
    expect(views[0]?.subarray(1).length).toBe(99);
    views.length = 0;
    await collectGarbage(() => false);
  });
});
