/**
 * How the fields of a struct are laid out: references first, one word each, strings last of them,
 * so that a range of words says where they are; then two-word values; then scalars, large ones
 * first, small ones
 * packed into words. A scalar of four bytes fills the gap that alignment leaves.
 */

import { GC_CONTAINER, GC_TRACKED, HEADER_WORDS, KIND_SHIFT } from '../memory/layout.ts';
import { MAX_CLASS_WORDS, MIN_BLOCK_WORDS } from '../memory/size-classes.ts';

/** The kinds of fields that hold numbers. */
export type NumberKind =
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'float32'
  | 'float64';

/** The kinds of fields a struct may have. */
export type FieldKind = NumberKind | 'bigint64' | 'boolean' | 'string' | 'ref' | 'any';

/** Bits of each kind of field; references and strings are word indices. */
export const FIELD_BITS = {
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  float32: 32,
  float64: 64,
  bigint64: 64,
  boolean: 8,
  string: 32,
  ref: 32,
  any: 64,
} as const satisfies Record<FieldKind, number>;

/**
 * Plain objects are structs without a declaration: a kind for each list of property names, called
 * a shape. Their names tell them apart from declared structs: empty, or, for objects that stand for
 * something special (a regular expression, an error ...), with this in front.
 */
const SPECIAL_NAME = '\0';
export const PLAIN_NAME = '';

/** The name of the shapes that stand for `what`. */
export const specialName = (what: string): string => SPECIAL_NAME + what;

/** Whether a kind of this name is a shape. */
export const isShapeName = (name: string): boolean =>
  name === PLAIN_NAME || name.startsWith(SPECIAL_NAME);

/** What the names of structs of the library's own begin with, that are no shapes. */
const RESERVED_NAME = '\u0001';

/** The name of the library's own structs that are `what`. */
export const reservedName = (what: string): string => RESERVED_NAME + what;

/** Whether no program can declare a struct of this name. */
export const isReservedName = (name: string): boolean =>
  isShapeName(name) || name.startsWith(RESERVED_NAME);

/** A field and its place. */
export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  /** Words from the header to the word that holds it. */
  readonly offset: number;
  /** Bits from the low end of that word, for fields smaller than a word. */
  readonly shift: number;
}

/** A struct kind: everything a thread needs to use its objects. */
export interface StructLayout {
  readonly name: string;
  readonly kind: number;
  /** In the order of the first declaration. */
  readonly fields: readonly Field[];
  /** The same by name. */
  readonly places: ReadonlyMap<string, Field>;
  /** One-word reference slots, from the header on. */
  readonly references: number;
  /** Of these, the first, which hold no strings: the collector follows only them. */
  readonly traced: number;
  /** Two-word value slots, from `valuesAt` on. */
  readonly values: number;
  readonly valuesAt: number;
  readonly words: number;
  /**
   * The info word of a new object. Structs that cannot hold a container are untracked; objects of
   * shapes until they do (semantics D3).
   */
  readonly info: number;
}

const isReference = (kind: FieldKind) => kind === 'ref' || kind === 'string';

/**
 * Lays out a struct.
 *
 * @throws RangeError when it is larger than a block can be.
 */
export function layOutStruct(
  name: string,
  fields: ReadonlyMap<string, FieldKind>,
  kind: number,
): StructLayout {
  const placed = new Map<string, Field>();
  const of = (test: (kind: FieldKind) => boolean) => [...fields].filter(([, k]) => test(k));
  let next = HEADER_WORDS;
  const place = (list: [string, FieldKind][], words: number) => {
    for (const [fieldName, fieldKind] of list) {
      placed.set(fieldName, { name: fieldName, kind: fieldKind, offset: next, shift: 0 });
      next += words;
    }
  };

  const traced = of((k) => k === 'ref');
  const references = [...traced, ...of((k) => k === 'string')];
  place(references, 1);
  const values = of((k) => k === 'any');
  const wide = of((k) => k === 'float64' || k === 'bigint64');
  const single = of((k) => FIELD_BITS[k] === 32 && !isReference(k));
  if (next % 2 === 1 && values.length + wide.length > 0) {
    place(single.splice(0, 1), 1);
    next += next % 2;
  }
  const valuesAt = next;
  place(values, 2);
  place(wide, 2);
  place(single, 1);
  next = packSmall(
    of((k) => FIELD_BITS[k] === 16),
    placed,
    next,
  );
  next = packSmall(
    of((k) => FIELD_BITS[k] === 8),
    placed,
    next,
  );

  const words = Math.max(MIN_BLOCK_WORDS, next + (next % 2));
  if (words > MAX_CLASS_WORDS) {
    throw new RangeError(`struct ${name} takes ${words} words; at most ${MAX_CLASS_WORDS} fit`);
  }
  const isContainer = isShapeName(name) || traced.length + values.length > 0;
  const isTracked = isContainer && !isShapeName(name);
  return {
    name,
    kind,
    fields: [...fields.keys()].map((fieldName) => placed.get(fieldName) as Field),
    places: placed,
    references: references.length,
    traced: traced.length,
    values: values.length,
    valuesAt,
    words,
    info: (kind << KIND_SHIFT) | (isContainer ? GC_CONTAINER : 0) | (isTracked ? GC_TRACKED : 0),
  };
}

/** Packs fields of 16 or 8 bits into words, from word `next` on. Returns the next free word. */
function packSmall(list: [string, FieldKind][], placed: Map<string, Field>, next: number): number {
  let offset = next;
  let shift = 0;
  for (const [name, kind] of list) {
    placed.set(name, { name, kind, offset, shift });
    shift += FIELD_BITS[kind];
    if (shift === 32) {
      shift = 0;
      offset++;
    }
  }
  return shift === 0 ? offset : offset + 1;
}
