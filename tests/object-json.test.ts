/** Handles as JSON. */

import { expect, test } from 'vitest';
import { HeapClosedError, StaleHandleError } from '../src/base/errors.ts';
import { Heap } from '../src/heap.ts';
import { withHeap } from './support/with-heap.ts';

interface Person {
  name: string;
  age: number;
  friend: object | null;
  extra: unknown;
}

const declarePerson = (heap: Heap) =>
  heap.struct<Person>('Person', { name: 'string', age: 'int32', friend: 'ref', extra: 'any' });

test('arrays, structs and maps with string keys are what one expects', () => {
  withHeap({}, (heap) => {
    const Person = declarePerson(heap);
    const array = heap.array<unknown>();
    const map = heap.map<string, unknown>();
    const act = () => {
      array.length = 0;
      array.push(1, -0, NaN, 'x'.repeat(50), true, null, undefined, map);
      map.set('b', new Person({ name: 'Alice', age: 3, friend: heap.array() }));
      map.set('__proto__', 5).set('empty', heap.map());
      return JSON.stringify({ array });
    };
    const person = '{"name":"Alice","age":3,"friend":[]}';
    const expected =
      `{"array":[1,0,null,"${'x'.repeat(50)}",true,null,null,` +
      `{"b":${person},"__proto__":5,"empty":{}}]}`;
    expect(act()).toBe(expected);
    expect(heap.run(act)).toBe(expected);
  });
});

test('maps with other keys are arrays of pairs', () => {
  withHeap({}, (heap) => {
    const map = heap.map<unknown, unknown>();
    map.set('a', 1).set(2, heap.array()).set(heap.map(), null);
    expect(JSON.stringify(map)).toBe('[["a",1],[2,[]],[{},null]]');
    map.delete(2);
    const pairs = [
      ['a', 1],
      [{}, null],
    ];
    expect(JSON.stringify(map, null, 1)).toBe(JSON.stringify(pairs, null, 1));
  });
});

test('cycles are a TypeError, as in ordinary objects; what is shared is written twice', () => {
  withHeap({ leaked: 7 }, (heap) => {
    const Person = declarePerson(heap);
    const shared = heap.array();
    const array = heap.array<unknown>();
    array.push(shared, shared);
    expect(JSON.stringify(array)).toBe('[[],[]]');
    const [alice, map] = [new Person({ name: 'Alice' }), heap.map<string, object>()];
    alice.friend = map;
    map.set('array', array);
    array.push(alice);
    for (const handle of [alice, map, array]) {
      expect(() => JSON.stringify(handle)).toThrow(TypeError);
      expect(() => heap.run(() => JSON.stringify({ handle }))).toThrow('circular');
    }
    shared.push(5n);
    expect(() => JSON.stringify(shared)).toThrow(TypeError);
  });
});

test('a class may say itself what it is as JSON, wherever it stands', () => {
  withHeap({}, (heap) => {
    class Point extends heap.struct<{ x: number; y: number }>('Point', { x: 'int32', y: 'int32' }) {
      override toJSON(): unknown {
        return { at: [this.x, this.y], all: super.toJSON() };
      }
    }
    const point = new Point({ x: 1, y: 2 });
    const text = '{"at":[1,2],"all":{"x":1,"y":2}}';
    expect(JSON.stringify(point)).toBe(text);
    const array = heap.array<object>();
    array.push(point);
    point.release();
    expect(JSON.stringify(array)).toBe(`[${text}]`);
    expect(heap.run(() => JSON.stringify(array))).toBe(`[${text}]`);
  });
});

test('a replacer and indentation see ordinary objects', () => {
  withHeap({}, (heap) => {
    const Person = declarePerson(heap);
    const alice = new Person({ name: 'Alice', age: 3, extra: 'x' });
    expect(JSON.stringify(alice, ['name', 'extra'])).toBe('{"name":"Alice","extra":"x"}');
    const older = (_: string, value: unknown) => (typeof value === 'number' ? value + 1 : value);
    expect(JSON.parse(JSON.stringify([alice], older))[0].age).toBe(4);
  });
});

test('a long chain needs no stack of ours', () => {
  withHeap({}, (heap) => {
    const array = heap.array<object>();
    heap.run(() => {
      let last = array;
      for (let i = 0; i < 20_000; i++) {
        const next = heap.array<object>();
        last.push(next);
        last = next;
      }
    });
    expect(array.toJSON()).toBeInstanceOf(Array);
  });
});

test('a handle that protects nothing, and one of a closed heap, say so', () => {
  const heap = Heap.create({ maxBytes: 2 ** 20 });
  const [stale, array] = [heap.array(), heap.array()];
  stale.release();
  expect(() => JSON.stringify(stale)).toThrow(StaleHandleError);
  heap.detach();
  expect(() => JSON.stringify(array)).toThrow(HeapClosedError);
});

test('no field can be called toJSON', () => {
  withHeap({}, (heap) => {
    expect(() => heap.struct('Box', { toJSON: 'any' })).toThrow(TypeError);
  });
});

test('a handle cannot be cloned or posted: it would be a number without its heap', () => {
  withHeap({}, (heap) => {
    const { port1, port2 } = new MessageChannel();
    const person = new (declarePerson(heap))();
    for (const value of [heap.array(), heap.map(), person, { deep: [person] }]) {
      for (const act of [() => structuredClone(value), () => port1.postMessage(value)]) {
        expect(act).toThrow('a handle of a shared heap: give the thread heap.share()');
      }
    }
    port1.close();
    port2.close();
  });
});

test('sets and tuples become arrays, dates texts, and bytes an empty object', () => {
  withHeap({}, (heap) => {
    const set = heap.set<unknown>().add(1).add('two').add(new Date(0));
    const tuple = heap.tuple(set, null, heap.tuple(), undefined, heap.bytes(3));
    expect(JSON.stringify({ tuple })).toBe(
      '{"tuple":[[1,"two","1970-01-01T00:00:00.000Z"],null,[],null,{}]}',
    );
    expect(heap.run(() => JSON.stringify(set))).toBe('[1,"two","1970-01-01T00:00:00.000Z"]');
    const cycle = heap.array<unknown>();
    cycle.push(heap.tuple(heap.set<unknown>().add(cycle)));
    expect(() => JSON.stringify(cycle)).toThrow(TypeError);
    cycle.length = 0;
  });
});

test('statistics count every kind by its name', () => {
  withHeap({}, (heap) => {
    const array = heap.array<unknown>();
    const Date_ = heap.struct('date', { x: 'int32' });
    heap.run(() => {
      array.push(heap.set(), heap.tuple(1), heap.tuple(array), heap.bytes(5), new Date(), 5n);
      array.push(new Date_());
    });
    const { objectsByKind } = heap.stats();
    expect(objectsByKind).toMatchObject({
      ...{ array: 1, set: 1, tuple: 2, bytes: 1, date: 1, bigint: 1, 'struct date': 1 },
    });
    array.length = 0;
    expect(heap.stats().objectsByKind.tuple).toBe(undefined);
  });
});
