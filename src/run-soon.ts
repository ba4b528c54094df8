/** Entering a section without blocking the event loop. */

import type { Session } from './session.ts';

/** Runs `body` in a section of its own, as soon as the lock is to be had. */
export function runSoon<T>(session: Session, body: () => T): Promise<T> {
  return session.waiting.enter(body, false, { timeoutMs: Number.POSITIVE_INFINITY });
}
