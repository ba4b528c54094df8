/**
 * What `JSON.stringify` makes of handles: ordinary objects, copied in one section. What is shared
 * or in a cycle is so in the copy, so JavaScript itself says TypeError of a cycle.
 *
 * Arrays become arrays, structs objects of their fields, maps objects when all keys are strings and
 * arrays of [key, value] else: as an ordinary Map would, they would be {}, and all would be lost.
 */

import { Handle, refOf } from './handle.ts';
import { HeapMap } from './map.ts';
import { isStructKind, kindOf } from './object/header.ts';
import { structLayoutOf } from './object/kinds.ts';
import { HeapObject } from './plain-object.ts';

/** An ordinary object or array of what a handle's object holds, and of what that holds. */
export function jsonOf(handle: Handle): unknown {
  const copier = new Copier();
  let copy: unknown;
  handle.$session.lookForResults(() => {
    copy = copier.of(handle);
    return copier.handles;
  });
  return copy;
}

/** Copies breadth first, so that a long chain needs no stack here. */
class Copier {
  /** Handles of classes with a `toJSON` of their own: JSON.stringify calls that. */
  readonly handles: Handle[] = [];
  readonly #copies = new Map<Handle, object>();
  readonly #pending: [Handle, object][] = [];

  of(handle: Handle): object {
    const copy = this.#begin(handle);
    for (let i = 0; i < this.#pending.length; i++) this.#fill(...this.#pending[i]);
    return copy;
  }

  /** The copy of a handle, to be filled later. */
  #begin(handle: Handle): object {
    const copy = isList(handle) ? [] : {};
    this.#copies.set(handle, copy);
    this.#pending.push([handle, copy]);
    return copy;
  }

  #copyOf(value: unknown): unknown {
    if (!(value instanceof Handle)) return value;
    if (value.toJSON === Handle.prototype.toJSON) {
      return this.#copies.get(value) ?? this.#begin(value);
    }
    this.handles.push(value);
    return value;
  }

  #fill(handle: Handle, copy: object): void {
    if (Array.isArray(copy)) {
      const isPairs = handle instanceof HeapMap;
      for (const item of handle as unknown as Iterable<unknown>) {
        copy.push(
          isPairs ? (item as unknown[]).map((part) => this.#copyOf(part)) : this.#copyOf(item),
        );
      }
      return;
    }
    for (const [name, value] of propertiesOf(handle)) {
      // Not by assignment: a property may be called __proto__.
      Object.defineProperty(copy, name, {
        value: this.#copyOf(value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
  }
}

/** Whether an object becomes an array. */
function isList(handle: Handle): boolean {
  if (!(handle instanceof HeapMap)) return Symbol.iterator in handle;
  for (const key of handle.keys()) if (typeof key !== 'string') return true;
  return false;
}

/** Names and values: the entries of a map, the fields of a struct, nothing of anything else. */
function propertiesOf(handle: Handle): Iterable<[string, unknown]> {
  if (handle instanceof HeapMap) return handle as HeapMap<string, unknown>;
  if (handle instanceof HeapObject) return handle.entries();
  const { mem } = handle.$session;
  const kind = kindOf(mem, refOf(handle));
  if (!isStructKind(kind)) return [];
  const read = handle as unknown as Record<string, unknown>;
  return structLayoutOf(mem, kind).fields.map(({ name }) => [name, read[name]]);
}
