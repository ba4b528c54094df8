/** What dies in an atomic section: its words are where they were until the section has ended. */
import { expect, test } from 'vitest';
import { sessionOf } from '../src/heap.ts';
import {
  type Heap,
  type HeapArray,
  type HeapBytes,
  HeapExhaustedError,
  type HeapMap,
} from '../src/index.ts';
import { withHeap } from './support/with-heap.ts';

class Stop extends Error {}

/** Runs `body` in an atomic section and throws behind it. */
function undone(heap: Heap, body: () => void): void {
  const section = () => {
    body();
    throw new Stop();
  };
  expect(() => heap.run(section, { atomic: true })).toThrow(Stop);
}

const FIELDS = { n: 'int32', f: 'float64', ref: 'ref' } as const;

/** Takes free blocks of all small sizes, as zeros. */
const takeFree = (heap: Heap): HeapBytes[] =>
  Array.from({ length: 300 }, (_, i) => heap.bytes((i % 60) * 4).keep());

/** Nobody else has written to them. */
function giveBack(heap: Heap, taken: HeapBytes[]): void {
  for (const bytes of taken) {
    expect(new Uint8Array(heap.toJS(bytes) as ArrayBuffer).every((byte) => byte === 0)).toBe(true);
    bytes.release();
  }
}

test('an object that was changed and let go of dies when the section has ended', () => {
  withHeap({}, (heap) => {
    const Struct = heap.struct('S', FIELDS);
    for (const ends of ['throws', 'ends']) {
      const own = new Struct({ n: 1, f: 0.5 });
      const { liveObjects } = heap.stats();
      let taken: HeapBytes[] = [];
      const section = () => {
        own.n = 2;
        own.f = 0.25;
        own.release();
        expect(heap.stats().liveObjects).toBe(liveObjects + 1); // it, and the log
        taken = takeFree(heap);
        expect(heap.verify()).toEqual([]);
      };
      if (ends === 'throws') undone(heap, section);
      else heap.run(section, { atomic: true });
      giveBack(heap, taken);
      expect(heap.stats().liveObjects).toBe(liveObjects - 1);
      expect(heap.verify()).toEqual([]);
    }
  });
});

test('what has died in an inner section is there for the outer one', () => {
  withHeap({}, (heap) => {
    const Struct = heap.struct('S', FIELDS);
    using kept = new Struct({ n: 7 });
    const part = new Struct({ n: 2 });
    const owner = new Struct({ n: 1, ref: part });
    part.release();
    const { liveObjects } = heap.stats();
    let taken: HeapBytes[] = [];
    undone(heap, () => {
      owner.n = 3;
      (owner.ref as typeof owner).n = 4;
      undone(heap, () => {
        kept.n = 8;
        owner.release();
      });
      taken = takeFree(heap);
      expect(heap.verify()).toEqual([]);
      expect(kept.n).toBe(7);
      kept.n = 9;
    });
    expect(kept.n).toBe(7);
    giveBack(heap, taken);
    expect(heap.stats().liveObjects).toBe(liveObjects - 2);
    expect(heap.verify()).toEqual([]);
  });
});

test('where the log can take no more, what dies is forgotten, and the rest is undone', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    const Struct = heap.struct('S', FIELDS);
    const many = Array.from({ length: 600 }, (_, n) => new Struct({ n, f: n }));
    const own = new Struct({ n: 1, ref: many[0] });
    const { liveObjects } = heap.stats();
    let taken: HeapBytes[] = [];
    undone(heap, () => {
      own.n = 2;
      own.ref = null;
      own.f = 3;
      mem.hostile = { shouldFail: () => true };
      try {
        for (const one of many) one.n = -1;
        expect.unreachable('the log has no end');
      } catch (error) {
        expect(error).toBeInstanceOf(HeapExhaustedError);
      }
      own.release();
      mem.hostile = null;
      expect(heap.verify()).toEqual([]);
      taken = takeFree(heap);
    });
    giveBack(heap, taken);
    expect(many.map((one) => one.n)).toEqual(many.map((_, n) => n));
    expect(heap.stats().liveObjects).toBe(liveObjects - 1);
    expect(heap.verify()).toEqual([]);
    for (const one of many) one.release();
  });
});

/** Fills the heap until there is nothing more to collect. */
function fill(map: HeapMap<number, string>): void {
  for (let i = 0; ; i++) map.set(i, `text number ${i}, which is long enough to be long`);
}

test('a collection in a section takes nothing that is to be undone', () => {
  withHeap({ maxBytes: 4 * 2 ** 20 }, (heap) => {
    const Struct = heap.struct('S', FIELDS);
    using map = heap.map<number, string>();
    const rings = Array.from({ length: 50 }, (_, n) => {
      const ring = new Struct({ n });
      ring.ref = ring;
      return ring;
    });
    const section = () => {
      for (const ring of rings) ring.n = 0x7777;
      for (const ring of rings) ring.release();
      fill(map);
    };
    expect(() => heap.run(section, { atomic: true })).toThrow(HeapExhaustedError);
    expect(map.size).toBe(0);
    expect(heap.verify()).toEqual([]);
    expect(heap.gc.collect()).toBe(50);
  });
});

test('an array that a collection in a section finds without containers gets them back', () => {
  withHeap({ maxBytes: 4 * 2 ** 20 }, (heap) => {
    using map = heap.map<number, string>();
    using small = heap.array<unknown>([heap.array()]);
    using large = heap.array<unknown>(Array.from({ length: 600 }, () => 0));
    large.set(5, heap.array());
    using plain = heap.from({ a: [] as number[] });
    const section = () => {
      small.set(0, 1);
      large.set(5, 1);
      plain.set('a', 1 as never);
      fill(map);
    };
    expect(() => heap.run(section, { atomic: true })).toThrow(HeapExhaustedError);
    expect(heap.verify()).toEqual([]);
    expect(heap.toJS(small)).toEqual([[]]);
    expect((large.at(5) as HeapArray<unknown>).length).toBe(0);
    expect(heap.toJS(plain)).toEqual({ a: [] });
  });
});

test('an array that grows into the place of another one is undone', () => {
  withHeap({}, (heap) => {
    const arrays = Array.from({ length: 6 }, (_, i) => heap.array<unknown>([i, i, i, i]));
    const before = arrays.map((array) => [...array]);
    undone(heap, () => {
      for (const array of arrays) {
        for (let i = 0; i < 4; i++) array.set(i, 'changed');
        for (let length = 4; length < 200; length++) array.push(length);
        for (let i = 0; i < 200; i++) array.set(i, 'changed again');
      }
    });
    expect(arrays.map((array) => [...array])).toEqual(before);
    for (const array of arrays) array.release();
  });
});

test('elements that are noted one by one, and then with the length, come back', () => {
  withHeap({}, (heap) => {
    for (const length of [20, 700]) {
      using array = heap.from(Array.from({ length }, (_, i) => [i])) as HeapArray<unknown>;
      const before = heap.toJS(array);
      undone(heap, () => {
        array.push(heap.array(['pushed']));
        array.set(length, 'replaced');
        array.length = length;
        for (const index of [12, 15, 12]) {
          array.length = length - 2;
          array.set(index, heap.array(['new']));
          array.length = 10;
          for (let i = 10; i < length; i++) array.push(heap.array([-i]));
        }
      });
      expect(heap.toJS(array)).toEqual(before);
      expect(heap.verify()).toEqual([]);
    }
  });
});
