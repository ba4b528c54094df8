/**
 * A `heap.scope` outside of sections. There every access keeps; the scope undoes the keeps of the
 * accesses made in it, but those that the program has undone itself. Keeps that the program has
 * asked for are the program's: a release undoes them first.
 */

import type { Handle } from './handle.ts';
import { handleIn } from './proxy-targets.ts';

/** Is told of what is acquired and undone outside of sections. */
export interface Acquisitions {
  addAccess(handle: Handle): void;
  addKeep(handle: Handle): void;
  removeOne(handle: Handle): void;
  removeAccess(handle: Handle): void;
}

/** What was acquired in a scope and is not undone yet. */
export class KeptScope implements Acquisitions {
  readonly outer: Acquisitions | null;
  readonly #accesses: Handle[] = [];
  readonly #keeps: Handle[] = [];

  constructor(outer: Acquisitions | null) {
    this.outer = outer;
  }

  /** An access has kept a handle. */
  addAccess(handle: Handle): void {
    this.#accesses.push(handle);
  }

  /** The program has kept a handle. */
  addKeep(handle: Handle): void {
    this.#keeps.push(handle);
  }

  /** `release()` undoes one keep: one that the program has asked for, or else one of an access. */
  removeOne(handle: Handle): void {
    if (removeLast(this.#keeps, handle) || removeLast(this.#accesses, handle)) return;
    this.outer?.removeOne(handle);
  }

  /** `using` undoes one keep: that of an access, or else one that the program has asked for. */
  removeAccess(handle: Handle): void {
    if (removeLast(this.#accesses, handle) || removeLast(this.#keeps, handle)) return;
    this.outer?.removeAccess(handle);
  }

  /**
   * Ends the scope. Returns the handles whose keeps are to be undone, newest first. One access of
   * `result`, and the program's own keeps, pass to the scope around this one.
   */
  end(result: Handle | null): Handle[] {
    if (result !== null && removeLast(this.#accesses, result)) this.outer?.addAccess(result);
    for (const handle of this.#keeps) this.outer?.addKeep(handle);
    return this.#accesses.reverse();
  }
}

/** The scopes of a thread outside of sections. */
export class KeptScopes {
  #scope: KeptScope | null = null;
  /** Finds what is told of acquisitions where no scope runs: the running task of a pool. */
  findTask: (() => Acquisitions | null) | null = null;

  /** What is told of acquisitions now. */
  get current(): Acquisitions | null {
    return this.#scope ?? this.findTask?.() ?? null;
  }

  /** Runs `body` in a scope of its own; `dispose` undoes an access, but one of the result. */
  run<T>(body: () => T, dispose: (handle: Handle) => void): T {
    const { findTask } = this;
    const outer = this.#scope;
    const scope = new KeptScope(this.current);
    this.#scope = scope;
    let result: unknown;
    try {
      const returned = body();
      result = returned;
      return returned;
    } finally {
      this.#scope = null; // what the scope ends is no release of the program
      this.findTask = null;
      for (const handle of scope.end(handleIn(result) ?? null)) dispose(handle);
      this.#scope = outer;
      this.findTask = findTask;
    }
  }
}

function removeLast(handles: Handle[], handle: Handle): boolean {
  const at = handles.lastIndexOf(handle);
  if (at >= 0) handles.splice(at, 1);
  return at >= 0;
}
