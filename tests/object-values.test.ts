/** Values: what goes into an untyped slot comes out of it, exactly. */

import { describe, expect, test } from 'vitest';
import { NotShareableError } from '../src/base/errors.ts';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

const bits = (() => {
  const f64 = new Float64Array(1);
  const i32 = new Int32Array(f64.buffer);
  return (low: number, high: number) => {
    i32[0] = low;
    i32[1] = high;
    return f64[0] as number;
  };
})();

const VALUES: unknown[] = [
  ...[0, -0, 1, -1, NaN, Infinity, -Infinity, 0.1, -0.1, 1e308, -1e308],
  ...[2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 2 ** 32 - 1],
  ...[2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53)],
  ...[5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, Number.MAX_VALUE],
  ...[Number.EPSILON, 1 + Number.EPSILON, -1.5, 1 / 3],
  ...[true, false, null, undefined],
  ...[0n, 1n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 53n + 1n],
  ...[2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)],
  ...['', 'a', 'true', '0', 'NaN'],
];

/** Every place that holds untyped values: writes one and reads it back. */
function places(heap: Heap): Record<string, (value: unknown) => unknown> {
  const Box = heap.struct<{ value: unknown }>('Box', { value: 'any' });
  const box = new Box();
  const array = heap.array<unknown>();
  array.push(null);
  const map = heap.map<unknown, unknown>();
  return {
    'an any field': (value) => {
      box.value = value;
      return box.value;
    },
    'a new struct': (value) => heap.run(() => new Box({ value }).value),
    'an element': (value) => array.set(0, value).at(0),
    'a pushed element': (value) => {
      array.push(value);
      return array.pop();
    },
    'a map value': (value) => map.set('key', value).get('key'),
    'a map key': (value) => {
      map.clear();
      map.set(value, 1);
      if (map.get(value) !== 1 || !map.has(value)) return 'lost';
      return [...map.keys()][0];
    },
  };
}

describe.each(['an any field', 'a new struct', 'an element', 'a pushed element', 'a map value'])(
  '%s',
  (place) => {
    test('holds every primitive exactly', () => {
      withHeap({}, (heap) => {
        const there = places(heap)[place] as (value: unknown) => unknown;
        for (const value of VALUES) {
          expect(there(value)).toBe(value);
          expect(heap.run(() => there(value))).toBe(value);
        }
      });
    });

    test('holds a hundred thousand random numbers exactly, NaNs of all bits as NaN', () => {
      withHeap({}, (heap) => {
        const there = places(heap)[place] as (value: unknown) => unknown;
        withRandom((random) => {
          heap.run(() => {
            for (let i = 0; i < 20_000; i++) {
              const low = random.int(2 ** 32);
              const high = random.chance(0.3)
                ? 0xfff0_0000 + random.int(2 ** 20)
                : random.int(2 ** 32);
              for (const value of [bits(low, high), bits(0, high), low | 0, low, -high]) {
                if (!Object.is(there(value), value)) expect(there(value)).toBe(value);
              }
            }
          });
        });
      });
    });
  },
);

test('a map key holds every primitive exactly, but -0 is 0', () => {
  withHeap({}, (heap) => {
    const there = places(heap)['a map key'] as (value: unknown) => unknown;
    for (const value of VALUES) expect(there(value)).toBe(value === 0 ? 0 : value);
  });
});

const UNSHAREABLE: [string, unknown, RegExp][] = [
  ['a function', () => {}, /it is a function/],
  ['a class', class Foo {}, /it is a function/],
  ['a symbol', Symbol('s'), /it is a symbol/],
  ['a plain object', {}, /it is an ordinary Object/],
  [
    'an object without prototype',
    Object.create(null),
    /it is an ordinary object without prototype/,
  ],
  ['an array', [], /it is an ordinary Array/],
  ['a Map', new Map(), /it is an ordinary Map/],
  ['a RegExp', /x/, /it is an ordinary RegExp/],
  ['a buffer', new Uint8Array(1), /it is an ordinary Uint8Array/],
  ['a promise', Promise.resolve(), /it is an ordinary Promise/],
  ['a bigint above 64 bits', 2n ** 64n, /a bigint must fit 64 bits/],
  ['a bigint below 64 bits', -(2n ** 63n) - 1n, /a bigint must fit 64 bits/],
];

test.each(UNSHAREABLE)(
  '%s cannot be stored anywhere; the error names the place',
  (_, value, why) => {
    withHeap({}, (heap) => {
      const Box = heap.struct<{ value: unknown; ref: object | null }>('Box', {
        value: 'any',
        ref: 'ref',
      });
      const box = new Box({ value: 'old' });
      const array = heap.array<unknown>();
      const map = heap.map<unknown, unknown>().set('k', 'old');
      array.push('old');
      const attempts: [string, () => unknown][] = [
        ['Box.value', () => (box.value = value)],
        ['Box.value', () => new Box({ value })],
        ['the value of key "new" of a map', () => map.set('new', value)],
        ['the value of key "k" of a map', () => map.set('k', value)],
        ['the key of a map', () => map.set(value, 1)],
        ['element 1 of an array', () => array.push(value)],
        ['element 2 of an array', () => array.push('a', value)],
        ['element 0 of an array', () => array.set(0, value)],
        ['element 1 of an array', () => array.unshift('a', value, 'b')],
        ['element 1 of an array', () => array.splice(0, 1, 'a', value)],
        ['element 0 of an array', () => array.fill(value)],
      ];
      if (typeof value === 'object') attempts.push(['Box.ref', () => (box.ref = value as Handle)]);
      for (const [path, attempt] of attempts) {
        for (const act of [attempt, () => heap.run(attempt)]) {
          let error: unknown;
          try {
            act();
          } catch (thrown) {
            error = thrown;
          }
          expect(error).toBeInstanceOf(NotShareableError);
          expect(error).toMatchObject({ path, code: 'ERR_SHARC_NOT_SHAREABLE' });
          expect((error as Error).message).toMatch(why);
          expect((error as Error).message).toContain(path);
        }
      }
      expect([box.value, box.ref, [...array], [...map]]).toEqual([
        'old',
        null,
        ['old'],
        [['k', 'old']],
      ]);
      expect(map.has(value)).toBe(false);
      expect(map.get(value)).toBe(undefined);
      expect(map.delete(value)).toBe(false);
      expect(array.indexOf(value)).toBe(-1);
      expect(array.includes(value)).toBe(false);
      expect(heap.stats().objectsByKind).toMatchObject({ Box: 1, map: 2, array: 1 });
    });
  },
);

test('bigint keys are equal by value', () => {
  withHeap({}, (heap) => {
    const map = heap.map<bigint | number | string, number>();
    for (let i = 0; i < 50; i++) map.set(BigInt(i) << 57n, i);
    for (let i = 0; i < 50; i++) expect(map.get(BigInt(i) << 57n)).toBe(i);
    map.clear();
    map
      .set(-1n, 1)
      .set(2n ** 64n - 1n, 2)
      .set(-1, 3)
      .set('-1', 4);
    expect([map.get(-1n), map.get(2n ** 64n - 1n), map.get(-1), map.get('-1')]).toEqual([
      1, 2, 3, 4,
    ]);
    expect(map.set(-1n, 5).size).toBe(4);
  });
});
