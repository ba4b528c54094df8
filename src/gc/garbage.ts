/**
 * `gc.garbage`: one array per heap, in the heap. It holds what collections leave alone on purpose.
 */

import { GC_COUNTS, GC_GARBAGE_ARRAY, type ObjectRef } from '../memory/layout.ts';
import { appendElement, arrayLength, createArray, reserveElements } from '../object/array.ts';
import type { Mutator } from '../object/mutator.ts';
import { incref, makeImmortal } from '../object/refcount.ts';
import { encodeReference } from '../object/value.ts';

/** The array, made when it is first needed. Under the GIL. @throws HeapExhaustedError */
export function garbageArrayOf(mem: Mutator): ObjectRef {
  const known = mem.i32[GC_GARBAGE_ARRAY] as ObjectRef;
  if (known !== 0) return known;
  const array = createArray(mem);
  mem.i32[GC_GARBAGE_ARRAY] = array;
  makeImmortal(mem, array);
  mem.i32[GC_COUNTS]--; // no collection will ever examine it
  return array;
}

/** Appends objects that the collector has left alone: all or none. @throws HeapExhaustedError */
export function appendGarbage(mem: Mutator, objects: readonly ObjectRef[]): void {
  const array = garbageArrayOf(mem);
  reserveElements(mem, array, arrayLength(mem, array) + objects.length);
  for (const object of objects) {
    incref(mem, object);
    encodeReference(object);
    appendElement(mem, array);
  }
}
