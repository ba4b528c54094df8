/** What mutexes, conditions, queues, semaphores, barriers and counters have in common. */

import { refOfWhat } from './coordinator.ts';
import { Handle } from './handle.ts';
import type { ObjectRef } from './memory/layout.ts';
import { coordinationOf, declareCoordination, stateOf } from './object/coordination.ts';
import { kindOf } from './object/header.ts';
import { structLayoutOf } from './object/kinds.ts';
import type { Mutator } from './object/mutator.ts';
import { createStruct } from './object/struct.ts';
import type { Session } from './session.ts';

/** An object that threads coordinate by: `heap.mutex()`, `heap.queue()` and so on. */
export abstract class CoordinationObject extends Handle {
  /** For TypeScript, to which other handles without members of their own would be the same. */
  declare protected readonly $coordinates: true;
}

/** Creates an object of a kind, with one count for the caller. @throws HeapExhaustedError */
type Create = (mem: Mutator, kind: number) => ObjectRef;

/** A new object that is `what`. @throws HeapExhaustedError, RangeError */
export function createCoordination<H extends Handle>(
  session: Session,
  what: number,
  create: Create = createStruct,
): H {
  return session.single(createOperation, what, create) as unknown as H;
}

function createOperation(session: Session, what: number, create?: Create): Handle {
  const { mem, coordinator } = session;
  const known = coordinator.kinds[what];
  const kind = known >= 0 ? known : declareCoordination(mem, what);
  coordinator.kinds[what] = kind;
  return session.handles.adopt((create as Create)(mem, kind));
}

/** What an object of the heap can do that only reads: its state. */
export type State = Record<string, number | boolean>;

/** Runs an operation that changes nothing. */
export const look = <H, R>(session: Session, operation: (s: Session, h: H) => R, h: H): R =>
  session.look(operation, h);

/** The state of an object, which is `what`. @throws StaleHandleError, TypeError */
export const readState = (handle: CoordinationObject, what: number): State =>
  look(
    handle.$session,
    (session) => stateOf(session.mem, refOfWhat(session, handle, what), what),
    0,
  );

/** The state of an object, whatever it is. */
export function stateOperation(session: Session, handle: CoordinationObject): State {
  const { mem } = session;
  const ref = handle.$ref;
  const what = coordinationOf(structLayoutOf(mem, kindOf(mem, ref)).name) as number;
  return stateOf(mem, ref, what);
}
