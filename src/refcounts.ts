/** Reference counts as users ask for them. */

import { sharedRefOf } from './codec.ts';
import { type Handle, refOf } from './handle.ts';
import { refcountOf } from './object/refcount.ts';
import type { Session } from './session.ts';

/** What `heap.refcount` returns for an object that is never freed. */
export const IMMORTAL_REFCOUNT = Number.POSITIVE_INFINITY;

/** The exact count of an object. */
export function refcountOperation(session: Session, handle: Handle): number {
  sharedRefOf(session, handle, 'the argument of refcount()');
  const count = refcountOf(session.mem, refOf(handle));
  return count < 0 ? IMMORTAL_REFCOUNT : count;
}
