/** Operations of every kind, for tests that make them fail for lack of memory. */

import type { HeapArray } from '../../src/array.ts';
import type { Handle } from '../../src/handle.ts';
import { type Heap, sessionOf } from '../../src/heap.ts';
import type { HeapMap } from '../../src/map.ts';
import { THREAD_ROWS_COUNT } from '../../src/memory/layout.ts';
import type { OperationCase } from './exhaustion.ts';

interface Fields {
  name: string;
  label: string;
  other: unknown;
  count: number;
}

const LONG = 'x'.repeat(100);
const BIG = 2n ** 60n;

const struct = (heap: Heap) =>
  heap.struct<Fields>('S', { name: 'string', label: 'string', other: 'any', count: 'int32' });

/** Operations by what they are. */
export const operations: Record<string, OperationCase<never>> = {};

function add<S>(name: string, operation: OperationCase<S>): void {
  operations[name] = operation as unknown as OperationCase<never>;
}

// ── Structs ──────────────────────────────────────────────────────────────────────────────────

const plainStruct = (heap: Heap) => {
  const S = struct(heap);
  return { S, object: new S({ name: 'before', other: 'so', count: 1 }) };
};
const onStruct = (
  write: (object: Fields) => unknown,
): OperationCase<{ object: Fields & Handle }> => ({
  setup: plainStruct,
  run: ({ object }) => write(object),
  watched: ({ object }) => [object],
});

add('new struct', {
  setup: plainStruct,
  run: ({ S }) => new S(),
  watched: ({ object }) => [object],
});
add('new struct with strings', {
  setup: plainStruct,
  run: ({ S }) => new S({ count: 1, name: 'a name', label: LONG, other: BIG }),
  watched: ({ object }) => [object],
});
add(
  'set a short string field',
  onStruct((s) => (s.name = 'after')),
);
add(
  'set a long string field',
  onStruct((s) => (s.name = LONG)),
);
add(
  'set an empty string field',
  onStruct((s) => (s.label = LONG)),
);
add(
  'set an any field to a string',
  onStruct((s) => (s.other = 'after')),
);
add(
  'set an any field to a long string',
  onStruct((s) => (s.other = LONG)),
);
add(
  'set an any field to a bigint',
  onStruct((s) => (s.other = BIG)),
);
add('declare a struct', {
  setup: (heap) => heap.root,
  run: (_root, heap) => heap.struct<{ a: number }>('New', { a: 'int32' }),
  watched: (root) => [root],
});

// ── Maps ─────────────────────────────────────────────────────────────────────────────────────

function onMap(size: number, run: (map: HeapMap) => unknown): OperationCase<HeapMap> {
  return {
    setup: (heap) => {
      const map = heap.map();
      for (let i = 0; i < size; i++) map.set(i, i === 0 ? 'old' : i);
      return map;
    },
    run,
    watched: (map) => [map],
  };
}

// Around the sizes at which a map gets a chunk, a table, more buckets.
for (const size of [0, 1, 4, 8, 12, 16, 28, 40]) {
  add(
    `set a new number key, size ${size}`,
    onMap(size, (m) => m.set(-1, 1)),
  );
  add(
    `set a new string key, size ${size}`,
    onMap(size, (m) => m.set('key', 'value')),
  );
  add(
    `set a new long key, size ${size}`,
    onMap(size, (m) => m.set(LONG, `${LONG}!`)),
  );
  add(
    `set a new bigint key, size ${size}`,
    onMap(size, (m) => m.set(BIG, BIG + 1n)),
  );
}
add(
  'replace a value by a string',
  onMap(3, (m) => m.set(0, 'new')),
);
add(
  'replace a value by a long string',
  onMap(3, (m) => m.set(0, LONG)),
);
add(
  'replace a value by a bigint',
  onMap(3, (m) => m.set(0, BIG)),
);
add(
  'set a key with many buckets',
  onMap(1030, (m) => m.set('key', 'value')),
);
add(
  'open an iterator',
  onMap(3, (m) => m.keys().next()),
);
add(
  'iterate',
  onMap(3, (m) => [...m]),
);
add(
  'forEach',
  onMap(3, (m) => m.forEach(() => {})),
);
add('replace under a long key', {
  setup: (heap) => heap.map().set(LONG, 'old'),
  run: (map) => map.set(LONG, 'new'),
  watched: (map) => [map],
});
add('replace under a bigint key', {
  setup: (heap) => heap.map().set(BIG, 'old'),
  run: (map) => map.set(BIG, 'new'),
  watched: (map) => [map],
});

// ── Arrays ───────────────────────────────────────────────────────────────────────────────────

function onArray(size: number, run: (array: HeapArray) => unknown): OperationCase<HeapArray> {
  return {
    setup: (heap) => {
      const array = heap.array();
      array.push('first');
      array.length = size;
      return array;
    },
    run,
    watched: (array) => [array],
  };
}

const MANY = Array.from({ length: 600 }, (_, i) => (i % 100 === 0 ? `element ${i}` : i));
for (const size of [1, 4, 8, 511, 512, 1024]) {
  add(
    `push a number, size ${size}`,
    onArray(size, (a) => a.push(1)),
  );
  add(
    `push a string, size ${size}`,
    onArray(size, (a) => a.push('element')),
  );
  add(
    `push many, size ${size}`,
    onArray(size, (a) => a.push(...MANY)),
  );
  add(
    `unshift, size ${size}`,
    onArray(size, (a) => a.unshift(LONG, BIG, 'x')),
  );
}
add(
  'splice to more',
  onArray(5, (a) => a.splice(1, 1, 'a', LONG, BIG, ...MANY)),
);
add(
  'splice to less',
  onArray(5, (a) => a.splice(0, 3, 'a', LONG)),
);
add(
  'splice to as many',
  onArray(5, (a) => a.splice(0, 2, BIG, LONG)),
);
add(
  'set an element',
  onArray(5, (a) => a.set(0, LONG)),
);
for (const size of [8, 512, 1024]) {
  add(
    `sort, size ${size}`,
    onArray(size, (a) => a.sort()),
  );
  add(
    `sort by a comparator, size ${size}`,
    onArray(size, (a) => a.sort(() => -1)),
  );
  add(
    `reverse, size ${size}`,
    onArray(size, (a) => a.reverse()),
  );
}
add(
  'fill',
  onArray(600, (a) => a.fill(LONG, 1)),
);
add(
  'copy within',
  onArray(600, (a) => a.copyWithin(300, 0)),
);
add(
  'make longer',
  onArray(5, (a) => (a.length = 3000)),
);

// ── Handles ──────────────────────────────────────────────────────────────────────────────────

/** Objects that no handle holds, in a map and an array, and a root table without a free row. */
function withoutRow(heap: Heap) {
  const S = struct(heap);
  const map = heap.map<unknown, Fields & Handle>();
  const array = heap.array<Fields & Handle>();
  const holds: Handle[] = [];
  heap.run(() => {
    for (let i = 0; i < 20; i++) array.push(new S({ count: i }));
    map.set('k', new S({ count: -1 }));
    map.set('l', new S({ count: -2 }));
  });
  void heap.root;
  const { mem } = sessionOf(heap);
  const rows = () => mem.i32[mem.thread + THREAD_ROWS_COUNT] as number;
  // The table has room for 8 rows, then 16.
  const isFull = () => mem.freeRows.length === 0 && [8, 16].includes(rows());
  while (!isFull()) holds.push(heap.array());
  return { map, array, holds };
}
type Held = ReturnType<typeof withoutRow>;
const onHeld = (run: (held: Held, heap: Heap) => unknown): OperationCase<Held> => ({
  setup: withoutRow,
  run,
  watched: ({ map, array }) => [map, array],
  atLeast: 1,
});

add(
  'keep',
  onHeld(({ map }, heap) => heap.run(() => map.get('k')?.keep())),
);
add(
  'keep two',
  onHeld(({ array }, heap) =>
    heap.run(() => {
      array.at(0)?.keep();
      array.at(1)?.release();
    }),
  ),
);
add(
  'a map',
  onHeld((_, heap) => heap.map()),
);
add(
  'an array',
  onHeld((_, heap) => heap.array()),
);
add(
  'a section result',
  onHeld(({ map }, heap) => heap.run(() => map.get('k'))),
);
add(
  'get an object',
  onHeld(({ map }) => map.get('k')),
);
add(
  'at an object',
  onHeld(({ array }) => array.at(3)),
);
add(
  'pop an object',
  onHeld(({ array }) => array.pop()),
);
add(
  'shift an object',
  onHeld(({ array }) => array.shift()),
);
add(
  'splice objects out',
  onHeld(({ array }) => array.splice(2, 10)),
);
add(
  'slice objects',
  onHeld(({ array }) => array.slice()),
);
add(
  'the next value of an iterator',
  onHeld(({ map }) => [...map.values()]),
);
add(
  'the next pair of an iterator',
  onHeld(({ map }) => [...map]),
);
add(
  'the next element',
  onHeld(({ array }) => [...array]),
);
add(
  'set an object as key',
  onHeld(({ map, array }) => map.set(array, map.get('k') as never)),
);
