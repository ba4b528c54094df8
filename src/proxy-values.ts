/** What goes into objects of the heap, and what comes out of them, through proxies. */

import { copyFrom } from './from.ts';
import { Handle } from './handle.ts';
import { handleOfProxy } from './proxy-targets.ts';
import type { Session } from './session.ts';

/** The properties of an object of the heap, as its proxy shows them. */
export interface Properties {
  /** What is behind the properties: methods. */
  readonly prototype: object;
  /** Not to be told from undefined by the value alone. */
  has(name: string): boolean;
  get(name: string): unknown;
  /** @returns false when that cannot be set */
  set(name: string, value: unknown): boolean;
  /** @returns false when that cannot be removed */
  delete(name: string): boolean;
  names(): string[];
}

/** Gives a program what was read: an object with properties comes as its proxy. */
export type Wrap = (value: unknown) => unknown;

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
  if (typeof value !== 'object' || value === null || value instanceof Handle) return value;
  const known = handleOfProxy(value);
  if (known !== undefined) return known;
  const copy = copyFrom(session, value);
  if (copy instanceof Handle) copies.push(copy);
  return copy;
}

/** As `storing`, for one value. */
export const storingOne = (handle: Handle, value: unknown, store: (stored: unknown) => void) =>
  storing(handle.$session, [value], ([stored]) => store(stored));
