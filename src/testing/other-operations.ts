/** The operations of programs on sets, tuples and bytes. */

import type { Handle } from '../handle.ts';
import { byteLengthOf, byteOffsetOf } from '../object/bytes.ts';
import type { HeapSet } from '../set.ts';
import { begin, close, quietly } from './container-operations.ts';
import type { OpenIterator, Register } from './holders.ts';
import { KIND_BYTES, KIND_TUPLE } from './kinds.ts';
import type { Action, Machine } from './machine.ts';
import type { ModelObject, ModelValue } from './model.ts';
import { bytesLength, type OperationName, REGISTERS } from './operations.ts';
import { keyOf } from './values.ts';

export const setOf = (handle: Handle) => handle as HeapSet<unknown>;

/**
 * The content of bytes. Not by a view of theirs: that would hold them until JavaScript's collector
 * says otherwise, and so for a time that no model knows.
 */
export function bytesIn({ mem }: Machine, { $ref }: Handle): Uint8Array {
  return new Uint8Array(mem.buffer, byteOffsetOf($ref), byteLengthOf(mem, $ref));
}

/** What number `v` stands for as an element: few values, so that programs meet them again. */
function elementOf(m: Machine, v: number): { actual: unknown; model: ModelValue } {
  if (v < REGISTERS) return m.valueOf(v);
  const value = keyOf(v - REGISTERS);
  return { actual: value, model: value };
}

export function addElement(m: Machine, q: number, v: number): void {
  const register = m.read(q, 'set');
  if (register === null) return;
  const { actual, model } = elementOf(m, v);
  m.perform(
    () => setOf(register.handle).add(actual),
    () => {
      if (!register.object.entries.has(model)) m.model.setEntry(register.object, model, undefined);
    },
  );
}

function removeElement(m: Machine, q: number, v: number): void {
  const register = m.read(q, 'set');
  if (register === null) return;
  const { actual, model } = elementOf(m, v);
  const expected = register.object.entries.has(model);
  m.perform(
    () => setOf(register.handle).delete(actual),
    (found) => {
      m.expectValue(found, expected, 'whether there was an element');
      m.model.deleteEntry(register.object, model);
    },
  );
}

function walk(m: Machine, q: number): void {
  const register = m.read(q, 'set');
  if (register === null) return;
  quietly(m, () => {
    const expected = register.object.entries.keys();
    for (const element of setOf(register.handle)) {
      m.expectValue(element, expected.next().value, 'an element');
    }
    m.expectValue(expected.next().done, true, 'whether a set has ended');
  });
}

/** The entries of a set are its elements twice. */
function entriesOf({ entries }: ModelObject): OpenIterator['expected'] {
  const keys = entries.keys();
  return {
    next() {
      const { done, value } = keys.next();
      return done ? { done, value: undefined } : { done: false, value: [value, value] };
    },
  };
}

function open(m: Machine, i: number, q: number): void {
  const register = m.read(q, 'set');
  if (register === null) return;
  const { object, handle } = register;
  close(m, i);
  begin(m, i, { object, actual: setOf(handle).entries(), expected: entriesOf(object) });
}

/** A tuple of `n` values, which are `v` and `w` in turn. */
function createTuple(m: Machine, t: number, v: number, w: number, n: number): void {
  if (!m.holders.isWritable(t)) return;
  const pair = [m.valueOf(v), m.valueOf(w)] as const;
  const values = Array.from({ length: n }, (_, i) => pair[(i % 2) as 0 | 1]);
  m.perform(
    () => m.heap.tuple(...values.map(({ actual }) => actual)),
    (handle) => {
      const register = m.adopt(KIND_TUPLE, handle);
      m.model.fillTuple(
        register.object,
        values.map(({ model }) => model),
      );
      m.assign(t, register);
    },
  );
}

/** Bytes, which are zero. */
export function createBytes(m: Machine, t: number, n: number): void {
  if (!m.holders.isWritable(t)) return;
  const length = bytesLength(n);
  m.perform(
    () => m.heap.bytes(length),
    (handle) => {
      const register = m.adopt(KIND_BYTES, handle);
      for (let i = 0; i < length; i++) register.object.slots.push(0);
      m.assign(t, register);
    },
  );
}

export function storeByte(m: Machine, { object, handle }: Register, s: number, v: number): void {
  const { length } = object.slots;
  if (length === 0) return;
  const at = (s * 31) % length;
  quietly(m, () => {
    bytesIn(m, handle)[at] = v;
    object.slots[at] = v & 0xff;
  });
}

/** What the operations on sets, tuples and bytes do. */
export const OTHER_ACTIONS = {
  add: addElement,
  unset: removeElement,
  walk,
  begin: open,
  tuple: createTuple,
  bytes: createBytes,
} satisfies Partial<Record<OperationName, Action>>;
