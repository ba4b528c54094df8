/** `Heap`: a heap as one thread sees it. Everything that users do with one begins here. */

import { isMainThread } from 'node:worker_threads';
import { HeapArray } from './array.ts';
import {
  bufferOf,
  createHeap,
  type HeapToken,
  isCreator,
  joinHeap,
  leaveHeap,
  rootMapOf,
  tokenOf,
} from './attach.ts';
import { HeapClosedError } from './base/errors.ts';
import { type HeapOptions, resolveOptions } from './base/options.ts';
import { createBytesOperation, HeapBytes } from './bytes.ts';
import type { Shareable } from './codec.ts';
import { requestCollectorStop, stopCollectorThread } from './collector-thread.ts';
import { copyFrom } from './from.ts';
import { countObjects } from './gc/stats.ts';
import { type Finding, verifyHeap } from './gc/verify.ts';
import { HeapGc } from './gc.ts';
import { argumentRefOf } from './gc-arguments.ts';
import type { Handle, HandleClass } from './handle.ts';
import { inspectHandle } from './inspect.ts';
import { kindName } from './kind-names.ts';
import { HeapMap } from './map.ts';
import {
  KIND_ARRAY,
  KIND_BYTES,
  KIND_MAP,
  KIND_SET,
  KIND_TUPLE,
  NULL_REF,
  type ObjectRef,
} from './memory/layout.ts';
import { heapIdOf } from './memory/memory.ts';
import { createArray } from './object/array.ts';
import { structLayoutOf } from './object/kinds.ts';
import { createMap, createSet } from './object/map.ts';
import type { Mutator } from './object/mutator.ts';
import { makeImmortal } from './object/refcount.ts';
import { type FieldKind, isShapeName } from './object/struct-layout.ts';
import { HeapObject } from './plain-object.ts';
import { proxyOf } from './proxy.ts';
import { refcountOperation } from './refcounts.ts';
import { type HandleFamily, Session } from './session.ts';
import { HeapSet } from './set.ts';
import { type HeapStats, readStats } from './stats.ts';
import { defineStruct, type StructClass, structHandleClass } from './struct.ts';
import { markClosed, releaseGil } from './sync/gil.ts';
import { releaseThread } from './sync/thread-table.ts';
import { copyToJS } from './to-js.ts';
import { jsonOf } from './to-json.ts';
import { createTupleOperation, HeapTuple } from './tuple.ts';
import type { FieldsOf, FromJS, ProxyOf, ToJS, TypesOf } from './types.ts';

export { IMMORTAL_REFCOUNT } from './refcounts.ts';

/** Options of a section. */
export interface RunOptions {
  /** Longest wait for the lock, in milliseconds; without it the wait is as long as it takes. */
  readonly timeoutMs?: number;
}

/** Heaps that this thread has joined and not left, by identity. */
const joined = new Map<string, Heap>();

/** The classes of the handles of all kinds but structs. */
const CLASSES: Readonly<Record<number, HandleClass>> = {
  [KIND_ARRAY]: HeapArray,
  [KIND_MAP]: HeapMap,
  [KIND_SET]: HeapSet,
  [KIND_TUPLE]: HeapTuple,
  [KIND_BYTES]: HeapBytes,
};

const family: HandleFamily = {
  findClass(session, kind) {
    const base = CLASSES[kind];
    if (base !== undefined) return bindClass(session, base);
    const { name } = structLayoutOf(session.mem, kind);
    return isShapeName(name) ? bindClass(session, HeapObject) : structHandleClass(session, kind);
  },
  inspect: inspectHandle,
  toJSON: jsonOf,
};

/** A class of handles that know their session. */
function bindClass(session: Session, base: HandleClass): HandleClass {
  const bound = class extends base {};
  Object.defineProperty(bound, 'name', { value: base.name });
  Object.defineProperty(bound.prototype, '$session', { value: session });
  return bound;
}

let readSession: (heap: Heap) => Session;
let leaveOnExit: (heap: Heap) => void;
let isExitWatched = false;

/**
 * A worker leaves its heaps when it ends by itself or by `process.exit()`. The main thread does
 * not: the process ends with it, and waiting for a lock would only delay that.
 */
function leaveAllOnExit(): void {
  if (isExitWatched || isMainThread) return;
  isExitWatched = true;
  process.once('exit', () => {
    for (const heap of [...joined.values()]) leaveOnExit(heap);
  });
}

/** What this thread keeps for `heap`, for the library's other parts. @throws HeapClosedError */
export function sessionOf(heap: Heap): Session {
  const session = readSession(heap);
  session.assertOpen();
  return session;
}

/** A heap of objects that threads share. Made by `Heap.create`, joined by `Heap.attach`. */
export class Heap implements Disposable, AsyncDisposable {
  static {
    readSession = (heap) => heap.#session;
    leaveOnExit = (heap) => Heap.#leaveOnExit(heap);
  }

  /** The collector: CPython's `gc` module. */
  readonly gc: HeapGc;
  readonly #session: Session;
  readonly #id: string;
  #root: HeapMap<string, Shareable> | undefined;

  private constructor(mem: Mutator) {
    this.#session = new Session(mem, family);
    this.#session.onLost = () => this.#forget();
    this.gc = new HeapGc(this.#session);
    this.#id = heapIdOf(mem);
    joined.set(this.#id, this);
    leaveAllOnExit();
  }

  /**
   * Creates a heap and joins it.
   *
   * @throws TypeError for an unknown option, RangeError for a value that is not allowed,
   *   HeapExhaustedError when the system refuses the address space.
   */
  static create(options: HeapOptions = {}): Heap {
    return Heap.#join(createHeap(resolveOptions(options)));
  }

  /**
   * Joins a heap that another thread shares. Joining twice gives the same object.
   *
   * @param token what `heap.share()` returned in the other thread
   * @throws InvalidTokenError; TooManyThreadsError beyond 128 threads; HeapClosedError.
   */
  static attach(token: HeapToken): Heap {
    const mem = bufferOf(token);
    const known = joined.get(heapIdOfBuffer(mem));
    if (known !== undefined) return known;
    return Heap.#join(joinHeap(mem));
  }

  static #join(mem: Mutator): Heap {
    try {
      return new Heap(mem);
    } catch (error) {
      releaseThread(mem, mem.threadId); // no address space for this thread's tables
      throw error;
    }
  }

  /** The thread ends: it leaves if it can. */
  static #leaveOnExit(heap: Heap): void {
    try {
      // process.exit() in a section ends it as an exception would: between two operations.
      if (heap.#session.mem.depth !== 0) heap.#session.leave();
      heap.detach();
    } catch {
      // The heap is broken: there is nothing to leave, and nobody here to tell.
    }
  }

  /** A token for other threads: pass it through `workerData` or `postMessage`. */
  share(): HeapToken {
    this.#session.assertOpen();
    return tokenOf(this.#session.mem.buffer);
  }

  /** This thread leaves the heap: its handles are released, its pages left to the others. */
  detach(): void {
    this.#leave(false);
  }

  /**
   * Closes the heap when this thread has created it: sections in all threads are refused from
   * then on, and the collector thread ends. In other threads it is `detach`.
   */
  async close(): Promise<void> {
    if (this.#closeIfCreator()) await stopCollectorThread(this.#session.mem);
  }

  [Symbol.dispose](): void {
    if (this.#closeIfCreator()) requestCollectorStop(this.#session.mem);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Leaves the heap, and closes it if this thread has created it. Returns whether it did. */
  #closeIfCreator(): boolean {
    const closes = this.#session.isOpen && isCreator(this.#session.mem);
    this.#leave(closes);
    return closes;
  }

  #leave(closes: boolean): void {
    const session = this.#session;
    if (!session.isOpen) return;
    if (session.mem.depth !== 0) {
      throw new TypeError('a thread cannot leave the heap inside a section; end the section first');
    }
    try {
      session.enter(Number.POSITIVE_INFINITY);
    } catch (error) {
      this.#forget();
      if (error instanceof HeapClosedError) return; // closed by its creator: nothing to release
      throw error;
    }
    try {
      session.iterators.closeAll();
      session.collections.leave();
      this.#forget();
      leaveHeap(session.mem, closes);
    } catch (error) {
      if (session.isOpen) this.#forget();
      if (session.mem.depth !== 0) Heap.#giveUp(session.mem, closes);
      throw error;
    }
  }

  /**
   * Something that this thread holds is damaged, so it cannot be released, but others wait for the
   * lock. The record of the thread stays taken for as long as it lives, with what is left in it.
   */
  static #giveUp(mem: Mutator, closes: boolean): void {
    if (closes) markClosed(mem);
    mem.depth = 0;
    releaseGil(mem);
  }

  #forget(): void {
    this.#session.isOpen = false;
    this.#session.collections.onLeave?.();
    joined.delete(this.#id);
  }

  /**
   * Runs `body` in an exclusive section: atomic for all threads. Handles made inside end with it,
   * but for one that is returned, which is kept. Sections nest.
   *
   * @throws what `body` throws; TypeError when it returns a promise; LockTimeoutError;
   *   HeapClosedError; HeapCorruptionError when a thread died in a section.
   */
  run<T>(body: () => T, options?: RunOptions): T {
    return this.#session.run(body, options === undefined ? Infinity : checkTimeout(options));
  }

  /** Runs `body`; handles acquired in it end with it, but for one that is returned. */
  scope<T>(body: () => T): T {
    return this.#session.scope(body);
  }

  /** In a long section: lets others have the lock if they ask. Handles stay valid. */
  safepoint(): void {
    if (this.#session.mem.depth !== 0) this.#session.safepoint();
    else this.#session.assertOpen();
  }

  /**
   * Declares a struct: a record with typed fields. With an interface as type argument the kinds
   * are checked against it; without one the types of the fields follow from the kinds. The same
   * declaration in other threads gives classes of the same objects. Methods are added by
   * subclassing.
   *
   * @throws TypeError for a bad declaration; StructMismatchError when another thread has declared
   *   the name with other fields; HeapExhaustedError.
   */
  struct<Fields extends Readonly<Record<string, FieldKind>>>(
    name: string,
    fields: Fields,
  ): StructClass<TypesOf<Fields>>;
  struct<T>(name: string, fields: FieldsOf<T>): StructClass<T>;
  struct<T>(name: string, fields: FieldsOf<T>): StructClass<T> {
    return defineStruct<T>(this.#session, name, fields);
  }

  /** A new map. @throws HeapExhaustedError */
  map<K = Shareable, V = Shareable>(): HeapMap<K, V> {
    return this.#session.single(createOperation, createMap) as unknown as HeapMap<K, V>;
  }

  /** A new array. @throws HeapExhaustedError */
  array<T = Shareable>(): HeapArray<T> {
    return this.#session.single(createOperation, createArray) as unknown as HeapArray<T>;
  }

  /** A new set. @throws HeapExhaustedError */
  set<T = Shareable>(): HeapSet<T> {
    return this.#session.single(createOperation, createSet) as unknown as HeapSet<T>;
  }

  /**
   * A new tuple of `values`, which never changes.
   *
   * @throws RangeError beyond 57,342 values; NotShareableError, HeapExhaustedError.
   */
  tuple<const T extends readonly unknown[]>(...values: T): HeapTuple<T> {
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

  /**
   * Copies a value into the heap, with all it holds: what is shared, and what is in cycles, is so
   * in the copy. Handles in it stay what they are, so that new data can refer to what is in the
   * heap already. Primitives and dates come back as they are.
   *
   * Takes what `structuredClone` takes, of the language: plain objects (`HeapObject`; of objects of
   * classes the own enumerable properties), arrays with their holes, maps, sets, dates,
   * buffers and views (`HeapBytes`), regular expressions, errors, boxed primitives. Depth does not
   * matter. Outside of sections the lock is taken for a part of the copy at a time; getters run
   * without it.
   *
   * @throws NotShareableError that names the path of what cannot be copied: functions, symbols,
   *   bigints beyond 64 bits, proxies, promises, objects of the platform, arrays with properties
   *   besides their elements; StaleHandleError; HeapExhaustedError. Then nothing is left behind.
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
   * by itself, some 100 ns more for elements of arrays. Views live as long as their handles: those that
   * were got in a section end with it. `instanceof` does not see the class of a struct; its methods
   * work. Sets and bytes have no properties: they come as handles.
   *
   * @throws TypeError for anything but a handle of this heap; StaleHandleError.
   */
  proxy<T extends Handle>(value: T): ProxyOf<T> {
    return proxyOf(this.#session, value) as ProxyOf<T>;
  }

  /** The named roots, which every thread sees. */
  get root(): HeapMap<string, Shareable> {
    this.#session.assertOpen();
    if (this.#root === undefined || this.#root.$ref === NULL_REF) {
      this.#root = this.#session.single(rootOperation, this) as HeapMap<string, Shareable>;
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
    return this.#session.single(refcountOperation, handle);
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

  /** What lives in the heap, and how its lock was used. Walks the heap. */
  stats(): HeapStats {
    const session = this.#session;
    return session.run(
      () =>
        readStats(session.mem, countObjects(session.mem), (kind) => kindName(session.mem, kind)),
      Number.POSITIVE_INFINITY,
    );
  }

  /** Checks everything that must hold in a heap. Empty when it is sound. Walks the heap. */
  verify(): Finding[] {
    const session = this.#session;
    return session.run(
      () => verifyHeap(session.mem, session.handles.localRefs()),
      Number.POSITIVE_INFINITY,
    );
  }
}

function heapIdOfBuffer(buffer: SharedArrayBuffer): string {
  return heapIdOf({ i32: new Int32Array(buffer) });
}

function checkTimeout(options: RunOptions): number {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`section options must be an object, not ${String(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (name !== 'timeoutMs') {
      throw new TypeError(`unknown section option '${name}'; the option is timeoutMs`);
    }
  }
  const { timeoutMs = Number.POSITIVE_INFINITY } = options;
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new RangeError(`timeoutMs must be a number of at least 0, not ${String(timeoutMs)}`);
  }
  return timeoutMs;
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
