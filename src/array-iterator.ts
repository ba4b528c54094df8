/** Iterators over arrays. Each step is one operation: it finds the length and reads the element. */

import { decodeAt, type Shareable } from './codec.ts';
import { type Handle, refOf } from './handle.ts';
import { arrayLength, elementAt } from './object/array.ts';
import type { Session } from './session.ts';

/** An iterator over an array, like JavaScript's: by index, up to the length that it finds. */
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
    const element = this.#array.$session.single(this.#step, this.#array, this.#index);
    if (element === END) {
      this.#done = true;
      return { done: true, value: undefined };
    }
    return { done: false, value: this.#read(this.#index++, element) };
  }

  return(): IteratorResult<T, undefined> {
    this.#done = true;
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/** What a step behind the last element yields. */
const END = Object.freeze({});

function stepOperation(session: Session, array: Handle, index?: number): Shareable {
  const { mem } = session;
  const ref = refOf(array);
  if ((index as number) >= arrayLength(mem, ref)) return END;
  return decodeAt(session, elementAt(mem, ref, index as number));
}

/** A step that yields no element: nothing is acquired by it. */
export function stepKeyOperation(session: Session, array: Handle, index?: number): Shareable {
  return (index as number) >= arrayLength(session.mem, refOf(array)) ? END : undefined;
}
