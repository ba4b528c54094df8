/** Depth of a million and width of a million: no stack overflows, in or out, nor when they die. */

import { describe, expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const DEPTH = 1_000_000;
const MIB = 2 ** 20;

/** For each class: an object around another, and what is in one. */
const CHAINS: Record<string, [(inner: unknown) => object, (outer: never) => unknown]> = {
  objects: [(inner) => ({ inner }), (outer: { inner: unknown }) => outer.inner],
  arrays: [(inner) => [inner], (outer: unknown[]) => outer[0]],
  'values of maps': [(inner) => new Map([['k', inner]]), (o: Map<string, unknown>) => o.get('k')],
  'keys of maps': [(inner) => new Map([[inner, 1]]), (o: Map<unknown, 1>) => [...o.keys()][0]],
  sets: [(inner) => new Set([inner]), (outer: Set<unknown>) => [...outer][0]],
};

function expectChain(heap: Heap, names: readonly string[], depth: number): void {
  const chains = names.map((name) => CHAINS[name] as (typeof CHAINS)[string]);
  const chainOf = (i: number) => chains[i % chains.length] as (typeof CHAINS)[string];
  let source: unknown = 'innermost';
  for (let i = 0; i < depth; i++) source = chainOf(i)[0](source);
  const copy = heap.from(source) as Handle;
  source = null;
  expect(mortalObjects(heap)).toBeGreaterThanOrEqual(depth);
  let back: unknown = heap.toJS(copy);
  for (let i = depth - 1; i >= 0; i--) back = chainOf(i)[1](back as never);
  expect(back).toBe('innermost');
  copy.release();
}

test.each(Object.keys(CHAINS))('thirty thousand deep: %s', (name) => {
  withHeap({ maxBytes: 128 * MIB }, (heap) => expectChain(heap, [name], 30_000));
});

describe('a million deep', () => {
  test('objects, arrays, maps and sets in each other', () => {
    withHeap({ maxBytes: 512 * MIB }, (heap) => expectChain(heap, Object.keys(CHAINS), DEPTH));
  });

  test('what is refused at the bottom leaves nothing behind', () => {
    withHeap({ maxBytes: 256 * MIB }, (heap) => {
      let source: unknown = () => 1;
      for (let i = 0; i < 100_000; i++) source = i % 2 === 0 ? { source } : [source];
      const before = mortalObjects(heap);
      let path = '';
      try {
        heap.from(source);
      } catch (error) {
        ({ path } = error as { path: string });
      }
      expect(path.length).toBe('value'.length + 50_000 * '[0].source'.length);
      expect(mortalObjects(heap)).toBe(before);
    });
  });
});

test('a million wide', () => {
  withHeap({ maxBytes: 256 * MIB }, (heap) => {
    const numbers = Array.from({ length: DEPTH }, (_, i) => i);
    for (const source of [numbers, new Set(numbers)]) {
      const copy = heap.from(source) as Handle;
      const back = heap.toJS(copy) as unknown as number[];
      expect([...back].every((element, i) => element === i)).toBe(true);
      copy.release();
    }
    const objects = heap.from(numbers.slice(0, DEPTH / 4).map((i) => ({ i })));
    expect(heap.toJS(objects).at(-1)).toEqual({ i: DEPTH / 4 - 1 });
    objects.release();
  });
});
