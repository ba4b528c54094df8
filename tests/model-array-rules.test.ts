/** Arrays: rules that random scripts do not reach, one by one. */

import { describe, expect, test } from 'vitest';
import type { HeapArray } from '../src/array.ts';
import { HeapClosedError, NotShareableError, StaleHandleError } from '../src/base/errors.ts';
import { Heap } from '../src/heap.ts';
import { withHeap } from './support/with-heap.ts';

interface Item {
  id: number;
}

function itemsOf(heap: Heap, count: number): HeapArray<Item> {
  const P = heap.struct<Item>('P', { id: 'int32' });
  const array = heap.array<Item>();
  heap.run(() => {
    for (let id = 0; id < count; id++) array.push(new P({ id }));
  });
  return array;
}

const ids = (items: readonly Item[]) => items.map(({ id }) => id);

describe('handles in results', () => {
  /** Every method that returns handles, and the ids it returns of objects 0, 1 and 2. */
  const METHODS: Record<string, [(array: HeapArray<Item>) => Item | Item[] | undefined, number[]]> =
    {
      slice: [(array) => array.slice(1), [1, 2]],
      concat: [(array) => array.concat(array, []), [0, 1, 2, 0, 1, 2]],
      flat: [(array) => array.flat(), [0, 1, 2]],
      flatMap: [(array) => array.flatMap((item) => [item, item]), [0, 0, 1, 1, 2, 2]],
      map: [(array) => array.map((item) => item), [0, 1, 2]],
      filter: [(array) => array.filter(({ id }) => id > 0), [1, 2]],
      find: [(array) => array.find(({ id }) => id === 1), [1]],
      findLast: [(array) => array.findLast(({ id }) => id < 2), [1]],
      reduce: [(array) => array.reduce((a, b) => (a.id > b.id ? a : b)), [2]],
      reduceRight: [
        (array) => array.reduceRight<Item[]>((all, item) => all.concat([item]), []),
        [2, 1, 0],
      ],
      toSorted: [(array) => array.toSorted((a, b) => b.id - a.id), [2, 1, 0]],
      toReversed: [(array) => array.toReversed(), [2, 1, 0]],
      toSpliced: [(array) => array.toSpliced(0, 2) as Item[], [2]],
      with: [(array) => array.with(0, array.at(2) as Item) as Item[], [2, 1, 2]],
      pop: [(array) => array.pop(), [2]],
      splice: [(array) => array.splice(0, 2), [0, 1]],
    };

  test.each(Object.keys(METHODS))('%s keeps them outside of sections, and only there', (name) => {
    const [method, expected] = METHODS[name] as (typeof METHODS)[string];
    withHeap({}, (heap) => {
      const results = [method(itemsOf(heap, 3))].flat() as Item[];
      expect(ids(results)).toEqual(expected);
      expect(heap.run(() => ids(results))).toEqual(expected);
      for (const item of new Set(results) as Set<Item & { release(): void }>) {
        for (const other of results) if (other === item) item.release();
        // What was passed in was kept by the access before.
        if (name !== 'with') expect(() => item.id).toThrow(StaleHandleError);
      }
      const { locals } = heap.run(() => ({
        locals: [method(itemsOf(heap, 3))].flat() as Item[],
      }));
      for (const item of locals) expect(() => item.id).toThrow(StaleHandleError);
    });
  });
});

test('an array that contains itself is empty text within itself, as in JavaScript', () => {
  withHeap({ leaked: 3 }, (heap) => {
    const array = heap.array<unknown>();
    const inner = heap.array<unknown>();
    array.push(1, inner, array, null, undefined, 'x');
    inner.push(2, array, 3);
    expect(array.join('-')).toBe('1-2,,3----x');
    expect(`${inner}`).toBe('2,1,,,,,x,3');
    expect(inner.toLocaleString()).toBe('2,1,,,,,x,3');
    expect(array.toString()).toBe(array.join());
    expect(Object.prototype.toString.call(array)).toBe('[object HeapArray]');
    expect(() => array.flat(Number.POSITIVE_INFINITY)).toThrow(RangeError);
    const model: unknown[] = [1];
    model.push([2, model, 3], model, null, undefined, 'x');
    for (const depth of [0, 1, 3, 6]) {
      expect(array.flat(depth).length).toBe(model.flat(depth).length);
    }
  });
});

test('what the text of an element does to the array is seen, and what it throws comes out', () => {
  withHeap({}, (heap) => {
    const array = heap.array<unknown>();
    class Loud extends heap.struct<{ id: number }>('Loud', { id: 'int32' }) {
      override toString(): string {
        if (this.id === 2) throw new EvalError('two');
        array.length = 2;
        return 'loud';
      }
      override toLocaleString(...args: unknown[]): string {
        return args.join();
      }
    }
    array.push(1, new Loud({ id: 1 }), 2, 3);
    expect(array.toLocaleString('de', {})).toBe(`1,${['de', {}].join()},2,3`);
    expect(array.join()).toBe('1,loud,,');
    array.set(0, new Loud({ id: 2 }));
    expect(() => array.join()).toThrow(EvalError);
    expect(() => array.sort()).toThrow(EvalError);
    array.shift();
    expect(array.join()).toBe('loud');
  });
});

test('arguments are converted first, in their order, and may change the array', () => {
  withHeap({}, (heap) => {
    const array = heap.array<number>();
    const log: string[] = [];
    const says = (name: string, value: number) => ({
      valueOf: () => {
        log.push(name);
        if (array.length < 3) array.push(value);
        return value;
      },
    });
    const odd = (name: string, value: number) => says(name, value) as unknown as number;
    array.slice(odd('a', 0), odd('b', 1));
    array.fill(7, odd('c', 0), odd('d', 2));
    array.copyWithin(odd('e', 0), odd('f', 1), odd('g', 2));
    array.splice(odd('h', 0), odd('i', 0));
    array.toSpliced(odd('j', 0), odd('k', 0));
    expect(log.join('')).toBe('abcdefghijk');
    expect([...array]).toEqual([7, 7, 0]);
    for (const wrong of [1n, Symbol('s')] as unknown as number[]) {
      expect(() => array.at(wrong)).toThrow(TypeError);
      expect(() => array.fill(0, wrong)).toThrow(TypeError);
      expect(() => array.slice(0, wrong)).toThrow(TypeError);
      expect(() => array.lastIndexOf(0, wrong)).toThrow(TypeError);
      expect(() => array.flat(wrong)).toThrow(TypeError);
    }
    expect(() => array.join(Symbol('s') as never)).toThrow(TypeError);
    expect([...array]).toEqual([7, 7, 0]);
  });
});

test('with one argument, lastIndexOf begins at the end; with undefined, at the beginning', () => {
  withHeap({}, (heap) => {
    const array = heap.array<number>();
    array.push(1, 2, 1);
    expect([array.lastIndexOf(1), array.lastIndexOf(1, undefined)]).toEqual([2, 0]);
    expect([array.lastIndexOf(1, -2), array.lastIndexOf(1, -9)]).toEqual([0, -1]);
  });
});

test('spread, destructuring and Array.from see the elements', () => {
  withHeap({}, (heap) => {
    const array = heap.array<number>();
    array.push(1, 2, 3);
    const [first, ...rest] = array;
    expect([first, rest, [...array], Array.from(array, (n) => n * 2)]).toEqual([
      ...[1, [2, 3], [1, 2, 3], [2, 4, 6]],
    ]);
  });
});

describe('iterators', () => {
  const both = (heap: Heap) => {
    const array = heap.array<number>();
    array.push(1, 2, 3);
    const map = heap.map<number, number>();
    for (let i = 1; i < 4; i++) map.set(i, i * 2);
    return { array, map };
  };

  test('are iterators to JavaScript, and say whose they are', () => {
    withHeap({}, (heap) => {
      const { array, map } = both(heap);
      const prototype = Object.getPrototypeOf(Object.getPrototypeOf([].values()));
      for (const iterator of [array.values(), array.keys(), map.entries(), map.keys()]) {
        const parent = Object.getPrototypeOf(Object.getPrototypeOf(iterator));
        expect(parent).toBe(prototype);
        expect(iterator[Symbol.iterator]()).toBe(iterator);
      }
      expect(String(array.values())).toBe('[object HeapArray Iterator]');
      expect(String(map.values())).toBe('[object HeapMap Iterator]');
    });
  });

  test('of arrays can be taken up again where a loop was left', () => {
    withHeap({}, (heap) => {
      const leave = (array: Iterable<number> & { values(): IterableIterator<number> }) => {
        const iterator = array.values();
        for (const _ of iterator) break;
        return [...iterator];
      };
      expect(leave(both(heap).array)).toEqual(leave([1, 2, 3]));
    });
  });

  // Node 20 has none.
  test.runIf('Iterator' in globalThis)('have the helpers, which close those of maps', () => {
    withHeap({}, (heap) => {
      const { array, map } = both(heap);
      // biome-ignore lint/suspicious/noExplicitAny: the library of types does not know them.
      const helped = (iterator: unknown): any => iterator;
      const act = () => {
        expect(helped(array.values()).map(String).toArray()).toEqual(['1', '2', '3']);
        const odd = helped(array.values()).filter((n: number) => n % 2);
        expect(odd.drop(1).toArray()).toEqual([3]);
        expect(helped(array.entries()).take(1).toArray()).toEqual([[0, 1]]);
        expect(helped(map.values()).reduce((a: number, b: number) => a + b)).toBe(12);
        expect(helped(map.keys()).some((n: number) => n === 2)).toBe(true);
        expect([...helped(map.entries()).take(1)]).toEqual([[1, 2]]);
        expect(() =>
          helped(map.keys()).forEach(() => {
            throw new EvalError('left');
          }),
        ).toThrow(EvalError);
        map.clear();
        expect(map.size).toBe(0);
        for (let i = 1; i < 4; i++) map.set(i, i * 2);
      };
      act();
      heap.run(act);
    });
  });
});

test('fill and copyWithin count what they store', () => {
  withHeap({}, (heap) => {
    const [one, other] = [heap.map(), heap.map()];
    const array = heap.array<object>();
    array.push(other, other, other, other);
    array.fill(one, 1, 3);
    expect([heap.refcount(one), heap.refcount(other)]).toEqual([3, 3]);
    array.copyWithin(1, 0, 2);
    expect(array.slice()).toEqual([other, other, one, other]);
    array.copyWithin(0, 2);
    expect(heap.run(() => array.map((x) => x === one))).toEqual([true, false, true, false]);
    array.fill(one, 2, 2).copyWithin(0, 9);
    expect(array.reverse().indexOf(one)).toBe(1);
    expect(heap.verify()).toEqual([]);
    const text = 'long text '.repeat(10);
    const texts = heap.array<string>();
    texts.length = 600;
    texts.fill(text);
    expect(heap.stats().objectsByKind.string).toBe(1);
    expect(texts.every((each) => each === text)).toBe(true);
  });
});

test('errors name the element', () => {
  withHeap({}, (heap) => {
    const array = heap.array<unknown>();
    array.push(1, 2);
    const path = (act: () => unknown) => {
      try {
        act();
      } catch (error) {
        expect(error).toBeInstanceOf(NotShareableError);
        return (error as NotShareableError).path;
      }
      return 'nothing';
    };
    expect(path(() => array.push({}))).toBe('element 2 of an array');
    expect(path(() => array.push(1, 2, 2n ** 70n))).toBe('element 4 of an array');
    expect(path(() => array.set(-1, {}))).toBe('element 1 of an array');
    expect(path(() => array.splice(1, 1, 0, {}))).toBe('element 2 of an array');
    expect(path(() => array.fill(Symbol('s'), 1))).toBe('element 1 of an array');
    expect([...array]).toEqual([1, 2]);
    const map = heap.map<unknown, unknown>();
    const long = 'k'.repeat(500);
    expect(path(() => map.set(long, {}))).toBe(`the value of key "${'k'.repeat(40)}" of a map`);
    expect(path(() => map.set(array, {}))).toBe('the value of key [HeapArray] of a map');
    expect(path(() => map.set(5n, {}))).toBe('the value of key 5n of a map');
    expect(path(() => map.set({}, 5))).toBe('the key of a map');
    expect(map.size).toBe(0);
    const stale = heap.map();
    stale.release();
    expect(() => array.push(stale)).toThrow('element 2 of an array no longer protects');
  });
});

const WITH_CALLBACK = [
  ...['forEach', 'map', 'filter', 'some', 'every', 'find', 'findIndex', 'findLast'],
  ...['findLastIndex', 'flatMap', 'reduce', 'reduceRight'],
] as const;

test.each(WITH_CALLBACK)('%s takes functions only, and says so before it begins', (name) => {
  withHeap({}, (heap) => {
    const array = heap.array<unknown>();
    for (const wrong of [undefined, null, 5, 'text', {}, /x/]) {
      expect(() => (array[name] as (callback: unknown) => void)(wrong)).toThrow(TypeError);
    }
    array.release();
    expect(() => Reflect.apply(array[name], array, [() => true])).toThrow(StaleHandleError);
  });
});

test('callbacks run in one section: nobody sees a promise', () => {
  withHeap({}, (heap) => {
    const array = itemsOf(heap, 2);
    const reduce = () => array.reduce(async () => 1 as never, undefined as never);
    expect(reduce).toThrow('a section must be synchronous');
    let depth = 0;
    array.forEach(() => {
      array.forEach(() => {
        depth++;
      });
    });
    expect(depth).toBe(4);
  });
});

test('a callback that releases the array ends the walk', () => {
  withHeap({}, (heap) => {
    const array = itemsOf(heap, 3);
    const release = () => {
      array.release();
    };
    expect(() => array.forEach(release)).toThrow(StaleHandleError);
  });
});

test('with() and reduce() without an element are errors', () => {
  withHeap({}, (heap) => {
    const array = heap.array<number>();
    expect(() => array.with(0, 1)).toThrow(RangeError);
    expect(() => array.reduce((a) => a)).toThrow(TypeError);
    expect(() => array.reduceRight((a) => a)).toThrow(TypeError);
    expect(array.reduce((a) => a, 5)).toBe(5);
    expect(array.reduce((a) => a, undefined as number | undefined)).toBe(undefined);
  });
});

test('concat takes arrays of another heap, and flatMap results of both sorts', () => {
  withHeap({}, (heap) => {
    withHeap({}, (otherHeap) => {
      const [array, other] = [itemsOf(heap, 1), itemsOf(otherHeap, 2)];
      const all = array.concat(other, []);
      expect(ids(all)).toEqual([0, 0, 1]);
      expect(ids(array.flatMap(() => other))).toEqual([0, 1]);
      expect(array.concat(5 as never, [6, [7]] as never).slice(1)).toEqual([5, 6, [7]]);
    });
  });
});

test('methods of a closed heap say so', () => {
  const heap = Heap.create({ maxBytes: 2 ** 20 });
  const array = heap.array<number>();
  heap.detach();
  for (const act of [
    () => array.sort(),
    () => array.sort(() => 0),
    () => array.map(String),
    () => array.join(),
    () => array.flat(),
    () => array.concat(),
  ]) {
    expect(act).toThrow(HeapClosedError);
  }
});
