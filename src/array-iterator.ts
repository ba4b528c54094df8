/** Iterators over arrays. Each step is one operation: it finds the length and reads the element. */

import { decodeAt, type Shareable } from './codec.ts';
import { type Handle, refOfKind } from './handle.ts';
import { KIND_ARRAY } from './memory/layout.ts';
import { arrayLength, elementAt } from './object/array.ts';
import type { Session } from './session.ts';

/** `%IteratorPrototype%`: what JavaScript's own iterators inherit from, their helpers too. */
export const IteratorPrototype: object = Object.getPrototypeOf(
  Object.getPrototypeOf([][Symbol.iterator]()),
);

/**
 * An iterator over an array, like JavaScript's: by index, up to the length that it finds. It holds
 * nothing but its handle, and so, like JavaScript's, has no `return`: a loop that is left can be
 * taken up again.
 */
export class ElementIterator<T> {
  readonly #array: Handle;
  readonly #read: (index: number, element: Shareable) => T;
  readonly #step: typeof stepOperation;
  #index = 0;
  #done = false;

  constructor(array: Handle, read: (index: number, element: Shareable) => T, step = stepOperation) {
    this.#array = array;
    this.#read = read;
    this.#step = step;
  }

  next(): IteratorResult<T, undefined> {
    if (this.#done) return { done: true, value: undefined };
    const element = this.#array.$session.look(this.#step, this.#array, this.#index);
    if (element === END) {
      this.#done = true;
      return { done: true, value: undefined };
    }
    return { done: false, value: this.#read(this.#index++, element) };
  }

  [Symbol.iterator](): this {
    return this;
  }

  /** Nothing to do. Node 20 has no iterators with this method, and `using` asks for it. */
  [Symbol.dispose](): void {}

  get [Symbol.toStringTag](): string {
    return `${this.#array.constructor.name} Iterator`;
  }
}

Object.setPrototypeOf(ElementIterator.prototype, IteratorPrototype);

/** What a step behind the last element yields. */
export const END = Object.freeze({});

/** The element at `index`; END behind the last. */
export function stepOperation(session: Session, array: Handle, index?: number): Shareable {
  const { mem } = session;
  const ref = refOfKind(session, array, KIND_ARRAY);
  if ((index as number) >= arrayLength(mem, ref)) return END;
  return decodeAt(session, elementAt(mem, ref, index as number));
}

/** A step that yields no element: nothing is acquired by it. */
export function stepKeyOperation(session: Session, array: Handle, index?: number): Shareable {
  return (index as number) >= arrayLength(session.mem, refOfKind(session, array, KIND_ARRAY))
    ? END
    : undefined;
}
