/**
 * The handles of one thread: which object has one, which are local to the running section, which
 * are kept by a row of the shared root table.
 *
 * Object to handle: a private table with a number for every four words of the heap (blocks are no
 * smaller): positive for a local, negative for a row. Address space only, a quarter of the heap's:
 * the system commits what is touched. It is a SharedArrayBuffer that nobody shares, since V8 counts
 * those not as memory of this thread; and one flat array, a constant to V8, costs half of one
 * array per page.
 *
 * Locals stand in chunks. A store of a young handle into an old array goes through the slow write
 * barrier, so every chunk but the first is new when it is needed, and dropped afterwards.
 */

import { doubled, emptyPlaces } from './base/arrays.ts';
import { assert } from './base/assert.ts';
import type { FindClass, Handle, HandleClass } from './handle.ts';
import { KeptHandles } from './kept-handles.ts';
import { NULL_REF, type ObjectRef, WORD_BYTES } from './memory/layout.ts';
import { reserve } from './memory/memory.ts';
import { MIN_BLOCK_WORDS } from './memory/size-classes.ts';
import { decref } from './object/dealloc.ts';
import { kindOf } from './object/header.ts';
import type { Mutator } from './object/mutator.ts';
import { incref, increfShared } from './object/refcount.ts';
import { refInRow, reserveRowInReading, reserveRows } from './object/rows.ts';

/** Of an address, for its number in the table. */
export const GRANULE_SHIFT = 2;
assert(1 << GRANULE_SHIFT === MIN_BLOCK_WORDS, 'handles: no two blocks begin in one granule');
/**
 * Bytes from which on the C library maps fresh pages, which cost nothing until they are touched.
 * A smaller table might be recycled memory, which is cleared, and so committed, as a whole.
 */
const MAPPED_MIN = 40 * 2 ** 20;
const CHUNK_SHIFT = 4;
const CHUNK_LOCALS = 1 << CHUNK_SHIFT;
const CHUNK_MASK = CHUNK_LOCALS - 1;

const FIRST_EXTRA = 1024;

/** What `closeScope` goes back to. */
export interface Scope {
  readonly mark: number;
  readonly locals: number;
  readonly reacquired: number;
  readonly extra: number;
}

/** The handles of one thread for one heap. */
export class HandleTable {
  // Declared, not defined: written once, in the constructor, they are constants to V8.
  declare protected readonly mem: Mutator;
  /** Classes of handles by kind, as far as they were needed. */
  declare private readonly classes: (HandleClass | undefined)[];
  declare private readonly findClass: FindClass;
  declare protected readonly numbers: Int32Array;
  declare private readonly chunks: (Handle | null)[][];
  /** The chunk that takes the next local, or holds the last. */
  declare private chunk: (Handle | null)[];
  declare protected localCount: number;
  /** Locals when the running scope began: those belong to scopes around it. */
  declare private mark: number;
  /** Handles of outer scopes, once for each time they were acquired again in inner ones. */
  declare private readonly reacquired: Handle[];
  /** How many there were when the running scope began. */
  declare private reacquiredMark: number;
  /** Acquisitions of each local after its first, by its number; 0 for places not in use. */
  declare private extra: Int32Array;
  /** Locals that have had such acquisitions, and how many there were when the scope began. */
  declare private readonly extraLocals: number[];
  declare private extraMark: number;
  protected readonly kept: KeptHandles;
  /** Rows to be emptied under the lock, since a read section has released what they hold. */
  protected readonly postponed: number[] = [];
  /** Called before a keep is undone, by `release()` or by `using`. */
  onRelease: ((handle: Handle) => void) | null = null;
  onDispose: ((handle: Handle) => void) | null = null;

  constructor(mem: Mutator, findClass: FindClass, onForgotten: () => void) {
    this.mem = mem;
    this.classes = emptyPlaces(mem.layouts.length);
    this.findClass = findClass;
    const granules = mem.maxWords >>> GRANULE_SHIFT;
    this.numbers = new Int32Array(
      reserve(Math.max(granules * WORD_BYTES, MAPPED_MIN)),
      0,
      granules,
    );
    this.chunk = new Array<Handle | null>(CHUNK_LOCALS);
    this.chunks = [this.chunk];
    this.localCount = 0;
    this.mark = 0;
    this.reacquired = [];
    this.reacquiredMark = 0;
    this.extra = new Int32Array(FIRST_EXTRA);
    this.extraLocals = [];
    this.extraMark = 0;
    this.kept = new KeptHandles(mem, onForgotten);
  }

  /** Begins a scope: what is acquired from here on ends with it. */
  openScope(): Scope {
    const { mark, localCount: locals, reacquiredMark: reacquired, extraMark: extra } = this;
    this.mark = locals;
    this.reacquiredMark = this.reacquired.length;
    this.extraMark = this.extraLocals.length;
    return { mark, locals, reacquired, extra };
  }

  /** Ends a scope. */
  closeScope(scope: Scope): void {
    this.closeTo(scope.locals);
    while (this.reacquired.length > this.reacquiredMark) {
      const local = this.localOf(this.reacquired.pop() as Handle);
      if (local !== 0 && this.extra[local] > 0) this.extra[local]--;
    }
    this.mark = scope.mark;
    this.reacquiredMark = scope.reacquired;
    this.extraMark = scope.extra;
  }

  /** Whether rows wait to be released. */
  get hasForgotten(): boolean {
    return this.kept.hasForgotten;
  }

  /** The local handle of a living object: acquired once more. The caller's count is not used. */
  wrap(ref: ObjectRef): Handle {
    const number = this.numbers[ref >>> GRANULE_SHIFT];
    if (number !== 0) {
      const known = this.acquireKnown(number);
      if (known !== null) return known;
    }
    if (this.mem.depth >= 0) incref(this.mem, ref); // nothing can die in a read section
    return this.adopt(ref);
  }

  private acquireKnown(number: number): Handle | null {
    const handle = number > 0 ? this.localAt(number) : this.findKept(-number);
    if (handle === null) return null;
    const local = number > 0 ? number : this.kept.localOf(-number);
    if (local === 0) {
      this.kept.setLocal(-number, this.enlist(handle));
      return handle;
    }
    if (this.extra[local]++ === 0) this.extraLocals.push(local);
    if (local <= this.mark) this.reacquired.push(handle);
    return handle;
  }

  /** The number of a handle among the locals, from 1; 0 when it is not there, or stale. */
  private localOf(handle: Handle): number {
    const number = this.numbers[handle.$ref >>> GRANULE_SHIFT]; // of null: 0
    return number >= 0 ? number : this.kept.localOf(-number);
  }

  /** The row of a kept handle; 0 when it is not kept, or stale. */
  rowOf(handle: Handle): number {
    const number = this.numbers[handle.$ref >>> GRANULE_SHIFT];
    return number < 0 ? -number : 0;
  }

  /** Whether the running section has acquired a handle. */
  isLocal(handle: Handle): boolean {
    return this.localOf(handle) !== 0;
  }

  /** As `wrap`, for a new object: the handle takes over the count that its caller owns. */
  adopt(ref: ObjectRef): Handle {
    const handle = this.create(ref);
    this.numbers[ref >>> GRANULE_SHIFT] = this.enlist(handle);
    return handle;
  }

  /** As `adopt`, for an object that may have a handle: then the count is dropped. */
  take(ref: ObjectRef): Handle {
    const handle = this.wrap(ref);
    decref(this.mem, ref);
    return handle;
  }

  private create(ref: ObjectRef): Handle {
    const kind = kindOf(this.mem, ref);
    const HandleOfKind = this.classes[kind];
    if (HandleOfKind !== undefined) return new HandleOfKind(ref);
    this.setClass(kind, this.findClass(kind));
    return this.create(ref);
  }

  /** Makes `handleClass` the class of the handles of a kind from here on. */
  setClass(kind: number, handleClass: HandleClass): void {
    this.classes[kind] = handleClass;
  }

  /** Lists a handle among the locals, acquired once. Returns its number there. */
  private enlist(handle: Handle): number {
    const at = this.localCount++;
    if ((at & CHUNK_MASK) === 0) this.openChunk(at);
    this.chunk[at & CHUNK_MASK] = handle;
    return at + 1;
  }

  /** The chunk of local number `at`, counted from 0: the first of that chunk. */
  private openChunk(at: number): void {
    if (at + CHUNK_LOCALS >= this.extra.length) this.extra = doubled(this.extra);
    if (at === 0) return;
    this.chunk = new Array<Handle | null>(CHUNK_LOCALS); // every place is written before it is read
    this.chunks.push(this.chunk);
  }

  protected localAt(number: number): Handle | null {
    return this.chunks[(number - 1) >>> CHUNK_SHIFT][(number - 1) & CHUNK_MASK];
  }

  protected dropLocal(handle: Handle): void {
    const at = this.localOf(handle) - 1;
    this.chunks[at >>> CHUNK_SHIFT][at & CHUNK_MASK] = null;
    this.extra[at + 1] = 0;
    const row = this.rowOf(handle);
    if (row !== 0) this.kept.setLocal(row, 0);
  }

  /** Locals behind `mark` are gone: their places begin again without further acquisitions. */
  private forgetExtra(mark: number): void {
    const { extra, extraLocals } = this;
    let kept = this.extraMark;
    for (let i = kept; i < extraLocals.length; i++) {
      const local = extraLocals[i];
      if (local > mark) extra[local] = 0;
      else extraLocals[kept++] = local;
    }
    extraLocals.length = kept;
  }

  private findKept(row: number): Handle | null {
    const handle = this.kept.find(row);
    if (handle !== undefined) return handle;
    this.releaseRow(row); // forgotten, and the registry has not said so yet
    return null;
  }

  /** Ends the locals listed since there were `mark`. A stale handle is one without an object. */
  private closeTo(mark: number): void {
    while (this.localCount > mark) {
      const at = --this.localCount;
      const { chunk } = this;
      const handle = chunk[at & CHUNK_MASK];
      if ((at & CHUNK_MASK) === 0 && at !== 0) this.dropChunk();
      if (handle === null) continue;
      const row = this.rowOf(handle);
      if (row === 0) {
        this.end(handle);
      } else {
        chunk[at & CHUNK_MASK] = null; // a kept handle may be forgotten: nothing else holds it
        this.kept.setLocal(row, 0);
      }
    }
    if (this.extraLocals.length > this.extraMark) this.forgetExtra(mark);
  }

  private dropChunk(): void {
    this.chunks.pop();
    this.chunk = this.chunks[this.chunks.length - 1];
  }

  /** Ends the section: all local acquisitions. */
  closeAll(): void {
    this.extraMark = 0;
    this.closeTo(0);
    this.mark = 0;
    this.reacquiredMark = 0;
    if (this.reacquired.length !== 0) this.reacquired.length = 0;
  }

  /** Ends a scope but for one acquisition of `result`, which passes to the scope around it. */
  closeScopeExcept(scope: Scope, result: Handle): void {
    const isLocalHere = this.localOf(result) > scope.locals;
    if (isLocalHere) {
      this.dropLocal(result);
    } else {
      this.forgetReacquired(result);
    }
    this.closeScope(scope);
    if (!isLocalHere) return;
    const local = this.enlist(result);
    const row = this.rowOf(result);
    if (row === 0) this.numbers[result.$ref >>> GRANULE_SHIFT] = local;
    else this.kept.setLocal(row, local);
  }

  /** The handle protects nothing any more. */
  protected end(handle: Handle): void {
    const ref = handle.$ref;
    handle.$ref = NULL_REF;
    this.numbers[ref >>> GRANULE_SHIFT] = 0;
    if (this.mem.depth >= 0) decref(this.mem, ref); // locals of read sections are not counted
  }

  /** Acquires a handle until it is released. @throws HeapExhaustedError */
  keep(handle: Handle): void {
    const row = this.rowOf(handle);
    if (row !== 0) this.kept.keepAgain(row);
    else if (this.mem.depth < 0) this.keepInReading(handle);
    else this.numbers[handle.$ref >>> GRANULE_SHIFT] = -this.kept.add(handle, this.localOf(handle));
  }

  private keepInReading(handle: Handle): void {
    reserveRowInReading(this.mem);
    increfShared(this.mem, handle.$ref);
    this.numbers[handle.$ref >>> GRANULE_SHIFT] = -this.kept.add(handle, this.localOf(handle));
  }

  /** Makes sure that the next `count` keeps cannot fail. @throws HeapExhaustedError */
  reserve(count: number): void {
    reserveRows(this.mem, count);
  }

  /** Undoes one keep, or else one local acquisition. */
  release(handle: Handle): void {
    if (this.rowOf(handle) === 0) {
      this.unuse(handle);
      return;
    }
    this.onRelease?.(handle);
    this.unkeep(handle);
  }

  /** Undoes one local acquisition, or else one keep. */
  dispose(handle: Handle): void {
    if (this.isLocal(handle)) {
      this.unuse(handle);
      return;
    }
    this.onDispose?.(handle);
    this.unkeep(handle);
  }

  private unkeep(handle: Handle): void {
    const local = this.localOf(handle);
    const row = this.rowOf(handle);
    if (!this.kept.unkeep(row)) return;
    if (this.mem.depth < 0) this.postpone(row);
    else this.kept.forget(row); // its count is that of the local, or ends here
    if (local !== 0) this.numbers[handle.$ref >>> GRANULE_SHIFT] = local;
    else this.end(handle);
  }

  /** In a read section: the row of a handle that is kept no more is emptied afterwards. */
  private postpone(row: number): void {
    this.kept.vacate(row);
    this.postponed.push(row);
  }

  private unuse(handle: Handle): void {
    const local = this.localOf(handle);
    if (local <= this.mark) this.forgetReacquired(handle);
    if (this.extra[local] > 0) {
      this.extra[local]--;
      return;
    }
    this.dropLocal(handle);
    if (this.rowOf(handle) === 0) this.end(handle);
  }

  /** An acquisition that the running scope has made of an outer handle is undone before its end. */
  private forgetReacquired(handle: Handle): void {
    const last = this.reacquired.lastIndexOf(handle);
    if (last >= this.reacquiredMark) this.reacquired.splice(last, 1);
  }

  private releaseRow(row: number): void {
    if (this.mem.depth < 0) {
      this.numbers[refInRow(this.mem, row) >>> GRANULE_SHIFT] = 0;
      this.postpone(row);
      return;
    }
    const ref = this.kept.forget(row);
    this.numbers[ref >>> GRANULE_SHIFT] = 0;
    decref(this.mem, ref);
  }

  /** Releases the rows of forgotten handles. The caller holds the GIL. */
  releaseForgotten(): void {
    for (const row of this.kept.takeForgotten()) this.releaseRow(row);
  }
}
