/** The part of `Heap` that makes objects and asks about them. */

import type { HeapArray } from './array.ts';
import { pushAllOperation } from './array-operations.ts';
import { rootMapOf } from './attach.ts';
import { type HeapBarrier, newBarrier } from './barrier.ts';
import { createBytesOperation, type HeapBytes } from './bytes.ts';
import type { Shareable } from './codec.ts';
import { type HeapCondition, newCondition } from './condition.ts';
import { createCoordination } from './coordination-object.ts';
import { type HeapCounter, newCounter } from './counter.ts';
import { copyFrom } from './from.ts';
import { argumentRefOf } from './gc-arguments.ts';
import type { Handle } from './handle.ts';
import type { HeapMap } from './map.ts';
import { NULL_REF, type ObjectRef } from './memory/layout.ts';
import type { HeapMutex } from './mutex.ts';
import { createArray } from './object/array.ts';
import { MUTEX } from './object/coordination.ts';
import { internString } from './object/interning.ts';
import { createMap, createSet } from './object/map.ts';
import type { Mutator } from './object/mutator.ts';
import { makeImmortal } from './object/refcount.ts';
import type { FieldKind } from './object/struct-layout.ts';
import { proxyOf } from './proxy.ts';
import { type HeapQueue, newQueue, type QueueOptions } from './queue.ts';
import { refcountOperation } from './refcounts.ts';
import { type HeapSemaphore, newSemaphore } from './semaphore.ts';
import { receiveValue, revokeSent, type SendOptions, type SentToken, sendValue } from './send.ts';
import type { Session } from './session.ts';
import type { HeapSet } from './set.ts';
import {
  type AnyStructClass,
  defineStruct,
  type StructClass,
  type StructOptions,
  type SubstructClass,
} from './struct.ts';
import { show } from './struct-fields.ts';
import { copyToJS } from './to-js.ts';
import { createTupleOperation, type HeapTuple } from './tuple.ts';
import type { FieldsOf, FromJS, ProxyOf, ToJS, TypesOf } from './types.ts';

/** The objects of a heap, as one thread sees them: the larger part of `Heap`. */
export abstract class HeapData {
  readonly #session: Session;
  #root: HeapMap<string, Shareable> | undefined;

  /** @hidden */
  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Declares a struct: a record with typed fields. With an interface as type argument the kinds
   * are checked against it; without one the types of the fields follow from the kinds. The same
   * declaration in other threads gives classes of the same objects. Methods are added by
   * subclassing.
   *
   * With `{ extends: Shape }` its objects have the fields and the methods of another struct's class
   * as well, and are `instanceof` it.
   *
   * @throws TypeError for a bad declaration; StructMismatchError when another thread has declared
   *   the name with other fields; HeapExhaustedError.
   */
  struct<Fields extends Readonly<Record<string, FieldKind>>, Base extends AnyStructClass>(
    name: string,
    fields: Fields,
    options: { readonly extends: Base },
  ): SubstructClass<TypesOf<Fields>, Base>;
  struct<T, Base extends AnyStructClass>(
    name: string,
    fields: FieldsOf<T>,
    options: { readonly extends: Base },
  ): SubstructClass<T, Base>;
  struct<Fields extends Readonly<Record<string, FieldKind>>>(
    name: string,
    fields: Fields,
    options?: StructOptions,
  ): StructClass<TypesOf<Fields>>;
  struct<T>(name: string, fields: FieldsOf<T>, options?: StructOptions): StructClass<T>;
  struct(name: string, fields: object, options?: StructOptions): unknown {
    return defineStruct(this.#session, name, fields, options);
  }

  /**
   * A new map, of `entries` if given: [key, value] pairs.
   *
   * @throws NotShareableError, HeapExhaustedError: then there is no map.
   */
  map<K = Shareable, V = Shareable>(entries?: Iterable<readonly [K, V]> | null): HeapMap<K, V> {
    const session = this.#session;
    return createFilled(session, createMap, entries, (map: HeapMap<K, V>, pairs) => {
      session.run(() => {
        for (const pair of pairs) {
          if (typeof pair !== 'object' || pair === null) {
            throw new TypeError(`an entry of a map must be a pair, not ${show(pair)}`);
          }
          map.set(pair[0], pair[1]);
        }
      }, Number.POSITIVE_INFINITY);
    });
  }

  /**
   * A new array, of `values` if given. They are stored as they are: `heap.from` copies what is not
   * in the heap.
   *
   * @throws NotShareableError, HeapExhaustedError: then there is no array.
   */
  array<T = Shareable>(values?: Iterable<T> | null): HeapArray<T> {
    const session = this.#session;
    return createFilled(session, createArray, values, (array: HeapArray<T>, elements) => {
      session.single(pushAllOperation, array as Handle, elements);
    });
  }

  /**
   * A new set, of `values` if given.
   *
   * @throws NotShareableError, HeapExhaustedError: then there is no set.
   */
  set<T = Shareable>(values?: Iterable<T> | null): HeapSet<T> {
    const session = this.#session;
    return createFilled(session, createSet, values, (set: HeapSet<T>, elements) => {
      session.run(() => {
        for (const element of elements) set.add(element);
      }, Number.POSITIVE_INFINITY);
    });
  }

  /**
   * A new tuple of `values`, which never changes.
   *
   * @throws RangeError beyond 57,342 values; NotShareableError, HeapExhaustedError.
   */
  tuple<T extends readonly unknown[]>(...values: T): HeapTuple<T> {
    return this.#session.single(createTupleOperation, values) as unknown as HeapTuple<T>;
  }

  /**
   * Raw memory: so many bytes, all 0, or a copy of a buffer or view. Threads see it through typed
   * arrays: `bytes.view(Float64Array)`.
   *
   * @throws RangeError for a length that no heap of this size holds; TypeError for anything but a
   *   length, a buffer or a view; HeapExhaustedError.
   */
  bytes(content: number | ArrayBuffer | SharedArrayBuffer | ArrayBufferView): HeapBytes {
    return this.#session.single(createBytesOperation, content) as HeapBytes;
  }

  /** A new mutex: a lock that is held across sections and awaits. @throws HeapExhaustedError */
  mutex(): HeapMutex {
    return createCoordination(this.#session, MUTEX);
  }

  /** A new condition, to wait for with a mutex. @throws HeapExhaustedError */
  condition(): HeapCondition {
    return newCondition(this.#session);
  }

  /**
   * A new queue between threads, of at most `capacity` values.
   *
   * @throws TypeError, RangeError for a bad capacity; HeapExhaustedError.
   */
  queue<T = Shareable>(options: QueueOptions): HeapQueue<T> {
    return newQueue(this.#session, options) as unknown as HeapQueue<T>;
  }

  /** A new semaphore with so many permits. @throws RangeError, HeapExhaustedError */
  semaphore(permits: number): HeapSemaphore {
    return newSemaphore(this.#session, permits);
  }

  /** A new barrier for so many parties. @throws RangeError, HeapExhaustedError */
  barrier(parties: number): HeapBarrier {
    return newBarrier(this.#session, parties);
  }

  /** A new counter. @throws RangeError for what is no safe integer; HeapExhaustedError */
  counter(initial = 0): HeapCounter {
    return newCounter(this.#session, initial);
  }

  /**
   * Copies a value into the heap, with all it holds: what is shared, and what is in cycles, is so
   * in the copy. Handles in it stay what they are, so that new data can refer to what is in the
   * heap already. Primitives and dates come back as they are.
   *
   * Takes what `structuredClone` takes, of the language: plain objects (`HeapObject`; of objects of
   * classes the own enumerable properties), arrays (holes are undefined there, and holes again in
   * what `toJS` makes), maps, sets, dates, buffers and views (`HeapBytes`), regular expressions,
   * errors, boxed primitives. Depth does not matter. Outside of sections the lock is taken for a
   * part of the copy at a time; getters run without it.
   *
   * Lists of property names that are new to the heap become shapes, which never go away, of at most
   * 3,072 kinds; also in a copy that fails, since it is made and filled before that is known, but
   * once for each list. Objects with other lists are dictionaries from then on: larger and slower.
   * So make maps of records whose names are data, above all where they may be refused.
   *
   * @throws NotShareableError that names the path of what cannot be copied: functions, symbols,
   *   bigints beyond 64 bits, proxies, promises, objects of the platform, arrays with properties
   *   besides their elements; StaleHandleError; HeapExhaustedError. Then no object is left behind.
   */
  from<T>(value: T): FromJS<T> {
    return copyFrom(this.#session, value) as FromJS<T>;
  }

  /**
   * Copies a value of the heap into ordinary objects, with all it holds: the reverse of `from`.
   * Structs become objects of their fields, tuples arrays. In one section, so of one moment.
   * Anything else comes back as it is.
   *
   * @throws StaleHandleError
   */
  toJS<T>(value: T): ToJS<T> {
    return copyToJS(this.#session, value) as ToJS<T>;
  }

  /**
   * An object-like view: the entries of a map with string keys, the elements of an array or a
   * tuple, the properties of a plain object, the fields of a struct, as ordinary properties.
   * `state.users[3].name = 'x'`, `Object.keys`, spread, `JSON.stringify`, `for ... of` and the
   * methods of `Array` work. What is read comes as such a view where it has properties; what is
   * assigned is copied into the heap unless it is there already. `heap.from(view)` gives the
   * handle.
   *
   * Each access is an operation of the handle behind the view, and takes 20 to 40 ns more than that
   * by itself, some 100 ns more for elements of arrays. Views live as long as their handles: those
   * that were got in a section end with it. `instanceof` does not see the class of a struct; its
   * methods work. Sets and bytes have no properties: they come as handles.
   *
   * @throws TypeError for anything but a handle of this heap; StaleHandleError.
   */
  proxy<T extends Handle>(value: T): ProxyOf<T> {
    return proxyOf(this.#session, value) as ProxyOf<T>;
  }

  /**
   * Hands a value over to the heap, for another thread: a handle, or anything else that a slot can
   * hold. Returns a small token to be passed there by any means (`postMessage`, `workerData`);
   * `heap.receive` gives the value there. However large the graph behind it, that takes a few
   * microseconds. What is in transit is the heap's: the sender may release its handle, leave, end.
   *
   * A reference that nobody receives lives on, unless it is revoked, or was sent to a thread that
   * ends: `{ to: worker }`, or `{ to: threadId }` for a thread that is in the heap.
   *
   * In an atomic section it is sent when that ends. The token may be passed on before: whoever has
   * it waits for the lock. If the section is undone, it is a SpentTokenError to receive it.
   *
   * @throws NotShareableError, StaleHandleError, HeapExhaustedError: then nothing was sent;
   *   TypeError and RangeError for other options.
   */
  send<T>(value: T, options?: SendOptions): SentToken<T> {
    return sendValue(this.#session, value, options) as SentToken<T>;
  }

  /**
   * Receives what another thread, or this one, has sent. A token is received once, by one thread: a
   * handle that it gives is acquired like by any other access.
   *
   * @throws SpentTokenError when it was received before, revoked or dropped; InvalidTokenError for
   *   anything but a token of this heap; HeapExhaustedError: then it can be received later.
   */
  receive<T>(token: SentToken<T>): T {
    return receiveValue(this.#session, token) as T;
  }

  /**
   * Takes back what was sent and not received. Returns whether it was still there.
   *
   * @throws InvalidTokenError for anything but a token of this heap.
   */
  revoke(token: SentToken): boolean {
    return revokeSent(this.#session, token);
  }

  /** The named roots, which every thread sees. */
  get root(): HeapMap<string, Shareable> {
    this.#session.assertOpen();
    if (this.#root === undefined || this.#root.$ref === NULL_REF) {
      this.#root = this.#session.look(rootOperation, this) as HeapMap<string, Shareable>;
    }
    return this.#root;
  }

  /**
   * A number that tells living objects apart; it may be used again after an object's death.
   *
   * @throws TypeError for what is no handle; NotShareableError for one of another heap;
   *   StaleHandleError.
   */
  id(handle: Handle): number {
    this.#session.assertOpen();
    return argumentRefOf(this.#session, handle, 'id()');
  }

  /**
   * The exact reference count of an object: slots that hold it, and threads with live handles.
   * `IMMORTAL_REFCOUNT` for one that is never freed.
   *
   * @throws TypeError for what is no handle; NotShareableError for one of another heap;
   *   StaleHandleError.
   */
  refcount(handle: Handle): number {
    return this.#session.look(refcountOperation, handle);
  }

  /**
   * Keeps one copy of a text in the heap for as long as the heap lives (CPython's `sys.intern`):
   * storing an equal string anywhere finds it then, and neither makes nor frees one. Short strings
   * (up to 32 UTF-16 units) are one object for each text anyway, while any is in use.
   *
   * Returns the text.
   *
   * @throws TypeError for anything but a string; HeapExhaustedError.
   */
  intern(text: string): string {
    if (typeof text !== 'string') {
      throw new TypeError(`intern() takes a string, not ${show(text)}`);
    }
    this.#session.single(internOperation, text);
    return text;
  }

  /**
   * Makes an object immortal, for as long as the heap lives (PEP 683).
   *
   * @throws TypeError for what is no handle; NotShareableError for one of another heap;
   *   StaleHandleError.
   */
  immortalize(handle: Handle): void {
    this.#session.single(immortalizeOperation, handle);
  }
}

/** Makes a container and fills it. The values are taken first: that is code of the program. */
function createFilled<C, T>(
  session: Session,
  create: (mem: Mutator) => ObjectRef,
  values: Iterable<T> | null | undefined,
  fill: (container: C, values: readonly T[]) => void,
): C {
  const taken = values === null || values === undefined ? [] : [...values];
  const handle = session.single(createOperation, create);
  if (taken.length !== 0) {
    try {
      fill(handle as unknown as C, taken);
    } catch (error) {
      handle[Symbol.dispose]();
      throw error;
    }
  }
  return handle as unknown as C;
}

function createOperation(session: Session, create: (mem: Mutator) => ObjectRef): Handle {
  return session.handles.adopt(create(session.mem));
}

function rootOperation(session: Session): Handle {
  const root = session.handles.wrap(rootMapOf(session.mem));
  session.handles.keep(root); // for as long as this thread is in the heap
  return root;
}

function immortalizeOperation(session: Session, handle: Handle): void {
  makeImmortal(session.mem, argumentRefOf(session, handle, 'immortalize()'));
}

function internOperation(session: Session, text: string): void {
  internString(session.mem, text);
}
