/**
 * Kinds: what an object is. The kind table in shared memory says where its references live.
 *
 * Struct declarations meet here by name. The first declaration of a name lays the struct out; the
 * same fields declared elsewhere, in any order, get the same kind.
 */

import { StructMismatchError } from '../base/errors.ts';
import {
  CONTROL_KIND_COUNT,
  FIRST_STRUCT_KIND,
  KIND_BITS,
  KIND_DESCRIPTOR,
  KIND_OBJECT_WORDS,
  KIND_RECORD_SHIFT,
  KIND_REFERENCES,
  KIND_SIZE_CLASS,
  KIND_TRACED,
  KIND_VALUES,
  KIND_VALUES_AT,
  MAX_KINDS,
  type WordIndex,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { sizeClassOf } from '../memory/size-classes.ts';
import type { Mutator } from './mutator.ts';
import { makeImmortal } from './refcount.ts';
import { createString, decodeString } from './string.ts';
import { type FieldKind, layOutStruct, type StructLayout } from './struct-layout.ts';

/** In KIND_VALUES of a record: its references are found by code, not by the table. */
export const SPECIAL_KIND = -1;

/** The record of a kind. */
export function kindRecordOf(mem: Memory, kind: number): WordIndex {
  return (mem.kindTable + (kind << KIND_RECORD_SHIFT)) as WordIndex;
}

/** Writes the records of the kinds that are not structs. Once, by the creator of the heap. */
export function createKinds(mem: Memory): void {
  for (let kind = 0; kind < FIRST_STRUCT_KIND; kind++) {
    mem.i32[kindRecordOf(mem, kind) + KIND_REFERENCES] = 0;
    mem.i32[kindRecordOf(mem, kind) + KIND_VALUES] = SPECIAL_KIND;
  }
}

/**
 * The kind of the struct `name` with these fields: found, or declared now. Under the GIL.
 *
 * @throws StructMismatchError when the name is taken by other fields; RangeError when the kind
 *   table or the struct is too large; HeapExhaustedError.
 */
export function declareStruct(
  mem: Mutator,
  name: string,
  fields: ReadonlyMap<string, FieldKind>,
): StructLayout {
  const count = mem.i32[CONTROL_KIND_COUNT];
  for (let kind = FIRST_STRUCT_KIND; kind < count; kind++) {
    const known = structLayoutOf(mem, kind);
    if (known.name !== name) continue;
    checkSameFields(known, fields);
    return known;
  }
  if (count === MAX_KINDS) {
    const limit = MAX_KINDS - FIRST_STRUCT_KIND;
    throw new RangeError(`a heap holds at most ${limit} structs; '${name}' would be one more`);
  }
  return addKind(mem, name, fields);
}

/** Declares a kind. Under the GIL; there is room for it. @throws RangeError, HeapExhaustedError */
export function addKind(
  mem: Mutator,
  name: string,
  fields: ReadonlyMap<string, FieldKind>,
): StructLayout {
  const count = mem.i32[CONTROL_KIND_COUNT];
  const layout = layOutStruct(name, fields, count);
  const descriptor = createString(mem, JSON.stringify([name, ...fields]));
  writeKindRecord(mem, layout, descriptor);
  mem.i32[CONTROL_KIND_COUNT] = count + 1; // published: the record is complete
  makeImmortal(mem, descriptor); // what a thread that died before has left undone, others do
  mem.layouts[count] = layout;
  return layout;
}

function writeKindRecord(mem: Memory, layout: StructLayout, descriptor: number): void {
  const { i32 } = mem;
  const record = kindRecordOf(mem, layout.kind);
  i32[record + KIND_REFERENCES] = layout.references;
  i32[record + KIND_VALUES] = layout.values;
  i32[record + KIND_VALUES_AT] = layout.valuesAt;
  i32[record + KIND_OBJECT_WORDS] = layout.words;
  i32[record + KIND_SIZE_CLASS] = sizeClassOf(layout.words);
  i32[record + KIND_BITS] = layout.info;
  i32[record + KIND_DESCRIPTOR] = descriptor;
  i32[record + KIND_TRACED] = layout.traced;
}

/** The layout of a declared struct kind, also of one that another thread declared. */
export function structLayoutOf(mem: Mutator, kind: number): StructLayout {
  const known = mem.layouts[kind];
  if (known !== undefined) return known;
  const text = decodeString(mem, mem.i32[kindRecordOf(mem, kind) + KIND_DESCRIPTOR]);
  const [name, ...fields] = JSON.parse(text) as [string, ...[string, FieldKind][]];
  const layout = layOutStruct(name, new Map(fields), kind);
  mem.layouts[kind] = layout;
  return layout;
}

function checkSameFields(known: StructLayout, fields: ReadonlyMap<string, FieldKind>): void {
  for (const field of known.fields) {
    const declared = fields.get(field.name);
    if (declared === field.kind) continue;
    throw new StructMismatchError(known.name, field.name, field.kind, declared ?? 'missing');
  }
  for (const [name, kind] of fields) {
    if (known.fields.some((field) => field.name === name)) continue;
    throw new StructMismatchError(known.name, name, 'missing', kind);
  }
}
