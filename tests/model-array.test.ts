/** Arrays against JavaScript's Array: random scripts, compared after every step. */

import { describe, expect, test } from 'vitest';
import type { HeapArray } from '../src/array.ts';
import type { Heap } from '../src/heap.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

/** Values of all kinds, with few objects so that indexOf finds some. */
function valuesOf(heap: Heap): unknown[] {
  return [
    ...[0, -0, NaN, 1, 1.5, -1, 2 ** 53, 'short', 'x'.repeat(40), '\ud800', 5n, true, null],
    ...[undefined, heap.map(), heap.array()],
  ];
}

function expectSame(heap: Heap, actual: HeapArray<unknown>, model: readonly unknown[]): void {
  expect(actual.length).toBe(model.length);
  const found = heap.run(() => heap.scope(() => [...actual]));
  if (!found.every((value, i) => Object.is(value, model[i]))) expect(found).toEqual(model);
}

/** One step of a script, on the array and its model alike. */
function step(random: Random, values: unknown[], actual: HeapArray<unknown>, model: unknown[]) {
  const some = (most: number) =>
    Array.from({ length: random.int(most) }, () => random.pick(values));
  const place = () => random.between(-model.length - 3, model.length + 3);
  const value = random.pick(values);
  switch (random.int(14)) {
    case 0:
    case 1:
      expect(actual.push(value)).toBe(model.push(value));
      break;
    case 2: {
      const added = some(random.chance(0.1) ? 700 : 5);
      expect(actual.push(...added)).toBe(model.push(...added));
      break;
    }
    case 3:
      expect(actual.pop()).toBe(model.pop());
      break;
    case 4:
      expect(actual.shift()).toBe(model.shift());
      break;
    case 5: {
      const added = some(4);
      expect(actual.unshift(...added)).toBe(model.unshift(...added));
      break;
    }
    case 6: {
      const from = place();
      const count = random.between(-1, random.chance(0.2) ? model.length : 5);
      const added = some(6);
      expect(actual.splice(from, count, ...added)).toEqual(model.splice(from, count, ...added));
      break;
    }
    case 7: {
      const at = place();
      expect(actual.at(at)).toBe(model.at(at));
      break;
    }
    case 8: {
      if (model.length === 0) break;
      const at = random.int(model.length);
      const fromEnd = random.chance(0.3);
      expect(actual.set(fromEnd ? at - model.length : at, value)).toBe(actual);
      model[at] = value;
      break;
    }
    case 9: {
      const from = place();
      expect(actual.indexOf(value, from)).toBe(model.indexOf(value, from));
      expect(actual.includes(value, from)).toBe(model.includes(value, from));
      break;
    }
    case 10: {
      const [from, to] = [place(), place()];
      expect(actual.slice(from, to)).toEqual(model.slice(from, to));
      break;
    }
    case 11: {
      if (!random.chance(0.2)) break;
      const length = random.int(random.chance(0.3) ? 3000 : model.length + 10);
      actual.length = length;
      while (model.length < length) model.push(undefined);
      model.length = length;
      break;
    }
    case 12: {
      const from = place();
      if (random.chance(0.9)) break;
      expect(actual.splice(from)).toEqual(model.splice(from));
      break;
    }
    default: {
      const keys = [...actual.keys()];
      expect(keys.length).toBe(model.length);
      break;
    }
  }
}

describe.each([false, true])('random scripts, in sections: %s', (inSection) => {
  test.each([0, 1, 2])('script %i: the array does what an Array does', (number) => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const actual = heap.array<unknown>();
        const model: unknown[] = [];
        const values = valuesOf(heap);
        for (let done = 0; done < 600; ) {
          const batch = inSection ? random.between(1, 20) : 1;
          const body = () => {
            for (let i = 0; i < batch; i++) {
              step(random, values, actual, model);
              expectSame(heap, actual, model);
            }
          };
          if (inSection) heap.run(body);
          else body();
          done += batch;
          if (random.chance(0.03)) expect(heap.verify()).toEqual([]);
        }
      }, SEED + number);
    });
  });
});

test('an array of objects drops exactly what is taken out of it', () => {
  withHeap({}, (heap) => {
    withRandom((random) => {
      const P = heap.struct<{ id: number }>('P', { id: 'int32' });
      const array = heap.array<{ id: number }>();
      const model: number[] = [];
      let next = 0;
      for (let round = 0; round < 200; round++) {
        heap.run(() => {
          const from = random.int(model.length + 1);
          const count = random.int(30);
          const added = Array.from(
            { length: random.int(random.chance(0.1) ? 600 : 32) },
            () => next++,
          );
          array.splice(from, count, ...added.map((id) => new P({ id })));
          model.splice(from, count, ...added);
        });
        expect(heap.stats().objectsByKind.P ?? 0).toBe(model.length);
        expect(heap.run(() => [...array].map((p) => p.id))).toEqual(model);
      }
    });
  });
});

test.each([1, 3, 4, 5, 511, 512, 513, 1023, 1024, 1025, 524_288, 524_289])(
  'an array of %i elements holds each at its index, up and down again',
  (length) => {
    withHeap({}, (heap) => {
      const array = heap.array<number>();
      heap.run(() => {
        for (let i = 0; i < length; i++) array.push(i);
        expect(array.length).toBe(length);
        for (const i of [0, length >> 1, length - 1]) expect(array.at(i)).toBe(i);
        expect(array.at(-1)).toBe(length - 1);
        expect(array.at(length)).toBe(undefined);
        let sum = 0;
        for (let i = 0; i < length; i++) sum += array.at(i) as number;
        expect(sum).toBe((length * (length - 1)) / 2);
        for (let i = length - 1; i >= 0; i--) if (array.pop() !== i) expect.fail(`element ${i}`);
        expect(array.pop()).toBe(undefined);
      });
    });
  },
);

test('iterators of arrays see what is added and removed meanwhile, as in JavaScript', () => {
  withHeap({}, (heap) => {
    const seenBy = (array: number[] | HeapArray<number>) => {
      array.push(1, 2, 3, 4, 5);
      const seen: number[] = [];
      for (const value of array) {
        seen.push(value);
        if (value === 2) array.push(6, 7);
        if (value === 3) array.shift();
        if (value === 6) array.pop();
      }
      return seen;
    };
    const expected = seenBy([]);
    expect(seenBy(heap.array<number>())).toEqual(expected);
    expect(heap.run(() => seenBy(heap.array<number>()))).toEqual(expected);
  });
});

test('forEach visits the elements that were there at its start', () => {
  withHeap({}, (heap) => {
    const array = heap.array<number>();
    array.push(1, 2, 3);
    const seen: unknown[] = [];
    array.forEach(function visit(this: unknown, value, index, whole) {
      seen.push([this, value, index, whole === array]);
      if (index === 0) array.push(9);
    }, 'this');
    expect(seen).toEqual([1, 2, 3].map((value, index) => ['this', value, index, true]));
    expect([...array.entries()]).toEqual([1, 2, 3, 9].map((value, index) => [index, value]));
  });
});

test('splice counts its arguments as JavaScript does', () => {
  withHeap({}, (heap) => {
    const array = heap.array<number>();
    const splice = array.splice as (...args: unknown[]) => number[];
    array.push(1, 2, 3, 4);
    expect(splice.call(array)).toEqual([]);
    expect(splice.call(array, 0, undefined)).toEqual([]);
    expect(splice.call(array, 3)).toEqual([4]);
    expect(splice.call(array, undefined, 1)).toEqual([1]);
    expect(splice.call(array, -1, 5, 7, 8)).toEqual([3]);
    expect([...array]).toEqual([2, 7, 8]);
  });
});

test.each([-1, 1.5, NaN, 2 ** 30, 2 ** 32, '3', undefined])('the length cannot be %s', (length) => {
  withHeap({}, (heap) => {
    const array = heap.array();
    array.push(1, 2);
    expect(() => {
      array.length = length as number;
    }).toThrow(RangeError);
    expect([...array]).toEqual([1, 2]);
  });
});

test.each([2, -3, 1.5, NaN, '0', undefined])(
  'an array of two has no element %s to set',
  (index) => {
    withHeap({}, (heap) => {
      const array = heap.array();
      array.push(1, 2);
      expect(() => array.set(index as number, 0)).toThrow(RangeError);
      expect([...array]).toEqual([1, 2]);
    });
  },
);
