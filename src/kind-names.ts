/** The names of kinds, as statistics and debug output have them. */

import {
  KIND_ARRAY,
  KIND_BIGINT,
  KIND_BYTES,
  KIND_DATE,
  KIND_MAP,
  KIND_SET,
  KIND_STRING,
  KIND_TUPLE,
} from './memory/layout.ts';
import { COORDINATION_NAMES, coordinationOf } from './object/coordination.ts';
import { structLayoutOf } from './object/kinds.ts';
import type { Mutator } from './object/mutator.ts';
import { isShapeName } from './object/struct-layout.ts';

const BUILTIN_NAMES: Readonly<Record<number, string>> = {
  [KIND_STRING]: 'string',
  [KIND_BIGINT]: 'bigint',
  [KIND_ARRAY]: 'array',
  [KIND_MAP]: 'map',
  [KIND_SET]: 'set',
  [KIND_TUPLE]: 'tuple',
  [KIND_BYTES]: 'bytes',
  [KIND_DATE]: 'date',
};
/** Plain objects, whatever their shapes. */
const OBJECT = 'object';
const BUILTINS = new Set([...Object.values(BUILTIN_NAMES), ...COORDINATION_NAMES, OBJECT]);

/** The name of a kind: a word for what is built in, the struct's name for a struct. */
export function kindName(mem: Mutator, kind: number): string {
  const builtin = BUILTIN_NAMES[kind];
  if (builtin !== undefined) return builtin;
  const { name } = structLayoutOf(mem, kind);
  if (isShapeName(name)) return OBJECT;
  const what = coordinationOf(name);
  if (what !== undefined) return COORDINATION_NAMES[what];
  return BUILTINS.has(name) ? `struct ${name}` : name;
}
