/** `heap.proxy`: what programs do with ordinary objects, and where proxies are different. */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { StaleHandleError } from '../src/base/errors.ts';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { mortalObjects, withHeap, withHeapAsync } from './support/with-heap.ts';

// biome-ignore lint/suspicious/noExplicitAny: proxies of values of any form
type Any = any;

/** A proxy of a copy of `value`. */
const proxyOf = (heap: Heap, value: object): Any => heap.proxy(heap.from(value) as never);

test('nested parts are read and written by ordinary syntax', () => {
  withHeap({}, (heap) => {
    const state = proxyOf(heap, { users: [{ name: 'a' }, { name: 'b' }], total: 0 });
    state.users[1].name = 'x';
    state.users.push({ name: 'c', tags: ['new'] });
    state.total += state.users.length;
    state.more ??= { deep: [] };
    state.more.deep[2] = 'third';
    delete state.users[0].name;
    const { users, ...rest } = state;
    expect(users.map(({ name }: Any) => name)).toEqual([undefined, 'x', 'c']);
    expect(JSON.parse(JSON.stringify(rest))).toEqual({
      total: 3,
      more: { deep: [null, null, 'third'] },
    });
    expect(heap.toJS(state)).toEqual({
      users: [{}, { name: 'x' }, { name: 'c', tags: ['new'] }],
      total: 3,
      more: { deep: [undefined, undefined, 'third'] },
    });
  });
});

test('one object has one proxy, and heap.from gives its handle', () => {
  withHeap({}, (heap) => {
    const handle = heap.from({ self: null as Any, list: [1] });
    const proxy = heap.proxy(handle) as Any;
    proxy.self = proxy;
    expect(proxy.self).toBe(proxy);
    expect(proxy.list).toBe(proxy.list);
    expect(heap.proxy(handle)).toBe(proxy);
    expect(heap.proxy(proxy)).toBe(proxy);
    expect(heap.from(proxy)).toBe(handle);
    expect([proxy.list].includes(proxy.self.list)).toBe(true);
    proxy.self = null;
  });
});

test('plain values are copied, proxies and handles are shared', () => {
  withHeap({}, (heap) => {
    const state = proxyOf(heap, { a: null, b: null, list: [] });
    const source = { text: 'mine' };
    state.a = source;
    source.text = 'changed';
    expect(state.a.text).toBe('mine');
    state.b = state.a;
    state.b.text = 'both';
    expect(state.a.text).toBe('both');
    using map = heap.map<string, number>().set('k', 1);
    state.list.push(map, state.a, { inner: state.a });
    state.list[0].k = 2;
    expect(map.get('k')).toBe(2);
    expect(state.list[2].inner).toBe(state.a);
    const before = mortalObjects(heap);
    expect(() => state.list.push({ ok: 1 }, { bad: () => 1 })).toThrow('value.bad');
    expect(() => {
      state.a = [Symbol('s')];
    }).toThrow('value[0]');
    expect(mortalObjects(heap)).toBe(before);
    expect(state.list.length).toBe(3);
  });
});

test('maps show the entries whose keys are strings, in the order of properties', () => {
  withHeap({}, (heap) => {
    const source = new Map<unknown, unknown>([
      ['b', 1],
      [5, 'five'],
      ['2', 2],
      ['1', 1],
    ]);
    using map = heap.from(source) as unknown as Handle;
    const proxy = heap.proxy(map) as Any;
    expect(Object.keys(proxy)).toEqual(['1', '2', 'b']);
    expect([proxy[5], '5' in proxy, proxy.b]).toEqual([undefined, false, 1]);
    proxy[5] = 'text';
    expect((heap.toJS(map) as Any).get('5')).toBe('text');
    expect(delete proxy.b).toBe(true);
    expect(Object.entries(proxy)).toEqual([
      ['1', 1],
      ['2', 2],
      ['5', 'text'],
    ]);
    expect(proxy.get).toBe(undefined);
    expect(proxy.toString()).toBe('[object Object]');
  });
});

test('sets, bytes, dates and numbers come as what they are', () => {
  withHeap({}, (heap) => {
    const source = { set: new Set([1]), bytes: new Uint8Array([7]), date: new Date(5), n: 5n };
    const proxy = proxyOf(heap, source);
    expect([proxy.set.has(1), proxy.bytes.byteLength, proxy.n]).toEqual([true, 1, 5n]);
    proxy.date.setTime(9); // of a copy
    expect(proxy.date).toEqual(new Date(5));
    proxy.date = new Date(7);
    expect(proxy.date).toEqual(new Date(7));
  });
});

test('tuples cannot be changed', () => {
  withHeap({}, (heap) => {
    using tuple = heap.tuple(1, 'two', heap.map());
    const proxy = heap.proxy(tuple) as Any;
    expect([...proxy].slice(0, 2)).toEqual([1, 'two']);
    expect([proxy.length, Array.isArray(proxy), proxy.indexOf('two')]).toEqual([3, true, 1]);
    for (const change of ['push', 'pop', 'shift', 'reverse', 'sort', 'splice', 'fill']) {
      expect(() => proxy[change](0, 1)).toThrow(TypeError);
    }
    expect(() => {
      proxy[0] = 1;
    }).toThrow(TypeError);
    expect(() => {
      proxy.length = 0;
    }).toThrow(TypeError);
    expect(() => delete proxy[0]).toThrow(TypeError);
    proxy[2].key = 'value'; // what is in it can
    expect(JSON.stringify(proxy)).toBe('[1,"two",{"key":"value"}]');
  });
});

describe('structs', () => {
  test('fields, methods, getters and setters see the proxy as this', () => {
    withHeap({}, (heap) => {
      const seen: unknown[] = [];
      class Person extends heap.struct('Person', { name: 'string', age: 'int32', friend: 'ref' }) {
        get title(): string {
          seen.push(this);
          return `${this.name} (${this.age})`;
        }
        set title(title: string) {
          seen.push(this);
          this.name = title;
        }
        rename(options: { name: string }): this {
          seen.push(this);
          this.name = options.name;
          return this;
        }
        override toJSON(): unknown {
          return this.name;
        }
      }
      const handle = new Person({ name: 'Ann', age: 30 });
      const person = heap.proxy(handle) as Any;
      expect(person.title).toBe('Ann (30)');
      person.title = 'Bob';
      expect(person.rename({ name: 'Cid' })).toBe(person);
      expect(seen.every((self) => self === person)).toBe(true);
      expect(seen).toHaveLength(3);
      expect(JSON.stringify({ person })).toBe('{"person":"Cid"}');
      person.friend = person;
      expect(person.friend.friend).toBe(person);
      expect(Object.keys(person)).toEqual(['name', 'age', 'friend']);
      person.friend = null;
      expect({ ...person }).toEqual({ name: 'Cid', age: 30, friend: null });
      expect(person.constructor).toBe(Person);
    });
  });

  test('what a handle can do is not in the way, and fields keep their types', () => {
    withHeap({}, (heap) => {
      const Point = heap.struct('Point', { x: 'int32', next: 'ref' });
      const point = heap.proxy(new Point({ x: 1 })) as Any;
      for (const name of ['keep', 'release', 'is', '$ref', '$session', '$uncloneable', 'toJSON']) {
        expect([point[name], name in point, Object.hasOwn(point, name)]).toEqual([
          ...[undefined, false, false],
        ]);
        expect(() => {
          point[name] = 1;
        }).toThrow(TypeError);
      }
      for (const wrong of ['text', 1.5, null, 2 ** 40]) {
        expect(() => {
          point.x = wrong;
        }).toThrow();
      }
      expect(() => {
        point.y = 1;
      }).toThrow("struct Point has no field 'y'");
      expect(() => delete point.x).toThrow(TypeError);
      expect(delete point.y).toBe(true);
      const before = mortalObjects(heap);
      expect(() => {
        point.next = 5;
      }).toThrow();
      expect(mortalObjects(heap)).toBe(before);
      point.next = { y: 2 };
      expect(point.next.y).toBe(2);
      expect(Object.hasOwn(point, 'x')).toBe(true);
    });
  });
});

test('properties that cannot be plain ones are refused', () => {
  withHeap({}, (heap) => {
    for (const value of [{ a: 1 }, [1], new Map([['a', 1]])]) {
      const proxy = proxyOf(heap, value);
      const name = Array.isArray(value) ? '0' : 'a';
      const define = (rest: PropertyDescriptor) => () => Object.defineProperty(proxy, name, rest);
      for (const rest of [{ writable: false }, { enumerable: false }, { configurable: false }]) {
        expect(define({ value: 1, ...rest })).toThrow(TypeError);
      }
      expect(define({ get: () => 1 })).toThrow(TypeError);
      expect(define({ set: () => {} })).toThrow(TypeError);
      define({ value: 7 })();
      define({ enumerable: true })();
      expect(proxy[name]).toBe(7);
      for (const seal of [Object.freeze, Object.seal, Object.preventExtensions]) {
        expect(() => seal(proxy)).toThrow(TypeError);
      }
      expect([Object.isFrozen(proxy), Object.isExtensible(proxy)]).toEqual([false, true]);
      expect(() => Object.setPrototypeOf(proxy, null)).toThrow(TypeError);
      expect(Object.setPrototypeOf(proxy, Object.getPrototypeOf(proxy))).toBe(proxy);
      const symbol = Symbol('s');
      expect(() => {
        proxy[symbol] = 1;
      }).toThrow(TypeError);
      expect(() => Object.defineProperty(proxy, symbol, { value: 1 })).toThrow(TypeError);
      expect([proxy[symbol], symbol in proxy, delete proxy[symbol]]).toEqual([
        ...[undefined, false, true],
      ]);
    }
  });
});

test('the rules that JavaScript has for proxies are kept', () => {
  withHeap({}, (heap) => {
    const Point = heap.struct('Point', { x: 'int32' });
    const proxies = [
      ...[{ a: 1, 0: 'x', __proto__: null }, [], [1, 2], new Map([['a', 1]]), { length: 5 }].map(
        (value) => proxyOf(heap, value),
      ),
      ...[heap.proxy(heap.tuple()), heap.proxy(heap.tuple(1)), heap.proxy(new Point({ x: 1 }))],
    ];
    for (const proxy of proxies) {
      const names = Reflect.ownKeys(proxy);
      expect(Object.getOwnPropertyNames(proxy)).toEqual(names);
      expect(Reflect.ownKeys(Object.getOwnPropertyDescriptors(proxy))).toEqual(names);
      expect(Object.getOwnPropertySymbols(proxy)).toEqual([]);
      for (const name of names) {
        const descriptor = Object.getOwnPropertyDescriptor(proxy, name);
        expect(descriptor?.value).toBe(proxy[name]);
        expect(descriptor?.enumerable).toBe(!(Array.isArray(proxy) && name === 'length'));
      }
      expect(Object.keys(proxy)).toEqual(
        names.filter((n) => n !== 'length' || !Array.isArray(proxy)),
      );
      expect(Object.isFrozen(proxy)).toBe(false);
      expect(() => structuredClone(proxy)).toThrow(
        expect.objectContaining({ name: 'DataCloneError' }),
      );
    }
  });
});

test('what inherits from a proxy has properties of its own', () => {
  withHeap({}, (heap) => {
    const proxy = proxyOf(heap, { a: 1 });
    const heir = Object.create(proxy);
    heir.a = 2;
    heir.b = 3;
    expect([proxy.a, proxy.b, heir.a, heir.b]).toEqual([1, undefined, 2, 3]);
    expect(Reflect.set(proxy, 'a', 5, proxy)).toBe(true);
    const other = {};
    expect(Reflect.set(proxy, 'a', 9, other)).toBe(true);
    expect([proxy.a, other]).toEqual([5, { a: 9 }]);
  });
});

test('console.log prints what the proxy shows, cycles included', () => {
  withHeap({}, (heap) => {
    const handle = heap.from({ list: [1, { a: 'x' }], self: null as Any });
    const proxy = heap.proxy(handle) as Any;
    proxy.self = proxy;
    expect(inspect(proxy)).toBe(inspect(handle));
    expect(inspect(proxy.list)).toContain("a: 'x'");
    expect(inspect({ proxy })).toContain('Circular');
    proxy.self = null;
  });
});

test('a stale proxy says so, whatever is done with it', () => {
  withHeap({}, (heap) => {
    const inners: ReturnType<typeof proxyOf>[] = [];
    heap.run(() => {
      inners.push(proxyOf(heap, { a: [1] }));
    });
    const released = proxyOf(heap, [1]);
    (heap.from(released) as Handle).release();
    for (const proxy of [...inners, released]) {
      const uses: (() => unknown)[] = [
        ...[() => proxy[0], () => Object.keys(proxy), () => '0' in proxy],
        ...[() => ({ ...proxy }), () => JSON.stringify(proxy), () => Reflect.set(proxy, '0', 1)],
        ...[() => heap.toJS(proxy), () => heap.from([proxy]), () => heap.proxy(proxy)],
      ];
      for (const use of uses) expect(use).toThrow(StaleHandleError);
    }
  });
});

test('proxy() takes handles of this heap', () => {
  withHeap({}, (heap) => {
    for (const wrong of [null, undefined, 1, 'text', {}, [], () => 1, new Proxy({}, {})]) {
      expect(() => heap.proxy(wrong as never)).toThrow(TypeError);
    }
    using set = heap.set();
    expect(heap.proxy(set)).toBe(set);
  });
});

test('in a full heap a write changes nothing', () => {
  withHeap({ maxBytes: 2 ** 20 }, (heap) => {
    const list = proxyOf(heap, ['first']);
    const full = (body: () => void) =>
      expect(body).toThrow(expect.objectContaining({ name: 'HeapExhaustedError' }));
    const large = 'x'.repeat(2 ** 20);
    full(() => list.push(1, large));
    full(() => {
      list[5] = large;
    });
    full(() => {
      list[0] = { large };
    });
    full(() => list.splice(0, 1, large));
    expect(heap.toJS(list)).toEqual(['first']);
    expect(heap.verify()).toEqual([]);
  });
});

test('many accesses outside of sections leave nothing behind when they are released', () => {
  withHeap({}, (heap) => {
    const before = mortalObjects(heap);
    const handle = heap.from({ users: [{ name: 'a', tags: ['x'] }] });
    const state = heap.proxy(handle) as Any;
    heap.scope(() => {
      for (let i = 0; i < 2000; i++) {
        state.users[0].tags[0] = `tag ${i}`;
        state.users[0].at = { i };
        if (i % 100 === 0) state.users.push({ i }, { i });
      }
      expect(state.users.filter(({ i }: Any) => i === 100)).toHaveLength(2);
    });
    expect(state.users.length).toBe(41);
    heap.scope(() => state.users.splice(0));
    handle.release();
    expect(mortalObjects(heap)).toBeLessThanOrEqual(before + 2); // `users`, read last, and its root
  });
});

test('forgotten proxies release what they stand for', { timeout: 20_000 }, async () => {
  await withHeapAsync({}, async (heap) => {
    const before = mortalObjects(heap);
    (() => {
      for (let i = 0; i < 300; i++) {
        const state = proxyOf(heap, { list: [{ i }] });
        expect(state.list[0].i).toBe(i);
      }
    })();
    const collect = (globalThis as { gc?: () => void }).gc;
    for (let i = 0; i < 100 && mortalObjects(heap) !== before; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect?.();
    }
    expect(mortalObjects(heap)).toBe(before);
  });
});

test('an awaited proxy is itself', async () => {
  await withHeapAsync({}, async (heap) => {
    const proxy = proxyOf(heap, { a: 1 });
    expect(await proxy).toBe(proxy);
  });
});
