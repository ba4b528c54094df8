/**
 * Printing: handles as `console.log` shows them. A snapshot in ordinary objects is taken in one
 * section, as deep as it will be printed, so that cycles come out as cycles; `util.inspect` then
 * does what it always does.
 */

import type { InspectOptions } from 'node:util';
import { HeapArray } from './array.ts';
import { HeapBytes } from './bytes.ts';
import type { Shareable } from './codec.ts';
import { Handle } from './handle.ts';
import { firstElements, firstEntries, HeapMap } from './map.ts';
import { kindOf } from './object/header.ts';
import { structLayoutOf } from './object/kinds.ts';
import { HeapObject } from './plain-object.ts';
import type { Session } from './session.ts';
import { HeapSet } from './set.ts';
import { HeapTuple } from './tuple.ts';

const DEFAULT_MAX = 100;
/** The printed size of a map is exact up to here. */
const FILL_MAX = 1e6;

/** What is printed of a handle: a snapshot, or a line for a handle that protects nothing. */
export function inspectHandle(handle: Handle, depth: number, options: InspectOptions): unknown {
  const { $session: session } = handle;
  const { name } = handle.constructor;
  if (handle.$ref === 0) return `[stale ${name}]`;
  if (!session.isOpen) return `[${name} of a closed heap]`;
  const levels = options.depth === null ? Number.POSITIVE_INFINITY : depth;
  const limit = (options.maxArrayLength ?? Number.POSITIVE_INFINITY) + 1;
  const max = options.maxArrayLength === undefined ? DEFAULT_MAX + 1 : limit;
  return session.lookIn(() => session.scope(() => new Snapshot(session, max).of(handle, levels)));
}

/** A copy of part of the graph in ordinary objects, breadth first. */
class Snapshot {
  readonly #session: Session;
  readonly #max: number;
  readonly #copies = new Map<Handle, object>();
  readonly #pending: [Handle, object, number][] = [];

  constructor(session: Session, max: number) {
    this.#session = session;
    this.#max = max;
  }

  of(handle: Handle, levels: number): object {
    const copy = this.#copyOf(handle, levels);
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      this.#fill(...next);
    }
    return copy as object;
  }

  /** The copy of a value: an object to be filled later, empty when it is too deep to be seen. */
  #copyOf(value: Shareable, levels: number): unknown {
    if (!(value instanceof Handle)) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    const copy = emptyCopy(value);
    this.#copies.set(value, copy);
    if (levels >= 0) this.#pending.push([value, copy, levels - 1]);
    else addSomething(value, copy);
    return copy;
  }

  #fill(handle: Handle, copy: object, levels: number): void {
    if (handle instanceof HeapMap) {
      const map = copy as Map<unknown, unknown>;
      for (const [key, value] of firstEntries(this.#session, handle.$ref, this.#max)) {
        map.set(this.#copyOf(key, levels), this.#copyOf(value, levels));
      }
      // Entries that will not be printed stand for the rest, so that the printed size is right.
      while (map.size < Math.min(handle.size, FILL_MAX)) map.set(Symbol(), undefined);
    } else if (handle instanceof HeapSet) {
      const set = copy as Set<unknown>;
      for (const element of firstElements(this.#session, handle.$ref, this.#max)) {
        set.add(this.#copyOf(element, levels));
      }
      while (set.size < Math.min(handle.size, FILL_MAX)) set.add(Symbol());
    } else if (handle instanceof HeapObject) {
      for (const [name, value] of handle.entries()) {
        setProperty(copy, name, this.#copyOf(value as Shareable, levels));
      }
    } else if (handle instanceof HeapBytes) {
      (copy as Record<string, unknown>).byteLength = handle.byteLength;
    } else if (handle instanceof HeapArray || handle instanceof HeapTuple) {
      const { length } = handle;
      const elements = copy as unknown[];
      elements.length = length;
      for (let i = 0; i < Math.min(length, this.#max); i++) {
        elements[i] = this.#copyOf(handle.at(i), levels);
      }
    } else {
      const { mem } = this.#session;
      for (const { name } of structLayoutOf(mem, kindOf(mem, handle.$ref)).fields) {
        const value = (handle as unknown as Record<string, Shareable>)[name];
        (copy as Record<string, unknown>)[name] = this.#copyOf(value, levels);
      }
    }
  }
}

/** An object too deep to be printed only must not look empty, for it prints as its name then. */
function addSomething(handle: Handle, copy: object): void {
  if (handle instanceof HeapMap) {
    if (handle.size !== 0) (copy as Map<unknown, unknown>).set(0, 0);
  } else if (handle instanceof HeapSet) {
    if (handle.size !== 0) (copy as Set<unknown>).add(0);
  } else if (handle instanceof HeapObject) {
    const [name] = handle.keys();
    if (name !== undefined) setProperty(copy, name, 0);
  } else if (handle instanceof HeapBytes) {
    (copy as Record<string, unknown>).byteLength = 0;
  } else if (handle instanceof HeapArray || handle instanceof HeapTuple) {
    if (handle.length !== 0) (copy as unknown[]).push(0);
  } else {
    const { mem } = handle.$session;
    const [field] = structLayoutOf(mem, kindOf(mem, handle.$ref)).fields;
    if (field !== undefined) (copy as Record<string, unknown>)[field.name] = 0;
  }
}

/** An empty ordinary object that prints under the name of the handle's class. */
function emptyCopy(handle: Handle): object {
  const { name } = handle.constructor;
  if (handle instanceof HeapMap) return new (named(name, class extends Map {}))();
  if (handle instanceof HeapSet) return new (named(name, class extends Set {}))();
  if (handle instanceof HeapArray || handle instanceof HeapTuple)
    return new (named(name, class extends Array {}))();
  return new (named(name, class {}))();
}

function named<C>(name: string, copyClass: C): C {
  Object.defineProperty(copyClass, 'name', { value: name });
  return copyClass;
}

/** A property may be called `__proto__`. */
function setProperty(copy: object, name: string, value: unknown): void {
  const rest = { enumerable: true, configurable: true, writable: true };
  Object.defineProperty(copy, name, { value, ...rest });
}
