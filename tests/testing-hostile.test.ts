/** Hostile modes: what they do, that they end, and what they refuse. */
import { expect, test } from 'vitest';
import { HeapCorruptionError, HeapExhaustedError } from '../src/base/errors.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { HEADER_WORDS } from '../src/memory/layout.ts';
import { readCrossovers } from '../src/testing/crossovers.ts';
import { hostile, POISON_FREED, poisonFreeMemory, ring } from '../src/testing.ts';
import { withHeap } from './support/with-heap.ts';

/** Makes arrays in a section, one allocation each. Returns the numbers, from 1, that failed. */
function makeArrays(heap: Heap, count: number): number[] {
  const failed: number[] = [];
  heap.run(() => {
    for (let n = 1; n <= count; n++) {
      try {
        heap.array();
      } catch (error) {
        expect(error).toBeInstanceOf(HeapExhaustedError);
        failed.push(n);
      }
    }
  });
  return failed;
}

test('the allocation that was chosen fails, and no other', () => {
  withHeap({}, (heap) => {
    const mode = hostile(heap, { failNth: 3 });
    expect(makeArrays(heap, 8)).toEqual([3]);
    expect(mode.failed).toBe(1);
    mode[Symbol.dispose]();
    expect(makeArrays(heap, 8)).toEqual([]);
  });
});

test('every so many allocations fail, until the mode ends', () => {
  withHeap({}, (heap) => {
    const mode = hostile(heap, { failEvery: 4 });
    expect(makeArrays(heap, 10)).toEqual([4, 8]);
    expect(makeArrays(heap, 10)).toEqual([2, 6, 10]); // numbers 12, 16 and 20
    mode[Symbol.dispose]();
    mode[Symbol.dispose]();
    expect(makeArrays(heap, 10)).toEqual([]);
    expect(mode.failed).toBe(5);
  });
});

test('failing modes in each other end one by one', () => {
  withHeap({}, (heap) => {
    const outer = hostile(heap, { failEvery: 2 });
    const inner = hostile(heap, { failNth: 1 });
    expect(makeArrays(heap, 4)).toEqual([1]);
    inner[Symbol.dispose]();
    expect(makeArrays(heap, 4)).toEqual([2, 4]);
    outer[Symbol.dispose]();
    expect(makeArrays(heap, 4)).toEqual([]);
  });
});

test('an operation that fails has changed nothing', () => {
  withHeap({}, (heap) => {
    const map = heap.map<string, string>().set('a', 'b');
    const mode = hostile(heap, { failEvery: 1 });
    const text = 'a string that is too long to be interned';
    expect(() => map.set('key', text)).toThrow(HeapExhaustedError);
    mode[Symbol.dispose]();
    expect([...map]).toEqual([['a', 'b']]);
    map.release();
  });
});

test('collections begin after every so many containers, and stop with the mode', () => {
  withHeap({ thresholds: [700, 10, 10] }, (heap) => {
    const generations: number[] = [];
    heap.gc.callbacks.push((phase, { generation }) => {
      if (phase === 'start') generations.push(generation);
    });
    const mode = hostile(heap, { collectEvery: 3 });
    const arrays = Array.from({ length: 30 }, () => heap.array());
    // One for three containers: two of generation 0, then one of 1; after two of those one of 2.
    expect(generations).toEqual([0, 0, 1, 0, 0, 1, 2, 0, 0, 1]);
    mode[Symbol.dispose]();
    expect(heap.gc.getThreshold()).toEqual([700, 10, 10]);
    arrays.push(...Array.from({ length: 30 }, () => heap.array()));
    expect(generations.length).toBe(10);
    for (const array of arrays) array.release();
  });
});

test('the sizes at which collections change their ways are set, and set back', () => {
  withHeap({}, (heap) => {
    const before = readCrossovers(heap);
    const mode = hostile(heap, { tune: { pageScanFrom: 0, backgroundFrom: Infinity } });
    const [pageScan, parallel, background] = readCrossovers(heap);
    expect([pageScan, parallel]).toEqual([0, before[1]]);
    expect(background).toBeGreaterThan(2 ** 30);
    ring(heap, 100).release();
    expect(heap.gc.collect()).toBe(100); // page by page now, with the same result
    mode[Symbol.dispose]();
    expect(readCrossovers(heap)).toEqual(before);
  });
});

test('a write to free memory is found when the poison is checked', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    const array = heap.array();
    const address = heap.id(array);
    array.release();
    const mode = hostile(heap, { poison: true });
    const word = address + HEADER_WORDS + 1;
    expect(mem.i32[word]).toBe(POISON_FREED);
    mem.i32[word] = 5;
    expect(() => mode[Symbol.dispose]()).toThrow(HeapCorruptionError);
    expect(heap.gc.callbacks).toEqual([]);
    mem.i32[word] = 6;
    expect(poisonFreeMemory(heap)).toEqual([{ block: address, word, found: 6 }]);
    expect(poisonFreeMemory(heap)).toEqual([]);
  });
});

test('memory that is allocated and freed again was not spoiled', () => {
  withHeap({}, (heap) => {
    const mode = hostile(heap, { poison: true });
    for (let round = 0; round < 5; round++) {
      ring(heap, 200).release();
      expect(heap.gc.collect()).toBe(200);
    }
    expect(() => mode[Symbol.dispose]()).not.toThrow();
  });
});

test('numbers that make no sense are refused, and nothing is hostile then', () => {
  withHeap({}, (heap) => {
    for (const options of [
      { failNth: 0 },
      { failEvery: 1.5 },
      { collectEvery: 1 },
      { failEvery: 1, tune: { pageScanFrom: -1 } },
    ]) {
      expect(() => hostile(heap, options)).toThrow(RangeError);
      expect(makeArrays(heap, 3)).toEqual([]);
    }
  });
});

test('failing modes may end in any order: the newest that is open counts', () => {
  withHeap({}, (heap) => {
    const outer = hostile(heap, { failEvery: 2 });
    const middle = hostile(heap, { failEvery: 1 });
    const inner = hostile(heap, { failEvery: 3 });
    outer[Symbol.dispose]();
    expect(makeArrays(heap, 3)).toEqual([3]);
    inner[Symbol.dispose]();
    expect(makeArrays(heap, 2)).toEqual([1, 2]);
    middle[Symbol.dispose]();
    expect(makeArrays(heap, 4)).toEqual([]);
    expect([outer.failed, middle.failed, inner.failed]).toEqual([0, 2, 1]);
  });
});

test('thresholds and sizes are put back when modes end in the order in which they began', () => {
  withHeap({ thresholds: [700, 10, 10] }, (heap) => {
    const sizes = readCrossovers(heap);
    const first = hostile(heap, { collectEvery: 3, tune: { pageScanFrom: 0, parallelFrom: 5 } });
    const second = hostile(heap, { collectEvery: 50, tune: { parallelFrom: 7 } });
    expect(heap.gc.getThreshold()).toEqual([49, 1, 1]);
    expect(readCrossovers(heap)).toEqual([0, 7, sizes[2]]);
    first[Symbol.dispose]();
    expect(heap.gc.getThreshold()).toEqual([49, 1, 1]);
    expect(readCrossovers(heap)).toEqual([sizes[0], 7, sizes[2]]);
    second[Symbol.dispose]();
    expect(heap.gc.getThreshold()).toEqual([700, 10, 10]);
    expect(readCrossovers(heap)).toEqual(sizes);
  });
});

test('a mode whose end reports spoiled memory has ended all the same', () => {
  withHeap({ thresholds: [700, 10, 10] }, (heap) => {
    const { mem } = sessionOf(heap);
    const array = heap.array();
    const word = heap.id(array) + HEADER_WORDS + 1;
    array.release();
    const mode = hostile(heap, { poison: true, failEvery: 1, collectEvery: 2 });
    mem.i32[word] = 5;
    expect(() => mode[Symbol.dispose]()).toThrow(HeapCorruptionError);
    expect(makeArrays(heap, 3)).toEqual([]);
    expect(heap.gc.getThreshold()).toEqual([700, 10, 10]);
  });
});

test('callbacks that a test has cleared meanwhile are none of the mode that poisons', () => {
  withHeap({}, (heap) => {
    const mode = hostile(heap, { poison: true });
    const own = () => {};
    heap.gc.callbacks.splice(0, 1, own);
    mode[Symbol.dispose]();
    expect(heap.gc.callbacks).toEqual([own]);
  });
});

test('options that there are not are refused by name, and nothing is hostile then', () => {
  withHeap({}, (heap) => {
    const mode = (options?: unknown) => () => hostile(heap, options as never);
    const names = 'failNth, failEvery, poison, collectEvery, tune';
    for (const [wrong, message] of [
      [undefined, `hostile() takes its options as an object, { ${names} }, not undefined`],
      [null, `hostile() takes its options as an object, { ${names} }, not null`],
      [[], `hostile() takes its options as an object, { ${names} }, not one of class Array`],
      [
        { failEvery: 1, colectEvery: 2 },
        `unknown option 'colectEvery' of hostile(); the options are ${names}`,
      ],
      [
        { failEvery: 1, tune: { pageScan: 0 } },
        "unknown option 'pageScan' of tune; the options are pageScanFrom, parallelFrom, backgr",
      ],
      [{ failEvery: 1, poison: 1 }, 'poison must be a boolean, not 1'],
    ]) {
      expect(mode(wrong)).toThrow(TypeError);
      expect(mode(wrong)).toThrow(message as string);
      expect(makeArrays(heap, 3)).toEqual([]);
    }
  });
});

test('collections that a mode asks for begin only while automatic ones are enabled', () => {
  withHeap({}, (heap) => {
    using _ = hostile(heap, { collectEvery: 2 });
    heap.gc.disable();
    makeArrays(heap, 10);
    const kept = Array.from({ length: 10 }, () => heap.array());
    expect(heap.gc.getStats()[0].collections).toBe(0);
    heap.gc.enable();
    expect(heap.gc.getStats()[0].collections).toBe(1);
    for (const array of kept) array.release();
  });
});
