/**
 * Views on bytes of the heap: typed arrays of one thread on shared memory, without a copy.
 *
 * A typed array cannot be taken back from a program, so it protects its bytes: as long as one
 * exists in a thread, a row of that thread's root table holds them. JavaScript's own collector says
 * when the last is gone, through a FinalizationRegistry. Views made from views (`subarray`) count,
 * too: their class makes itself known for each.
 */

import { assert } from './base/assert.ts';
import type { ObjectRef } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import type { Mutator } from './object/mutator.ts';
import { incref } from './object/refcount.ts';
import { addRow, removeRow } from './object/rows.ts';

/** A class of typed arrays, or `DataView`. */
export interface ViewType<V extends ArrayBufferView = ArrayBufferView> {
  new (buffer: SharedArrayBuffer, byteOffset: number, length: number): V;
  readonly prototype: V;
  readonly name: string;
}

interface Hold {
  readonly row: number;
  /** Views that exist. */
  views: number;
}

/** The views of one thread. */
export class ByteViews {
  readonly #mem: Mutator;
  readonly #holds = new Map<ObjectRef, Hold>();
  readonly #classes = new Map<ViewType, ViewType>();
  readonly #owners = new WeakMap<ArrayBufferView, ObjectRef>();
  readonly #forgotten: ObjectRef[] = [];
  readonly #registry: FinalizationRegistry<ObjectRef>;

  constructor(mem: Mutator, onForgotten: () => void) {
    this.#mem = mem;
    this.#registry = new FinalizationRegistry((bytes) => {
      this.#forgotten.push(bytes);
      onForgotten();
    });
  }

  /**
   * A view of `length` elements on `bytes`. The caller holds the GIL.
   *
   * @throws HeapExhaustedError
   */
  create<V extends ArrayBufferView>(
    bytes: ObjectRef,
    type: ViewType<V>,
    byteOffset: number,
    length: number,
  ): V {
    if (!this.#holds.has(bytes)) this.#holds.set(bytes, { row: this.#addRow(bytes), views: 0 });
    try {
      const view = new (this.#classOf(type))(this.#mem.buffer, byteOffset, length);
      this.#adopt(view, bytes);
      return view as V;
    } catch (error) {
      this.#releaseUnused(bytes);
      throw error;
    }
  }

  /** Counts before the row says so. */
  #addRow(bytes: ObjectRef): number {
    incref(this.#mem, bytes);
    try {
      return addRow(this.#mem, bytes);
    } catch (error) {
      decref(this.#mem, bytes);
      throw error;
    }
  }

  #adopt(view: ArrayBufferView, bytes: ObjectRef): void {
    const hold = this.#holds.get(bytes);
    assert(hold !== undefined, 'views: a view is made of bytes that are held');
    hold.views++;
    this.#owners.set(view, bytes);
    this.#registry.register(view, bytes);
  }

  /** A class like `type` whose views tell of the views that are made of them. */
  #classOf(type: ViewType): ViewType {
    const known = this.#classes.get(type);
    if (known !== undefined) return known;
    const { subarray } = type.prototype as Partial<Uint8Array>;
    const held = subarray === undefined ? type : this.#classWith(type, subarray);
    this.#classes.set(type, held);
    return held;
  }

  #classWith(type: ViewType, subarray: Uint8Array['subarray']): ViewType {
    const views = this;
    const held = class extends (type as ViewType<Uint8Array>) {
      // A copy (`slice`, `map`, `filter`) is of this class, too, but in a buffer of its own.
      override subarray(begin?: number, end?: number): Uint8Array<ArrayBuffer> {
        const part = subarray.call(this, begin, end);
        const bytes = views.#owners.get(this);
        if (bytes !== undefined) views.#adopt(part, bytes);
        return part as Uint8Array<ArrayBuffer>;
      }
    };
    Object.defineProperty(held, 'name', { value: type.name });
    return held;
  }

  /** Whether `release` has something to do. */
  get hasForgotten(): boolean {
    return this.#forgotten.length !== 0;
  }

  /** Lets go of bytes whose views are gone. The caller holds the GIL. */
  release(): void {
    for (const bytes of this.#forgotten.splice(0)) {
      const hold = this.#holds.get(bytes);
      if (hold === undefined) continue;
      hold.views--;
      this.#releaseUnused(bytes);
    }
  }

  #releaseUnused(bytes: ObjectRef): void {
    const hold = this.#holds.get(bytes);
    if (hold === undefined || hold.views > 0) return;
    this.#holds.delete(bytes);
    removeRow(this.#mem, hold.row);
    decref(this.#mem, bytes);
  }
}
