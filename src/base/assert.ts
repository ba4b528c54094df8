/**
 * Assertions: broken invariants of the heap itself. Nobody can continue from one, so they are
 * never caught. Wrong arguments of the caller are errors of `errors.ts`, not assertions.
 */

import { HeapCorruptionError } from './errors.ts';

/** Throws `HeapCorruptionError` unless `condition` holds; `invariant` reads 'noun: invariant'. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) failAssertion(invariant);
}

function failAssertion(invariant: string): never {
  throw new HeapCorruptionError(`broken invariant: ${invariant}`);
}
