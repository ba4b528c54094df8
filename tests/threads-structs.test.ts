/** Struct declarations meet by name, whichever thread comes first; methods live in each thread. */
import { expect, test } from 'vitest';
import { type Heap, StructMismatchError } from '../src/index.ts';
import { type Thread, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-objects' };

interface Person {
  name: string;
  age: number;
  friend: object | null;
}

const PERSON = { name: 'string', age: 'int32', friend: 'ref' } as const;

const declarePerson = (heap: Heap) => heap.struct<Person>('Person', PERSON);

/** The object in the root, read in a section. */
const personOf = (heap: Heap) => heap.root.get('person') as unknown as Person;

test('a struct declared here first is the same struct there', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const Person = declarePerson(heap);
    const [thread] = (await start(1)) as [Thread];
    heap.run(() => void heap.root.set('person', new Person({ name: 'Alice', age: 30 })));
    expect(await thread.call('declare', 'Person', PERSON)).toBe('Person');
    expect(await thread.call('greet', 'Hello')).toEqual(['Hello, Alice (30)', true, 'Person']);
  });
});

test('a struct declared there first is the same struct here, in any order of fields', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const [thread] = (await start(1)) as [Thread];
    await thread.call('makePerson', 'Bob', 41);
    const Person = heap.struct<Person>('Person', { friend: 'ref', age: 'int32', name: 'string' });
    heap.run(() => {
      const person = personOf(heap);
      expect(person).toBeInstanceOf(Person);
      expect([person.name, person.age, person.friend]).toEqual(['Bob', 41, null]);
      person.friend = new Person({ name: 'Carol' });
      person.age++;
    });
    expect(await thread.call('greet', 'Hi')).toEqual(['Hi, Bob (42)', true, 'Person']);
  });
});

test('each thread has methods of its own for the same objects', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    class Loud extends declarePerson(heap) {
      greet() {
        return this.name.toUpperCase();
      }
    }
    Loud.register();
    const [first, second] = (await start(2)) as [Thread, Thread];
    await first.call('makePerson', 'Dora', 7);
    expect(await first.call('greet', 'Hello')).toEqual(['Hello, Dora (7)', true, 'Person']);
    expect(await second.call('greet', 'Bye')).toEqual(['Bye, Dora (7)', true, 'Person']);
    expect(heap.run(() => (personOf(heap) as Loud).greet())).toBe('DORA');
    expect(heap.run(() => personOf(heap) instanceof Loud)).toBe(true);
  });
});

test('objects of a struct that a thread has not declared can be used there', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const [first, second] = (await start(2)) as [Thread, Thread];
    await first.call('makePerson', 'Eve', 20);
    const expected = ['Eve!', 21, null, 'Person', 'TypeError'];
    expect(await second.call('useUndeclared')).toEqual(expected);
    heap.run(() => {
      const person = personOf(heap);
      expect([person.name, person.age]).toEqual(['Eve!', 21]);
      person.age = 22;
    });
    // Declaring it later gives methods to the handles from then on.
    expect(await second.call('greet', 'Yes')).toEqual(['Yes, Eve! (22)', true, 'Person']);
  });
});

test('another layout under the same name is refused, naming the field', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    const [thread] = (await start(1)) as [Thread];
    declarePerson(heap);
    const cases: [field: string, fields: Record<string, string>][] = [
      ['age', { ...PERSON, age: 'float64' }],
      ['friend', { name: 'string', age: 'int32' }],
      ['email', { ...PERSON, email: 'string' }],
      ['name', { name: 'any', age: 'int32', friend: 'ref' }],
    ];
    for (const [field, fields] of cases) {
      const error = await thread.fail('declare', 'Person', fields);
      expect(error).toMatchObject({ name: 'StructMismatchError', field });
      expect(error.message).toContain(`'${field}'`);
      expect(error.message).toContain('Person');
    }
    expect(await thread.call('declare', 'Person', PERSON)).toBe('Person');
    await thread.call('declare', 'Other', { a: 'int8' });
    const declareOther = () => heap.struct<{ a: number }>('Other', { a: 'int16' });
    expect(declareOther).toThrow(StructMismatchError);
  });
});

test('threads that declare the same structs at once get the same structs', async () => {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const threads = await start(4);
    const base = heap.stats().liveObjects;
    const results = threads.map((thread) => thread.call<boolean>('declareMany', 0, 100));
    Atomics.store(signals, 0, 1);
    Atomics.notify(signals, 0);
    expect(await Promise.all(results)).toEqual([true, true, true, true]);
    expect(heap.stats().liveObjects - base).toBe(100); // one description each
  });
});
