/**
 * The kinds of objects that random programs make: structs of references only, of strings and
 * untyped fields, of no references at all, small and large ones; arrays, maps, sets, tuples, bytes.
 */

import type { Heap } from '../heap.ts';
import type { FieldKind } from '../object/struct-layout.ts';
import type { StructClass } from '../struct.ts';

/** A field of a struct kind. */
export interface FieldSpec {
  readonly name: string;
  readonly kind: FieldKind;
}

/** What objects of a kind are. */
export type ObjectShape = 'struct' | 'array' | 'map' | 'set' | 'tuple' | 'bytes';

/** A kind of objects. */
export interface KindSpec {
  readonly name: string;
  readonly shape: ObjectShape;
  readonly fields: readonly FieldSpec[];
  /**
   * Whether its objects may hold references to containers: only these are ever tracked. Of tuples
   * those that do hold one: each says so for itself.
   */
  readonly isContainer: boolean;
}

function struct(name: string, fields: Readonly<Record<string, FieldKind>>): KindSpec {
  const list = Object.entries(fields).map(([field, kind]) => ({ name: field, kind }));
  const isContainer = list.some(({ kind }) => kind === 'ref' || kind === 'any');
  return { name, shape: 'struct', fields: list, isContainer };
}

const many = (count: number, prefix: string, kind: FieldKind): Record<string, FieldKind> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, kind]));

export const KIND_PAIR = 0;
export const KIND_LIST = 5;
export const KIND_TABLE = 6;
export const KIND_GROUP = 7;
export const KIND_TUPLE = 8;
export const KIND_BYTES = 9;

/** All kinds. Programs name them by their index here. */
export const KINDS: readonly KindSpec[] = [
  struct('StressPair', { left: 'ref', right: 'ref' }),
  struct('StressItem', { label: 'string', next: 'ref', value: 'any', count: 'int32' }),
  struct('StressLeaf', { label: 'string', weight: 'float64', flag: 'boolean', big: 'bigint64' }),
  struct('StressWide', { ...many(8, 'r', 'ref'), ...many(3, 'a', 'any'), note: 'string' }),
  struct('StressBroad', { ...many(120, 'r', 'ref'), ...many(40, 'a', 'any') }),
  { name: 'array', shape: 'array', fields: [], isContainer: true },
  { name: 'map', shape: 'map', fields: [], isContainer: true },
  { name: 'set', shape: 'set', fields: [], isContainer: true },
  { name: 'tuple', shape: 'tuple', fields: [], isContainer: false },
  { name: 'bytes', shape: 'bytes', fields: [], isContainer: false },
];

/** The classes of the struct kinds in a heap, by kind; undefined for the others. */
export function declareKinds(heap: Heap): (StructClass<Record<string, unknown>> | undefined)[] {
  return KINDS.map(({ name, shape, fields }) => {
    if (shape !== 'struct') return undefined;
    const declared = Object.fromEntries(fields.map((field) => [field.name, field.kind]));
    return heap.struct<Record<string, unknown>>(name, declared as never);
  });
}
