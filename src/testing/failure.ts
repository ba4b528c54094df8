/** How a program fails: the heap is not what it should be. */

import { HeapCorruptionError } from '../base/errors.ts';

/**
 * What was found wrong.
 *
 *   verify      `heap.verify()` has findings
 *   leak        more or fewer objects exist than should, or a collection has found as many
 *   difference  an object, a value or a result is not what the model says
 *   error       an operation has thrown what it must not throw
 */
export type FailureKind = 'verify' | 'leak' | 'difference' | 'error';

/** A program has shown that the heap is wrong. */
export class ProgramFailure extends Error {
  override readonly name = 'ProgramFailure';
  readonly kind: FailureKind;
  /** The index of the operation at which it was noticed; -1 at the end of the program. */
  step = -1;

  /** Of a leak: how many objects there are too many, or too few, as far as that is known. */
  readonly objects: number;

  constructor(
    kind: FailureKind,
    message: string,
    options: ErrorOptions & { readonly objects?: number } = {},
  ) {
    super(`${kind}: ${message}`, options);
    this.kind = kind;
    this.objects = options.objects ?? 1;
  }
}

/** What has failed: a failure that was found, or else an error that should not have been thrown. */
export function failureOf(error: unknown): ProgramFailure {
  if (error instanceof ProgramFailure) return error;
  const kind = error instanceof HeapCorruptionError ? 'verify' : 'error';
  return new ProgramFailure(kind, String(error), { cause: error });
}
