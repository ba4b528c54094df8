/** Structs that extend structs: fields and methods of both. */

import { expect, expectTypeOf, test } from 'vitest';
import type { Heap } from '../src/heap.ts';
import { withHeap } from './support/with-heap.ts';

function shapes(heap: Heap) {
  class Shape extends heap.struct('Shape', { x: 'float64', name: 'string', next: 'ref' }) {
    static readonly sides = 0;
    describe() {
      return `${this.name} at ${this.x}`;
    }
  }
  class Circle extends heap.struct('Circle', { r: 'float64' }, { extends: Shape }) {
    override describe() {
      return `circle ${super.describe()}`;
    }
    get diameter() {
      return this.r * 2;
    }
  }
  class Disc extends heap.struct('Disc', { colour: 'any' }, { extends: Circle }) {}
  return { Shape, Circle, Disc };
}

test('objects have the fields and the methods of all their classes', () => {
  withHeap({}, (heap) => {
    const { Shape, Circle, Disc } = shapes(heap);
    const circle = new Circle({ x: 1, name: 'c', r: 5 });
    const disc = new Disc({ name: 'd', r: 3, colour: 7, next: circle });
    expectTypeOf(disc.diameter).toEqualTypeOf<number>();
    expectTypeOf(disc.name).toEqualTypeOf<string>();
    expect([circle.describe(), circle.diameter]).toEqual(['circle c at 1', 10]);
    expect([disc.describe(), disc.diameter, disc.colour]).toEqual(['circle d at 0', 6, 7]);
    expect(disc.next).toBe(circle);
    expect([disc instanceof Shape, disc instanceof Circle, disc instanceof Disc]).toEqual([
      true,
      true,
      true,
    ]);
    expect(circle instanceof Disc).toBe(false);
    expect(Disc.sides).toBe(0);
    expect(Object.keys(disc.toJSON() as object)).toEqual(['x', 'name', 'next', 'r', 'colour']);
    disc.next = null;
    expect(heap.verify()).toEqual([]);
  });
});

test('objects of the struct that is extended are not changed by it', () => {
  withHeap({}, (heap) => {
    const { Shape } = shapes(heap);
    const shape = new Shape({ x: 2, name: 's' });
    expect(shape.describe()).toBe('s at 2');
    expect('r' in shape).toBe(false);
    expect(() => new Shape({ r: 1 } as never)).toThrow(TypeError);
  });
});

test('the fields of a struct that extends another are checked as all fields are', () => {
  withHeap({}, (heap) => {
    const { Circle } = shapes(heap);
    const circle = new Circle();
    expect(() => {
      circle.x = 'far' as never;
    }).toThrow('Circle.x must be a number');
    // @ts-expect-error: there is no such field
    expect(() => new Circle({ depth: 1 })).toThrow("has no field 'depth'");
  });
});

test('a declaration that cannot be meant is refused, and nothing is declared', () => {
  withHeap({}, (heap) => {
    const { Shape } = shapes(heap);
    const declare = (fields: object, options: unknown) => () =>
      heap.struct('Other', fields as never, options as never);
    expect(declare({ x: 'int8' }, { extends: Shape })).toThrow('Other.x is a field of Shape');
    expect(declare({}, { extends: class {} })).toThrow('can extend a struct');
    expect(declare({}, { extends: null })).toThrow('can extend a struct');
    expect(declare({}, { inherits: Shape })).toThrow("unknown option 'inherits'");
    expect(declare({}, null)).toThrow('must be an object');
    const Other = heap.struct('Other', { y: 'int8' });
    expect(new Other({ y: 1 }).y).toBe(1);
  });
});

test('the same declaration gives the same class; another superclass is refused', () => {
  withHeap({}, (heap) => {
    const { Shape, Circle } = shapes(heap);
    const again = heap.struct('Circle', { r: 'float64' }, { extends: Shape });
    expect(again).toBe(Object.getPrototypeOf(Circle));
    const flat = { x: 'float64', name: 'string', next: 'ref', r: 'float64' } as const;
    expect(() => heap.struct('Circle', flat)).toThrow('extends another class');
  });
});

test('a class that extends a class without a struct of its own is told how', () => {
  withHeap({}, (heap) => {
    const { Shape } = shapes(heap);
    new Shape().release();
    class Plain extends Shape {}
    expect(() => new Plain()).toThrow('declare another struct with { extends: ... }');
  });
});

test('a method of the class that is extended may ask super for a field', () => {
  withHeap({}, (heap) => {
    class Base extends heap.struct('Base', { a: 'int32', b: 'string' }) {
      read() {
        return [super.a, super.b];
      }
      write() {
        super.a = 7;
        super.b = 'written';
      }
    }
    class Derived extends heap.struct('Derived', { ref: 'ref' }, { extends: Base }) {}
    const derived = new Derived({ a: 1, b: 'x' });
    derived.ref = derived;
    expect(derived.read()).toEqual([1, 'x']);
    derived.write();
    heap.run(() => derived.write());
    expect([derived.a, derived.b, derived.ref]).toEqual([7, 'written', derived]);
    expect(heap.run(() => derived.read())).toEqual([7, 'written']);
    derived.ref = null;
  });
});

test('an accessor that is called on another object throws TypeError, and nothing changes', () => {
  withHeap({}, (heap) => {
    const A = heap.struct('A', { x: 'int32', next: 'ref' });
    const B = heap.struct('B', { next: 'ref', name: 'string' });
    const a = new A();
    const b = new B({ name: 'b', next: a });
    const { get, set } = Object.getOwnPropertyDescriptor(A.prototype, 'x') as PropertyDescriptor;
    for (const other of [b, heap.array(), {}, A.prototype]) {
      for (const run of [(act: () => void) => act(), (act: () => void) => heap.run(act)]) {
        expect(() => run(() => get?.call(other))).toThrow(/A.x is not a field|released/);
        expect(() => run(() => set?.call(other, 5))).toThrow(/A.x is not a field|released/);
      }
    }
    expect([b.name, b.next]).toEqual(['b', a]);
    expect(heap.verify()).toEqual([]);
  });
});
