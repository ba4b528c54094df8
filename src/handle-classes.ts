/** The classes of handles, and what sessions ask of them. */

import { HeapArray } from './array.ts';
import { HeapBarrier } from './barrier.ts';
import { HeapBytes } from './bytes.ts';
import { HeapCondition } from './condition.ts';
import { HeapCounter } from './counter.ts';
import type { HandleClass } from './handle.ts';
import type { HandleFamily } from './handle-family.ts';
import { inspectHandle } from './inspect.ts';
import { HeapMap } from './map.ts';
import { KIND_ARRAY, KIND_BYTES, KIND_MAP, KIND_SET, KIND_TUPLE } from './memory/layout.ts';
import { HeapMutex } from './mutex.ts';
import { coordinationOf } from './object/coordination.ts';
import { structLayoutOf } from './object/kinds.ts';
import { isShapeName } from './object/struct-layout.ts';
import { HeapObject } from './plain-object.ts';
import { HeapQueue } from './queue.ts';
import { HeapSemaphore } from './semaphore.ts';
import type { Session } from './session.ts';
import { HeapSet } from './set.ts';
import { structHandleClass } from './struct.ts';
import { jsonOf } from './to-json.ts';
import { HeapTuple } from './tuple.ts';

/** The classes of the handles of all kinds but structs. */
const CLASSES: Readonly<Record<number, HandleClass>> = {
  [KIND_ARRAY]: HeapArray,
  [KIND_MAP]: HeapMap,
  [KIND_SET]: HeapSet,
  [KIND_TUPLE]: HeapTuple,
  [KIND_BYTES]: HeapBytes,
};

/** The classes of objects that threads coordinate by, by their numbers. */
const COORDINATION: readonly HandleClass[] = [
  HeapMutex,
  HeapCondition,
  HeapQueue,
  HeapSemaphore,
  HeapBarrier,
  HeapCounter,
];

/** What sessions ask of classes of handles. */
export const family: HandleFamily = {
  findClass(session, kind) {
    const base = CLASSES[kind];
    if (base !== undefined) return bindClass(session, base);
    const { name } = structLayoutOf(session.mem, kind);
    const what = coordinationOf(name);
    if (what !== undefined) return bindClass(session, COORDINATION[what]);
    return isShapeName(name) ? bindClass(session, HeapObject) : structHandleClass(session, kind);
  },
  inspect: inspectHandle,
  toJSON: jsonOf,
};

/** A class of handles that know their session. */
function bindClass(session: Session, base: HandleClass): HandleClass {
  const bound = class extends base {};
  Object.defineProperty(bound, 'name', { value: base.name });
  Object.defineProperty(bound.prototype, '$session', { value: session });
  return bound;
}
