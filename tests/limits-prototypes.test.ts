/** Programs that name things as JavaScript names its own, or give properties to all objects. */

import { describe, expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { withHeap } from './support/with-heap.ts';

const NAMES = '__proto__ constructor toString hasOwnProperty valueOf then length 0 $ref $session'
  .split(' ')
  .concat('');
type Named = Record<string, unknown>;
const ownOf = (object: unknown, name: string) =>
  Object.getOwnPropertyDescriptor(object, name)?.value;

describe.each(NAMES)('the name %o', (name) => {
  test('is one as all others, of properties and of keys', () => {
    withHeap({}, (heap) => {
      const source = JSON.parse(`{"a":1,${JSON.stringify(name)}:{"x":2}}`) as Named;
      const object = heap.from(source);
      expect(ownOf(heap.toJS(object), name)).toEqual({ x: 2 });
      expect(JSON.stringify(object)).toBe(JSON.stringify(source));
      const proxy = heap.proxy(object) as unknown as Named;
      expect(Object.keys(proxy)).toEqual(Object.keys(source));
      expect(ownOf({ ...proxy }, name)).toEqual({ x: 2 });
      const other = heap.from<Named>({ b: 1 });
      expect([other.has(name), other.get(name)]).toEqual([false, undefined]);
      other.set(name, 5);
      expect(ownOf(heap.toJS(other), name)).toBe(5);
      const map = heap.map<string, number>();
      expect([map.has(name), map.get(name)]).toEqual([false, undefined]);
      expect(map.set(name, 4).get(name)).toBe(4);
      expect(ownOf(JSON.parse(JSON.stringify(map)), name)).toBe(4);
    });
  });

  test.runIf(name !== '')('is a good one for a struct', () => {
    withHeap({}, (heap) => {
      const S = heap.struct<{ n: number }>(name, { n: 'int32' });
      expect(new S({ n: 3 }).n).toBe(3);
      expect(ownOf(heap.stats().objectsByKind, name)).toBe(1);
    });
  });
});

/** Runs `body` while all arrays seem to have elements, and all objects a property. */
function polluted<T>(body: () => T): T {
  const arrays = Array.prototype as unknown[];
  const objects = Object.prototype as Named;
  for (let i = 0; i < 100; i++) arrays[i] = 'x';
  objects.foo = 1;
  try {
    return body();
  } finally {
    arrays.length = 0;
    delete objects.foo;
  }
}

describe('with elements in Array.prototype and a property in Object.prototype', () => {
  const results = (heap: Heap): unknown[] => {
    const S = heap.struct<{ n: number; next: Handle | null }>('S', { n: 'int32', next: 'ref' });
    const structs = [1, 2, 3].map((n) => new S({ n }));
    const array = heap.array<unknown>();
    array.push(1, 2, 'three', structs[0]);
    const map = heap.map<string, unknown>();
    for (const struct of structs) map.set(`key${struct.n}`, struct);
    const holes = [1, undefined, 3] as unknown[];
    delete holes[1];
    const copy = heap.toJS(heap.from({ holes, a: [{ b: 1 }, { b: 2 }] }));
    const sum = heap.run(() => {
      let total = 0;
      for (const value of map.values()) total += (value as { n: number }).n;
      return total;
    });
    const mapped = array.map((value) => typeof value);
    array.splice(1, 2, 'new');
    for (const struct of structs.slice(1)) struct.release();
    heap.gc.collect();
    return [
      Object.hasOwn(copy.holes, 1),
      JSON.stringify(copy.a),
      sum,
      mapped.join(),
      array.length,
      array.pop() === structs[0],
      JSON.stringify(array),
      map.size,
      heap.verify().length,
    ];
  };

  test('all goes on as before', () => {
    withHeap({}, (heap) => {
      const expected = [
        false,
        '[{"b":1},{"b":2}]',
        6,
        'number,number,string,object',
        3,
        true,
        '[1,"new"]',
        3,
        0,
      ];
      const actual = polluted(() => results(heap));
      expect(actual).toEqual(expected);
    });
  });

  test('a misspelt field is still told, also one that all objects have', () => {
    withHeap({}, (heap) => {
      const S = heap.struct<{ n: number }>('S', { n: 'int32' });
      const errorOf = (init: object) =>
        polluted(() => {
          try {
            new S(init as never);
            return 'none';
          } catch (error) {
            return (error as Error).message;
          }
        });
      expect(errorOf({ n: 1 })).toBe('none');
      expect(errorOf({ n: 1, foo: 2 })).toBe("struct S has no field 'foo'; its fields are n");
      expect(errorOf(Object.create({ bar: 1 }))).toBe(
        "struct S has no field 'bar'; its fields are n",
      );
    });
  });
});
