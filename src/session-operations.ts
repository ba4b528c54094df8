/** Operations that sessions run themselves, and what they ask of callbacks. */

import { Handle } from './handle.ts';
import { handleIn } from './proxy-targets.ts';
import type { Session } from './session.ts';

/** A read section has ended: does what it has left to be done. */
export const settleOperation = ({ handles }: Session): void => handles.settle();

/** Writes the locals as rows. @throws HeapExhaustedError */
export const lendLocals = ({ handles }: Session): void => handles.lendLocals();

/** In an atomic section: the operation that follows can note what it changes. */
export const reserveUndo = ({ mem }: Session): void => mem.undo?.reserve();

/** Keeps a handle. @throws HeapExhaustedError */
export const keepHandle = (session: Session, handle: Handle): void => session.handles.keep(handle);

/** Runs `body`, in a section, and ends the acquisitions made in it, but for its result. */
export function runInScope<T>(session: Session, body: () => T): T {
  const { handles } = session;
  const scope = handles.openScope();
  let result: T | undefined;
  try {
    result = refusePromise(body());
    return result;
  } finally {
    const handle = handleIn(result);
    if (handle?.$session === session) handles.closeScopeExcept(scope, handle);
    else handles.closeScope(scope);
  }
}

/** The result of a section or a scope, unless it is a promise. @throws TypeError */
export function refusePromise<T>(result: T): T {
  if ((typeof result !== 'object' && typeof result !== 'function') || result === null)
    return result;
  if (result instanceof Handle) return result;
  if (typeof (result as { then?: unknown }).then !== 'function') return result;
  // Nobody will await it: its failure must not end the process on top of our error.
  if (result instanceof Promise) result.catch(() => {});
  throw new TypeError(
    'a section must be synchronous, but its callback returned a promise; ' +
      'await before or after the section, and keep() the handles you need in between',
  );
}
