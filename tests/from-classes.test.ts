/** `heap.from` and `heap.toJS`, class by class: what comes back. */

import { isDeepStrictEqual } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { HeapArray } from '../src/array.ts';
import { HeapBytes } from '../src/bytes.ts';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { HeapMap } from '../src/map.ts';
import { HeapObject } from '../src/plain-object.ts';
import { HeapSet } from '../src/set.ts';
import { structureOf } from './support/plain-graphs.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

// biome-ignore lint/suspicious/noExplicitAny: handles of any kind
type Any = any;

function roundTrip<T>(heap: Heap, value: T): T {
  const copy = heap.from(value) as Handle;
  const back = heap.toJS(copy) as unknown as T;
  copy.release();
  return back;
}

function expectAsClone(heap: Heap, value: unknown): void {
  const back = roundTrip(heap, value);
  const wanted = structuredClone(value);
  expect(structureOf(back)).toEqual(structureOf(wanted));
  expect(isDeepStrictEqual(back, wanted)).toBe(true);
}

test('each class of the language has its class in the heap', () => {
  withHeap({}, (heap) => {
    using all = heap.from({ o: {}, a: [], m: new Map(), s: new Set(), b: new ArrayBuffer(1) });
    expect(all).toBeInstanceOf(HeapObject);
    const handles = { o: HeapObject, a: HeapArray, m: HeapMap, s: HeapSet, b: HeapBytes };
    for (const [name, type] of Object.entries(handles)) {
      using part = all.get(name as 'o') as HeapObject;
      expect(part).toBeInstanceOf(type);
    }
  });
});

test('primitives and dates come back as they are', () => {
  withHeap({}, (heap) => {
    const date = new Date(5);
    for (const value of [1, -0, NaN, 'text', '', true, null, undefined, 5n, date]) {
      expect(heap.from(value)).toBe(value);
      expect(heap.toJS(value)).toBe(value);
    }
    expect(mortalObjects(heap)).toBe(0);
  });
});

describe('buffers and views', () => {
  const buffer = () => Uint8Array.from({ length: 48 }, (_, i) => i).buffer;
  const cases: Record<string, () => unknown> = {
    'a buffer': buffer,
    'an empty buffer': () => new ArrayBuffer(0),
    'a view of an empty buffer': () => [new Float64Array(0), new DataView(new ArrayBuffer(0))],
    'a view of all': () => new Int16Array(buffer()),
    'a view of a part': () => new Int16Array(buffer(), 6, 4),
    'an empty view behind the end': () => new Int16Array(buffer(), 48),
    'a DataView of a part': () => new DataView(buffer(), 5, 7),
    'views of all types': () => {
      const shared = buffer();
      return [
        ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array],
        ...[Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array],
      ].map((type) => new type(shared, 8, 2));
    },
    'the buffer after its views': () => {
      const shared = buffer();
      return [new Int8Array(shared, 1, 2), new Int8Array(shared), shared, shared];
    },
    'the buffer before its views': () => {
      const shared = buffer();
      return [shared, new Float64Array(shared), new DataView(shared, 3), shared];
    },
    'a view of all, then the buffer': () => {
      const shared = buffer();
      return { view: new Float32Array(shared), shared, again: new Float32Array(shared) };
    },
    'views as keys': () => {
      const shared = buffer();
      const view = new Uint8Array(shared, 1);
      return new Map<unknown, unknown>([
        [view, shared],
        [shared, view],
        [new Uint8Array(shared), 1],
      ]);
    },
  };
  test.each(Object.keys(cases))('%s', (name) => {
    withHeap({}, (heap) => expectAsClone(heap, cases[name]?.()));
  });

  test('a change through one view of a copy is seen by the others', () => {
    withHeap({}, (heap) => {
      const shared = buffer();
      const [bytes, words] = roundTrip(heap, [
        new Uint8Array(shared),
        new Uint32Array(shared, 8, 1),
      ]);
      (bytes as Uint8Array)[8] = 255;
      expect(words?.[0]).toBe(0x0b0a09ff);
    });
  });

  test('a Buffer is its own part of what it is a view of', () => {
    withHeap({}, (heap) => {
      const text = Buffer.from('some text');
      const back = roundTrip(heap, [text, text, text.subarray(5)]);
      expect(back.map((part) => Buffer.from(part).toString())).toEqual([
        ...['some text', 'some text', 'text'],
      ]);
      expect(back[0]).toBe(back[1]);
      expect(back[0]?.constructor).toBe(Uint8Array);
      expect(back[0]?.buffer.byteLength).toBe(9);
    });
  });
});

test('sparse arrays keep their holes', () => {
  withHeap({}, (heap) => {
    // biome-ignore lint/suspicious/noSparseArray: holes are what this is about
    for (const array of [[, 1, , undefined, ,], Array(3), Array(1000), [[, 1]]]) {
      expectAsClone(heap, array);
    }
    const long = Object.assign(Array(100), { 50: 'x', 99: undefined });
    expectAsClone(heap, long);
  });
});

describe('errors', () => {
  test('of all classes, with and without message and cause', () => {
    withHeap({}, (heap) => {
      for (const type of [Error, EvalError, RangeError, SyntaxError, TypeError, URIError]) {
        expectAsClone(heap, new type('message'));
        expectAsClone(heap, new type());
        expectAsClone(heap, new type('', { cause: [{ code: 5 }] }));
        expectAsClone(heap, new type('m', { cause: undefined }));
      }
    });
  });
  test('of classes of the program, with names and properties of their own', () => {
    withHeap({}, (heap) => {
      class MyError extends RangeError {
        code = 'E_MINE';
        override name = 'MyError';
      }
      expectAsClone(heap, new MyError('text'));
      expectAsClone(heap, Object.assign(new Error('x'), { name: 'TypeError', code: 1 }));
      expectAsClone(heap, Object.assign(new Error('x'), { name: '' }));
      expectAsClone(heap, new AggregateError([1, 2], 'several'));
      expectAsClone(heap, new DOMExceptionLike('x'));
    });
  });
  test('in cycles through their causes', () => {
    withHeap({ leaked: 5 }, (heap) => {
      const error = new Error('round');
      error.cause = { error };
      const back = roundTrip(heap, error);
      expect((back.cause as { error: Error }).error).toBe(back);
    });
  });
  test('whose parts are no strings', () => {
    withHeap({}, (heap) => {
      const odd = new Error('x') as unknown as Record<string, unknown>;
      odd.message = { toString: () => 'text' };
      odd.name = { toString: () => 'TypeError' };
      odd.stack = [odd];
      const back = roundTrip(heap, odd) as unknown as Error;
      expect(back).toBeInstanceOf(TypeError);
      expect([back.message, back.stack]).toEqual(['text', undefined]);
    });
  });
});
class DOMExceptionLike extends Error {}

test('regular expressions begin at their beginning again', () => {
  withHeap({}, (heap) => {
    for (const regexp of [/a/, /(?:)/, /\//dgimsuy, /[/\]\n]/, /\u{1f600}/u]) {
      expectAsClone(heap, Object.assign(regexp, { lastIndex: 2 }));
    }
    const odd = Object.defineProperties(/a/g, { source: { value: 5 }, flags: { value: 'zzz' } });
    expect(String(roundTrip(heap, odd))).toBe('/a/g');
  });
});

test('boxed primitives stay boxed, and are one object where they were', () => {
  withHeap({}, (heap) => {
    const boxes = [1, -0, NaN, 'text', '', true, false, 5n].map((value) => Object(value));
    expectAsClone(heap, [...boxes, ...boxes]);
  });
});

test('objects of classes, without prototype, and of odd ones become plain objects', () => {
  withHeap({}, (heap) => {
    class Base {
      inherited = 1;
      #hidden = 2;
      get hidden() {
        return this.#hidden;
      }
    }
    class Derived extends Base {
      own = [this.hidden];
      method() {}
    }
    expectAsClone(heap, new Derived());
    expectAsClone(heap, Object.assign(Object.create(null), { a: 1 }));
    expectAsClone(heap, Object.assign(Object.create({ inherited: 1 }), { a: 1 }));
    for (const type of [Date, Map, Set, RegExp, Error, Array, ArrayBuffer, Uint8Array]) {
      expectAsClone(heap, Object.assign(Object.create(type.prototype), { a: 1 }));
    }
    const partly = Object.defineProperty({ a: 1, [Symbol('s')]: 2 }, 'b', { value: () => {} });
    expectAsClone(heap, partly);
  });
});

test('subclasses of what is built in become what is built in', () => {
  withHeap({}, (heap) => {
    class List extends Array {}
    class Dictionary extends Map<unknown, unknown> {}
    class Bag extends Set<unknown> {}
    class Moment extends Date {}
    class Bytes extends Uint8Array {}
    const all = [List.of(1, 2), new Dictionary([[1, 2]]), new Bag([1]), new Moment(5)];
    expectAsClone(heap, [...all, new Bytes(3)]);
  });
});

test('values of another realm are what they are', () => {
  withHeap({}, (heap) => {
    const realm = createContext({});
    const codes = [
      ...['({ a: 1 })', '[1, 2]', 'new Map([[1, 2]])', 'new Set([1])', 'new Date(5)', '/a/g'],
      ...['new TypeError("x")', 'Object(1n)', 'new ArrayBuffer(3)', 'new Int16Array([1, 2])'],
      ...[
        'new DataView(new ArrayBuffer(8), 2)',
        'Object.create(null)',
        'new (class A { a = 1 })()',
      ],
    ];
    const values = codes.map((code) => runInContext(code, realm));
    const back = roundTrip(heap, values);
    expect(structureOf(back)).toEqual(structureOf(structuredClone(values)));
    expect(back.slice(0, 10).map((value) => value.constructor)).toEqual([
      ...[Object, Array, Map, Set, Date, RegExp, TypeError, BigInt, ArrayBuffer, Int16Array],
    ]);
    expect(roundTrip(heap, new Map([[runInContext('new Date(7)', realm), 1]]))).toEqual(
      new Map([[new Date(7), 1]]),
    );
    const date = runInContext('new Date(7)', realm);
    expect(heap.from(date)).toBe(date);
  });
});

test('keys that are one in the heap are one entry, with the value that came last', () => {
  withHeap({}, (heap) => {
    using list = heap.array<number>();
    const view = heap.proxy(list);
    const pairs: [unknown, unknown][] = [];
    for (let i = 0; i < 40; i++) pairs.push([new Date(i % 3), { i }], [list, i], [view, [i]]);
    using map = heap.from(new Map(pairs)) as unknown as HeapMap;
    using set = heap.from(new Set(pairs.map(([key]) => key))) as unknown as HeapSet;
    expect([map.size, set.size]).toEqual([4, 4]);
    const back = heap.toJS(map) as unknown as Map<unknown, unknown>;
    expect([...back.values()]).toEqual([{ i: 39 }, [39], { i: 37 }, { i: 38 }]);
    expect(heap.refcount(list)).toBe(3); // map, set, this handle
  });
});

test('handles and proxies in a value are what they stand for', () => {
  withHeap({}, (heap) => {
    const Point = heap.struct('Point', { x: 'int32', next: 'ref' });
    using point = new Point({ x: 1 });
    using list = heap.array<number>();
    const view = heap.proxy(list);
    const value = { point, list, view, more: new Map([[point, [view]]]), set: new Set([list]) };
    using copy = heap.from(value) as unknown as HeapObject;
    expect([heap.refcount(point), heap.refcount(list)]).toEqual([3, 5]);
    {
      using same = copy.get('point') as Handle;
      expect(same).toBe(point);
    }
    list.push(7);
    expect(heap.toJS(copy)).toEqual({
      point: { x: 1, next: null },
      list: [7],
      view: [7],
      more: new Map([[{ x: 1, next: null }, [[7]]]]),
      set: new Set([[7]]),
    });
    expect(heap.from(view)).toBe(list);
    expect(heap.from(point)).toBe(point);
  });
});

test('what is special and was changed to what it cannot be comes out as a plain object', () => {
  withHeap({ leaked: 2 }, (heap) => {
    const shared = new ArrayBuffer(16);
    const source = [/a/g, Object(1), new Error('x'), [shared, new Int16Array(shared, 2, 3)]];
    const changes: [(list: Any) => Any, string, unknown[]][] = [
      [(list) => list.at(0), 'source', [5, '[', null, heap.map(), 2n ** 60n]],
      [(list) => list.at(0), 'flags', ['zz', -0]],
      [(list) => list.at(1), 'value', [null, undefined, heap.map()]],
      [(list) => list.at(2), 'message', [heap.map()]],
      [(list) => list.at(3).at(1), 'bytes', [null, 5, 7.5, 'text', heap.map()]],
      [(list) => list.at(3).at(1), 'type', [null, 99, -1, 1.5, 'text', heap.map()]],
      [(list) => list.at(3).at(1), 'byteOffset', [-1, 1, 100, 2 ** 40, Number.NaN]],
      [(list) => list.at(3).at(1), 'length', [-1, 100, 2 ** 40, undefined]],
    ];
    for (const [find, name, values] of changes) {
      for (const value of values) {
        heap.scope(() => {
          const object = find(heap.from(source));
          object.set(name, value);
          const back = heap.toJS(object) as Any;
          if (value !== 99 && value !== -1) expect(back.constructor).toBe(Object);
          expect(heap.verify()).toEqual([]);
        });
      }
    }
    const error = heap.from(new Error('x')) as Any;
    error.set('message', error).set('name', error);
    const back = heap.toJS(error) as Any;
    expect(back.message).toBe(back);
  });
});

test('structs and tuples come out as objects and arrays, sharing kept', () => {
  withHeap({}, (heap) => {
    const Node = heap.struct('Node', {
      ...({ i: 'int8', d: 'float64', b: 'boolean', n: 'bigint64', s: 'string' } as const),
      ...({ next: 'ref', any: 'any' } as const),
    });
    const node = new Node({ i: -1, d: 0.5, b: true, n: -5n, s: 'text' });
    node.next = node;
    node.any = heap.tuple(1, node);
    const back = heap.toJS(node) as unknown as Record<string, unknown>;
    expect(back.next).toBe(back);
    expect((back.any as unknown[])[1]).toBe(back);
    expect({ ...back, next: 0, any: 0 }).toEqual({
      ...{ i: -1, d: 0.5, b: true, n: -5n, s: 'text', next: 0, any: 0 },
    });
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    node.next = null;
    node.any = null;
  });
});
