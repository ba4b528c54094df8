/** Bad input: options, tokens, closed heaps, section callbacks. */

import { describe, expect, test } from 'vitest';
import {
  HeapClosedError,
  HeapExhaustedError,
  InvalidTokenError,
  SharcError,
} from '../src/base/errors.ts';
import { Heap } from '../src/heap.ts';
import { CONTROL_PAGES, CONTROL_VERSION } from '../src/memory/layout.ts';
import { nodeStruct } from './support/shapes.ts';
import { withHeap } from './support/with-heap.ts';

const MIB = 2 ** 20;

describe('options', () => {
  const WRONG_VALUES: Record<string, unknown[]> = {
    maxBytes: [0, MIB - 1, 8 * 2 ** 30 + 1, NaN, Infinity, 1.5e6 + 0.5, '2097152', null, -MIB],
    counts: ['Atomic', '', true, null, 1],
    switchIntervalMs: [0, -1, NaN, Infinity, 10_001, '5', null],
  };
  test.each(Object.keys(WRONG_VALUES))(
    '%s is checked, and the error says what is allowed',
    (name) => {
      for (const value of WRONG_VALUES[name] as unknown[]) {
        const create = () => Heap.create({ [name]: value });
        expect(create).toThrow(RangeError);
        expect(create).toThrow(`heap option ${name} must be`);
        expect(create).toThrow(`not ${String(value)}`);
      }
    },
  );

  test('with unknown names are refused with the known ones', () => {
    const create = () => Heap.create({ maxByte: MIB } as never);
    expect(create).toThrow(TypeError);
    expect(create).toThrow("unknown heap option 'maxByte'; the options are maxBytes, counts,");
    expect(() => Heap.create({ toString: 1 } as never)).toThrow(TypeError);
  });

  test.each([null, 5, 'options', true])('cannot be %s', (options) => {
    expect(() => Heap.create(options as never)).toThrow(TypeError);
  });

  test('may be undefined, one by one or all', () => {
    const heap = Heap.create({
      maxBytes: MIB,
      counts: undefined,
      switchIntervalMs: undefined,
    } as never);
    expect(heap.stats().maxBytes).toBe(MIB);
    heap.detach();
  });

  test.each([
    [MIB, MIB],
    [MIB + 65535, MIB],
    [3 * MIB + 70_000, 3 * MIB + 65536],
  ])('%i bytes make a heap of %i', (maxBytes, size) => {
    withHeap({ maxBytes }, (heap) => expect(heap.stats().maxBytes).toBe(size));
  });

  test('of the smallest and of the largest heap work', () => {
    for (const maxBytes of [MIB, 8 * 2 ** 30]) {
      withHeap({ maxBytes }, (heap) => {
        const node = new (nodeStruct(heap))({ id: 1, any: 'x' });
        expect([node.id, node.any]).toEqual([1, 'x']);
      });
    }
  });
});

describe('a token', () => {
  const damaged = (damage: (i32: Int32Array) => void) => {
    const heap = Heap.create({ maxBytes: MIB });
    const { type, buffer } = heap.share();
    const copy = new SharedArrayBuffer(buffer.byteLength);
    new Int32Array(copy).set(new Int32Array(buffer));
    heap.detach();
    damage(new Int32Array(copy));
    return { type, buffer: copy };
  };
  const foreign = (buffer: unknown) => ({ type: 'sharc.heap', buffer });
  const BAD: [string, () => unknown, RegExp][] = [
    ['undefined', () => undefined, /it is a undefined|it is undefined/],
    ['null', () => null, /it is null/],
    ['a number', () => 5, /it is a number/],
    ['a string', () => 'sharc.heap', /it is a string/],
    ['some object', () => ({}), /some other object/],
    ['a buffer', () => new SharedArrayBuffer(MIB), /some other object/],
    ['without buffer', () => foreign(undefined), /no SharedArrayBuffer/],
    ['with an ArrayBuffer', () => foreign(new ArrayBuffer(MIB)), /no SharedArrayBuffer/],
    ['with an empty buffer', () => foreign(new SharedArrayBuffer(0)), /is no heap/],
    ['with a small buffer', () => foreign(new SharedArrayBuffer(65536)), /is no heap/],
    ['with an odd buffer', () => foreign(new SharedArrayBuffer(MIB + 1)), /is no heap/],
    ['with zeros', () => foreign(new SharedArrayBuffer(MIB)), /is no heap/],
    ['of another version', () => damaged((i32) => i32[CONTROL_VERSION]++), /layout \d+, this/],
    ['with a wrong size in it', () => damaged((i32) => i32[CONTROL_PAGES]--), /do not fit/],
    [
      'cut off',
      () => {
        const { type, buffer } = damaged(() => {});
        const short = new SharedArrayBuffer(MIB + 65536);
        new Int32Array(short).set(new Int32Array(buffer));
        return { type, buffer: short };
      },
      /do not fit/,
    ],
  ];
  test.each(BAD)('%s is refused', (_what, make, why) => {
    const token = make();
    expect(() => Heap.attach(token as never)).toThrow(InvalidTokenError);
    expect(() => Heap.attach(token as never)).toThrow(why);
  });

  test('of a closed heap is refused, however often', async () => {
    const heap = Heap.create({ maxBytes: MIB });
    const token = heap.share();
    await heap.close();
    for (let i = 0; i < 300; i++) expect(() => Heap.attach(token)).toThrow(HeapClosedError);
  });

  test('used twice in one thread gives one heap', () => {
    withHeap({}, (heap) => {
      expect(Heap.attach(heap.share())).toBe(heap);
      expect(Heap.attach(structuredClone(heap.share()))).toBe(heap);
    });
  });
});

describe.each(['close', 'detach', 'dispose'] as const)('after %s', (how) => {
  test('every use of the heap and of its handles throws HeapClosedError', async () => {
    const heap = Heap.create({ maxBytes: MIB });
    const Node = nodeStruct(heap);
    const node = new Node({ id: 1 });
    const map = heap.map<unknown, unknown>().set(1, node);
    const array = heap.array<unknown>();
    array.push(1, node);
    const open = map.keys();
    open.next();
    const fresh = map.entries();
    const values = array.values();
    if (how === 'close') await heap.close();
    else if (how === 'detach') heap.detach();
    else heap[Symbol.dispose]();
    const uses: Record<string, () => unknown> = {
      share: () => heap.share(),
      run: () => heap.run(() => 1),
      scope: () => heap.scope(() => 1),
      safepoint: () => heap.safepoint(),
      struct: () => heap.struct('X', {}),
      'struct again': () => nodeStruct(heap),
      'heap.map': () => heap.map(),
      'heap.array': () => heap.array(),
      root: () => heap.root,
      id: () => heap.id(node),
      refcount: () => heap.refcount(node),
      immortalize: () => heap.immortalize(node),
      stats: () => heap.stats(),
      verify: () => heap.verify(),
      new: () => new Node(),
      'a field': () => node.id,
      'a field set': () => (node.id = 2),
      'a reference': () => node.left,
      'a reference set': () => (node.left = node),
      keep: () => node.keep(),
      release: () => node.release(),
      size: () => map.size,
      get: () => map.get(1),
      has: () => map.has(1),
      set: () => map.set(1, 1),
      delete: () => map.delete(1),
      clear: () => map.clear(),
      'map forEach': () => map.forEach(() => {}),
      'map iteration': () => [...map],
      'an open iterator': () => open.next(),
      'a fresh iterator': () => fresh.next(),
      length: () => array.length,
      'length set': () => (array.length = 0),
      at: () => array.at(0),
      'array set': () => array.set(0, 1),
      push: () => array.push(1),
      'push nothing': () => array.push(),
      pop: () => array.pop(),
      shift: () => array.shift(),
      unshift: () => array.unshift(1),
      splice: () => array.splice(0, 1),
      slice: () => array.slice(),
      indexOf: () => array.indexOf(1),
      includes: () => array.includes(1),
      'array forEach': () => array.forEach(() => {}),
      'array iteration': () => [...array],
      'an array iterator': () => values.next(),
    };
    const wrong: string[] = [];
    for (const [name, use] of Object.entries(uses)) {
      try {
        use();
        wrong.push(`${name} works`);
      } catch (error) {
        if (!(error instanceof HeapClosedError)) wrong.push(`${name}: ${String(error)}`);
      }
    }
    expect(wrong).toEqual([]);
    // Ending twice is no error; neither are disposal and the end of a loop.
    heap.detach();
    await heap.close();
    heap[Symbol.dispose]();
    await heap[Symbol.asyncDispose]();
    node[Symbol.dispose]();
    expect(open.return?.()).toEqual({ done: true, value: undefined });
  });
});

describe('a section callback', () => {
  const THEN = 'then';
  const then = (resolve: (value: number) => void) => resolve(1);
  const PROMISES: Record<string, () => unknown> = {
    'an async function': async () => 1,
    'a promise': () => Promise.resolve(1),
    'a rejected promise': () => Promise.reject(new Error('unhandled')),
    'a thenable': () => ({ [THEN]: then }),
    'a thenable function': () => Object.assign(() => {}, { [THEN]: then }),
    'a thenable of a class': () =>
      new (class {
        [THEN] = then;
      })(),
  };
  test.each(Object.keys(PROMISES))('that returns %s is refused, nested or not', (name) => {
    withHeap({}, (heap) => {
      const body = PROMISES[name] as () => unknown;
      const refused = /must be synchronous.*await before or after/;
      expect(() => heap.run(body)).toThrow(TypeError);
      expect(() => heap.run(body)).toThrow(refused);
      expect(() => heap.run(() => heap.run(body))).toThrow(refused);
      expect(() => heap.run(() => heap.scope(body))).toThrow(refused);
      expect(() => heap.scope(body)).toThrow(refused);
      expect(heap.run(() => 1)).toBe(1);
    });
  });

  test('that is no function is a TypeError, and the lock is free', () => {
    withHeap({}, (heap) => {
      for (const body of [undefined, null, 5, {}]) {
        expect(() => heap.run(body as never)).toThrow(TypeError);
        expect(() => heap.scope(body as never)).toThrow(TypeError);
      }
      expect(heap.run(() => 1)).toBe(1);
    });
  });

  test.each([undefined, null, 0, false, '', 'text', NaN])('may return or throw %s', (value) => {
    withHeap({}, (heap) => {
      expect(heap.run(() => value)).toBe(value);
      let thrown: unknown = 'nothing';
      try {
        heap.run(() => {
          throw value;
        });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBe(value);
    });
  });

  test('gets its options checked', () => {
    withHeap({}, (heap) => {
      const run = (options: unknown) => () => heap.run(() => 1, options as never);
      for (const timeoutMs of [-1, NaN, '5', null]) expect(run({ timeoutMs })).toThrow(RangeError);
      expect(run({ timeout: 5 })).toThrow("unknown section option 'timeout'");
      expect(run(null)).toThrow(TypeError);
      expect(run(5)).toThrow(TypeError);
      for (const options of [undefined, {}, { timeoutMs: 0 }, { timeoutMs: Infinity }]) {
        expect(run(options)()).toBe(1);
      }
    });
  });
});

test('every error has a code and a name of its own', () => {
  const error = new HeapExhaustedError(16, 32, 64);
  expect(error).toBeInstanceOf(SharcError);
  expect(error).toMatchObject({ requestedBytes: 16, freeBytes: 32, liveBytes: 64 });
  expect([error.name, error.code]).toEqual(['HeapExhaustedError', 'ERR_SHARC_HEAP_EXHAUSTED']);
});

test('twenty open heaps cause no warning', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const heaps = Array.from({ length: 20 }, () => Heap.create({ maxBytes: MIB }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  for (const heap of heaps) await heap.close();
  process.off('warning', note);
  expect(warnings.map(String)).toEqual([]);
});

test('structs may be called like the built-in kinds, and are counted apart', () => {
  withHeap({}, (heap) => {
    for (const name of ['string', 'map', '__proto__', 'toString']) {
      let declared: (new () => object) | undefined;
      try {
        declared = heap.struct<object>(name, {});
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError); // refusing the name is as good
      }
      if (declared === undefined) continue;
      new declared();
      heap.root.set('some', 'string');
      const { objectsByKind, liveObjects } = heap.stats();
      const sum = Object.keys(objectsByKind).reduce((n, kind) => n + (objectsByKind[kind] ?? 0), 0);
      expect(sum).toBe(liveObjects);
    }
  });
});
