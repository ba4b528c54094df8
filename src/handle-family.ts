/** What sessions ask of the classes of handles, which in turn need sessions. */

import type { InspectOptions } from 'node:util';
import type { Handle, HandleClass } from './handle.ts';
import type { Session } from './session.ts';

/** What a session needs to know of the classes of handles, which in turn need sessions. */
export interface HandleFamily {
  /** The class of the handles of a kind. */
  findClass(session: Session, kind: number): HandleClass;
  /** What is printed of a handle. */
  inspect(handle: Handle, depth: number, options: InspectOptions): unknown;
  /** What JSON.stringify writes of a handle. */
  toJSON(handle: Handle): unknown;
}
