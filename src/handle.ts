/**
 * Handles: how JavaScript code holds objects of the heap. A live handle protects its object.
 *
 * A handle is acquired by every access that yields it. In a section the acquisition is local: the
 * scope that closes ends it. `keep()` and accesses outside sections acquire until `release()`.
 * In one thread all live handles of one object are one JavaScript object, which counts once.
 */

import { type InspectOptions, inspect } from 'node:util';
import { StaleHandleError } from './base/errors.ts';
import { HEADER_INFO, KIND_SHIFT, NULL_REF, type ObjectRef } from './memory/layout.ts';
import type { Session } from './session.ts';

/** Nothing can clone a symbol, and the DataCloneError quotes it. */
export const UNCLONEABLE = Symbol(
  'a handle of a shared heap: give the thread heap.share(), and pass the token of heap.send()',
);

/** Anything that refers to an object of a heap: structs, maps, arrays. */
export abstract class Handle {
  /** @internal What this thread keeps for the handle's heap: on the prototype of each class. */
  declare readonly $session: Session;
  /** @internal The object; NULL_REF once it is stale. Declared: the constructor alone writes it. */
  declare $ref: ObjectRef;
  /** For structuredClone and postMessage, which would make `{ $ref }` of a handle. */
  declare readonly $uncloneable: symbol;

  /** For the library. Objects are made by `heap.map()`, `heap.array()` and struct classes. */
  constructor(ref: ObjectRef) {
    if (typeof ref !== 'number') {
      throw new TypeError('use heap.map(), heap.array() or a struct class to make objects');
    }
    this.$ref = ref;
    this.$uncloneable = UNCLONEABLE;
  }

  /**
   * Acquires the handle until `release()`: it stays valid when its section ends. Keeps nest.
   *
   * @throws StaleHandleError; HeapExhaustedError when the thread's root table cannot grow.
   */
  keep(): this {
    this.$session.look(keepOperation, this);
    return this;
  }

  /**
   * Undoes one `keep()`, or one local access when the handle is not kept. After the last the
   * handle is stale; if nothing else refers to the object, it dies before this returns.
   *
   * @throws StaleHandleError when it was released before; HeapClosedError.
   */
  release(): void {
    this.$session.look(releaseOperation, this);
  }

  /** Whether `other` refers to the same object. @throws StaleHandleError */
  is(other: Handle): boolean {
    if (!(other instanceof Handle)) throw new TypeError('is() compares with another handle');
    this.$session.assertOpen();
    return refOf(this) === refOf(other) && this.$session === other.$session;
  }

  /** Undoes one acquisition: `using` ends what the access before it began. Never throws twice. */
  [Symbol.dispose](): void {
    const session = this.$session;
    if (this.$ref === NULL_REF || !session.isOpen) return;
    session.look(disposeOperation, this);
  }

  /**
   * What `JSON.stringify` writes: an array, the fields of a struct, a map as an object when all its
   * keys are strings and else as [key, value] pairs. Parts of classes that define `toJSON` are left
   * to that. Cycles make JSON.stringify throw TypeError, as ordinary objects do.
   */
  toJSON(): unknown {
    return this.$session.toJSON(this);
  }

  /** Prints the contents, cycles included. */
  [inspect.custom](depth: number, options: InspectOptions): unknown {
    return this.$session.inspect(this, depth, options);
  }
}

// Assigning to a property that a handle does not have goes up the prototype chain and ends here.
const guard: ProxyHandler<object> = {
  set(_target, name, _value, handle: Handle): never {
    const { name: what } = handle.constructor;
    throw new TypeError(`${what} has no field '${String(name)}', and handles take no others`);
  },
};
Object.setPrototypeOf(Handle.prototype, new Proxy({}, guard));
// What a handle does have is found before the guard, also while its constructor adds it.
Object.defineProperty(Handle.prototype, '$ref', { value: 0, writable: true });
Object.defineProperty(Handle.prototype, '$uncloneable', { value: UNCLONEABLE, writable: true });

/** Makes the handles of one kind. */
export type HandleClass = new (ref: ObjectRef) => Handle;

/** Finds the class of the handles of a kind. */
export type FindClass = (kind: number) => HandleClass;

/** The object of a live handle. @throws StaleHandleError */
export function refOf(handle: Handle): ObjectRef {
  const ref = handle.$ref;
  if (ref === NULL_REF) throw new StaleHandleError();
  return ref;
}

/**
 * The object of a live handle, which is of this kind: methods can be called on anything.
 *
 * @throws StaleHandleError, TypeError
 */
export function refOfKind({ mem }: Session, handle: Handle, kind: number): ObjectRef {
  const ref = handle.$ref;
  // The word of a stale handle, behind null, is that of no kind.
  if (mem.i32[ref + HEADER_INFO] >>> KIND_SHIFT !== kind) refuseKind(handle);
  return ref;
}

function refuseKind(handle: Handle): never {
  refOf(handle);
  throw new TypeError(`this method cannot be called on ${handle.constructor.name}`);
}

function keepOperation(session: Session, handle: Handle): void {
  refOf(handle);
  session.keep(handle);
}

function releaseOperation(session: Session, handle: Handle): void {
  refOf(handle);
  session.handles.release(handle);
}

function disposeOperation(session: Session, handle: Handle): void {
  session.handles.dispose(handle);
}
