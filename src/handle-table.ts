/**
 * The handles of one thread: which object has one, which are local to the running section, which
 * are kept by a row of the shared root table.
 *
 * Object to handle: a private table per page with a number for every four words (blocks are no
 * smaller): positive for a local, negative for a row. It is as large as the pages it is used for.
 *
 * Kept handles that the program forgets are found by a FinalizationRegistry. Registering costs
 * more than keeping, so a kept handle is held strongly while it is young; most are released by
 * then. Nothing depends on the registry but the memory of forgetful programs.
 */

import type { Handle } from './handle.ts';
import { NULL_REF, type ObjectRef, PAGE_WORDS, PAGE_WORDS_SHIFT } from './memory/layout.ts';
import { MIN_BLOCK_WORDS } from './memory/size-classes.ts';
import { decref } from './object/dealloc.ts';
import { kindOf } from './object/header.ts';
import type { Mutator } from './object/mutator.ts';
import { incref } from './object/refcount.ts';
import { addRow, removeRow, reserveRows } from './object/rows.ts';

const GRANULE_SHIFT = 2;
const GRANULE_MASK = PAGE_WORDS / MIN_BLOCK_WORDS - 1;
/** Kept handles that may be young at a time. */
const YOUNG_MAX = 1024;

const FIRST_USES = 1024;

/** Makes the handles of one kind. */
export type HandleClass = new (ref: ObjectRef) => Handle;

/** Finds the class of the handles of a kind. */
export type FindClass = (kind: number) => HandleClass;

/** What `closeScope` goes back to. */
export interface Scope {
  readonly mark: number;
  readonly locals: number;
  readonly reacquired: number;
}

/** What the registry holds for a kept handle: its row, as long as the token is the row's. */
interface Token {
  readonly row: number;
}

/** The handles of one thread for one heap. */
export class HandleTable {
  // Declared, not defined: written once, in the constructor, they are constants to V8.
  declare private readonly mem: Mutator;
  /** Classes of handles by kind, as far as they were needed. */
  declare private readonly classes: (HandleClass | undefined)[];
  declare private readonly findClass: FindClass;
  declare private readonly numbers: (Int32Array | undefined)[];
  declare private readonly locals: (Handle | null)[];
  declare private localCount: number;
  /** Locals when the running scope began: those belong to scopes around it. */
  declare private mark: number;
  /** Handles of outer scopes, once for each time they were acquired again in inner ones. */
  declare private readonly reacquired: Handle[];
  /** Acquisitions of each local, by its number. */
  declare private uses: Int32Array;
  /** By row. A kept handle is in `#strong` while young, then in `#weak`. */
  private readonly strong: (Handle | undefined)[] = [];
  private readonly weak: (WeakRef<Handle> | undefined)[] = [];
  private readonly tokens: (Token | undefined)[] = [];
  private readonly keeps: number[] = [];
  private young: number[] = [];
  private agingScheduled = false;
  /** Rows whose handles were forgotten, to be released at the next safepoint. */
  private readonly forgotten: Token[] = [];
  private readonly registry: FinalizationRegistry<Token>;
  /** Rows that stand for locals while the lock is given up inside a section. */
  private readonly lent: number[] = [];

  constructor(mem: Mutator, findClass: FindClass, onForgotten: () => void) {
    this.mem = mem;
    this.classes = [];
    this.findClass = findClass;
    this.numbers = [];
    this.locals = [];
    this.localCount = 0;
    this.mark = 0;
    this.reacquired = [];
    this.uses = new Int32Array(FIRST_USES);
    this.registry = new FinalizationRegistry((token) => {
      this.forgotten.push(token);
      onForgotten();
    });
  }

  /** Begins a scope: what is acquired from here on ends with it. */
  openScope(): Scope {
    const outer = { mark: this.mark, locals: this.localCount, reacquired: this.reacquired.length };
    this.mark = this.localCount;
    return outer;
  }

  /** Ends a scope. */
  closeScope(scope: Scope): void {
    this.closeTo(scope.locals);
    this.mark = scope.mark;
    while (this.reacquired.length > scope.reacquired) {
      const handle = this.reacquired.pop() as Handle;
      if (handle.$local !== 0 && this.uses[handle.$local] > 1) this.uses[handle.$local]--;
    }
  }

  /** Whether rows wait to be released. */
  get hasForgotten(): boolean {
    return this.forgotten.length !== 0;
  }

  /** The local handle of a living object: acquired once more. The caller's count is not used. */
  wrap(ref: ObjectRef): Handle {
    const numbers = this.numbers[ref >>> PAGE_WORDS_SHIFT] ?? this.addPage(ref);
    const granule = (ref >>> GRANULE_SHIFT) & GRANULE_MASK;
    const number = numbers[granule];
    if (number !== 0) {
      const known = this.acquireKnown(number);
      if (known !== null) return known;
    }
    incref(this.mem, ref);
    const handle = this.create(ref);
    this.enlist(handle);
    numbers[granule] = handle.$local;
    return handle;
  }

  private acquireKnown(number: number): Handle | null {
    const handle = number > 0 ? this.locals[number - 1] : this.findKept(-number);
    if (handle === null) return null;
    if (handle.$local === 0) {
      this.enlist(handle);
      return handle;
    }
    this.uses[handle.$local]++;
    if (handle.$local <= this.mark) this.reacquired.push(handle);
    return handle;
  }

  /** As `wrap`, for a new object: the handle takes over the count that its caller owns. */
  adopt(ref: ObjectRef): Handle {
    const handle = this.create(ref);
    this.enlist(handle);
    this.setNumber(ref, handle.$local);
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
    const HandleOfKind = this.classes[kind] ?? this.addClass(kind);
    return new HandleOfKind(ref);
  }

  private addClass(kind: number): HandleClass {
    const found = this.findClass(kind);
    this.setClass(kind, found);
    return found;
  }

  /** Makes `handleClass` the class of the handles of a kind from here on. */
  setClass(kind: number, handleClass: HandleClass): void {
    while (this.classes.length <= kind) this.classes.push(undefined);
    this.classes[kind] = handleClass;
  }

  /** Lists a handle among the locals, acquired once. */
  private enlist(handle: Handle): void {
    const local = ++this.localCount;
    if (local >= this.uses.length) this.growUses();
    this.locals[local - 1] = handle;
    this.uses[local] = 1;
    handle.$local = local;
  }

  private growUses(): void {
    const larger = new Int32Array(this.uses.length * 2);
    larger.set(this.uses);
    this.uses = larger;
  }

  private findKept(row: number): Handle | null {
    const strong = this.strong[row];
    if (strong !== undefined) return strong;
    const handle = this.weak[row]?.deref();
    if (handle !== undefined) return handle;
    this.releaseRow(row); // forgotten, and the registry has not said so yet
    return null;
  }

  private setNumber(ref: ObjectRef, number: number): void {
    const numbers = this.numbers[ref >>> PAGE_WORDS_SHIFT] ?? this.addPage(ref);
    numbers[(ref >>> GRANULE_SHIFT) & GRANULE_MASK] = number;
  }

  private addPage(ref: ObjectRef): Int32Array {
    const page = ref >>> PAGE_WORDS_SHIFT;
    while (this.numbers.length <= page) this.numbers.push(undefined);
    const numbers = new Int32Array(GRANULE_MASK + 1);
    this.numbers[page] = numbers;
    return numbers;
  }

  /** Ends the locals listed since there were `mark`. */
  private closeTo(mark: number): void {
    while (this.localCount > mark) {
      const handle = this.locals[--this.localCount];
      this.locals[this.localCount] = null;
      if (handle === null) continue;
      handle.$local = 0;
      if (handle.$row === 0) this.end(handle);
    }
  }

  /** Ends the section: all local acquisitions. */
  closeAll(): void {
    this.closeTo(0);
    this.mark = 0;
    if (this.reacquired.length !== 0) this.reacquired.length = 0;
  }

  /** Ends a scope but for one acquisition of `result`, which passes to the scope around it. */
  closeScopeExcept(scope: Scope, result: Handle): void {
    const isLocalHere = result.$local > scope.locals;
    if (isLocalHere) {
      this.locals[result.$local - 1] = null;
      result.$local = 0;
    } else {
      const last = this.reacquired.lastIndexOf(result);
      if (last >= scope.reacquired) this.reacquired.splice(last, 1);
    }
    this.closeScope(scope);
    if (!isLocalHere) return;
    this.enlist(result);
    if (result.$row === 0) this.setNumber(result.$ref, result.$local);
  }

  /** The handle protects nothing any more. */
  private end(handle: Handle): void {
    const ref = handle.$ref;
    handle.$ref = NULL_REF;
    this.setNumber(ref, 0);
    decref(this.mem, ref);
  }

  /** Acquires a handle until it is released. @throws HeapExhaustedError */
  keep(handle: Handle): void {
    if (handle.$row !== 0) {
      this.keeps[handle.$row]++;
      return;
    }
    const row = addRow(this.mem, handle.$ref);
    handle.$row = row;
    this.strong[row] = handle;
    this.keeps[row] = 1;
    this.setNumber(handle.$ref, -row);
    this.young.push(row);
    if (this.young.length >= YOUNG_MAX) this.ageYoung();
    else if (!this.agingScheduled) this.scheduleAging();
  }

  /** Makes sure that the next `count` keeps cannot fail. @throws HeapExhaustedError */
  reserve(count: number): void {
    reserveRows(this.mem, count);
  }

  /** Undoes one keep, or else one local acquisition. */
  release(handle: Handle): void {
    if (handle.$row !== 0) this.unkeep(handle);
    else this.unuse(handle);
  }

  /** Undoes one local acquisition, or else one keep. */
  dispose(handle: Handle): void {
    if (handle.$local !== 0) this.unuse(handle);
    else this.unkeep(handle);
  }

  private unkeep(handle: Handle): void {
    const row = handle.$row;
    if (--this.keeps[row] > 0) return;
    this.forgetRow(row);
    handle.$row = 0;
    if (handle.$local !== 0) this.setNumber(handle.$ref, handle.$local);
    else this.end(handle);
  }

  private unuse(handle: Handle): void {
    if (--this.uses[handle.$local] > 0) return;
    this.locals[handle.$local - 1] = null;
    handle.$local = 0;
    if (handle.$row === 0) this.end(handle);
  }

  /** Empties a row whose count goes on in the handle, or in the caller. */
  private forgetRow(row: number): ObjectRef {
    const token = this.tokens[row];
    if (token !== undefined) this.registry.unregister(token);
    this.strong[row] = undefined;
    this.weak[row] = undefined;
    this.tokens[row] = undefined;
    return removeRow(this.mem, row);
  }

  private releaseRow(row: number): void {
    const ref = this.forgetRow(row);
    this.setNumber(ref, 0);
    decref(this.mem, ref);
  }

  private scheduleAging(): void {
    this.agingScheduled = true;
    setImmediate(() => {
      this.agingScheduled = false;
      this.ageYoung();
    }).unref();
  }

  /** From here on the young kept handles are held weakly, and their death is noticed. */
  ageYoung(): void {
    const rows = this.young;
    this.young = [];
    for (const row of rows) {
      const handle = this.strong[row];
      if (handle === undefined) continue;
      const token: Token = { row };
      this.strong[row] = undefined;
      this.weak[row] = new WeakRef(handle);
      this.tokens[row] = token;
      this.registry.register(handle, token, token);
    }
  }

  /** Releases the rows of forgotten handles. The caller holds the GIL. */
  releaseForgotten(): void {
    for (const token of this.forgotten.splice(0)) {
      if (this.tokens[token.row] === token) this.releaseRow(token.row);
    }
  }

  /**
   * Writes the locals as rows, so that whoever gets the lock finds what holds their objects.
   *
   * @throws HeapExhaustedError having written none.
   */
  lendLocals(): void {
    try {
      for (let i = 0; i < this.localCount; i++) {
        const handle = this.locals[i];
        if (handle === null || handle.$row !== 0) continue;
        this.lent.push(addRow(this.mem, handle.$ref));
      }
    } catch (error) {
      this.reclaimLocals();
      throw error;
    }
  }

  /** Takes the rows of `lendLocals` back. */
  reclaimLocals(): void {
    for (const row of this.lent.splice(0)) removeRow(this.mem, row);
  }

  /** The objects that locals of the running section hold, one count each. */
  localRefs(): ObjectRef[] {
    const refs: ObjectRef[] = [];
    for (let i = 0; i < this.localCount; i++) {
      const handle = this.locals[i];
      if (handle !== null && handle.$row === 0) refs.push(handle.$ref);
    }
    return refs;
  }
}
