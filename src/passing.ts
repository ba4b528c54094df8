/**
 * Handles in messages: of a value that structured clone can copy but for the handles in it, a copy
 * without them is made, and a list of where they belong. Structured clone keeps identities, so the
 * list names containers of the copy, and the receiver puts the handles back without a search.
 *
 * Looked into are plain objects and arrays, to any depth. What stands in maps, sets or objects of
 * classes is left alone, so that structured clone refuses a handle there.
 */

import type { Handle } from './handle.ts';
import { proxyOf } from './proxy.ts';
import { handleIn, handleOfProxy } from './proxy-targets.ts';
import type { Session } from './session.ts';

type Container = Record<string | number, unknown>;

/** A place for a handle: its container, its key there, and whether it is to be a proxy. */
export type Place = readonly [container: object, key: string | number, isProxy: boolean];

/** A value, and where the handles belong in it. Cloneable. */
export interface PackedValue {
  readonly root: { value: unknown };
  readonly places: readonly Place[];
}

/** A value without its handles, and those, in the order of their places. */
export interface Packing extends PackedValue {
  readonly handles: readonly Handle[];
}

/** Takes the handles, and proxies of `heap.proxy`, out of a value, which is not changed. */
export function packHandles(value: unknown): Packing {
  if (!holdsHandles(value)) return { root: { value }, places: [], handles: [] };
  const root = { value: null };
  const places: Place[] = [];
  const handles: Handle[] = [];
  const copies = new Map<object, object>();
  const pending: [source: Container, copy: Container][] = [];
  const copyOf = (source: object): object => {
    const known = copies.get(source);
    if (known !== undefined) return known;
    const copy = Array.isArray(source) ? source.slice() : {};
    copies.set(source, copy);
    pending.push([source as Container, copy as Container]);
    return copy;
  };
  const put = (container: Container, key: string | number, item: unknown) => {
    const handle = handleIn(item);
    if (handle !== undefined) {
      places.push([container, key, handle !== item]);
      handles.push(handle);
      define(container, key, null);
    } else {
      define(container, key, isContainer(item) ? copyOf(item) : item);
    }
  };
  put(root as Container, 'value', value);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [source, copy] = next;
    for (const key of keysOf(source)) put(copy, key, source[key]);
  }
  return { root, places, handles };
}

/** Puts handles back to their places. Returns the value. */
export function unpackHandles(
  session: Session,
  { root, places }: PackedValue,
  handles: readonly unknown[],
): unknown {
  places.forEach(([container, key, isProxy], i) => {
    (container as Container)[key] = isProxy ? proxyOf(session, handles[i]) : handles[i];
  });
  return root.value;
}

function holdsHandles(value: unknown): boolean {
  if (handleIn(value) !== undefined) return true;
  if (!isContainer(value)) return false;
  const seen = new Set<object>([value]);
  for (const container of seen) {
    const items: readonly unknown[] = Array.isArray(container)
      ? container
      : Object.values(container);
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (typeof item !== 'object' || item === null) continue;
      if (handleIn(item) !== undefined) return true;
      if (isContainer(item)) seen.add(item);
    }
  }
  return false;
}

/** The keys of what structured clone copies; of arrays those of their elements. */
function* keysOf(container: Container): Generator<string | number> {
  if (!Array.isArray(container)) {
    yield* Object.keys(container);
    return;
  }
  for (let i = 0; i < container.length; i++) if (i in container) yield i;
}

/** Whether a value is an array, or an object that was written as a literal, or could have been. */
function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || handleOfProxy(value) !== undefined) {
    return false;
  }
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null; // of any realm
}

function define(container: Container, key: string | number, value: unknown): void {
  if (key !== '__proto__') container[key] = value;
  else {
    const attributes = { value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(container, key, attributes);
  }
}
