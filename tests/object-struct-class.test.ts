/** Structs: declarations, names that meet, subclasses. */

import { describe, expect, test } from 'vitest';
import { StructMismatchError } from '../src/base/errors.ts';
import type { Heap } from '../src/heap.ts';
import type { HeapStruct, StructClass } from '../src/struct.ts';
import { withHeap } from './support/with-heap.ts';

/** A struct without types, to do what TypeScript forbids. */
const untyped = (heap: Heap, name: string, fields: unknown) =>
  heap.struct<Record<string, unknown>>(name, fields as never);

describe('a declaration', () => {
  test('made twice gives the same class, whatever the order of its fields', () => {
    withHeap({}, (heap) => {
      const A = untyped(heap, 'A', { x: 'int32', y: 'string' });
      expect(untyped(heap, 'A', { x: 'int32', y: 'string' })).toBe(A);
      expect(untyped(heap, 'A', { y: 'string', x: 'int32' })).toBe(A);
      expect(A.name).toBe('A');
    });
  });

  test.each([
    ['y', { x: 'int32' }, "field 'y' is string in the heap, missing in this declaration"],
    ['z', { x: 'int32', y: 'string', z: 'ref' }, "field 'z' is missing in the heap, ref"],
    ['x', { x: 'int16', y: 'string' }, "field 'x' is int32 in the heap, int16"],
  ])('that differs names the field %s', (field, fields, text) => {
    withHeap({}, (heap) => {
      untyped(heap, 'A', { x: 'int32', y: 'string' });
      let error: unknown;
      try {
        untyped(heap, 'A', fields);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(StructMismatchError);
      expect(error).toMatchObject({ struct: 'A', field, code: 'ERR_SHARC_STRUCT_MISMATCH' });
      expect((error as Error).message).toContain(text);
    });
  });

  const BAD: [string, unknown, unknown][] = [
    ['an empty name', '', {}],
    ['a name that is no string', 5, {}],
    ['no fields', 'A', undefined],
    ['null for fields', 'A', null],
    ['an unknown kind', 'A', { x: 'int64' }],
    ['a kind from the prototype', 'A', { x: 'toString' }],
    ['a kind that is no string', 'A', { x: ['int32'] }],
    ['a kind that is undefined', 'A', { x: undefined }],
    ['a symbol as kind', 'A', { x: Symbol('x') }],
    ...['keep', 'release', 'is', 'constructor', '$ref', '$x', 'then'].map(
      (name): [string, unknown, unknown] => [`a field called ${name}`, 'A', { [name]: 'int32' }],
    ),
    ['a field called __proto__', 'A', JSON.parse('{"__proto__": "int32"}')],
  ];
  test.each(BAD)('with %s is refused', (_what, name, fields) => {
    withHeap({}, (heap) => {
      expect(() => heap.struct(name as string, fields as never)).toThrow(TypeError);
      expect(heap.stats().immortalObjects).toBe(1); // nothing was declared
    });
  });

  test('with strange names works', () => {
    withHeap({}, (heap) => {
      const name = 'Ä "quoted"\n\ud800';
      const fields = { '': 'int32', 'a b': 'string', 'ü\udc00': 'any', toString: 'int8', 0: 'ref' };
      const Odd = untyped(heap, name, fields);
      expect(untyped(heap, name, fields)).toBe(Odd);
      const odd = new Odd({ '': 1, 'a b': 'c', 'ü\udc00': 2, toString: 3, 0: null });
      expect([odd[''], odd['a b'], odd['ü\udc00'], odd.toString, odd[0]]).toEqual([
        1,
        'c',
        2,
        3,
        null,
      ]);
      expect(heap.stats().objectsByKind[name]).toBe(1);
    });
  });

  test('too large for a block is a RangeError', () => {
    withHeap({}, (heap) => {
      const fields: Record<string, string> = {};
      for (let i = 0; i < 60_000; i++) fields[`f${i}`] = 'float64';
      expect(() => untyped(heap, 'Large', fields)).toThrow(RangeError);
    });
  });

  test('beyond the 4080th is a RangeError', () => {
    withHeap({}, (heap) => {
      for (let i = 0; i < 4080; i++) heap.struct(`S${i}`, {});
      expect(() => heap.struct('S4080', {})).toThrow(/at most 4080 structs/);
      expect(heap.struct('S7', {}).name).toBe('S7');
    });
  });
});

describe('a subclass', () => {
  interface Square {
    side: number;
    next: (Square & HeapStruct) | null;
  }
  const declare = (heap: Heap) => {
    const Base: StructClass<Square> = heap.struct<Square>('Square', { side: 'int32', next: 'ref' });
    class Sub extends Base {
      get area(): number {
        return this.side * this.side;
      }
      double(): this {
        this.side *= 2;
        return this;
      }
    }
    return { Base, Sub };
  };

  test('gives its methods to all objects of the struct made after it is known', () => {
    withHeap({}, (heap) => {
      const { Base, Sub } = declare(heap);
      const three = new Sub({ side: 3 });
      expect(three.area).toBe(9);
      expect(three).toBeInstanceOf(Sub);
      expect(three.double().area).toBe(36);
      const array = heap.array<InstanceType<typeof Sub>>();
      heap.run(() => array.push(new Base({ side: 5 }) as InstanceType<typeof Sub>));
      expect(array.at(0)?.area).toBe(25);
      expect(heap.run(() => three.constructor)).toBe(Sub);
    });
  });

  test('is registered without making an object', () => {
    withHeap({}, (heap) => {
      const { Base, Sub } = declare(heap);
      const array = heap.array<InstanceType<typeof Sub>>();
      heap.run(() => array.push(new Base({ side: 7 }) as InstanceType<typeof Sub>));
      expect(Sub.register()).toBe(Sub);
      expect(array.at(0)?.area).toBe(49);
      expect(Sub.register()).toBe(Sub);
    });
  });

  test('is one per thread', () => {
    withHeap({}, (heap) => {
      const { Base, Sub } = declare(heap);
      Sub.register();
      class Other extends Base {}
      expect(() => new Other()).toThrow(/has the class Sub in this thread already/);
      expect(() => Other.register()).toThrow(TypeError);
      expect(() => Base.register.call(class {} as never)).toThrow(TypeError);
      expect(heap.stats().objectsByKind.Square ?? 0).toBe(0);
    });
  });

  test('may have a constructor of its own', () => {
    withHeap({}, (heap) => {
      const { Base } = declare(heap);
      class Unit extends Base {
        constructor(side = 1) {
          super({ side });
          this.next = this as never;
        }
      }
      const unit = new Unit();
      expect([unit.side, unit.next]).toEqual([1, unit]);
      unit.next = null;
    });
  });
});
