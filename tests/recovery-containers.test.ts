/** Arrays, maps and sets, killed at every store of every operation: see `support/killing.ts`. */
import { beforeAll, expect, test } from 'vitest';
import type { Heap } from '../src/index.ts';
import { arrayStep, killAtEveryStore, mapStep, type Step } from './support/kill-steps.ts';
import { patchAtomics } from './support/killing.ts';

beforeAll(patchAtomics);

// biome-ignore lint/suspicious/noExplicitAny: what stands in the roots is known to each test.
type Any = any;

const texts = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `text ${from + i}`);
const many = (count: number) => Array.from({ length: count }, (_, i) => `often ${i % 20}`);
const entriesOf = (count: number): [string, Any][] =>
  Array.from({ length: count }, (_, i) => [`key ${i}`, `value ${i}`]);

const ARRAYS: Step<Any>[] = [
  arrayStep('a number is pushed', [1, 2, 3], (list) => list.push(4)),
  arrayStep('the first element is pushed', [], (list) => list.push('first')),
  arrayStep('an element is pushed that needs a larger node', texts(0, 4), (l) => l.push('next')),
  arrayStep('an element is pushed that needs another leaf', many(512), (l) => l.push('next')),
  arrayStep('many are pushed', texts(0, 3), (list) => list.push(...texts(3, 30))),
  arrayStep('the last is popped', texts(0, 5), (list) => list.pop()),
  arrayStep('an element is popped from a further leaf', [...many(512), 'last'], (l) => l.pop()),
  arrayStep('the first is shifted out', texts(0, 9), (list) => list.shift()),
  arrayStep('elements are put before the first', texts(0, 3), (l) => l.unshift('a', 'b', 'c', 'd')),
  arrayStep('elements are put in between', texts(0, 20), (l) => l.splice(7, 0, 'a', 'b', 'c')),
  arrayStep('elements are replaced by more', texts(0, 9), (l) => l.splice(2, 3, ...texts(20, 28))),
  arrayStep('elements are replaced by fewer', texts(0, 20), (list) => list.splice(2, 8, 'a')),
  arrayStep('elements are removed', texts(0, 12), (list) => list.splice(3, 4)),
  arrayStep('elements are sorted', texts(0, 20).reverse(), (list) => list.sort()),
  arrayStep('elements are reversed', texts(0, 15), (list) => list.reverse()),
  arrayStep('elements are copied within', texts(0, 12), (list) => list.copyWithin(2, 5, 10)),
  arrayStep('elements are filled', texts(0, 8), (list) => list.fill('same', 2, 7)),
  arrayStep('the length is cut', texts(0, 40), (list) => {
    list.length = 3;
  }),
  // Forty of the texts die of it; of the others each has many places.
  arrayStep('the length is cut over leaves', [...many(500), ...texts(0, 40), ...many(560)], (l) => {
    l.length = 500;
  }),
  arrayStep('the length grows', [1, 2], (list) => {
    list.length = 40;
  }),
];

const MAPS: Step<Any>[] = [
  mapStep('the first entry is set', [], (map) => map.set('key', 'value')),
  mapStep('a value is replaced', entriesOf(4), (map) => map.set('key 2', 'other')),
  mapStep('the entry is set that needs a table', entriesOf(8), (map) => map.set('next', 9)),
  mapStep('an entry is set in a table', entriesOf(13), (map) => map.set('next', 9)),
  mapStep('an entry splits a bucket', entriesOf(16), (map) => map.set('next', 9)),
  mapStep('an entry needs a chunk', entriesOf(20), (map) => {
    for (let i = 0; i < 16; i++) map.set(`more ${i}`, i);
  }),
  mapStep('many entries are set', entriesOf(2), (map) => {
    for (let i = 0; i < 70; i++) map.set(`more ${i}`, `value ${i}`);
  }),
  mapStep('an entry is deleted', entriesOf(5), (map) => map.delete('key 1')),
  mapStep('the last entry is deleted', entriesOf(1), (map) => map.delete('key 0')),
  mapStep('an entry is deleted from a table', entriesOf(30), (map) => map.delete('key 11')),
  mapStep('most entries are deleted', entriesOf(60), (map) => {
    for (let i = 0; i < 60; i++) if (i % 7 !== 3) map.delete(`key ${i}`);
  }),
  mapStep('all entries are deleted', entriesOf(20), (map) => {
    for (let i = 0; i < 20; i++) map.delete(`key ${19 - i}`);
  }),
  mapStep('entries are cleared', entriesOf(40), (map) => map.clear()),
  mapStep(
    'keys of all kinds come and go',
    [
      [1.5, 1],
      [10n ** 18n, 2],
      [true, 3],
    ],
    (map) => {
      map.set(2n ** 63n - 1n, 1);
      map.set('x'.repeat(40), 2);
      map.delete(1.5);
      map.delete(10n ** 18n);
    },
  ),
  mapStep('entries are deleted under an iterator', entriesOf(30), (map) => {
    const iterator = map.keys();
    iterator.next();
    for (let i = 0; i < 25; i++) map.delete(`key ${i}`);
    iterator.next();
    map.set('next', 1);
    iterator.return?.();
  }),
  mapStep('entries are cleared under an iterator', entriesOf(20), (map) => {
    for (const key of map.keys()) {
      if (key === 'key 3') map.clear();
      else if (key === 'late') break;
      if (key === 'key 3') map.set('late', 1);
    }
  }),
];

const setOf = (heap: Heap): Any => heap.root.get('set');
const SETS: Step<Any>[] = [
  {
    name: 'a set gets and loses elements',
    setup: (heap) => {
      heap.root.set('set', heap.set(texts(0, 10)) as Any);
      return setOf(heap);
    },
    run: (_, set) => {
      for (const text of texts(10, 25)) set.add(text);
      for (const text of texts(0, 20)) set.delete(text);
    },
    check: (heap) => {
      const found = [...setOf(heap)];
      expect(found.length).toBe(setOf(heap).size);
      for (const text of found) expect(setOf(heap).has(text)).toBe(true);
    },
  },
];

test.each([...ARRAYS, ...MAPS, ...SETS].map((step) => [step.name, step] as const))(
  '%s',
  (_, step) => {
    expect(killAtEveryStore(step)).toBeGreaterThan(3);
  },
);
