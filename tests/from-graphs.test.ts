/** `heap.from` and `heap.toJS` against `structuredClone`: random graphs, compared by identity. */

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { hostile } from '../src/testing/hostile.ts';
import { ODD_NAMES, randomGraph, structureOf } from './support/plain-graphs.ts';
import { SEED, withRandom } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

/** Copies a graph in and out, and compares with what structuredClone makes of it. */
function expectSameCopy(heap: Heap, graph: object): void {
  const copy = heap.from(graph) as Handle;
  const back = heap.toJS(copy);
  const wanted = structuredClone(graph);
  expect(structureOf(back)).toEqual(structureOf(wanted));
  expect(isDeepStrictEqual(back, wanted)).toBe(true);
  copy.release();
}

const WAYS = {
  outside: (_heap: Heap, body: () => void) => body(),
  'in a section': (heap: Heap, body: () => void) => heap.run(body),
  'in a scope': (heap: Heap, body: () => void) => heap.scope(body),
};

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])('random graphs, %s', (way) => {
  test.each([1, 5, 12, 30])('of %i objects come back as structuredClone has them', (size) => {
    withHeap({ checkLeaks: false }, (heap) => {
      withRandom((random) => {
        const empty = mortalObjects(heap);
        for (let round = 0; round < 60; round++) {
          WAYS[way](heap, () => expectSameCopy(heap, randomGraph(random, size)));
          if (round % 20 === 0) expect(heap.verify()).toEqual([]);
        }
        heap.gc.collect();
        expect(mortalObjects(heap)).toBe(empty);
      }, SEED + size);
    });
  });
});

test('collections at every safepoint and poisoned memory change nothing', () => {
  withHeap({ checkLeaks: false }, (heap) => {
    withRandom((random) => {
      const empty = mortalObjects(heap);
      using guard = hostile(heap, { collectEvery: 2, poison: true });
      for (let round = 0; round < 60; round++) expectSameCopy(heap, randomGraph(random, 20));
      guard[Symbol.dispose]();
      heap.gc.collect();
      expect(mortalObjects(heap)).toBe(empty);
    });
  });
});

test('large graphs, of many batches', () => {
  withHeap({ checkLeaks: false }, (heap) => {
    withRandom((random) => {
      const graph = randomGraph(random, 3000);
      const empty = mortalObjects(heap);
      const copy = heap.from([[], graph, graph]);
      const wanted = structuredClone([[], graph, graph]);
      expect(structureOf(heap.toJS(copy))).toEqual(structureOf(wanted));
      expect(heap.verify()).toEqual([]);
      copy.release();
      heap.gc.collect();
      expect(mortalObjects(heap)).toBe(empty);
    });
  });
});

test('objects with names that are easily taken for something else', () => {
  withHeap({ checkLeaks: false }, (heap) => {
    for (const name of ODD_NAMES) {
      const object = Object.fromEntries([[name, { [name === 'x' ? 'y' : 'x']: 1 }]]);
      const copy = heap.from(object) as unknown as { get(name: string): { get(n: 'x'): number } };
      expect(copy.get(name).get('x')).toBe(1);
      expectSameCopy(heap, object);
    }
    const all = Object.fromEntries(ODD_NAMES.map((name, i) => [name, i]));
    expectSameCopy(heap, all);
    expect(heap.from(all).keys()).toEqual(Object.keys(all));
  });
});

test('objects that thread the same shapes share kinds', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    heap.from([{ a: 1, b: 2 }]).release();
    const { end } = mem.shapes;
    using copy = heap.from(Array.from({ length: 500 }, (_, i) => ({ a: i, b: [i] })));
    expect(mem.shapes.end).toBe(end);
    expect(heap.stats().objectsByKind).toMatchObject({ object: 500, array: 501 });
    expect(copy.length).toBe(500);
  });
});
