/**
 * Parcels: parts of a graph that one thread hands over to another.
 *
 * The objects stay where they are; a named root holds the first of them, and with it all others.
 * What travels is a description of the sender's model of them, from which the receiver makes its
 * own: plain data, for `postMessage`.
 */

import { type Model, ModelObject, type ModelValue } from './model.ts';
import { dateOf } from './values.ts';

/** An object of a parcel, as the model has it. References are `{ index }` into the parcel. */
export interface ParcelObject {
  readonly kind: number;
  readonly address: number;
  readonly isContainer: boolean;
  readonly slots: readonly unknown[];
  readonly entries: readonly (readonly [unknown, unknown])[];
}

/** A part of a graph on its way. */
export interface Parcel {
  /** The named root that holds the first object. */
  readonly name: string;
  readonly objects: readonly ParcelObject[];
}

/** How parcels get from thread to thread. */
export interface Post {
  /** The number of this thread, from 0. */
  readonly thread: number;
  /** How many threads there are. */
  readonly threads: number;
  /** Sends a parcel to another thread, or to this one. */
  send(to: number, parcel: Parcel): void;
  /** The oldest parcel that has come and was not received; null when there is none. No wait. */
  receive(): Parcel | null;
}

interface Index {
  readonly index: number;
}

/**
 * The objects that go with `head`: all that it reaches, nearest first, but no more than `size`,
 * and only what may go. With a tuple goes all that it holds: nobody can take that out.
 */
export function choosePart(head: ModelObject, size: number): Set<ModelObject> {
  const part = new Set([head]);
  for (const object of part) {
    object.visitReferences((referent) => {
      const isNeeded = part.size < size || object.spec.shape === 'tuple';
      if (isNeeded && !referent.isImmortal) part.add(referent);
    });
  }
  return part;
}

/** Describes objects that reference nothing but each other. */
export function describePart(name: string, part: ReadonlySet<ModelObject>): Parcel {
  const indices = new Map([...part].map((object, index) => [object, index]));
  const encode = (value: ModelValue): unknown => {
    if (!(value instanceof ModelObject)) return value;
    return { index: indices.get(value) as number } satisfies Index;
  };
  const objects = [...part].map(({ kind, address, isContainer, slots, entries }) => ({
    kind,
    address,
    isContainer,
    slots: slots.map(encode),
    entries: [...entries].map(([key, value]) => [encode(key), encode(value)] as const),
  }));
  return { name, objects };
}

/** Adds what a parcel describes to a model, held by its named root. Returns the objects. */
export function addParcel(model: Model, { name, objects }: Parcel): ModelObject[] {
  const added = objects.map(({ kind, address }) => model.add(kind, address));
  const decode = (value: unknown): ModelValue => {
    if (value instanceof Date) return dateOf(value.getTime());
    return typeof value === 'object' && value !== null ? added[(value as Index).index] : value;
  };
  objects.forEach(({ isContainer }, i) => {
    (added[i] as ModelObject).isContainer = isContainer;
  });
  objects.forEach(({ slots, entries }, i) => {
    const object = added[i] as ModelObject;
    model.splice(object, 0, 0, ...slots.map(decode));
    for (const [key, value] of entries) model.setEntry(object, decode(key), decode(value));
  });
  model.setRoot(name, added[0]);
  return added;
}
