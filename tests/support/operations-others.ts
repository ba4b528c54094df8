/** Operations on sets, tuples, bytes, dates, for tests that make them fail for lack of memory. */

import type { HeapArray } from '../../src/array.ts';
import type { HeapBytes } from '../../src/bytes.ts';
import type { Handle } from '../../src/handle.ts';
import type { Heap } from '../../src/heap.ts';
import type { HeapMap } from '../../src/map.ts';
import type { HeapSet } from '../../src/set.ts';
import type { HeapTuple } from '../../src/tuple.ts';
import type { OperationCase } from './exhaustion.ts';

const LONG = 'x'.repeat(100);
const BIG = 2n ** 60n;
const DATE = new Date(1234);

/** Operations by what they are. */
export const otherOperations: Record<string, OperationCase<never>> = {};

function add<S>(name: string, operation: OperationCase<S>): void {
  otherOperations[name] = operation as unknown as OperationCase<never>;
}

// ── Sets ─────────────────────────────────────────────────────────────────────────────────────

function onSet(size: number, run: (set: HeapSet, heap: Heap) => unknown): OperationCase<HeapSet> {
  return {
    setup: (heap) => {
      const set = heap.set();
      for (let i = 0; i < size; i++) set.add(i === 0 ? 'old' : i);
      return set;
    },
    run,
    watched: (set) => [set],
  };
}

// Around the sizes at which a set gets a chunk, a table, more buckets.
for (const size of [0, 1, 4, 8, 12, 16, 28, 255]) {
  for (const [what, value] of [
    ['number', -1],
    ['string', 'element'],
    ['long string', LONG],
    ['bigint', BIG],
    ['date', DATE],
  ] as const) {
    add(
      `add a ${what}, size ${size}`,
      onSet(size, (set) => set.add(value)),
    );
  }
}
add(
  'add an element with many buckets',
  onSet(1030, (set) => set.add('element')),
);
add(
  'add what is an element',
  onSet(5, (set) => set.add('old')),
);
add(
  'delete an element',
  onSet(5, (set) => set.delete('old')),
);
add(
  'go through a set',
  onSet(3, (set) => [...set]),
);
add(
  'forEach of a set',
  onSet(3, (set) => set.forEach(() => {})),
);
add(
  'a union',
  onSet(3, (set, heap) => heap.scope(() => void set.union(heap.set().add('more')))),
);

/** A set of objects that no handle holds. */
const ofObjects = (run: (set: HeapSet<Handle>, heap: Heap) => unknown) => ({
  setup: (heap: Heap) => {
    const set = heap.set<Handle>();
    heap.run(() => {
      for (let i = 0; i < 30; i++) set.add(heap.array());
    });
    return set;
  },
  run,
  watched: (set: HeapSet<Handle>) => [set],
});
add(
  'elements that are objects',
  ofObjects((set, heap) => heap.scope(() => void [...set.values()])),
);
add(
  'a difference of objects',
  ofObjects((set, heap) => heap.scope(() => void set.difference(new Set()))),
);

// ── Tuples ───────────────────────────────────────────────────────────────────────────────────

const onArray = (run: (array: HeapArray, heap: Heap) => unknown): OperationCase<HeapArray> => ({
  setup: (heap) => {
    const array = heap.array();
    array.push('first', heap.map() as never);
    return array;
  },
  run,
  watched: (array) => [array],
});
add(
  'an empty tuple',
  onArray((_, heap) => heap.tuple()),
);
add(
  'a tuple of all that is encoded',
  onArray((array, heap) => heap.tuple(array, 'text', LONG, BIG, 1, DATE, array, `${LONG}!`)),
);
add(
  'a long tuple',
  onArray((_, heap) =>
    heap.tuple(...Array.from({ length: 3000 }, (_value, i) => `value ${i % 99}`)),
  ),
);
add(
  'a tuple in a tuple',
  onArray((array, heap) =>
    heap.run(() => void array.push(heap.tuple(heap.tuple(array.at(1)), LONG) as never)),
  ),
);
const objectsOf = (heap: Heap): unknown[] => [heap.array(), heap.map(), heap.set()];
add('values of a tuple', {
  setup: (heap) => heap.run(() => heap.tuple(...objectsOf(heap)) as unknown as HeapTuple),
  run: (tuple: HeapTuple, heap) => heap.scope(() => void tuple.toArray()),
  watched: (tuple) => [tuple],
});

// ── Bytes and dates ──────────────────────────────────────────────────────────────────────────

for (const length of [0, 10, 5000, 100_000]) {
  add(
    `${length} bytes`,
    onArray((_, heap) => heap.bytes(length)),
  );
}
add(
  'bytes with a content',
  onArray((_, heap) => heap.bytes(new Float64Array(40))),
);
add(
  'bytes in an array',
  onArray((array, heap) => heap.run(() => void array.push(heap.bytes(40) as never))),
);
add('a view', {
  setup: (heap) => heap.bytes(80),
  run: (bytes: HeapBytes) => bytes.view(Int32Array, 8, 2),
  watched: (bytes) => [bytes],
});
add(
  'push a date',
  onArray((array) => array.push(DATE, LONG, DATE)),
);
for (const [what, key] of [
  ['a new', new Date(5)],
  ['a known', DATE],
] as const) {
  add(`set a date under ${what} date`, {
    setup: (heap) => heap.map().set(DATE, 'old'),
    run: (map: HeapMap) => map.set(key, DATE),
    watched: (map) => [map],
  });
}
