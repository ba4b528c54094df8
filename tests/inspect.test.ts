/**
 * What `console.log` shows: exactly what Node shows of ordinary objects of the same contents,
 * whose classes have the same names.
 */

import { type InspectOptions, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Heap } from '../src/heap.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

interface Fields {
  name: string;
  age: number;
  friend: object | null;
  any: unknown;
}

/** Ordinary classes with the names of the heap's. */
const ordinary = {
  Person: class Person {
    name = '';
    age = 0;
    friend: unknown = null;
    any: unknown = undefined;
    constructor(init: Partial<Fields> = {}) {
      Object.assign(this, init);
    }
  },
  HeapMap: class HeapMap extends Map<unknown, unknown> {},
  HeapArray: class HeapArray extends Array<unknown> {},
  HeapSet: class HeapSet extends Set<unknown> {},
  HeapTuple: class HeapTuple extends Array<unknown> {},
  HeapBytes: class HeapBytes {
    byteLength = 0;
    constructor(byteLength: number) {
      this.byteLength = byteLength;
    }
  },
};

const personOf = (heap: Heap) =>
  heap.struct<Fields>('Person', { name: 'string', age: 'int32', friend: 'ref', any: 'any' });

/** Makes the same graph twice: of the heap, and of ordinary objects. */
function both(heap: Heap, build: (make: Makers) => unknown): [unknown, unknown] {
  const Person = personOf(heap);
  return [
    build({
      person: (init) => new Person(init),
      map: () => heap.map() as unknown as Map<unknown, unknown>,
      array: () => heap.array() as unknown as unknown[],
      set: () => heap.set() as unknown as Set<unknown>,
      tuple: (...values) => heap.tuple(...values),
      bytes: (length) => heap.bytes(length),
    }),
    build({
      person: (init) => new ordinary.Person(init) as unknown as Fields,
      map: () => new ordinary.HeapMap(),
      array: () => new ordinary.HeapArray(),
      set: () => new ordinary.HeapSet(),
      tuple: (...values) => {
        const tuple = new ordinary.HeapTuple();
        tuple.push(...values);
        return tuple;
      },
      bytes: (length) => new ordinary.HeapBytes(length),
    }),
  ];
}

interface Makers {
  person: (init?: Partial<Fields>) => Fields;
  map: () => Map<unknown, unknown>;
  array: () => unknown[];
  set: () => Set<unknown>;
  tuple: (...values: unknown[]) => object;
  bytes: (length: number) => object;
}

const GRAPHS: Record<string, (make: Makers) => unknown> = {
  'a struct': ({ person }) => person({ name: 'Alice', age: 30, any: 5n }),
  'a struct with defaults': ({ person }) => person(),
  'an empty map': ({ map }) => map(),
  'an empty array': ({ array }) => array(),
  'a map of primitives': ({ map }) =>
    map()
      .set('k', 'v')
      .set(1, -0)
      .set(true, null)
      .set(undefined, NaN)
      .set(2n ** 63n, 'it\'s "'),
  'an array of primitives': ({ array }) => {
    const list = array();
    list.push(1, 'two', null, undefined, false, 2n ** 63n, 0.5, '\ud800\n');
    return list;
  },
  'a struct that holds itself': ({ person }) => {
    const alice = person({ name: 'Alice' });
    alice.friend = alice;
    return alice;
  },
  'a cycle of two': ({ person }) => {
    const alice = person({ name: 'Alice' });
    alice.friend = person({ name: 'Bob', friend: alice });
    return alice;
  },
  'a cycle through everything': ({ person, map, array }) => {
    const whole = map();
    const list = array();
    const alice = person({ name: 'Alice', friend: whole as object, any: list });
    whole.set(alice, list).set(whole, whole);
    list.push(list, whole, alice);
    return whole;
  },
  'a shared part': ({ person, array }) => {
    const list = array();
    const shared = person({ name: 'shared' });
    list.push(shared, shared);
    return list;
  },
  'a deep chain': ({ person }) => {
    let head = person({ name: 'last' });
    for (let i = 0; i < 10; i++) head = person({ age: i, friend: head });
    return head;
  },
  'deep maps': ({ map }) => map().set(1, map().set(2, map().set(3, map().set(4, map().set(5, 6))))),
  'deep arrays': ({ array }) => {
    let list = array();
    for (let i = 0; i < 6; i++) {
      const outer = array();
      outer.push(i, list);
      list = outer;
    }
    return list;
  },
  'a long array': ({ array }) => {
    const list = array();
    for (let i = 0; i < 250; i++) list.push(i);
    return list;
  },
  'an array of 101': ({ array }) => {
    const list = array();
    for (let i = 0; i < 101; i++) list.push(i);
    return list;
  },
  'a long map': ({ map }) => {
    const whole = map();
    for (let i = 0; i < 1000; i++) whole.set(i, `v${i}`);
    return whole;
  },
  'a long array of structs': ({ array, person }) => {
    const list = array();
    for (let i = 0; i < 120; i++) list.push(person({ age: i }));
    return list;
  },
  'an empty set, tuple and bytes': ({ set, tuple, bytes, array }) => {
    const list = array();
    list.push(set(), tuple(), bytes(0), new Date(0), new Date(NaN));
    return list;
  },
  'a set of everything': ({ set, tuple, bytes, person, map }) => {
    const whole = set().add(1).add('two').add(-0).add(new Date(86_400_000)).add(null);
    whole.add(tuple(1, tuple('x', person({ name: 'Alice' })))).add(bytes(12));
    return whole.add(whole).add(map().set(whole, tuple(whole)));
  },
  'a tuple in a cycle': ({ tuple, array }) => {
    const list = array();
    const pair = tuple('first', list, undefined);
    list.push(pair, pair);
    return pair;
  },
  'deep sets and tuples': ({ set, tuple }) =>
    set().add(tuple(set().add(tuple(set().add(tuple(set().add(1))))))),
  'a long set': ({ set }) => {
    const whole = set();
    for (let i = 0; i < 1000; i++) whole.add(`v${i}`);
    return whole;
  },
  'a long tuple': ({ tuple }) => tuple(...Array.from({ length: 300 }, (_, i) => i / 2)),
  'a long string': ({ array }) => {
    const list = array();
    list.push('s'.repeat(20_000));
    return list;
  },
};

const OPTIONS: InspectOptions[] = [
  {},
  { depth: 0 },
  { depth: 1 },
  { depth: 5 },
  { depth: null },
  { depth: Infinity },
  { maxArrayLength: 0 },
  { maxArrayLength: 3 },
  { maxArrayLength: null },
  { maxStringLength: 10 },
  { compact: false },
  { breakLength: Infinity },
  { colors: true },
  { sorted: true },
];

describe.each(Object.keys(GRAPHS))('%s', (name) => {
  test('prints as its ordinary twin, with all options, also inside of other objects', () => {
    withHeap({ checkLeaks: false }, (heap) => {
      const [actual, twin] = both(heap, GRAPHS[name] as (make: Makers) => unknown);
      for (const options of OPTIONS) {
        expect(inspect(actual, options)).toBe(inspect(twin, options));
        expect(inspect({ a: [actual] }, options)).toBe(inspect({ a: [twin] }, options));
        expect(heap.run(() => inspect(actual, options))).toBe(inspect(twin, options));
      }
    });
  });
});

function randomGraph(random: Random, { person, map, array }: Makers): unknown {
  const nodes: unknown[] = [person(), map(), array(), person(), map(), array()];
  const some = () => (random.chance(0.5) ? random.int(100) : random.pick(nodes));
  for (let i = 0; i < 12; i++) {
    const node = random.pick(nodes);
    if (Array.isArray(node) || (node as { push?: unknown }).push) (node as unknown[]).push(some());
    else if (typeof (node as Map<unknown, unknown>).set === 'function') {
      (node as Map<unknown, unknown>).set(some(), some());
    } else {
      (node as Fields).any = some();
      (node as Fields).friend = random.pick(nodes) as object;
    }
  }
  return nodes[random.int(nodes.length)];
}

test('random graphs print as their ordinary twins', () => {
  withHeap({ checkLeaks: false }, (heap) => {
    for (let seed = SEED; seed < SEED + 60; seed++) {
      withRandom((random) => {
        const state = random.int(2 ** 31);
        const [actual, twin] = both(heap, (make) =>
          withRandom((inner) => randomGraph(inner, make), state),
        );
        for (const options of [{}, { depth: 0 }, { depth: 4 }, { maxArrayLength: 2 }]) {
          expect(inspect(actual, options)).toBe(inspect(twin, options));
        }
      }, seed);
    }
  });
});

test('the exact text of a cycle', () => {
  withHeap({ leaked: 4 }, (heap) => {
    const Person = personOf(heap);
    const alice = new Person({ name: 'Alice', age: 30 });
    alice.friend = new Person({ name: 'Bob', friend: alice });
    expect(inspect(alice)).toBe(`<ref *1> Person {
  name: 'Alice',
  age: 30,
  friend: Person { name: 'Bob', age: 0, friend: [Circular *1], any: undefined },
  any: undefined
}`);
  });
});

test('subclasses print under their own names', () => {
  withHeap({}, (heap) => {
    class Employee extends personOf(heap) {}
    const employee = new Employee({ name: 'Eve' });
    expect(inspect(employee)).toBe(
      `Employee { name: 'Eve', age: 0, friend: null, any: undefined }`,
    );
  });
});

test('stale handles and those of closed heaps say what they are', () => {
  const left = withHeap({}, (heap) => {
    const Person = personOf(heap);
    const stale = new Person();
    stale.release();
    expect(inspect(stale)).toBe('[stale Person]');
    expect(inspect([stale])).toBe('[ [stale Person] ]');
    const map = heap.map();
    return { person: new Person(), map };
  });
  expect(inspect(left.person)).toBe('[Person of a closed heap]');
  expect(inspect(left.map)).toBe('[HeapMap of a closed heap]');
});

test('printing holds on to nothing', () => {
  withHeap({}, (heap) => {
    const Person = personOf(heap);
    const array = heap.array<unknown>();
    heap.run(() => {
      for (let i = 0; i < 10; i++) array.push(new Person({ any: heap.map().set(1, 2) }));
    });
    inspect(array, { depth: null });
    array.length = 0;
    expect(mortalObjects(heap)).toBe(1);
    heap.run(() => {
      const person = new Person();
      inspect(person);
      person.release();
      expect(mortalObjects(heap)).toBe(1);
    });
  });
});
