/** Reference counts as users ask for them. */

import { argumentRefOf } from './gc-arguments.ts';
import type { Handle } from './handle.ts';
import type { ObjectRef } from './memory/layout.ts';
import { refcountOf } from './object/refcount.ts';
import type { Session } from './session.ts';

/** What `heap.refcount` returns for an object that is never freed. */
export const IMMORTAL_REFCOUNT = Number.POSITIVE_INFINITY;

/** The exact count of an object. */
export function refcountOperation(session: Session, handle: Handle): number {
  return visibleCount(session, argumentRefOf(session, handle, 'refcount()'));
}

/** What `sys.getrefcount` gives for an object: it counts its argument. */
export function getrefcountOperation(session: Session, handle: Handle): number {
  return visibleCount(session, argumentRefOf(session, handle, 'getrefcount()')) + 1;
}

function visibleCount({ mem }: Session, object: ObjectRef): number {
  const count = refcountOf(mem, object);
  return count < 0 ? IMMORTAL_REFCOUNT : count;
}
