/** `HeapTuple`: values in a fixed order, never changed. */

import { ElementIterator, END } from './array-iterator.ts';
import { decodeAt, dropAll, encodeAll, matcherOf, type Shareable } from './codec.ts';
import { Handle, refOfKind } from './handle.ts';
import { KIND_TUPLE, type ObjectRef } from './memory/layout.ts';
import { createTuple, TUPLE_LENGTH_MAX, tupleLength, tupleValueAt } from './object/tuple.ts';
import type { Session } from './session.ts';
import type { Shared } from './types.ts';

/**
 * Values in a fixed order, never changed: a key, a point, a result. Takes 16 bytes and 8 for each
 * value. The collector does not see tuples that hold nothing but plain values and such tuples.
 */
export class HeapTuple<T extends readonly unknown[] = Shareable[]> extends Handle {
  /** Number of values. */
  get length(): T['length'] {
    return this.$session.look(lengthOperation, this);
  }

  /** The value at `index`; from the end when negative; undefined outside. */
  at<I extends number>(index: I): Shared<I extends keyof T ? T[I] : T[number]> | undefined {
    const at = Math.trunc(Number(index)) || 0;
    return this.$session.look(atOperation, this, at) as never;
  }

  /** Whether `value` is among the values (NaN is found). */
  includes(value: T[number]): boolean {
    return this.$session.look(searchOperation, this, value) >= 0;
  }

  /** The first index of `value` (strict equality); -1 when there is none. */
  indexOf(value: T[number]): number {
    return Number.isNaN(value) ? -1 : this.$session.look(searchOperation, this, value);
  }

  /** An ordinary array of the values. */
  toArray(): Shared<T[number]>[] {
    return this.$session.look(valuesOperation, this) as Shared<T[number]>[];
  }

  /** Calls `visit(value, index, tuple)` for every value, in one section. */
  forEach(
    visit: (value: Shared<T[number]>, index: number, tuple: this) => void,
    thisArg?: unknown,
  ): void {
    this.$session.lookIn(() => {
      for (const [index, value] of this.entries()) visit.call(thisArg, value, index, this);
    });
  }

  /** Iterates over the values. Use it in a section: outside, each step is its own operation. */
  values(): ArrayIterator<Shared<T[number]>> {
    return new ElementIterator(this, (_, value) => value as Shared<T[number]>, stepOperation);
  }

  entries(): ArrayIterator<[number, Shared<T[number]>]> {
    const read = (index: number, value: Shareable): [number, Shared<T[number]>] => [
      index,
      value as Shared<T[number]>,
    ];
    return new ElementIterator(this, read, stepOperation);
  }

  [Symbol.iterator](): ArrayIterator<Shared<T[number]>> {
    return this.values();
  }

  get [Symbol.toStringTag](): string {
    return 'HeapTuple';
  }
}

/** What a step behind the last value yields is END. */
function stepOperation(session: Session, tuple: Handle, index?: number): Shareable {
  const { mem } = session;
  const ref = refOfKind(session, tuple, KIND_TUPLE);
  if ((index as number) >= tupleLength(mem, ref)) return END;
  return decodeAt(session, tupleValueAt(ref, index as number));
}

function lengthOperation(session: Session, tuple: Handle): number {
  return tupleLength(session.mem, refOfKind(session, tuple, KIND_TUPLE));
}

function atOperation(session: Session, tuple: Handle, index?: number): Shareable {
  const ref = refOfKind(session, tuple, KIND_TUPLE);
  const length = tupleLength(session.mem, ref);
  const at = (index as number) < 0 ? (index as number) + length : (index as number);
  return at >= 0 && at < length ? decodeAt(session, tupleValueAt(ref, at)) : undefined;
}

function searchOperation(session: Session, tuple: Handle, value?: unknown): number {
  const ref = refOfKind(session, tuple, KIND_TUPLE);
  const length = tupleLength(session.mem, ref);
  const isWanted = matcherOf(session, value);
  if (isWanted === null) return -1;
  for (let i = 0; i < length; i++) if (isWanted(tupleValueAt(ref, i))) return i;
  return -1;
}

function valuesOperation(session: Session, tuple: Handle): Shareable[] {
  return valuesOf(session, refOfKind(session, tuple, KIND_TUPLE));
}

/** The values of a tuple. */
export function valuesOf(session: Session, tuple: ObjectRef): Shareable[] {
  const length = tupleLength(session.mem, tuple);
  const values = Array.from({ length }, (_, i) => decodeAt(session, tupleValueAt(tuple, i)));
  session.reserveResults(values);
  return values;
}

const valuePath = (index: unknown): string => `value ${index} of a tuple`;

/** Makes a tuple. @throws RangeError, NotShareableError, HeapExhaustedError */
export function createTupleOperation(session: Session, values: readonly unknown[]): Handle {
  if (values.length > TUPLE_LENGTH_MAX) {
    throw new RangeError(
      `a tuple holds at most ${TUPLE_LENGTH_MAX} values, not ${values.length}; use an array`,
    );
  }
  const words = encodeAll(session, values, valuePath, 0);
  try {
    return session.handles.adopt(createTuple(session.mem, words));
  } catch (error) {
    dropAll(session.mem, words, values.length);
    throw error;
  }
}
