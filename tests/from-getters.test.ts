/** Getters that `heap.from` runs: without the lock, and whatever they do to what is copied. */

import { describe, expect, test } from 'vitest';
import { HeapClosedError } from '../src/base/errors.ts';
import type { Handle } from '../src/handle.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import type { HeapMap } from '../src/map.ts';
import { HeapObject } from '../src/plain-object.ts';
import type { HeapSet } from '../src/set.ts';
import { mortalObjects, withHeap, withHeapAsync } from './support/with-heap.ts';

/** An object with a getter among other properties. */
function withGetter(get: () => unknown, rest: object = {}): object {
  const before = { first: 1 };
  Object.defineProperty(before, 'got', { get, enumerable: true, configurable: true });
  return Object.assign(before, rest);
}

function copyOf(heap: Heap, value: unknown): unknown {
  const copy = heap.from(value) as Handle;
  const back = heap.toJS(copy);
  copy.release();
  return back;
}

const PLACES: Record<string, (source: object) => object> = {
  'at the root': (source) => source,
  'in an object': (source) => ({ a: { source }, b: source }),
  'in a list': (source) => [[1, source], source],
  'in a map': (source) => new Map([[source, new Set([source])]]),
  'in a large graph': (source) => [Array.from({ length: 5000 }, (_, i) => ({ i })), source],
};

describe.each(Object.keys(PLACES))('%s', (place) => {
  const put = PLACES[place] as (source: object) => object;

  test('no section is open while a getter runs', () => {
    withHeap({}, (heap) => {
      let calls = 0;
      const source = withGetter(() => {
        calls++;
        expect(sessionOf(heap).mem.depth).toBe(0);
        using map = heap.run(() => heap.map().set('k', 1));
        expect(map.get('k')).toBe(1);
        expect(heap.toJS(heap.from(5))).toBe(5);
        heap.gc.collect();
        expect(heap.verify()).toEqual([]);
        return { calls };
      });
      expect(copyOf(heap, put(source))).toEqual(put({ first: 1, got: { calls: 1 } }));
      expect(calls).toBe(1);
      expect(heap.run(() => copyOf2(heap, { a: 1 }))).toEqual({ a: 1 });
    });
  });

  test('a getter that throws ends the copy, and leaves nothing behind', () => {
    withHeap({}, (heap) => {
      const before = mortalObjects(heap);
      const error = new Error('mine');
      const source = withGetter(() => {
        throw error;
      });
      const cycle = { cycle: null as unknown };
      cycle.cycle = [cycle, cycle];
      const act = () => heap.from({ cycle, more: put(source) });
      expect(act).toThrow(error);
      expect(() => heap.run(() => void act())).toThrow(error);
      expect(mortalObjects(heap)).toBe(before);
      expect(heap.verify()).toEqual([]);
    });
  });

  test('a getter that copies, too', () => {
    withHeap({}, (heap) => {
      const inner = { deep: [1, { x: null as unknown }] };
      const handle = heap.from(inner);
      const source = withGetter(() => {
        using again = heap.from(put(inner)) as Handle;
        return [again.constructor.name.length > 0, handle, heap.toJS(handle)];
      });
      const back = copyOf(heap, put(source));
      expect(back).toEqual(put({ first: 1, got: [true, inner, inner] }));
      handle.release();
    });
  });
});

const copyOf2 = (heap: Heap, value: unknown) => heap.toJS(heap.from(value) as Handle);

describe('getters that change what is being copied', () => {
  test('arrays have the length that they had', () => {
    withHeap({}, (heap) => {
      const list: unknown[] = [0, 1, 2, 3];
      Object.defineProperty(list, 1, {
        get: () => {
          list.length = 2;
          return 'got';
        },
      });
      expect(copyOf(heap, list)).toEqual([0, 'got', ...Array(2)]);
      const growing: unknown[] = [0, 1];
      const grow = () => {
        growing.push('more');
        return 'got';
      };
      Object.defineProperty(growing, 0, { get: grow });
      expect(copyOf(heap, growing)).toEqual(['got', 1]);
      expect(copyOf(heap, growing)).toEqual(['got', 1, 'more']);
    });
  });

  test('properties that are gone are undefined, and nothing inherited stands in', () => {
    withHeap({}, (heap) => {
      const source: Record<string, unknown> = { toString: 'own', constructor: 1, z: { deep: 1 } };
      const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`p${i}`, i]));
      for (const target of [source, Object.assign(many, source)]) {
        const got = withGetter(() => {
          for (const name of ['toString', 'constructor', 'z']) delete target[name];
          return 1;
        });
        const back = copyOf(heap, [got, target]) as [unknown, Record<string, unknown>];
        expect(Object.values(back[1]).filter((v) => typeof v === 'object')).toEqual([]);
        expect([Object.hasOwn(back[1], 'z') ? back[1].z : undefined]).toEqual([undefined]);
      }
    });
  });

  test('maps, sets and what was found before are copied as they are when their turn comes', () => {
    withHeap({ checkLeaks: false }, (heap) => {
      const map = new Map<unknown, unknown>([[1, { a: 1 }]]);
      const set = new Set<unknown>([1]);
      const list: unknown[] = [1];
      const object: Record<string, unknown> = { a: 1 };
      const got = withGetter(() => {
        map.clear();
        map.set('new', map);
        set.add({ x: set });
        list.unshift([2]);
        object.a = [object];
        return 0;
      });
      const back = copyOf(heap, [got, map, set, list, object]) as never[];
      const [, m, s, l, o] = back as unknown as [
        unknown,
        Map<unknown, unknown>,
        Set<unknown>,
        ...[unknown[], Record<string, unknown[]>],
      ];
      expect(m.get('new')).toBe(m);
      expect(([...s][1] as { x: unknown }).x).toBe(s);
      expect(l).toEqual([[2], 1]);
      expect(o.a?.[0]).toBe(o);
      expect(heap.verify()).toEqual([]);
    });
  });

  test('the path of what is refused afterwards is still named', () => {
    withHeap({}, (heap) => {
      const target: Record<string, unknown> = Object.fromEntries(
        Array.from({ length: 150 }, (_, i) => [`p${i}`, i]),
      );
      target.p140 = () => 1;
      const got = withGetter(() => {
        for (let i = 0; i < 150; i += 2) if (i !== 140) delete target[`p${i}`];
        return 1;
      });
      expect(() => heap.from([got, target])).toThrow('value[1].p140');
    });
  });
});

test('a getter that makes the thread leave the heap ends the copy', async () => {
  await withHeapAsync({ checkLeaks: false }, async () => {
    const { Heap: Class } = await import('../src/heap.ts');
    for (const leave of ['detach', 'close'] as const) {
      const heap = Class.create({ maxBytes: 2 ** 20 });
      const source = withGetter(() => void heap[leave](), { after: { x: 1 } });
      expect(() => heap.from([[1], source, { more: 1 }])).toThrow(HeapClosedError);
      await heap.close();
    }
  });
});

test('nothing is left of a copy whose getter made the thread leave the heap', () => {
  const heap = Heap.create({ maxBytes: 2 ** 23 });
  const token = heap.share();
  const source = withGetter(() => heap.detach());
  const list = Array.from({ length: 3000 }, (_, i) => ({ a: [i] }));
  expect(() => heap.from([...list, source])).toThrow(HeapClosedError);
  const again = Heap.attach(token);
  expect(again.verify()).toEqual([]);
  expect(mortalObjects(again)).toBe(0);
  again.detach();
});

test('a getter cannot leave the heap when the copy is made in a section', () => {
  withHeap({}, (heap) => {
    const source = withGetter(() => heap.detach());
    expect(() => heap.run(() => void heap.from(source))).toThrow(TypeError);
    expect(heap.verify()).toEqual([]);
  });
});

test('setters and accessors without a getter are undefined', () => {
  withHeap({}, (heap) => {
    const source = Object.defineProperty({}, 'a', { set: () => {}, enumerable: true });
    expect(copyOf(heap, source)).toEqual({ a: undefined });
    expect(heap.run(() => heap.from(source) instanceof HeapObject)).toBe(true);
  });
});

describe('which handles live afterwards', () => {
  test('outside of sections until it is released', () => {
    withHeap({}, (heap) => {
      const copy = heap.from({ a: 1 });
      expect(copy.get('a')).toBe(1);
      expect(heap.refcount(copy)).toBe(1);
      copy.release();
      expect(() => copy.get('a')).toThrow('no longer protects');
    });
  });
  test('in a section until its end, but for a result', () => {
    withHeap({}, (heap) => {
      let local: HeapObject | undefined;
      const result = heap.run(() => {
        local = heap.from({ a: 1 }) as unknown as HeapObject;
        return heap.from({ a: 2 });
      });
      expect(() => local?.get('a')).toThrow('no longer protects');
      expect(result.get('a')).toBe(2);
      result.release();
    });
  });
  test('in a scope until its end, but for a result', () => {
    withHeap({}, (heap) => {
      let local: HeapObject | undefined;
      const before = mortalObjects(heap);
      const result = heap.scope(() => {
        local = heap.from({ a: 1 }) as unknown as HeapObject;
        expect(() => heap.from({ bad: () => 1 })).toThrow('value.bad');
        return heap.from({ a: 2 });
      });
      expect(() => local?.get('a')).toThrow('no longer protects');
      expect(result.get('a')).toBe(2);
      expect(mortalObjects(heap)).toBe(before + 1);
      result.release();
    });
  });
});

test('a getter that finds half-made copies and adds to them makes no key stand twice', () => {
  withHeap({}, (heap) => {
    let found = 0;
    const source = {
      deep: withGetter(() => {
        for (const object of heap.gc.getObjects()) {
          if (!(object instanceof HeapObject) || !object.has('map')) continue;
          (object.get('map') as HeapMap<string, unknown>).set('a', 'other').set('c', 3);
          (object.get('set') as HeapSet<string>).add('a').add('c');
          found++;
        }
        return 1;
      }),
      map: new Map([
        ['a', 1],
        ['b', 2],
      ]),
      set: new Set(['a', 'b']),
    };
    using copy = heap.from(source) as unknown as HeapObject;
    expect(heap.verify()).toEqual([]);
    using map = copy.get('map') as HeapMap<string, unknown>;
    using set = copy.get('set') as HeapSet<string>;
    expect(new Map(map)).toEqual(
      new Map<string, unknown>([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]),
    );
    expect(new Set(set)).toEqual(new Set(['a', 'b', 'c']));
    expect([map.size, set.size, found]).toEqual([3, 3, 1]);
  });
});
