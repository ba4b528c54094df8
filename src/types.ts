/** What values of the heap look like to TypeScript. No code. */

import type { Handle } from './handle.ts';
import type { FieldKind, NumberKind } from './object/struct-layout.ts';

/** What is read from the heap where a `V` was stored: objects come as handles. */
export type Shared<V> = V extends Handle
  ? V
  : V extends (...args: never[]) => unknown
    ? V
    : V extends object
      ? object extends V
        ? V // of what kind is not known: the program says so by a cast
        : SharedStruct<V>
      : V;

/** A handle of a struct with the fields of `T`. */
export type SharedStruct<T> = { [Name in keyof T]: Shared<T[Name]> } & Handle;

/** The kinds that a field of type `T` may be declared with. */
export type KindFor<T> = [T] extends [number]
  ? NumberKind | 'any'
  : [T] extends [string]
    ? 'string' | 'any'
    : [T] extends [boolean]
      ? 'boolean' | 'any'
      : [T] extends [bigint]
        ? 'bigint64' | 'any'
        : [Exclude<T, null>] extends [object]
          ? 'ref' | 'any'
          : 'any';

/** The declaration of a struct with the fields of `T`. */
export type FieldsOf<T> = { readonly [Name in keyof T]-?: KindFor<T[Name]> };

/** The type of a field of this kind, where no interface says more. */
export type TypeOfKind<Kind extends FieldKind> = Kind extends NumberKind
  ? number
  : Kind extends 'string'
    ? string
    : Kind extends 'boolean'
      ? boolean
      : Kind extends 'bigint64'
        ? bigint
        : Kind extends 'ref'
          ? Handle | null
          : unknown;

/** The fields that a declaration without an interface gives. */
export type TypesOf<Fields extends Readonly<Record<string, FieldKind>>> = {
  -readonly [Name in keyof Fields]: TypeOfKind<Fields[Name]>;
};
