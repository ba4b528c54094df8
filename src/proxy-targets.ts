/** Which proxies of `heap.proxy` stand for which handles. */

import { Handle } from './handle.ts';

const handles = new WeakMap<object, Handle>();

/** Notes that `proxy` stands for `handle`. */
export function noteProxy(proxy: object, handle: Handle): void {
  handles.set(proxy, handle);
}

/** The handle that a proxy of `heap.proxy` stands for; undefined for any other object. */
export const handleOfProxy = (value: object): Handle | undefined => handles.get(value);

/** The handle that a value is, or that it stands for as a proxy of `heap.proxy`. */
export function handleIn(value: unknown): Handle | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return value instanceof Handle ? value : handleOfProxy(value);
}
