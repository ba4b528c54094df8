/** The heap against the model, object by object. */

import type { Handle } from '../handle.ts';
import { firstElements, firstEntries } from '../map.ts';
import {
  GC_CONDEMNED,
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_ARRAY,
  KIND_BYTES,
  KIND_MAP,
  KIND_SET,
  KIND_SHIFT,
  KIND_TUPLE,
  type ObjectRef,
} from '../memory/layout.ts';
import { layoutOf } from '../struct.ts';
import { arrayOf, expectEntry, mapOf } from './container-operations.ts';
import { ProgramFailure } from './failure.ts';
import type { Machine } from './machine.ts';
import type { ModelObject } from './model.ts';
import { ROOTS } from './operations.ts';
import { bytesIn, setOf } from './other-operations.ts';

/**
 * Compares every object that the model knows of with the heap's: all that exist when the machine
 * is exact, else all that can be reached. Returns how many.
 *
 * @param isCollected whether the heap holds no garbage: then reference counts are known
 * @throws ProgramFailure at the first difference.
 */
export function compareWithModel(m: Machine, isCollected = false): number {
  if (m.isShared) m.model.prune();
  const objects = m.isExact || m.isShared ? m.model.alive : m.model.reachable();
  m.heap.run(() => {
    compareObjects(m, objects, isCollected || m.isExact);
    compareRoots(m);
  });
  return objects.size;
}

/** Compares objects, in a section. @throws ProgramFailure at the first difference. */
export function compareObjects(
  m: Machine,
  objects: Iterable<ModelObject>,
  hasCounts = m.isExact,
): void {
  for (const object of objects) {
    compareHeader(m, object, hasCounts);
    m.heap.scope(() => compareContents(m, object));
  }
}

function compareHeader(m: Machine, object: ModelObject, hasCounts: boolean): void {
  const { i32 } = m.mem;
  const info = i32[object.address + HEADER_INFO] as number;
  const expect = (found: unknown, expected: unknown, what: string) => {
    if (found !== expected) {
      const place = `${object.spec.name} ${object.address}`;
      throw new ProgramFailure('difference', `${what} of ${place} is ${found}, not ${expected}`);
    }
  };
  expect(info >>> KIND_SHIFT, kindOf(m, object), 'the kind');
  expect(info & GC_CONDEMNED, 0, 'the bit of garbage');
  const count = i32[object.address + HEADER_COUNT] as number;
  expect(count < 0, object.isImmortal, 'the immortality');
  if (hasCounts && !object.isImmortal) expect(count, object.count, 'the reference count');
  if (!m.isExact) return;
  expect((info & GC_TRACKED) !== 0, object.isTracked, 'the tracking');
  if (!object.isImmortal) expect(info & GC_GENERATION_MASK, object.generation, 'the generation');
}

function kindOf(m: Machine, object: ModelObject): number {
  const { shape } = object.spec;
  if (shape === 'array') return KIND_ARRAY;
  if (shape === 'map') return KIND_MAP;
  if (shape === 'set') return KIND_SET;
  if (shape === 'tuple') return KIND_TUPLE;
  if (shape === 'bytes') return KIND_BYTES;
  return layoutOf(m.session, m.classes[object.kind]).kind;
}

/** In a scope: the handles of what it reads end with it. */
function compareContents(m: Machine, object: ModelObject): void {
  const handle = m.session.handles.wrap(object.address as ObjectRef);
  const { shape, fields, name } = object.spec;
  if (shape === 'map') {
    compareEntries(m, object, handle);
    return;
  }
  if (shape === 'set') {
    compareElements(m, object, handle);
    return;
  }
  if (shape === 'bytes') {
    const bytes = bytesIn(m, handle);
    m.expectValue(bytes.length, object.slots.length, 'the number of bytes');
    object.slots.forEach((expected, i) => {
      if (bytes[i] !== expected) m.expectValue(bytes[i], expected, `byte ${i}`);
    });
    return;
  }
  if (shape === 'array' || shape === 'tuple') {
    const array = arrayOf(handle); // a tuple has the same length and at()
    m.expectValue(array.length, object.slots.length, `the length of ${name} ${object.address}`);
    object.slots.forEach((expected, i) => {
      m.expectValue(array.at(i), expected, `element ${i} of ${object.address}`);
    });
    return;
  }
  const struct = handle as unknown as Record<string, unknown>;
  fields.forEach((field, s) => {
    m.expectValue(
      struct[field.name],
      object.slots[s],
      `${name}.${field.name} of ${object.address}`,
    );
  });
}

/** Not by an iterator: that needs a row, and a full heap may not have one. */
function compareEntries(m: Machine, object: ModelObject, handle: Handle): void {
  const map = mapOf(handle);
  m.expectValue(map.size, object.entries.size, 'the size of a map');
  const actual = firstEntries(m.session, handle.$ref, object.entries.size + 1);
  let i = 0;
  for (const [key, value] of object.entries) {
    const entry = actual[i++];
    expectEntry(m, entry, [key, value]);
    m.expectValue(map.get(entry?.[0]), value, 'the value of a key');
  }
}

function compareElements(m: Machine, object: ModelObject, handle: Handle): void {
  const set = setOf(handle);
  m.expectValue(set.size, object.entries.size, 'the size of a set');
  const actual = firstElements(m.session, handle.$ref, object.entries.size + 1);
  m.expectValue(actual.length, object.entries.size, 'the number of elements');
  let i = 0;
  for (const expected of object.entries.keys()) {
    m.expectValue(actual[i], expected, `element ${i} of ${object.address}`);
    m.expectValue(set.has(actual[i]), true, 'whether a set has its element');
    i++;
  }
}

function compareRoots(m: Machine): void {
  for (let k = 0; k < ROOTS; k++) {
    const name = m.rootName(k);
    const expected = m.model.roots.get(name);
    m.expectValue(m.heap.root.has(name), m.model.roots.has(name), `whether there is a ${name}`);
    m.heap.scope(() => m.expectValue(m.heap.root.get(name), expected, name));
  }
}
