/** Bytes: windows on them, and when their memory is free again (J5, J6). */

import { describe, expect, test } from 'vitest';
import { HeapExhaustedError } from '../src/base/errors.ts';
import type { HeapBytes } from '../src/bytes.ts';
import type { Heap } from '../src/heap.ts';
import { SEED, withRandom } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const MIB = 2 ** 20;
const TYPES = [
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
  ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
] as const;
const living = (heap: Heap) => heap.stats().objectsByKind.bytes ?? 0;
type AnyView = Uint8Array;
const viewOf = (bytes: HeapBytes, ...args: unknown[]) =>
  Reflect.apply(bytes.view, bytes, args) as AnyView;

describe('lengths', () => {
  test.each([0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 100, 1000, 4096, 65_535, 65_536])(
    '%i bytes are zero, also where others have been, and end there',
    (length) => {
      withHeap({}, (heap) => {
        for (let round = 0; round < 3; round++) {
          const bytes = heap.bytes(length);
          const view = bytes.view();
          expect(bytes.byteLength).toBe(length);
          expect(view.length).toBe(length);
          expect(view.byteOffset % 8).toBe(0);
          expect(view.every((byte) => byte === 0)).toBe(true);
          view.fill(0xa5);
          expect(heap.verify()).toEqual([]); // nothing else was written to
          bytes.release();
        }
      });
    },
  );

  test('many sizes side by side keep what is written into them', () => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const all = new Map<HeapBytes, number>();
        for (let i = 0; i < 400; i++) {
          const bytes = heap.bytes(random.int(random.pick([10, 100, 5000, 100_000])));
          const view = bytes.view();
          expect(view.some((byte) => byte !== 0)).toBe(false);
          const mark = 1 + random.int(255);
          all.set(bytes, mark);
          view.fill(mark);
          if (random.chance(0.4)) {
            const [victim, old] = random.pick([...all]);
            expect(victim.view().every((byte) => byte === old)).toBe(true);
            all.delete(victim);
            victim.release(); // its views are still there, and hold it
          }
        }
        for (const [bytes, mark] of all) {
          expect(bytes.view().every((byte) => byte === mark)).toBe(true);
        }
        expect(living(heap)).toBe(400);
      }, SEED);
    });
  });

  test.each([-1, 1.5, NaN, Infinity, 2 ** 40, '8', null, undefined, {}, [1], true])(
    '%s is no length',
    (length) => {
      withHeap({}, (heap) => {
        const error = typeof length === 'number' ? RangeError : TypeError;
        expect(() => heap.bytes(length as number)).toThrow(error);
        expect(mortalObjects(heap)).toBe(0);
      });
    },
  );

  test('more than there is room for is told so', () => {
    withHeap({ maxBytes: MIB }, (heap) => {
      expect(() => heap.bytes(MIB)).toThrow(HeapExhaustedError);
      expect(mortalObjects(heap)).toBe(0);
    });
  });
});

describe('copies', () => {
  test.each(TYPES.map((Type) => [Type.name, Type] as const))('of a %s', (_, Type) => {
    withHeap({}, (heap) => {
      const buffer = new ArrayBuffer(64);
      new Uint8Array(buffer).forEach((_byte, i, all) => {
        all[i] = i * 7;
      });
      const source = new Type(buffer, 16, 3) as AnyView;
      const bytes = heap.bytes(source);
      const view = bytes.view();
      expect(bytes.byteLength).toBe(source.byteLength);
      expect(Object.prototype.toString.call(view)).toBe(`[object ${Type.name}]`);
      expect([...view]).toEqual([...source]);
      view[0] = view[1] as number;
      expect(new Uint8Array(buffer)[16]).toBe(112); // the source is not shared
    });
  });

  test('of buffers, shared and not, of a DataView and of a Buffer', () => {
    withHeap({}, (heap) => {
      const buffer = Uint8Array.of(1, 2, 3).buffer;
      const shared = new SharedArrayBuffer(3);
      new Uint8Array(shared).set([4, 5, 6]);
      expect([...heap.bytes(buffer).view()]).toEqual([1, 2, 3]);
      expect([...heap.bytes(shared).view()]).toEqual([4, 5, 6]);
      expect([...heap.bytes(Buffer.from('abc')).view()]).toEqual([97, 98, 99]);
      const dataView = heap.bytes(new DataView(buffer, 1)).view() as unknown as DataView;
      expect(dataView.getUint16(0)).toBe(0x0203);
      expect([...heap.bytes(heap.bytes(buffer).view()).view()]).toEqual([1, 2, 3]);
    });
  });

  test('a buffer that was transferred leaves nothing behind', () => {
    withHeap({}, (heap) => {
      const buffer = new ArrayBuffer(8);
      const view = new Uint8Array(buffer);
      structuredClone(buffer, { transfer: [buffer] });
      for (const gone of [buffer, view]) expect(() => heap.bytes(gone)).toThrow(TypeError);
      expect(mortalObjects(heap)).toBe(0);
    });
  });
});

describe('views', () => {
  test.each(TYPES.map((Type) => [Type.name, Type] as const))(
    'a %s at every offset and of every length sees what others see',
    (_, Type) => {
      withHeap({}, (heap) => {
        const size = Type.BYTES_PER_ELEMENT;
        const bytes = heap.bytes(64 + size - 1); // the last element would not fit
        const twin = new ArrayBuffer(64 + size - 1);
        const all = bytes.view();
        const allOfTwin = new Uint8Array(twin);
        all.forEach((_byte, i) => {
          all[i] = allOfTwin[i] = (i * 37) & 0xff;
        });
        expect(viewOf(bytes, Type).length).toBe(Math.floor(bytes.byteLength / size));
        for (let offset = 0; offset <= 64; offset += size) {
          const rest = Math.floor((bytes.byteLength - offset) / size);
          expect(viewOf(bytes, Type, offset).length).toBe(rest);
          for (const length of [0, 1, rest]) {
            if (length > rest) continue;
            const view = viewOf(bytes, Type, offset, length);
            const model = new Type(twin, offset, length) as AnyView;
            expect(view).toBeInstanceOf(Type);
            expect([...view]).toEqual([...model]);
            if (length === 0) continue;
            view.set(view.slice(-1));
            model.set(model.slice(-1));
          }
          for (const wrong of [-1, rest + 1, 1.5, NaN, '1', null]) {
            expect(() => viewOf(bytes, Type, offset, wrong)).toThrow(RangeError);
          }
          if (size > 1) expect(() => viewOf(bytes, Type, offset + 1)).toThrow(RangeError);
        }
        expect([...all]).toEqual([...allOfTwin]);
        for (const wrong of [-size, 64 + size, NaN, '0', null, {}]) {
          expect(() => viewOf(bytes, Type, wrong)).toThrow(RangeError);
        }
      });
    },
  );

  test.each([
    ['Array', Array],
    ['Buffer', Buffer],
    ['ArrayBuffer', ArrayBuffer],
    ['null', null],
    ['a text', 'Uint8Array'],
    ['a function', () => 1],
  ])('%s is no type of view', (_, type) => {
    withHeap({}, (heap) => {
      expect(() => viewOf(heap.bytes(8), type)).toThrow(TypeError);
    });
  });

  test('copies made of a view are ordinary arrays in memory of their own', () => {
    withHeap({}, (heap) => {
      const view = heap.bytes(8).view();
      for (const copy of [view.slice(), view.map((byte) => byte), view.filter(() => true)]) {
        expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
        copy.fill(9);
        expect(copy.subarray(1).length).toBe(7);
      }
      expect(view.every((byte) => byte === 0)).toBe(true);
      expect(structuredClone(view.slice())).toEqual(new Uint8Array(8));
    });
  });

  test('Atomics work on integer views, in place', () => {
    withHeap({}, (heap) => {
      const bytes = heap.bytes(64);
      const words = bytes.view(Int32Array);
      const longs = bytes.view(BigInt64Array);
      expect(Atomics.add(words, 2, 5)).toBe(0);
      expect(Atomics.load(longs, 1)).toBe(5n);
      expect(Atomics.compareExchange(words, 2, 5, 7)).toBe(5);
      expect(Atomics.notify(words, 2)).toBe(0);
      expect(Atomics.wait(words, 2, 5)).toBe('not-equal');
      expect(Atomics.exchange(bytes.view(Uint8Array, 8), 0, 255)).toBe(7);
    });
  });
});

describe('memory', () => {
  test('without views release() frees at once', () => {
    withHeap({}, (heap) => {
      heap.bytes(1).release(); // the table of rows stays
      const before = heap.stats();
      const bytes = heap.bytes(10_000);
      expect(heap.stats().liveBytes).toBeGreaterThanOrEqual(before.liveBytes + 10_000);
      bytes.release();
      expect(heap.stats().liveBytes).toBe(before.liveBytes);
      expect(() => bytes.byteLength).toThrow(/stale|released/i);
    });
  });

  test('100 MB are freed to the last word, and found again', () => {
    withHeap({ maxBytes: 256 * MIB }, (heap) => {
      heap.bytes(70_000).release(); // what the first large object needs
      const before = heap.stats();
      for (let round = 0; round < 3; round++) {
        const bytes = heap.bytes(100_000_001);
        expect(heap.stats().liveBytes).toBeGreaterThanOrEqual(before.liveBytes + 1e8);
        bytes.release();
        const { liveBytes, freeBytes, committedBytes: _ } = heap.stats();
        expect([liveBytes, freeBytes]).toEqual([before.liveBytes, before.freeBytes]);
      }
      const bytes = heap.bytes(100_000_001);
      const words = bytes.view(Float64Array);
      words[words.length - 1] = 0.5;
      const last = bytes.view(Uint8Array, 100_000_000);
      expect([...last]).toEqual([0]);
      last[0] = 3;
      expect(heap.verify()).toEqual([]);
    });
  });

  test('in maps, arrays, sets and structs bytes are held like all objects', () => {
    withHeap({}, (heap) => {
      const S = heap.struct<{ data: object | null; any: unknown }>('S', {
        data: 'ref',
        any: 'any',
      });
      const array = heap.array<unknown>();
      const map = heap.map<unknown, unknown>();
      const set = heap.set<unknown>();
      heap.run(() => {
        const bytes = heap.bytes(Uint8Array.of(1, 2, 3));
        array.push(bytes, new S({ data: bytes, any: bytes }));
        map.set(bytes, bytes);
        set.add(bytes);
        expect(heap.refcount(bytes)).toBe(7);
        expect(map.get(array.at(0))).toBe(bytes);
        expect(array.indexOf(bytes)).toBe(0);
      });
      for (const container of [map, set]) container.clear();
      expect([...(array.at(0) as HeapBytes).view()]).toEqual([1, 2, 3]);
      array.length = 0;
      expect(living(heap)).toBe(1); // the view
    });
  });
});
