/** A growing list of objects, private to one thread: no allocation in the common case. */

import { doubled } from '../base/arrays.ts';
import type { ObjectRef } from '../memory/layout.ts';

const FIRST_LENGTH = 1024;
/** A list that has grown beyond this many objects is given back when it is cleared. */
const KEPT_LENGTH = 2 ** 16;

/** A list, or a stack, of objects. */
export class ObjectList {
  declare refs: Int32Array;
  declare length: number;

  constructor() {
    this.refs = new Int32Array(FIRST_LENGTH);
    this.length = 0;
  }

  push(object: number): void {
    const { length } = this;
    if (length === this.refs.length) this.refs = doubled(this.refs);
    this.refs[length] = object;
    this.length = length + 1;
  }

  pop(): ObjectRef {
    return this.refs[--this.length] as ObjectRef;
  }

  /** Empties the list. What a large collection has needed is not kept for the small ones. */
  clear(): void {
    this.length = 0;
    if (this.refs.length > KEPT_LENGTH) this.refs = new Int32Array(FIRST_LENGTH);
  }
}
