/** Methods that are called on another kind of object refuse, and leave it as it is. */

import { describe, expect, test } from 'vitest';
import { HeapArray } from '../src/array.ts';
import { HeapBytes } from '../src/bytes.ts';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { HeapMap } from '../src/map.ts';
import { HeapObject } from '../src/plain-object.ts';
import { HeapSet } from '../src/set.ts';
import { HeapTuple } from '../src/tuple.ts';
import { contentsOf } from './support/exhaustion.ts';
import { withHeap } from './support/with-heap.ts';

const CLASSES = [HeapArray, HeapMap, HeapSet, HeapTuple, HeapBytes, HeapObject] as const;

/** An object of every kind, with something in it. */
function objectsOf(heap: Heap): Handle[] {
  const P = heap.struct<{ id: number; any: unknown }>('P', { id: 'int32', any: 'any' });
  const array = heap.array<unknown>();
  array.push(1, 'two', 3.5, null);
  const map = heap.map<unknown, unknown>().set('one', 1).set(2, 'two').set(1, 1);
  const set = heap.set<unknown>().add('one').add(1).add(2.5);
  const bytes = heap.bytes(Uint8Array.of(1, 2, 3, 4));
  const object = heap.from({ one: 1, two: 'two' });
  const struct = new P({ id: 1, any: 'x' });
  return [array, map, set, heap.tuple(1, 'two', 3), bytes, object, struct];
}

type Accessor = [name: string, call: (target: Handle) => unknown];

/** All that can be done by a class: methods with some arguments, getters, setters. */
function accessorsOf(prototype: object): Accessor[] {
  const found: Accessor[] = [];
  for (const key of Reflect.ownKeys(prototype)) {
    if (key === 'constructor' || key === Symbol.toStringTag) continue;
    const name = String(key);
    const property = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    const { value, get, set } = property;
    if (typeof value === 'function') {
      for (const args of [[], [1], ['one'], [1, 1, 'three'], [() => 1], [() => 1, 0]]) {
        found.push([`${name}(${args.length})`, (target) => Reflect.apply(value, target, args)]);
      }
    }
    if (get) found.push([`get ${name}`, (target) => Reflect.apply(get, target, [])]);
    if (set) found.push([`set ${name}`, (target) => Reflect.apply(set, target, [1])]);
  }
  return found;
}

/** They only call other methods of what they are called on, which may have them. */
const GENERIC = /^(Symbol\(Symbol.iterator\)|forEach|keys)/;

function actGenerically(act: () => void, where: string): void {
  try {
    act();
  } catch (error) {
    expect(error, where).toBeInstanceOf(TypeError);
  }
}

/** Takes all that an iterator has. */
function drain(result: unknown): unknown {
  const isIterator = typeof (result as Iterator<unknown> | null)?.next === 'function';
  return isIterator ? [...(result as Iterable<unknown>)] : result;
}

describe.each(CLASSES.map((Class) => [Class.name, Class] as const))('methods of %s', (_, Class) => {
  test.each([false, true])(
    'called on other objects throw TypeError, in a section: %s',
    (inside) => {
      withHeap({}, (heap) => {
        for (const target of objectsOf(heap)) {
          if (target instanceof Class) continue;
          const before = contentsOf(heap, [target]);
          for (const [name, call] of accessorsOf(Class.prototype)) {
            const attempt = () => drain(call(target));
            const where = `${name} on ${target.constructor.name}`;
            const act = () => (inside ? heap.run(() => void attempt()) : attempt());
            if (GENERIC.test(name)) actGenerically(act, where);
            else expect(act, where).toThrow(TypeError);
          }
          expect(heap.verify()).toEqual([]);
          expect(contentsOf(heap, [target])).toEqual(before);
        }
      });
    },
  );

  test('called on a stale handle say so', () => {
    withHeap({}, (heap) => {
      for (const target of objectsOf(heap)) {
        if (!(target instanceof Class)) continue;
        target.release();
        for (const [name, call] of accessorsOf(Class.prototype)) {
          const attempt = () => drain(call(target));
          expect(attempt, name).toThrow();
        }
      }
    });
  });
});
