/** What is assigned through proxies: copied into the heap unless it is there already. */

import { copyFrom } from './from.ts';
import { Handle } from './handle.ts';
import { handleOfProxy } from './proxy-targets.ts';
import type { Session } from './session.ts';

/**
 * Calls `store` with what stands for `values` in the heap. What is not there yet is copied, for as
 * long as `store` runs: then whatever it was stored in holds it.
 */
export function storing<T>(
  session: Session,
  values: readonly unknown[],
  store: (stored: unknown[]) => T,
): T {
  const copies: Handle[] = [];
  try {
    return store(values.map((value) => storedOf(session, value, copies)));
  } finally {
    for (const copy of copies) copy[Symbol.dispose]();
  }
}

function storedOf(session: Session, value: unknown, copies: Handle[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = handleOfProxy(value);
  if (known !== undefined) return known;
  if (value instanceof Handle) return value;
  const copy = copyFrom(session, value);
  if (copy instanceof Handle) copies.push(copy);
  return copy;
}

/** As `storing`, for one value. */
export const storingOne = (handle: Handle, value: unknown, store: (stored: unknown) => void) =>
  storing(handle.$session, [value], ([stored]) => store(stored));
