/**
 * Views on bytes of the heap: typed arrays of one thread on shared memory, without a copy.
 *
 * A typed array cannot be taken back from a program, so it protects its bytes: as long as one
 * exists in a thread, a row of that thread's root table holds them. JavaScript's own collector says
 * when the last is gone, through a `Watcher`. Views made from views count, too, however
 * `subarray` is called: JavaScript makes them by the class of the first, which makes each known.
 * What is made from the `buffer` of a view, or clones a view, is of an ordinary class, and unknown.
 */

import { assert } from './base/assert.ts';
import { Watcher } from './base/watcher.ts';
import { blockContaining } from './memory/blocks.ts';
import { type ObjectRef, WORD_BYTES } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import type { Mutator } from './object/mutator.ts';
import { incref, increfShared } from './object/refcount.ts';
import { addRow, removeRow, reserveRowInReading } from './object/rows.ts';

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
  readonly #forgotten: ObjectRef[] = [];
  readonly #watcher: Watcher<ObjectRef>;

  constructor(mem: Mutator, onForgotten: () => void) {
    this.#mem = mem;
    this.#watcher = new Watcher((bytes) => {
      this.#forgotten.push(bytes);
      onForgotten();
    });
  }

  /**
   * A view of `length` elements on `bytes`. In a section, of whatever kind.
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
      const held = this.#classOf(type);
      const view = new held(this.#mem.buffer, byteOffset, length);
      if (held === type || length === 0) this.#adopt(view, bytes); // others have done so themselves
      return view as V;
    } catch (error) {
      this.#releaseUnused(bytes);
      throw error;
    }
  }

  /** Counts before the row says so. */
  #addRow(bytes: ObjectRef): number {
    if (this.#mem.depth < 0) {
      reserveRowInReading(this.#mem);
      increfShared(this.#mem, bytes);
      return addRow(this.#mem, bytes);
    }
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
    this.#watcher.register(view, bytes);
  }

  /** A class like `type` whose views make themselves known: so parts made of them do, too. */
  #classOf(type: ViewType): ViewType {
    const known = this.#classes.get(type);
    if (known !== undefined) return known;
    // Nothing makes a DataView of a DataView.
    const held = 'subarray' in type.prototype ? this.#classWith(type) : type;
    this.#classes.set(type, held);
    return held;
  }

  #classWith(type: ViewType): ViewType {
    const onNew = (view: ArrayBufferView) => this.#adoptPart(view);
    const { buffer } = this.#mem;
    const held = class extends (type as new (...args: unknown[]) => ArrayBufferView) {
      constructor(...args: unknown[]) {
        super(...args);
        // A copy (`slice`, `map`, `filter`) is of this class, too, but in a buffer of its own. To
        // ask a small one for that would make V8 move it.
        if (args[0] === buffer) onNew(this);
      }
    };
    Object.defineProperty(held, 'name', { value: type.name });
    return held as unknown as ViewType;
  }

  /** Without the lock: the bytes of a part are held by what it is a part of, and stay in place. */
  #adoptPart(view: ArrayBufferView): void {
    if (view.byteLength === 0) return; // it may begin where its bytes end
    const bytes = blockContaining(this.#mem, Math.floor(view.byteOffset / WORD_BYTES)) as number;
    if (this.#holds.has(bytes as ObjectRef)) this.#adopt(view, bytes as ObjectRef);
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
    if (this.#mem.depth < 0) {
      hold.views++;
      this.#forgotten.push(bytes); // afterwards
      return;
    }
    this.#holds.delete(bytes);
    removeRow(this.#mem, hold.row);
    decref(this.#mem, bytes);
  }
}
