/** The operations of programs on objects, handles and roots. */

import type { Handle } from '../handle.ts';
import { IMMORTAL_REFCOUNT } from '../heap.ts';
import { arrayOf, mapOf, resize, take } from './container-operations.ts';
import { KINDS, type ObjectShape } from './kinds.ts';
import type { Action, Machine } from './machine.ts';
import { ModelObject } from './model.ts';
import { type OperationName, REGISTERS } from './operations.ts';
import { addElement, bytesIn, createBytes, setOf, storeByte } from './other-operations.ts';
import { fieldValueOf, keyOf } from './values.ts';

const structOf = (handle: Handle) => handle as unknown as Record<string, unknown>;

/** An object for the machine's register `t`, as the kind says. */
function create(m: Machine, t: number, k: number, init?: readonly [number, number]): void {
  if (!m.holders.isWritable(t)) return;
  const kind = k % KINDS.length;
  const spec = KINDS[kind] as (typeof KINDS)[number];
  const Struct = m.classes[kind];
  if (Struct === undefined) {
    if (spec.shape === 'bytes') createBytes(m, t, 1);
    else {
      m.perform(
        () => createEmpty(m, spec.shape),
        (handle) => m.assign(t, m.adopt(kind, handle)),
      );
    }
    return;
  }
  const field = init === undefined ? -1 : init[0] % spec.fields.length;
  const given = init === undefined ? EMPTY : fieldOf(m, kind, field, init[1]);
  const { name } = spec.fields[Math.max(field, 0)] as { name: string };
  m.perform(
    () => (init === undefined ? new Struct() : new Struct({ [name]: given.actual })),
    (handle) => {
      const register = m.adopt(kind, handle);
      const { slots } = register.object;
      spec.fields.forEach((each, s) => {
        slots[s] = s === field ? given.model : initialOf(each.kind);
      });
      m.model.hold(given.model);
      m.assign(t, register);
    },
  );
}

function createEmpty({ heap }: Machine, shape: ObjectShape): Handle {
  if (shape === 'array') return heap.array();
  if (shape === 'map') return heap.map();
  return shape === 'set' ? heap.set() : heap.tuple();
}

const EMPTY = { actual: undefined, model: undefined };

/** What a field of this kind holds at first. */
function initialOf(kind: string): unknown {
  if (kind === 'ref') return null;
  if (kind === 'any') return undefined;
  if (kind === 'string') return '';
  if (kind === 'boolean') return false;
  return kind === 'bigint64' ? 0n : 0;
}

/** What number `v` stands for in a field of a struct. */
function fieldOf(m: Machine, kind: number, field: number, v: number) {
  const { kind: fieldKind } = (KINDS[kind] as (typeof KINDS)[number]).fields[field] as {
    kind: Parameters<typeof fieldValueOf>[0];
  };
  const given = m.valueOf(v);
  if (given.model instanceof ModelObject && (fieldKind === 'ref' || fieldKind === 'any')) {
    return given;
  }
  const value = fieldValueOf(fieldKind, Math.max(0, v - REGISTERS));
  return { actual: value, model: value };
}

function store(m: Machine, q: number, s: number, v: number): void {
  const register = m.read(q);
  if (register === null) return;
  const { object, handle } = register;
  const { shape, fields } = object.spec;
  if (shape === 'struct') {
    const field = s % fields.length;
    const given = fieldOf(m, object.kind, field, v);
    const { name } = fields[field] as { name: string };
    m.perform(
      () => {
        structOf(handle)[name] = given.actual;
      },
      () => m.model.replaceSlot(object, field, given.model),
    );
    return;
  }
  const given = m.valueOf(v);
  if (shape === 'set') addElement(m, q, v);
  else if (shape === 'bytes') storeByte(m, register, s, v);
  else if (shape === 'map') {
    const key = keyOf(s);
    m.perform(
      () => mapOf(handle).set(key, given.actual),
      () => m.model.setEntry(object, key, given.model),
    );
  } else if (shape === 'array' && object.slots.length > 0) {
    const index = s % object.slots.length;
    m.perform(
      () => arrayOf(handle).set(index, given.actual),
      () => m.model.replaceSlot(object, index, given.model),
    );
  }
}

function load(m: Machine, t: number, q: number, s: number): void {
  const register = m.read(q);
  if (register === null) return;
  const { object, handle } = register;
  const { shape, fields } = object.spec;
  if (shape === 'map') {
    const key = keyOf(s);
    take(m, t, () => mapOf(handle).get(key), object.entries.get(key));
  } else if (shape === 'set') {
    const key = keyOf(s);
    take(m, t, () => setOf(handle).has(key), object.entries.has(key));
  } else if (shape === 'bytes') {
    take(m, t, () => bytesIn(m, handle)[s], object.slots[s]);
  } else if (shape === 'array' || shape === 'tuple') {
    const index = s % (object.slots.length + 1);
    take(m, t, () => arrayOf(handle).at(index), object.slots[index]);
  } else {
    const { name } = fields[s % fields.length] as { name: string };
    take(m, t, () => structOf(handle)[name], object.slots[s % fields.length]);
  }
}

function clear(m: Machine, q: number): void {
  const register = m.read(q);
  if (register === null) return;
  const { object, handle } = register;
  const { shape, fields } = object.spec;
  if (shape === 'map' || shape === 'set') {
    m.perform(
      () => mapOf(handle).clear(),
      () => {
        for (const key of [...object.entries.keys()]) m.model.deleteEntry(object, key);
      },
    );
  } else if (shape === 'array') {
    resize(m, q, 0);
  } else if (shape === 'struct') {
    fields.forEach(({ kind }, s) => {
      if (kind === 'ref' || kind === 'any') store(m, q, s, REGISTERS);
    });
  }
}

function copy(m: Machine, t: number, q: number): void {
  const register = m.read(q);
  if (register === null || !m.holders.isWritable(t)) return;
  const { object, handle } = register;
  m.perform(
    () => handle.keep(),
    () => m.assign(t, m.holders.acquire(object, handle, true)),
  );
}

/** A handle that its frame would end is kept instead. */
function keep(m: Machine, q: number): void {
  const register = m.read(q);
  if (register === null || register.frame === 0) return;
  const { object, handle } = register;
  m.perform(
    () => handle.keep(),
    () => {
      m.holders.pin(register);
      m.holders.registers[q] = m.holders.acquire(object, handle, true);
    },
  );
}

function drop(m: Machine, q: number): void {
  const register = m.read(q);
  if (register === null || m.holders.endingOf(register) === null) return;
  m.holders.registers[q] = null;
  m.discard(register);
}

function setRoot(m: Machine, k: number, v: number): void {
  const name = m.rootName(k);
  const { actual, model } = m.valueOf(v);
  m.perform(
    () => m.heap.root.set(name, actual as never),
    () => m.model.setRoot(name, model),
  );
}

/** Deletes a named root, if there is one. */
export function deleteRoot(m: Machine, name: string): void {
  const expected = m.model.roots.has(name);
  m.perform(
    () => m.heap.root.delete(name),
    (found) => {
      m.expectValue(found, expected, 'whether there was a root');
      m.model.deleteRoot(name);
    },
  );
}

function getRoot(m: Machine, t: number, k: number): void {
  const name = m.rootName(k);
  take(m, t, () => m.heap.root.get(name), m.model.roots.get(name));
}

function refcount(m: Machine, q: number): void {
  const register = m.read(q);
  if (register === null) return;
  m.perform(
    () => m.heap.refcount(register.handle),
    (found) => {
      const { object } = register;
      const expected = object.isImmortal ? IMMORTAL_REFCOUNT : object.count;
      if (m.isExact) m.expectValue(found, expected, 'a reference count');
    },
  );
}

function immortalize(m: Machine, q: number): void {
  const register = m.read(q);
  if (register === null) return;
  m.perform(
    () => m.heap.immortalize(register.handle),
    () => {
      register.object.isImmortal = true;
    },
  );
}

/** What the operations on objects, handles and roots do. */
export const OBJECT_ACTIONS = {
  new: (m, t, k) => create(m, t, k),
  init: (m, t, k, s, v) => create(m, t, k, [s, v]),
  store,
  load,
  clear,
  copy,
  keep,
  drop,
  root: setRoot,
  unroot: (m, k) => deleteRoot(m, m.rootName(k)),
  get: getRoot,
  refcount,
  immortalize,
} satisfies Partial<Record<OperationName, Action>>;
