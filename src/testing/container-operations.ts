/** The operations of programs on arrays, maps and their iterators. */

import type { HeapArray } from '../array.ts';
import type { Handle } from '../handle.ts';
import type { HeapMap } from '../map.ts';
import type { OpenIterator } from './holders.ts';
import type { Action, Machine } from './machine.ts';
import { ModelObject, type ModelValue } from './model.ts';
import { ITERATORS, type OperationName } from './operations.ts';
import { keyOf } from './values.ts';

export const arrayOf = (handle: Handle) => handle as HeapArray<unknown>;
export const mapOf = (handle: Handle) => handle as HeapMap<unknown, unknown>;

/** Reads `expected` by `call` into register `t`; `effect` follows in the model. */
export function take(
  m: Machine,
  t: number,
  call: () => unknown,
  expected: ModelValue,
  effect?: () => void,
): void {
  if (!m.holders.isWritable(t)) return;
  m.perform(call, (value) => {
    m.expectValue(value, expected, 'what was read');
    if (expected instanceof ModelObject) {
      m.assign(t, m.holders.acquire(expected, value as Handle));
    }
    effect?.();
  });
}

export function resize(m: Machine, q: number, length: number): void {
  const register = m.read(q, 'array');
  if (register === null) return;
  const { object, handle } = register;
  m.perform(
    () => {
      arrayOf(handle).length = length;
    },
    () => {
      const added = Math.max(0, length - object.slots.length);
      m.model.splice(object, length, Infinity, ...new Array(added).fill(undefined));
    },
  );
}

function insert(m: Machine, q: number, v: number, isFirst: boolean): void {
  const register = m.read(q, 'array');
  if (register === null) return;
  const { object, handle } = register;
  const { actual, model } = m.valueOf(v);
  m.perform(
    () => (isFirst ? arrayOf(handle).unshift(actual) : arrayOf(handle).push(actual)),
    (length) => {
      m.model.splice(object, isFirst ? 0 : object.slots.length, 0, model);
      m.expectValue(length, object.slots.length, 'the new length');
    },
  );
}

function removeEnd(m: Machine, t: number, q: number, isFirst: boolean): void {
  const register = m.read(q, 'array');
  if (register === null) return;
  const { object, handle } = register;
  const array = arrayOf(handle);
  const expected = object.slots.at(isFirst ? 0 : -1);
  take(
    m,
    t,
    () => (isFirst ? array.shift() : array.pop()),
    expected,
    () => m.model.splice(object, isFirst ? 0 : object.slots.length - 1, 1),
  );
}

/** In a scope: nobody keeps what was removed. */
function splice(m: Machine, q: number, s: number, n: number, v: number): void {
  const register = m.read(q, 'array');
  if (register === null) return;
  const { object, handle } = register;
  const { actual, model } = m.valueOf(v);
  const copies = (s + n) % 3;
  const at = s % (object.slots.length + 1);
  m.perform(
    () =>
      m.heap.scope(() => {
        const values = new Array(copies).fill(actual);
        const removed = arrayOf(handle).splice(at, n, ...values) as unknown[];
        const expected = object.slots.slice(at, at + n);
        m.expectValue(removed.length, expected.length, 'the number of removed elements');
        removed.forEach((value, i) => {
          m.expectValue(value, expected[i], `removed element ${i}`);
        });
      }),
    () => m.model.splice(object, at, n, ...new Array(copies).fill(model)),
    !m.holders.isInSection,
  );
}

function put(m: Machine, q: number, r: number, v: number): void {
  const register = m.read(q, 'map');
  const key = m.read(r);
  if (register === null || key === null) return;
  const { actual, model } = m.valueOf(v);
  m.perform(
    () => mapOf(register.handle).set(key.handle, actual),
    () => m.model.setEntry(register.object, key.object, model),
  );
}

function remove(m: Machine, q: number, key: unknown, modelKey: ModelValue): void {
  const register = m.read(q, 'map');
  if (register === null) return;
  const expected = register.object.entries.has(modelKey);
  m.perform(
    () => mapOf(register.handle).delete(key),
    (found) => {
      m.expectValue(found, expected, 'whether there was an entry');
      m.model.deleteEntry(register.object, modelKey);
    },
  );
}

function visit(m: Machine, q: number): void {
  const register = m.read(q, 'array');
  if (register === null) return;
  const { object, handle } = register;
  quietly(m, () => {
    let i = 0;
    for (const element of arrayOf(handle)) m.expectValue(element, object.slots[i++], 'an element');
    m.expectValue(i, object.slots.length, 'the number of elements');
  });
}

function traverse(m: Machine, q: number): void {
  const register = m.read(q, 'map');
  if (register === null) return;
  const { object, handle } = register;
  quietly(m, () => {
    const expected = object.entries.entries();
    for (const entry of mapOf(handle)) expectEntry(m, entry, expected.next().value);
    expectEntry(m, undefined, expected.next().value);
  });
}

/** Reads, in a scope of a section. */
export function quietly(m: Machine, body: () => void): void {
  m.perform(
    () => m.heap.run(() => m.heap.scope(body)),
    () => {},
  );
}

/** Fails unless an entry of a map is that of the model. */
export function expectEntry(
  m: Machine,
  actual: readonly unknown[] | undefined,
  expected: readonly ModelValue[] | undefined,
): void {
  m.expectValue(actual === undefined, expected === undefined, 'whether a map has ended');
  if (actual === undefined || expected === undefined) return;
  m.expectValue(actual[0], expected[0], 'a key');
  m.expectValue(actual[1], expected[1], 'a value');
}

/** Opens an iterator: it holds its map from its first step on. */
function open(m: Machine, i: number, q: number): void {
  const register = m.read(q, 'map');
  if (register === null) return;
  const { object, handle } = register;
  close(m, i);
  begin(m, i, { object, actual: mapOf(handle).entries(), expected: object.entries.entries() });
}

/** Takes the first step of an iterator: from then on it is open. */
export function begin(m: Machine, i: number, iterator: OpenIterator): void {
  m.model.hold(iterator.object);
  m.holders.iterators[i % ITERATORS] = iterator;
  if (!step(m, i)) forget(m, i);
}

/** Takes a step of an iterator. Returns whether there was room for it. */
function step(m: Machine, i: number): boolean {
  const iterator = m.holders.iterators[i % ITERATORS] as OpenIterator | null;
  if (iterator === null) return false;
  const { actual, expected } = iterator;
  return m.perform(
    () =>
      m.heap.scope(() => {
        const { value } = actual.next();
        expectEntry(m, value, expected.next().value);
        return value === undefined;
      }),
    (isDone) => {
      if (isDone) forget(m, i);
    },
    !m.holders.isInSection,
  );
}

/** An iterator is closed: it holds its map no longer. */
function forget(m: Machine, i: number): void {
  const iterator = m.holders.iterators[i % ITERATORS] as OpenIterator | null;
  m.holders.iterators[i % ITERATORS] = null;
  if (iterator !== null) m.model.drop(iterator.object);
}

export function close(m: Machine, i: number): void {
  const iterator = m.holders.iterators[i % ITERATORS] as OpenIterator | null;
  if (iterator === null) return;
  m.perform(
    () => iterator.actual.return?.(),
    () => forget(m, i),
  );
}

/** What the operations on arrays and maps do. */
export const CONTAINER_ACTIONS = {
  visit,
  traverse,
  push: (m, q, v) => insert(m, q, v, false),
  unshift: (m, q, v) => insert(m, q, v, true),
  pop: (m, t, q) => removeEnd(m, t, q, false),
  shift: (m, t, q) => removeEnd(m, t, q, true),
  splice,
  resize,
  put,
  remove: (m, q, s) => remove(m, q, keyOf(s), keyOf(s)),
  erase: (m, q, r) => {
    const key = m.read(r);
    if (key !== null) remove(m, q, key.handle, key.object);
  },
  open,
  step,
  close,
} satisfies Partial<Record<OperationName, Action>>;
