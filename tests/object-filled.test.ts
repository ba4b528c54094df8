/** Containers that are made with what they hold. */

import { expect, test } from 'vitest';
import { NotShareableError } from '../src/base/errors.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

test('maps, arrays and sets take an iterable, as those of JavaScript do', () => {
  withHeap({}, (heap) => {
    const entries: [string, number][] = [
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ];
    expect([...heap.map(entries)]).toEqual([...new Map(entries)]);
    expect([...heap.map(new Map(entries))]).toEqual([...new Map(entries)]);
    expect([...heap.array('abc')]).toEqual(['a', 'b', 'c']);
    expect([...heap.set([1, 2, 1])]).toEqual([1, 2]);
    expect([...heap.set(heap.array([1, 2, 2]))]).toEqual([1, 2]);
    expect([heap.map(null).size, heap.array(undefined).length, heap.set().size]).toEqual([0, 0, 0]);
  });
});

test('an array of 300,000 values is made at once', () => {
  withHeap({}, (heap) => {
    const values = Array.from({ length: 300_000 }, (_, i) => i);
    const array = heap.array(values);
    expect([array.length, array.at(-1)]).toEqual([300_000, 299_999]);
  });
});

test('nothing is left of a container that cannot be filled', () => {
  withHeap({}, (heap) => {
    const before = mortalObjects(heap);
    const bad = Symbol('s');
    expect(() => heap.map([['a', bad]])).toThrow(NotShareableError);
    expect(() => heap.array(['a', bad])).toThrow(NotShareableError);
    expect(() => heap.set(['a', bad])).toThrow(NotShareableError);
    expect(() => heap.map(['no pair'] as never)).toThrow('must be a pair, not "no pair"');
    expect(heap.map([{ 0: 'a', 1: 2 }] as never).get('a')).toBe(2);
    expect(() => heap.array(5 as never)).toThrow(TypeError);
    heap.run(() => expect(() => heap.array([bad])).toThrow(NotShareableError));
    expect(mortalObjects(heap)).toBe(before + 2); // a map and its key
  });
});
