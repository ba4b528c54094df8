/** Structs: fields of every kind, their ranges and their places. */

import { expect, test } from 'vitest';
import type { Heap } from '../src/heap.ts';
import type { FieldKind } from '../src/object/struct-layout.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

interface All {
  i8: number;
  u8: number;
  i16: number;
  u16: number;
  i32: number;
  u32: number;
  f32: number;
  f64: number;
  big: bigint;
  flag: boolean;
  text: string;
  ref: object | null;
  any: unknown;
}

const ALL = {
  i8: 'int8',
  u8: 'uint8',
  i16: 'int16',
  u16: 'uint16',
  i32: 'int32',
  u32: 'uint32',
  f32: 'float32',
  f64: 'float64',
  big: 'bigint64',
  flag: 'boolean',
  text: 'string',
  ref: 'ref',
  any: 'any',
} as const;

const all = (heap: Heap) => heap.struct<All>('All', ALL);
/** A struct without types, to do what TypeScript forbids. */
const untyped = (heap: Heap, name: string, fields: unknown) =>
  heap.struct<Record<string, unknown>>(name, fields as never);

const DEFAULTS: [keyof All, unknown][] = [
  ['i8', 0],
  ['u8', 0],
  ['i16', 0],
  ['u16', 0],
  ['i32', 0],
  ['u32', 0],
  ['f32', 0],
  ['f64', 0],
  ['big', 0n],
  ['flag', false],
  ['text', ''],
  ['ref', null],
  ['any', undefined],
];

test.each(DEFAULTS)('the field %s is %s unless given', (name, value) => {
  withHeap({}, (heap) => {
    const Struct = all(heap);
    expect(new Struct()[name]).toBe(value);
    expect(new Struct({})[name]).toBe(value);
    expect(new Struct({ [name]: undefined })[name]).toBe(value);
    expect(heap.run(() => new Struct()[name])).toBe(value);
  });
});

test('a block that was used before gives no old values to a new struct', () => {
  withHeap({}, (heap) => {
    const Struct = all(heap);
    const full = { ...Object.fromEntries(DEFAULTS), i8: -1, u16: 65535, i32: -1, any: 'x' };
    for (let i = 0; i < 100; i++) {
      heap.run(() => {
        new Struct({ ...full, big: -1n, flag: true, text: 'text', f64: -1, f32: -1, u8: 255 });
      });
      heap.run(() => {
        const fresh = new Struct() as All;
        for (const [name, value] of DEFAULTS) expect(fresh[name]).toBe(value);
      });
    }
  });
});

const EDGES: [keyof All, unknown[]][] = [
  ['i8', [-128, 127, 0, -1]],
  ['u8', [0, 255]],
  ['i16', [-32768, 32767]],
  ['u16', [0, 65535]],
  ['i32', [-2147483648, 2147483647]],
  ['u32', [0, 2147483648, 4294967295]],
  ['f32', [0.5, -0, NaN, Infinity, -Infinity, 1.401298464324817e-45, 3.4028234663852886e38]],
  ['f64', [0.1, -0, NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE, 2 ** 53]],
  ['big', [-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n]],
  ['flag', [true, false]],
  ['text', ['', 'a', 'ä', '\ud800', 'x'.repeat(1000)]],
];

test.each(EDGES)('the field %s holds its edges exactly', (name, values) => {
  withHeap({}, (heap) => {
    const Struct = all(heap);
    for (const value of values) {
      expect(new Struct({ [name]: value })[name]).toBe(value);
      const object = new Struct();
      (object as unknown as Record<string, unknown>)[name] = value;
      expect(object[name]).toBe(value);
      heap.run(() => {
        (object as unknown as Record<string, unknown>)[name] = value;
        expect(object[name]).toBe(value);
      });
    }
  });
});

const REFUSED: [keyof All, unknown[], unknown[]][] = [
  ['i8', [-129, 128, 1.5, NaN, Infinity], ['1', null, true, 1n, undefined]],
  ['u8', [-1, 256, 0.5, NaN], ['1', null, false]],
  ['i16', [-32769, 32768, NaN], ['1', null]],
  ['u16', [-1, 65536, 1e300], ['1', null]],
  ['i32', [-2147483649, 2147483648, 0.1, NaN, -Infinity], ['1', null, {}, 1n]],
  ['u32', [-1, 4294967296, 0.1], ['1', null]],
  ['f32', [], ['1', null, 1n, undefined, {}]],
  ['f64', [], ['1', null, 1n, undefined, {}]],
  ['big', [2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n], [1, '1', null]],
  ['flag', [], [0, 1, 'true', null, undefined]],
  ['text', [], [1, null, undefined, {}, Symbol('s')]],
  ['ref', [], [1, 'x', undefined, true, 1n]],
];

test.each(REFUSED)(
  'the field %s refuses values that it cannot hold, by name',
  (name, far, wrong) => {
    withHeap({}, (heap) => {
      const Struct = all(heap);
      const before = Object.fromEntries(DEFAULTS)[name];
      const object = new Struct();
      const write = (value: unknown) => {
        (object as unknown as Record<string, unknown>)[name] = value;
      };
      for (const [values, kind] of [
        [far, RangeError],
        [wrong, TypeError],
      ] as const) {
        for (const value of values) {
          const about = expect.objectContaining({
            message: expect.stringContaining(`All.${name}`),
          });
          expect(() => write(value)).toThrow(about);
          expect(() => write(value)).toThrow(kind);
          expect(() => heap.run(() => write(value))).toThrow(kind);
          expect(object[name]).toBe(before);
          if (value === undefined) continue; // left out
          expect(() => new Struct({ [name]: value })).toThrow(kind);
        }
      }
      expect(heap.stats().objectsByKind.All).toBe(1);
    });
  },
);

test('a field that does not exist is refused by new and by assignment', () => {
  withHeap({}, (heap) => {
    const Struct = all(heap);
    expect(() => new Struct({ nope: 1 } as never)).toThrow(/All has no field 'nope'.*i8, u8/);
    expect(() => new Struct({ nope: undefined } as never)).toThrow(TypeError);
    const object = new Struct() as unknown as Record<string, unknown>;
    expect(() => {
      object.nope = 1;
    }).toThrow(/All has no field 'nope'/);
    expect(() =>
      heap.run(() => {
        object.nope = 1;
      }),
    ).toThrow(TypeError);
    expect(object.nope).toBe(undefined);
    expect(() => new Struct('text' as never)).toThrow(TypeError);
    expect(() => (Struct as unknown as () => void)()).toThrow(TypeError);
    const empty = untyped(heap, 'Empty', {});
    expect(() => new empty({ a: 1 })).toThrow(/its fields are none/);
    expect(heap.stats().objectsByKind).toMatchObject({ All: 1 });
  });
});

test('a struct of four references takes 24 bytes', () => {
  withHeap({}, (heap) => {
    const Four = heap.struct<Record<'a' | 'b' | 'c' | 'd', object | null>>('Four', {
      a: 'ref',
      b: 'ref',
      c: 'ref',
      d: 'ref',
    });
    const array = heap.array();
    heap.run(() => {
      array.length = 100;
    });
    const before = heap.stats();
    heap.run(() => {
      for (let i = 0; i < 100; i++) array.set(i, new Four());
    });
    const after = heap.stats();
    expect(after.liveObjects - before.liveObjects).toBe(100);
    expect(after.liveBytes - before.liveBytes).toBe(100 * 24);
  });
});

const SIZES: [number, Record<string, FieldKind>][] = [
  [16, { a: 'int32', b: 'int32' }],
  [16, {}],
  [16, { a: 'float64' }],
  [16, { a: 'int8', b: 'int8', c: 'int8', d: 'int8', e: 'int16', f: 'int16' }],
  [24, { a: 'ref', b: 'float64', c: 'int32' }],
  [24, { a: 'any', b: 'bigint64' }],
  [40, { a: 'ref', b: 'any', c: 'float64', d: 'float64' }],
];
test.each(SIZES)('%i bytes hold %o', (bytes, fields) => {
  withHeap({}, (heap) => {
    const Struct = untyped(heap, 'Sized', fields);
    const keep = new Struct();
    const before = heap.stats().liveBytes;
    new Struct();
    expect(heap.stats().liveBytes - before).toBe(bytes);
    keep.release();
  });
});

const RANDOM_VALUES: { [Kind in FieldKind]: (random: Random, others: object[]) => unknown } = {
  int8: (random) => random.between(-128, 127),
  uint8: (random) => random.between(0, 255),
  int16: (random) => random.between(-32768, 32767),
  uint16: (random) => random.between(0, 65535),
  int32: (random) => random.between(-(2 ** 31), 2 ** 31 - 1),
  uint32: (random) => random.between(0, 2 ** 32 - 1),
  float32: (random) => Math.fround(random.next() * 1e6),
  float64: (random) => random.next() - 0.5,
  bigint64: (random) => BigInt(random.between(-(2 ** 53), 2 ** 53)) * 1000n,
  boolean: (random) => random.chance(0.5),
  string: (random) => 's'.repeat(random.int(50)) + random.int(100),
  ref: (random, others) => (random.chance(0.2) ? null : random.pick(others)),
  any: (random, others) =>
    random.pick([1, -0, 'x', 5n, null, undefined, true, random.pick(others)]),
};

test('fields of random structs do not overlap: each keeps what was written to it', () => {
  withHeap({}, (heap) => {
    withRandom((random) => {
      const others = [heap.map(), heap.array(), heap.map()];
      const kinds = Object.keys(RANDOM_VALUES) as FieldKind[];
      for (let number = 0; number < 100; number++) {
        const fields: Record<string, FieldKind> = {};
        const count = random.int(random.chance(0.1) ? 120 : 12);
        for (let i = 0; i < count; i++) fields[`f${i}`] = random.pick(kinds);
        const Struct = untyped(heap, `Random${number}`, fields);
        const names = Object.keys(fields);
        const model: Record<string, unknown> = {};
        heap.run(() => {
          const object = new Struct();
          const neighbour = new Struct();
          const before = names.map((name) => neighbour[name]);
          for (const name of names) model[name] = object[name];
          for (let step = 0; step < names.length * 4; step++) {
            const name = random.pick(names);
            const value = RANDOM_VALUES[fields[name] as FieldKind](random, others);
            object[name] = value;
            model[name] = value;
            for (const each of names) expect(object[each]).toBe(model[each]);
          }
          expect(names.map((name) => neighbour[name])).toEqual(before);
          const copy = new Struct(model);
          for (const each of names) expect(copy[each]).toBe(model[each]);
        });
      }
    }, SEED);
  });
});
