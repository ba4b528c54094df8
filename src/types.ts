/** What values of the heap look like to TypeScript. No code. */

import type { HeapArray } from './array.ts';
import type { HeapBarrier } from './barrier.ts';
import type { HeapBytes } from './bytes.ts';
import type { HeapCondition } from './condition.ts';
import type { CoordinationObject } from './coordination-object.ts';
import type { HeapCounter } from './counter.ts';
import type { Handle } from './handle.ts';
import type { HeapMap } from './map.ts';
import type { HeapMutex } from './mutex.ts';
import type { FieldKind, NumberKind } from './object/struct-layout.ts';
import type { HeapObject } from './plain-object.ts';
import type { HeapQueue } from './queue.ts';
import type { HeapSemaphore } from './semaphore.ts';
import type { HeapSet } from './set.ts';
import type { HeapTuple } from './tuple.ts';

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

/** What the methods of an array `A` of `T` call for an element. */
export type Visit<T, A, Result> = (element: Shared<T>, index: number, array: A) => Result;

/** As `Visit`, telling TypeScript what the elements are for which it returns true. */
export type Guard<T, A, S extends Shared<T>> = (
  element: Shared<T>,
  index: number,
  array: A,
) => element is S;

/** What `reduce` calls for an element. */
export type Reduce<T, A, Result> = (
  result: Result,
  element: Shared<T>,
  index: number,
  array: A,
) => Result;

/** The elements of `flat(depth)`: those of arrays in them, as `FlatArray` has it for arrays. */
export type FlatShared<Element, Depth extends number> = {
  done: Element;
  recur: Element extends HeapArray<infer Inner>
    ? FlatShared<Shared<Inner>, [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10][Depth]>
    : Element;
}[Depth extends -1 | 0 ? 'done' : 'recur'];

/** Values that are copied as they are. */
export type Atom = string | number | boolean | bigint | null | undefined | Date;

/** What `heap.from` makes of a `V`. */
export type FromJS<V> = V extends Atom | Handle
  ? V
  : V extends ReadonlyMap<infer K, infer W>
    ? HeapMap<FromJS<K>, FromJS<W>>
    : V extends ReadonlySet<infer E>
      ? HeapSet<FromJS<E>>
      : V extends readonly (infer E)[]
        ? HeapArray<FromJS<E>>
        : V extends ArrayBuffer | ArrayBufferView
          ? HeapBytes
          : V extends (...args: never[]) => unknown
            ? never
            : V extends object
              ? object extends V
                ? V // of what kind is not known: the program says so by a cast
                : HeapObject<V>
              : V;

/** What `heap.toJS` makes of a `V`. */
export type ToJS<V> = V extends Atom
  ? V
  : V extends HeapObject<infer T>
    ? T
    : V extends HeapMap<infer K, infer W>
      ? Map<ToJS<K>, ToJS<W>>
      : V extends HeapSet<infer E>
        ? Set<ToJS<E>>
        : V extends HeapArray<infer E>
          ? ToJS<E>[]
          : V extends HeapTuple<infer T>
            ? { -readonly [I in keyof T]: ToJS<T[I]> }
            : V extends HeapBytes
              ? ArrayBuffer | ArrayBufferView
              : V extends CoordinationObject
                ? ToJSCoordination<V>
                : V extends Handle
                  ? { [Name in Exclude<keyof V, keyof Handle>]: ToJS<V[Name]> }
                  : V;

/** What `heap.toJS` makes of objects that threads coordinate by: what can be said of them. */
export type ToJSCoordination<V> =
  V extends HeapQueue<infer T>
    ? ToJS<T>[]
    : V extends HeapCounter
      ? number
      : V extends HeapMutex
        ? { isLocked: boolean }
        : V extends HeapCondition
          ? { waiting: number }
          : V extends HeapSemaphore
            ? { permits: number }
            : V extends HeapBarrier
              ? { parties: number; waiting: number; isBroken: boolean }
              : never;

/** What `heap.proxy` shows of a `V`. */
export type ProxyOf<V> =
  V extends HeapObject<infer T>
    ? T
    : V extends HeapArray<infer E>
      ? ProxyOf<Shared<E>>[]
      : V extends HeapMap<string, infer W>
        ? Record<string, ProxyOf<Shared<W>>>
        : V extends HeapTuple<infer T>
          ? Readonly<T>
          : V extends HeapSet<infer _> | HeapBytes | CoordinationObject
            ? V
            : V extends Handle
              ? { [Name in Exclude<keyof V, keyof Handle>]: ProxyOf<V[Name]> }
              : V;
