/** Which proxies of `heap.proxy` stand for which handles. */

import type { Handle } from './handle.ts';

const handles = new WeakMap<object, Handle>();

/** Notes that `proxy` stands for `handle`. */
export function noteProxy(proxy: object, handle: Handle): void {
  handles.set(proxy, handle);
}

/** The handle that a proxy of `heap.proxy` stands for; undefined for any other object. */
export const handleOfProxy = (value: object): Handle | undefined => handles.get(value);
