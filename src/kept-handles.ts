/**
 * The kept handles of one thread: each has a row of the shared root table, and a number of keeps.
 *
 * Kept handles that the program forgets are found by a `Watcher`. Registering costs
 * more than keeping, so a kept handle is held strongly while it is young; most are released by
 * then. Nothing depends on the registry but the memory of forgetful programs.
 */

import { Watcher } from './base/watcher.ts';
import type { Handle } from './handle.ts';
import type { ObjectRef } from './memory/layout.ts';
import type { Mutator } from './object/mutator.ts';
import { addRow, removeRow } from './object/rows.ts';

/** Kept handles that may be young at a time. */
const YOUNG_MAX = 1024;

/** What the registry holds for a handle: its row, as long as the token is the row's. */
interface Token {
  readonly row: number;
}

/** Kept handles by row. */
export class KeptHandles {
  readonly #mem: Mutator;
  /** A kept handle is in `#strong` while young, then in `#weak`. */
  readonly #strong: (Handle | undefined)[] = [];
  readonly #weak: (WeakRef<Handle> | undefined)[] = [];
  readonly #tokens: (Token | undefined)[] = [];
  readonly #keeps: number[] = [];
  /** Numbers among the locals of the running section; 0: not there. */
  readonly #locals: number[] = [];
  #young: number[] = [];
  #agingScheduled = false;
  /** Tokens of handles that were collected. */
  readonly #forgotten: Token[] = [];
  readonly #watcher: Watcher<Token>;

  constructor(mem: Mutator, onForgotten: () => void) {
    this.#mem = mem;
    this.#watcher = new Watcher((token) => {
      this.#forgotten.push(token);
      onForgotten();
    });
  }

  /** Keeps the handle of a row once more. */
  keepAgain(row: number): void {
    this.#keeps[row]++;
  }

  /** Keeps a handle, local number `local` or 0. Returns its row. @throws HeapExhaustedError */
  add(handle: Handle, local: number): number {
    const row = addRow(this.#mem, handle.$ref);
    this.#strong[row] = handle;
    // A place that was not written would show what a program has put into Array.prototype.
    this.#weak[row] = undefined;
    this.#tokens[row] = undefined;
    this.#keeps[row] = 1;
    this.#locals[row] = local;
    this.#young.push(row);
    if (this.#young.length >= YOUNG_MAX) this.#ageYoung();
    else if (!this.#agingScheduled) this.#scheduleAging();
    return row;
  }

  /** Undoes one keep. Returns whether it was the last: then the row is to be emptied. */
  unkeep(row: number): boolean {
    return --this.#keeps[row] === 0;
  }

  /** The number of a row's handle among the locals of the running section; 0: not there. */
  localOf(row: number): number {
    return this.#locals[row];
  }

  setLocal(row: number, local: number): void {
    this.#locals[row] = local;
  }

  /** The handle of a row; undefined when it was forgotten. */
  find(row: number): Handle | undefined {
    return this.#strong[row] ?? this.#weak[row]?.deref();
  }

  /** Empties a row. The caller owns its count. */
  forget(row: number): ObjectRef {
    this.vacate(row);
    return removeRow(this.#mem, row);
  }

  /** A row has no handle any more. The row itself, and its count, stay. */
  vacate(row: number): void {
    const token = this.#tokens[row];
    if (token !== undefined) this.#watcher.unregister(token);
    this.#strong[row] = undefined;
    this.#weak[row] = undefined;
    this.#tokens[row] = undefined;
  }

  /** Whether handles were forgotten whose rows are still in use. */
  get hasForgotten(): boolean {
    return this.#forgotten.length !== 0;
  }

  /** The rows of forgotten handles, once. */
  takeForgotten(): number[] {
    const tokens = this.#forgotten.splice(0);
    return tokens.filter((token) => this.#tokens[token.row] === token).map(({ row }) => row);
  }

  #scheduleAging(): void {
    this.#agingScheduled = true;
    setImmediate(() => {
      this.#agingScheduled = false;
      this.#ageYoung();
    }).unref();
  }

  /** From here on the young handles are held weakly, and their death is noticed. */
  #ageYoung(): void {
    const rows = this.#young;
    this.#young = [];
    for (const row of rows) {
      const handle = this.#strong[row];
      if (handle === undefined) continue;
      const token: Token = { row };
      this.#strong[row] = undefined;
      this.#weak[row] = new WeakRef(handle);
      this.#tokens[row] = token;
      this.#watcher.register(handle, token, token);
    }
  }
}
