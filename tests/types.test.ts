/**
 * The types say what the library does. `npm run check` compiles this file: a line marked
 * `@ts-expect-error` that compiles after all is an error there.
 */

import { expect, expectTypeOf, test } from 'vitest';
import { withHandles } from '../src/comlink.ts';
import type {
  Handle,
  HeapArray,
  HeapBytes,
  HeapMap,
  HeapMutex,
  HeapObject,
  HeapQueue,
  HeapSet,
  HeapStruct,
  SemaphorePermit,
  SentToken,
  SharedStruct,
  UnlockToken,
} from '../src/index.ts';
import { createPool, type HeapPool, retain, type TaskFunction, task } from '../src/piscina.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

interface Person {
  name: string;
  age: number;
  isAdmin: boolean;
  friend: Person | null;
  serial: bigint;
  extra: unknown;
}

const FIELDS = {
  name: 'string',
  age: 'int32',
  isAdmin: 'boolean',
  friend: 'ref',
  serial: 'bigint64',
  extra: 'any',
} as const;

test('the kinds of fields are checked against the interface', () => {
  withHeap({}, (heap) => {
    heap.struct<Person>('Person', FIELDS);
    // @ts-expect-error: a string is no int32
    heap.struct<{ name: string }>('A', { name: 'int32' });
    // @ts-expect-error: a number is no string
    heap.struct<{ age: number }>('B', { age: 'string' });
    // @ts-expect-error: a reference is no number
    heap.struct<{ friend: Person | null }>('C', { friend: 'float64' });
    // @ts-expect-error: a field of the interface is missing
    heap.struct<{ a: number; b: number }>('D', { a: 'int32' });
    // @ts-expect-error: a field that the interface does not have
    heap.struct<{ a: number }>('E', { a: 'int32', b: 'int32' });
    expect(heap.verify()).toEqual([]);
  });
});

test('fields of a struct have the types of the interface, and handles their methods', () => {
  withHeap({}, (heap) => {
    const Person = heap.struct<Person>('Person', FIELDS);
    const alice = new Person({ name: 'Alice', age: 30 });
    expectTypeOf(alice).toExtend<Person & HeapStruct>();
    expectTypeOf(alice.friend).toEqualTypeOf<SharedStruct<Person> | null>();
    expectTypeOf(alice.friend?.friend?.keep).not.toBeAny();
    expectTypeOf(alice.keep()).toEqualTypeOf<typeof alice>();
    alice.friend = alice;
    expect(alice.friend).toBe(alice);
    alice.friend = null;
    // @ts-expect-error: a field that does not exist
    expect(() => new Person({ nickname: 'Al' })).toThrow(TypeError);
    // @ts-expect-error: a value of another type
    expect(() => new Person({ age: 'thirty' })).toThrow(TypeError);
  });
});

test('what an access yields is a handle to TypeScript too', () => {
  withHeap({}, (heap) => {
    const Person = heap.struct<Person>('Person', FIELDS);
    const alice = new Person({ friend: new Person() });
    const { friend } = alice;
    expect(friend === null ? 0 : heap.refcount(friend)).toBe(2);
    friend?.release();
    expect(heap.verify()).toEqual([]);
  });
});

test('without an interface the types of fields follow from their kinds', () => {
  withHeap({}, (heap) => {
    const Point = heap.struct('Point', { x: 'float64', label: 'string', next: 'ref' });
    const point = new Point({ x: 1, label: 'a' });
    expectTypeOf(point.x).toEqualTypeOf<number>();
    expectTypeOf(point.label).toEqualTypeOf<string>();
    point.next = point;
    expect(heap.refcount(point)).toBe(2);
    point.next = null;
    // @ts-expect-error: there is no such kind
    expect(() => heap.struct('Other', { x: 'double' })).toThrow(TypeError);
  });
});

test('a subclass adds methods without casts', () => {
  withHeap({}, (heap) => {
    class Counter extends heap.struct<{ count: number }>('Counter', { count: 'int32' }) {
      add(step: number): number {
        this.count += step;
        return this.count;
      }
    }
    const counter = new Counter({ count: 1 });
    expectTypeOf(counter.add).toEqualTypeOf<(step: number) => number>();
    expect(counter.add(2)).toBe(3);
  });
});

test('containers and sections carry the types of what is in them', () => {
  withHeap({}, (heap) => {
    const Person = heap.struct<Person>('Person', FIELDS);
    const people = heap.map<string, Person>();
    people.set('bob', new Person({ name: 'Bob' }));
    expectTypeOf(people).toEqualTypeOf<HeapMap<string, Person>>();
    expectTypeOf(people.get('bob')).toEqualTypeOf<SharedStruct<Person> | undefined>();
    expectTypeOf(heap.array<number>()).toEqualTypeOf<HeapArray<number>>();
    expectTypeOf(heap.run(() => 5)).toEqualTypeOf<number>();
    expect(people.get('bob')?.name).toBe('Bob');
    // @ts-expect-error: the keys of this map are strings
    people.set(1, new Person());
  });
});

test('methods of arrays have the types that those of Array have', () => {
  withHeap({}, (heap) => {
    const Person = heap.struct<Person>('Person', FIELDS);
    const people = heap.array<Person>();
    people.push(new Person({ name: 'Bob', age: 3 }));
    expectTypeOf(people.filter((person) => person.age > 3)).toEqualTypeOf<SharedStruct<Person>[]>();
    expectTypeOf(people.map(({ name }) => name)).toEqualTypeOf<string[]>();
    expectTypeOf(people.find(() => true)).toEqualTypeOf<SharedStruct<Person> | undefined>();
    expectTypeOf(people.sort((a, b) => a.age - b.age)).toEqualTypeOf<typeof people>();
    expectTypeOf(people.toSorted()).toEqualTypeOf<SharedStruct<Person>[]>();
    expectTypeOf(people.reduce((sum, { age }) => sum + age, 0)).toEqualTypeOf<number>();
    expectTypeOf(people.values()).toEqualTypeOf<ArrayIterator<SharedStruct<Person>>>();
    const mixed = heap.array<string | number>();
    const isText = (value: unknown): value is string => typeof value === 'string';
    expectTypeOf(mixed.filter(isText)).toEqualTypeOf<string[]>();
    expectTypeOf(mixed.find(isText)).toEqualTypeOf<string | undefined>();
    expectTypeOf(mixed.concat(['a'], 5)).toEqualTypeOf<(string | number)[]>();
    expectTypeOf(mixed.flatMap((value) => [value, true])).toEqualTypeOf<
      (string | number | boolean)[]
    >();
    const nested = heap.array<HeapArray<number> | string>();
    expectTypeOf(nested.flat()).toEqualTypeOf<(number | string)[]>();
    expectTypeOf(nested.flat(0)).toEqualTypeOf<(HeapArray<number> | string)[]>();
    expect(people.map(({ name }) => name)).toEqual(['Bob']);
    // @ts-expect-error: the elements of this array are people
    expect(() => people.fill({})).toThrow();
    // @ts-expect-error: a comparator returns a number
    people.sort(() => 'x');
  });
});

interface State {
  users: { name: string; tags: string[] }[];
  byName: Map<string, { age: number }>;
  seen: Set<number>;
  bytes: Uint8Array;
  date: Date;
  title: string;
}

const newState = (): State => ({
  users: [{ name: 'Ann', tags: ['x'] }],
  byName: new Map([['Ann', { age: 3 }]]),
  seen: new Set([1]),
  bytes: new Uint8Array(1),
  date: new Date(5),
  title: 'state',
});

test('heap.from says what each part becomes, heap.toJS what comes back', () => {
  withHeap({}, (heap) => {
    heap.scope(() => {
      const state = heap.from(newState());
      expectTypeOf(state).toEqualTypeOf<HeapObject<State>>();
      type User = State['users'][number];
      expectTypeOf(state.get('users')).toEqualTypeOf<HeapArray<HeapObject<User>> | undefined>();
      expectTypeOf(state.get('byName')).toEqualTypeOf<
        HeapMap<string, HeapObject<{ age: number }>> | undefined
      >();
      expectTypeOf(state.get('seen')).toEqualTypeOf<HeapSet<number> | undefined>();
      expectTypeOf(state.get('bytes')).toEqualTypeOf<HeapBytes | undefined>();
      expectTypeOf(state.get('date')).toEqualTypeOf<Date | undefined>();
      expectTypeOf(state.get('title')).toEqualTypeOf<string | undefined>();
      expectTypeOf(heap.from(5)).toEqualTypeOf<number>();
      expectTypeOf(heap.from([1, 2])).toEqualTypeOf<HeapArray<number>>();
      expectTypeOf(heap.toJS(state)).toEqualTypeOf<State>();
      expectTypeOf(heap.toJS(heap.array<number>())).toEqualTypeOf<number[]>();
      expectTypeOf(heap.toJS(heap.tuple(1, 'a'))).toEqualTypeOf<[number, string]>();
      expectTypeOf(heap.toJS('text')).toEqualTypeOf<string>();
      const Point = heap.struct<{ x: number }>('Point', { x: 'int32' });
      const point = new Point({ x: 1 });
      expectTypeOf(heap.toJS(point)).toEqualTypeOf<{ x: number }>();
      expectTypeOf(heap.from(point)).toEqualTypeOf<typeof point>();
      expectTypeOf(heap.from([point])).toEqualTypeOf<HeapArray<typeof point>>();
      expect(state.get('users')?.at(0)?.get('name')).toBe('Ann');
      expect(heap.toJS(state)).toEqual(newState());
    });
  });
});

test('properties of plain objects have the types of their names', () => {
  withHeap({}, (heap) => {
    heap.scope(() => {
      const object = heap.from({ count: 1, name: 'x', list: [1] });
      object.set('count', 2).set('name', 'y').set('list', heap.array<number>());
      object.set('more', 'any name and value'); // it is an object, and can get others
      expectTypeOf(object.keys()).toEqualTypeOf<('count' | 'name' | 'list')[]>();
      expectTypeOf(object.values()).toEqualTypeOf<(number | string | HeapArray<number>)[]>();
      // @ts-expect-error: a string is no number
      object.set('count', 'two');
      // @ts-expect-error: names are strings
      expect(() => object.get(5)).toThrow(TypeError);
      // @ts-expect-error: properties are no accessors
      expect(object.count).toBe(undefined);
      expect(object.get('name')).toBe('y');
    });
  });
});

test('proxies have the types of ordinary objects', () => {
  withHeap({}, (heap) => {
    heap.scope(() => {
      const state = heap.proxy(heap.from({ users: [{ name: 'Ann' }], count: 1 }));
      expectTypeOf(state).toEqualTypeOf<{ users: { name: string }[]; count: number }>();
      state.users.push({ name: 'Bob' });
      const map = heap.proxy(heap.map<string, number>().set('a', 1));
      expectTypeOf(map).toEqualTypeOf<Record<string, number>>();
      const Point = heap.struct<{ x: number; next: object | null }>('P', {
        x: 'int32',
        next: 'ref',
      });
      const point = heap.proxy(new Point({ x: 1 }));
      expectTypeOf(point.x).toEqualTypeOf<number>();
      expectTypeOf(heap.proxy(heap.set<number>())).toEqualTypeOf<HeapSet<number>>();
      expectTypeOf(heap.proxy(heap.array<HeapObject<{ a: 1 }>>())).toEqualTypeOf<{ a: 1 }[]>();
      // @ts-expect-error: what a handle can do is not for its proxy
      expect(point.release).toBe(undefined);
      // @ts-expect-error: there is no such property
      expect(state.nothing).toBe(undefined);
      // @ts-expect-error: proxies stand for handles
      expect(() => heap.proxy({ a: 1 })).toThrow(TypeError);
      // @ts-expect-error: a string is no number
      state.count = 'text';
      expectTypeOf<Handle>().not.toExtend<typeof state>();
      expect(state.users[1]?.name).toBe('Bob');
    });
  });
});

test('a token carries the type of what was sent', () => {
  withHeap({}, (heap) => {
    using map = heap.map<string, number>();
    const token = heap.send(map);
    expectTypeOf(token).toEqualTypeOf<SentToken<HeapMap<string, number>>>();
    using received = heap.receive(token);
    expectTypeOf(received).toEqualTypeOf<HeapMap<string, number>>();
    expectTypeOf(heap.receive(heap.send('text'))).toEqualTypeOf<string>();
    // @ts-expect-error: a token of the heap is none of a reference
    expect(() => heap.receive(heap.share())).toThrow();
    // @ts-expect-error: a thread has a number
    expect(() => heap.send(1, { to: 'worker' })).toThrow();
  });
});

test('pools and tasks have the types of their inputs and results', () => {
  withHeap({}, (heap) => {
    type Input = { readonly map: HeapMap<string, number> };
    const make = () => createPool<Input, HeapArray<number>>(heap);
    expectTypeOf(make).returns.toEqualTypeOf<HeapPool<Input, HeapArray<number>>>();
    type Run = HeapPool<Input, HeapArray<number>>['run'];
    expectTypeOf<Run>().parameter(0).toEqualTypeOf<Input>();
    expectTypeOf<ReturnType<Run>>().toEqualTypeOf<Promise<HeapArray<number>>>();
    const own = task<Input>(({ map }, inHeap) => inHeap.array([map.size]));
    expectTypeOf(own).toEqualTypeOf<TaskFunction>();
    task(async ({ map }: Input) => retain(map).size);
    // @ts-expect-error: only handles are retained
    expect(() => retain(5)).toThrow();
    expectTypeOf(withHandles({ a: 1 })).toEqualTypeOf<{ a: number }>();
  });
});

test('objects that threads coordinate by carry the types of what they hold', async () => {
  await withHeapAsync({}, async (heap) => {
    const Person = heap.struct<Person>('Person', FIELDS);
    const people = heap.queue<Person>({ capacity: 5 });
    expectTypeOf(people).toEqualTypeOf<HeapQueue<Person>>();
    people.push(new Person({ name: 'Bob' }));
    expectTypeOf(people.pop()).toEqualTypeOf<SharedStruct<Person> | undefined>();
    const names = heap.queue<string>({ capacity: 5 });
    names.push('Ann');
    await names.pushAsync('Bob', { timeoutMs: 5 });
    expectTypeOf(names.tryPush).returns.toEqualTypeOf<boolean>();
    expectTypeOf(names.popAsync()).toEqualTypeOf<Promise<string | undefined>>();
    names.close();
    for (const name of names) expectTypeOf(name).toEqualTypeOf<string>();
    for await (const name of names) expectTypeOf(name).toEqualTypeOf<string>();
    expectTypeOf(heap.toJS(names)).toEqualTypeOf<string[]>();
    expectTypeOf(heap.toJS(people)).toEqualTypeOf<Person[]>();
    // @ts-expect-error: a number is no string
    expect(() => names.push(5)).toThrow('closed');
    // @ts-expect-error: a queue has a capacity
    expect(() => heap.queue({})).toThrow(RangeError);
    const mutex = heap.mutex();
    expectTypeOf(mutex.lockIfAvailable(0)).toEqualTypeOf<UnlockToken | null>();
    expectTypeOf(mutex.lockAsync).returns.toEqualTypeOf<Promise<UnlockToken>>();
    expectTypeOf(heap.toJS(mutex)).toEqualTypeOf<{ isLocked: boolean }>();
    expectTypeOf(heap.proxy(mutex)).toEqualTypeOf<HeapMutex>();
    expectTypeOf(heap.condition().notify(1)).toEqualTypeOf<number>();
    expectTypeOf(heap.semaphore(1).tryAcquire()).toEqualTypeOf<SemaphorePermit | null>();
    expectTypeOf(heap.barrier(1).wait()).toEqualTypeOf<boolean>();
    expectTypeOf(heap.counter().add(1)).toEqualTypeOf<number>();
    expectTypeOf(heap.toJS(heap.counter())).toEqualTypeOf<number>();
    // @ts-expect-error: a mutex is no queue
    const wrong: HeapQueue = heap.mutex();
    wrong.release();
    people.release();
  });
});
