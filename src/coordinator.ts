/** What a session keeps for objects that threads wait for. */

import { ForgottenHolders } from './forgotten-holders.ts';
import { type Handle, refOf } from './handle.ts';
import { HEADER_INFO, KIND_SHIFT, type ObjectRef } from './memory/layout.ts';
import { COORDINATION_NAMES, coordinationOf } from './object/coordination.ts';
import { isStructKind } from './object/header.ts';
import { structLayoutOf } from './object/kinds.ts';
import type { Mutator } from './object/mutator.ts';
import { WakeUps } from './sync/line.ts';
import type { AsyncLine } from './waiting-async.ts';

const UNKNOWN = -1;

/** What one thread keeps for the objects of a heap that threads wait for. */
export class Coordinator {
  /** Sleepers to be woken when the section has ended. An atomic one wakes them at its commit. */
  readonly wakeUps: WakeUps;
  /** The kinds of mutexes, conditions ... in this heap, as far as they are known here. */
  readonly kinds: Int32Array;
  /** Async waiters of this thread, by the line that they wait in. */
  readonly lines = new Map<number, AsyncLine>();
  /** Tokens and permits of this thread. */
  readonly holders = new ForgottenHolders();

  constructor(mem: Mutator) {
    this.wakeUps = new WakeUps(mem);
    this.kinds = new Int32Array(COORDINATION_NAMES.length).fill(UNKNOWN);
  }

  /** Whether objects of a kind are `what`. */
  isOfKind(mem: Mutator, kind: number, what: number): boolean {
    if (!isStructKind(kind)) return false;
    if (coordinationOf(structLayoutOf(mem, kind).name) !== what) return false;
    this.kinds[what] = kind;
    return true;
  }
}

/** What such objects are looked up in: a session. */
interface Place {
  readonly mem: Mutator;
  readonly coordinator: Coordinator;
}

/**
 * The object of a live handle, which is `what`: methods can be called on anything.
 *
 * @throws StaleHandleError, TypeError
 */
export function refOfWhat({ mem, coordinator }: Place, handle: Handle, what: number): ObjectRef {
  const ref = refOf(handle);
  const kind = mem.i32[ref + HEADER_INFO] >>> KIND_SHIFT;
  if (kind !== coordinator.kinds[what] && !coordinator.isOfKind(mem, kind, what)) {
    throw new TypeError(`this method cannot be called on ${handle.constructor.name}`);
  }
  return ref;
}

/** As `refOfWhat`, of an object that is about to be changed. @throws HeapExhaustedError, too */
export function refToChange(place: Place, handle: Handle, what: number): ObjectRef {
  const ref = refOfWhat(place, handle, what);
  noteScalars(place.mem, ref);
  return ref;
}

/** Before a change: an atomic section notes all but the references. @throws HeapExhaustedError */
export function noteScalars({ undo }: Mutator, ref: ObjectRef): void {
  if (undo !== null) undo.saveScalars(ref);
}
