/** Plain objects in the heap against JavaScript's: random scripts, compared after every step. */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Shareable } from '../src/codec.ts';
import type { Handle } from '../src/handle.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { dictionaryOf } from '../src/object/shape.ts';
import type { HeapObject } from '../src/plain-object.ts';
import { define, ODD_NAMES } from './support/plain-graphs.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

type Model = Record<string, Shareable>;

const isDictionary = (object: HeapObject) => dictionaryOf(object.$session.mem, object.$ref) !== 0;

const kindOfObject = (heap: Heap, object: HeapObject) => sessionOf(heap).mem.i32[object.$ref + 1];

function expectSame(heap: Heap, object: HeapObject, model: Model): void {
  const names = Object.keys(model);
  expect(object.size).toBe(names.length);
  expect(object.keys()).toEqual(names);
  heap.scope(() => {
    const values = object.values();
    const entries = object.entries();
    names.forEach((name, i) => {
      const isSame = Object.is(values[i], model[name]);
      if (!isSame) expect(values[i]).toBe(model[name]);
      expect(entries[i]?.[0]).toBe(name);
      if (!Object.is(entries[i]?.[1], values[i])) expect(entries[i]?.[1]).toBe(values[i]);
    });
  });
}

function step(
  random: Random,
  object: HeapObject,
  model: Model,
  values: readonly Shareable[],
): void {
  const name = random.chance(0.6) ? random.pick(ODD_NAMES) : `n${random.int(30)}`;
  const dice = random.int(10);
  if (dice < 5) {
    const value = random.pick(values);
    expect(object.set(name, value)).toBe(object);
    define(model, name, value);
  } else if (dice < 8) {
    expect(object.delete(name)).toBe(Object.hasOwn(model, name));
    delete model[name];
  } else {
    expect(object.has(name)).toBe(Object.hasOwn(model, name));
    expect(object.get(name)).toBe(Object.hasOwn(model, name) ? model[name] : undefined);
  }
}

describe.each([false, true])('random scripts, in sections: %s', (inSection) => {
  test.each([0, 3, 20, 128, 129, 300])('an object of %i properties does what one does', (count) => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const shared: Handle[] = [heap.map(), heap.array()];
        const values: Shareable[] = [
          ...[1, -0, 1.5, 'text', '', null, undefined, true, 5n, NaN],
          ...shared,
        ];
        for (let round = 0; round < 6; round++) {
          const model: Model = {};
          for (let i = 0; i < count; i++) define(model, `p${i % 7}${i}`, random.pick(values));
          const object = heap.from(model) as unknown as HeapObject;
          expect(isDictionary(object)).toBe(count > 128);
          expectSame(heap, object, model);
          for (let i = 0; i < 120; i++) {
            const body = () => step(random, object, model, values);
            if (inSection) heap.run(body);
            else body();
            if (i % 10 === 0) expectSame(heap, object, model);
          }
          expectSame(heap, object, model);
          expect(heap.verify()).toEqual([]);
          heap.scope(() => expect(heap.toJS(object)).toEqual(toJSOf(heap, model)));
          object.release();
        }
        for (const handle of shared) expect(heap.refcount(handle)).toBe(1);
      }, SEED + count);
    });
  });
});

function toJSOf(heap: Heap, model: Model): Model {
  const copy: Model = {};
  for (const name of Object.keys(model)) define(copy, name, heap.toJS(model[name]));
  return copy;
}

test('objects of the same names in the same order are of one kind, others are not', () => {
  withHeap({}, (heap) => {
    const objects = [{ a: 1, b: 2 }, { b: 1, a: 2 }, { a: 3, b: 4 }, { a: 1 }, {}, { ab: 1 }];
    const kinds = objects.map((source) => kindOfObject(heap, heap.from(source) as never));
    expect(kinds[0]).toBe(kinds[2]);
    expect(new Set(kinds).size).toBe(5);
  });
});

test('becoming a dictionary changes neither identity, counts nor values', () => {
  withHeap({}, (heap) => {
    using held = heap.map();
    using object = heap.from({ b: held, a: 'text', 1: held, c: 1.5 }) as unknown as HeapObject;
    const id = heap.id(object);
    expect([heap.refcount(held), heap.refcount(object)]).toEqual([3, 1]);
    object.set('b', held); // no new name
    expect(isDictionary(object)).toBe(false);
    object.set('new', null);
    expect(isDictionary(object)).toBe(true);
    expect([heap.refcount(held), heap.refcount(object), heap.id(object)]).toEqual([3, 1, id]);
    expect(object.keys()).toEqual(['1', 'b', 'a', 'c', 'new']);
    expect(object.delete('b')).toBe(true);
    expect(heap.refcount(held)).toBe(2);
    expect(object.delete('b')).toBe(false);
    object.set('b', 1);
    expect(object.keys()).toEqual(['1', 'a', 'c', 'new', 'b']);
    for (const name of object.keys()) expect(object.delete(name)).toBe(true);
    expect([object.size, object.keys(), object.entries()]).toEqual([0, [], []]);
    expect(heap.toJS(object)).toEqual({});
  });
});

test('handles got outside of sections by values() and entries() stay', () => {
  withHeap({}, (heap) => {
    using object = heap.from({ a: [1], b: { c: 2 } });
    const handles = [...object.values(), ...object.entries().map(([, value]) => value)] as Handle[];
    expect(handles.map((handle) => heap.toJS(handle))).toEqual([[1], { c: 2 }, [1], { c: 2 }]);
    for (const handle of handles) handle.release();
    expect(() => handles[0]?.keep()).toThrow('no longer protects');
  });
});

test('what cannot be a name or a value is refused, and nothing has changed', () => {
  withHeap({}, (heap) => {
    using object = heap.from({ a: 1 }) as unknown as HeapObject;
    for (const name of [1, null, undefined, Symbol('s'), {}, ['a']] as never[]) {
      expect(() => object.get(name)).toThrow(TypeError);
      expect(() => object.set(name, 1 as never)).toThrow(TypeError);
      expect(() => object.has(name)).toThrow(TypeError);
      expect(() => object.delete(name)).toThrow(TypeError);
    }
    const before = mortalObjects(heap);
    for (const value of [{}, [], () => 1, Symbol('s'), 2n ** 70n]) {
      expect(() => object.set('a', value)).toThrow('the property "a"');
      expect(() => object.set('new', value)).toThrow('the property "new"');
    }
    expect(mortalObjects(heap)).toBe(before);
    expect(heap.toJS(object)).toEqual({ a: 1 });
    expect(isDictionary(object)).toBe(false);
    // Properties are no accessors of the handle.
    expect(() => Object.assign(object, { a: 2 })).toThrow(TypeError);
  });
});

test('an object is tracked from its first container on, until a full collection finds none', () => {
  withHeap({ leaked: 2 }, (heap) => {
    using object = heap.from({ a: 'text', b: 1 }) as unknown as HeapObject;
    expect(heap.gc.isTracked(object)).toBe(false);
    object.set('a', 2n).set('b', 'x'.repeat(100));
    expect(heap.gc.isTracked(object)).toBe(false);
    object.set('a', heap.map());
    expect(heap.gc.isTracked(object)).toBe(true);
    heap.gc.collect();
    expect(heap.gc.isTracked(object)).toBe(true);
    object.set('a', 1);
    expect(heap.gc.isTracked(object)).toBe(true);
    heap.gc.collect();
    expect(heap.gc.isTracked(object)).toBe(false);
    object.set('a', object);
    expect(heap.gc.isTracked(object)).toBe(true);
    expect(heap.gc.isTracked(heap.from({ a: { b: 1 } }))).toBe(true);
  });
});

describe('cycles', () => {
  test.each(['of shapes', 'of dictionaries', 'of both'])('%s are collected', (what) => {
    withHeap({}, (heap) => {
      const make = (i: number) => {
        const object = heap.from({ next: null, i, text: `text ${i}` }) as unknown as HeapObject;
        if (what === 'of dictionaries' || (what === 'of both' && i % 2 === 0))
          object.set('more', 1);
        return object;
      };
      const before = mortalObjects(heap);
      const objects = Array.from({ length: 50 }, (_, i) => make(i));
      objects.forEach((object, i) => void object.set('next', objects[(i + 1) % 50]));
      const first = objects[0] as HeapObject;
      for (const object of objects.slice(1)) object.release();
      heap.gc.collect();
      expect(heap.stats().objectsByKind.object).toBe(50);
      first.release();
      expect(heap.gc.collect()).toBeGreaterThanOrEqual(50);
      expect(mortalObjects(heap)).toBe(before);
    });
  });
});

test('getReferents and getReferrers see through objects', () => {
  withHeap({}, (heap) => {
    heap.run(() => {
      const inner = heap.map();
      const object = heap.from({ inner, atom: 1 });
      expect(heap.gc.getReferents(object)).toEqual([inner, 1]);
      expect(heap.gc.getReferrers(inner)).toEqual([object]);
    });
  });
});

test('statistics call objects objects; a struct of that name stays apart', () => {
  withHeap({}, (heap) => {
    const Struct = heap.struct('object', { a: 'int32' });
    using _ = new Struct();
    using copy = heap.from([{ a: 1 }, { b: 1 }, {}, /a/, new Error('x')]);
    expect(heap.stats().objectsByKind).toMatchObject({ object: 5, 'struct object': 1 });
    expect(copy.length).toBe(5);
  });
});

test('JSON.stringify writes objects as JavaScript does', () => {
  withHeap({}, (heap) => {
    const sources = [{}, { b: 1, a: [{ c: null }], 2: 'x', 1: { __proto__: null } }, { toJSON: 1 }];
    for (const source of sources) {
      using copy = heap.from(source) as unknown as HeapObject;
      expect(JSON.stringify(copy)).toBe(JSON.stringify(source));
      copy.set('new', true).delete('new');
      expect(JSON.stringify(copy)).toBe(JSON.stringify(source));
    }
  });
});

test('console.log prints names and values, cycles included', () => {
  withHeap({ leaked: 6 }, (heap) => {
    const object = heap.from({ a: 1, 'b c': { d: [1] }, 2: 'x' }) as unknown as HeapObject;
    const line = { breakLength: Number.POSITIVE_INFINITY, compact: 9 };
    expect(inspect(object, line)).toBe(
      "HeapObject { '2': 'x', a: 1, 'b c': HeapObject { d: HeapArray(1) [ 1 ] } }",
    );
    expect(inspect(object, { depth: 0 })).toBe(
      "HeapObject { '2': 'x', a: 1, 'b c': [HeapObject] }",
    );
    object.delete('b c');
    object.set('self', object);
    expect(inspect(object)).toBe("<ref *1> HeapObject { '2': 'x', a: 1, self: [Circular *1] }");
  });
});

test('when no kind is left for shapes, objects are dictionaries, and all else works', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    heap.run(() => {
      for (let i = 0; i < 3200; i++) heap.from({ [`name ${i}`]: i });
    });
    expect(mem.shapes.end).toBe(3073); // that of dictionaries comes on top
    using first = heap.from({ 'name 0': 5 }) as unknown as HeapObject;
    expect(isDictionary(first)).toBe(false);
    const shared = new ArrayBuffer(8);
    const source = {
      ...{ unseen: 1, nested: { 2: 'two', 1: 'one' }, regexp: /a/g, boxed: Object('text') },
      ...{ error: new RangeError('x'), views: [new Int8Array(shared), new Int16Array(shared)] },
    };
    using copy = heap.from(source) as unknown as HeapObject;
    expect(isDictionary(copy)).toBe(true);
    expect(heap.toJS(copy)).toEqual(structuredClone(source));
    copy.set('more', heap.map()).delete('unseen');
    first.set('more', 1);
    expect([copy.size, first.size]).toEqual([6, 2]);
    const Struct = heap.struct('Late', { a: 'int32' });
    using late = new Struct({ a: 1 });
    expect(late.a).toBe(1);
    expect(heap.verify()).toEqual([]);
  });
});
