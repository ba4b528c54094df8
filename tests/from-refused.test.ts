/** What `heap.from` refuses: where it says it is, why, and what is left behind: nothing. */

import { createContext, runInContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { NotShareableError, StaleHandleError } from '../src/base/errors.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import { CONTROL_KIND_COUNT, MAX_KINDS } from '../src/memory/layout.ts';
import { define } from './support/plain-graphs.ts';
import { COUNTS, mortalObjects, withHeap } from './support/with-heap.ts';

/** The error of `heap.from(value)`, after which the heap holds what it held before. */
function refusalOf(heap: Heap, value: unknown): NotShareableError {
  const before = mortalObjects(heap);
  let error: unknown;
  try {
    heap.from(value);
  } catch (thrown) {
    error = thrown;
  }
  expect(mortalObjects(heap)).toBe(before);
  expect(heap.verify()).toEqual([]);
  return error as NotShareableError;
}

function* generator() {
  yield 1;
}

const ring: unknown[] = [];
ring.push({ ring });

const REFUSED: Record<string, [unknown, RegExp]> = {
  'a function': [() => 1, /it is a function/],
  'a class': [class {}, /it is a function/],
  'a symbol': [Symbol('s'), /it is a symbol/],
  'a large bigint': [2n ** 64n, /must fit 64 bits/],
  'a boxed symbol': [Object(Symbol('s')), /it is a symbol/],
  'a boxed large bigint': [Object(-(2n ** 63n) - 1n), /must fit 64 bits/],
  'a proxy': [new Proxy({}, {}), /it is a Proxy/],
  'a revoked proxy': [revoked(), /it is a Proxy/],
  'a promise': [Promise.resolve(1), /it is a Promise/],
  'a weak map': [new WeakMap(), /it is a WeakMap/],
  'a weak set': [new WeakSet(), /it is a WeakSet/],
  'a weak reference': [new WeakRef({}), /it is a WeakRef/],
  'a registry': [new FinalizationRegistry(() => {}), /it is a FinalizationRegistry/],
  'a generator': [generator(), /it is a Generator/],
  'an iterator of a map': [new Map().keys(), /it is a iterator/],
  'an iterator of a set': [new Set().keys(), /it is a iterator/],
  'an object of the platform': [new Blob([]), /it is a Blob/],
  'shared memory': [new SharedArrayBuffer(8), /memory that is shared already/],
  'a view of shared memory': [new Uint8Array(new SharedArrayBuffer(8)), /shared already/],
  'an array with a name': [Object.assign([1], { name: 1 }), /besides its elements: name/],
  'an array with a negative index': [Object.assign([1], { '-1': 1 }), /besides its elements: -1/],
  'an empty array with a name': [Object.assign([], { a: 1 }), /besides its elements: a/],
  'a long array with a name': [Object.assign(Array(1e5).fill(0), { a: 1 }), /elements: a/],
  'a sparse array with a name': [Object.assign(Array(99), { a: 1 }), /elements: a/],
  'a match of a regular expression': ['abc'.match(/b/), /besides its elements: index/],
};

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe.each(Object.keys(REFUSED))('%s is refused', (name) => {
  const [value, why] = REFUSED[name] as [unknown, RegExp];
  const suffix = name.includes('boxed') ? '.valueOf()' : '';
  test('alone and anywhere in a value, with the path to it', () => {
    withHeap({}, (heap) => {
      const places: [unknown, string][] = [
        [value, 'value'],
        [{ users: [0, 1, 2, { name: value }] }, 'value.users[3].name'],
        [{ 'a b': { '': [ring, value] } }, 'value["a b"][""][1]'],
        [
          new Map<unknown, unknown>([
            [1, 2],
            ['key', [value]],
          ]),
          'value.get("key")[0]',
        ],
        [
          new Map<unknown, unknown>([
            [1, 2],
            [value, 1],
          ]),
          'value.keys()[1]',
        ],
        [new Map<unknown, unknown>([[{ a: value }, 1]]), 'value.keys()[0].a'],
        [[new Set([1, { a: value }])], 'value[0].values()[1].a'],
        [new Error('e', { cause: { value } }), 'value.cause.value'],
        [
          [ring, { ring, big: Array(3000).fill(ring), deep: [[[value]]] }],
          'value[1].deep[0][0][0]',
        ],
      ];
      for (const [source, path] of places) {
        const error = refusalOf(heap, source);
        expect(error).toBeInstanceOf(NotShareableError);
        expect(error.path).toBe(path + suffix);
        expect(error.message).toMatch(why);
        expect(error.message.startsWith(`${path}${suffix} `)).toBe(true);
      }
    });
  });
});

test.skipIf(!('resize' in ArrayBuffer.prototype))('buffers that can be resized are refused', () => {
  withHeap({}, (heap) => {
    const Resizable = ArrayBuffer as new (length: number, options: object) => ArrayBuffer;
    const buffer = new Resizable(8, { maxByteLength: 16 });
    expect(refusalOf(heap, { a: buffer }).path).toBe('value.a');
    expect(refusalOf(heap, [new Uint8Array(buffer)]).message).toContain('can be resized');
  });
});

test('a path names properties as a program would', () => {
  withHeap({}, (heap) => {
    const names = ['a', '_b', '$c', 'ä', 'a-b', '1', '', '__proto__', 'a"b'];
    const wanted = [
      '.a',
      '._b',
      '.$c',
      '.ä',
      '["a-b"]',
      '["1"]',
      '[""]',
      '.__proto__',
      '["a\\"b"]',
    ];
    names.forEach((name, i) => {
      const object = {};
      define(object, name, () => {});
      expect(refusalOf(heap, [object]).path).toBe(`value[0]${wanted[i]}`);
    });
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, i as unknown]));
    many.p177 = { f() {} };
    expect(refusalOf(heap, many).path).toBe('value.p177.f');
  });
});

test('a path does not run code of the program under the lock', () => {
  withHeap({}, (heap) => {
    class Tricky extends Map<unknown, unknown> {
      override keys(): never {
        throw new Error('keys() was called');
      }
    }
    expect(refusalOf(heap, new Tricky([['a', () => {}]])).path).toBe('value.get("a")');
  });
});

test('what is refused last in a large graph in cycles leaves nothing behind', () => {
  withHeap({}, (heap) => {
    const nodes = Array.from({ length: 4000 }, (_, i) => ({
      map: new Map<unknown, unknown>(),
      set: new Set<unknown>(),
      list: [] as unknown[],
      date: new Date(i),
      error: new Error('e', { cause: null }),
      dictionary: null as object | null,
    }));
    nodes.forEach((node, i) => {
      const next = nodes[(i * 7 + 1) % nodes.length] as object;
      node.map.set(node, next).set(next, 'x'.repeat(40));
      node.set.add(next).add(node.date);
      node.list.push(next, node.map, 2n ** 60n, Object(1), /a/, new Uint8Array(3));
      node.error.cause = node;
      if (i % 50 === 0) node.dictionary = Object.fromEntries(keysTo(node));
    });
    nodes.at(-1)?.list.push(() => {});
    const error = refusalOf(heap, nodes);
    expect(error.path).toBe('value[3999].list[6]');
    expect(heap.run(() => refusalOf(heap, { nodes })).path).toBe('value.nodes[3999].list[6]');
  });
});

function keysTo(node: object): [string, unknown][] {
  return Array.from({ length: 130 }, (_, i) => [`key ${i}`, i === 129 ? node : i]);
}

test('handles of another heap, and stale ones, are refused inside a value', () => {
  withHeap({}, (heap) => {
    const other = Heap.create({ maxBytes: 2 ** 20, counts: COUNTS });
    try {
      const foreign = other.map<string, number>();
      const stale = heap.map();
      stale.release();
      expect(refusalOf(heap, { a: [foreign] })).toBeInstanceOf(NotShareableError);
      expect(refusalOf(heap, { a: [foreign] }).path).toBe('value.a[0]');
      expect(refusalOf(heap, { a: [other.proxy(foreign)] }).path).toBe('value.a[0]');
      expect(refusalOf(heap, foreign).path).toBe('value');
      expect(refusalOf(heap, other.proxy(foreign)).path).toBe('value');
      expect(() => heap.toJS(foreign)).toThrow(NotShareableError);
      expect(() => heap.toJS(other.proxy(foreign))).toThrow(NotShareableError);
      expect(refusalOf(heap, { a: [ring, stale] })).toBeInstanceOf(StaleHandleError);
      expect(refusalOf(heap, { a: [ring, stale] }).message).toContain('value.a[1]');
      expect(refusalOf(heap, stale)).toBeInstanceOf(StaleHandleError);
      expect(() => heap.toJS(stale)).toThrow(StaleHandleError);
      const view = heap.proxy(heap.map());
      (heap.from(view) as { release(): void }).release();
      expect(refusalOf(heap, view)).toBeInstanceOf(StaleHandleError);
      expect(refusalOf(heap, [view])).toBeInstanceOf(StaleHandleError);
    } finally {
      other[Symbol.dispose]();
    }
  });
});

test('an array that is longer than the heap is refused before it is read', () => {
  withHeap({}, (heap) => {
    const sparse: unknown[] = [];
    sparse[2 ** 32 - 2] = 1;
    expect(refusalOf(heap, { sparse }).name).toBe('HeapExhaustedError');
  });
});

test('what is refused of another realm is refused as well', () => {
  withHeap({}, (heap) => {
    const realm = createContext({});
    for (const code of ['Promise.resolve()', '() => 1', 'new WeakMap()', 'new Proxy({}, {})']) {
      expect(refusalOf(heap, [runInContext(`(${code})`, realm)]).path).toBe('value[0]');
    }
    expect(refusalOf(heap, runInContext('Object.assign([1], { a: 1 })', realm)).path).toBe('value');
  });
});

const kindsOf = (heap: Heap) => sessionOf(heap).mem.i32[CONTROL_KIND_COUNT] as number;

test('a copy that fails ten thousand times declares its shapes once', () => {
  withHeap({}, (heap) => {
    const before = kindsOf(heap);
    const source = { a: 1, inner: { b: 2, last: () => 1 } };
    for (let i = 0; i < 10_000; i++) expect(() => heap.from(source)).toThrow(NotShareableError);
    expect(kindsOf(heap)).toBe(before + 2);
    expect(mortalObjects(heap)).toBe(0);
  });
});

test('copies that fail with 4,000 lists of names leave 1,024 kinds for structs', () => {
  withHeap({}, (heap) => {
    for (let i = 0; i < 4000; i++) {
      expect(() => heap.from({ [`name${i}`]: 1, last: () => 1 })).toThrow(NotShareableError);
    }
    // And the shape of dictionaries, which all but the first 3,056 were.
    expect(kindsOf(heap)).toBe(MAX_KINDS - 1024 + 1);
    expect(mortalObjects(heap)).toBe(0);
    const copy = heap.from({ other: 1, names: 'too' });
    expect(heap.toJS(copy)).toEqual({ other: 1, names: 'too' });
    expect(new (heap.struct<{ n: number }>('S', { n: 'int32' }))({ n: 5 }).n).toBe(5);
  });
});
