/** What no root reaches, for people: the collector's naive oracle with names. */

import { findUnreachable } from '../gc/trace.ts';
import { type Heap, sessionOf } from '../heap.ts';
import { kindName } from '../kind-names.ts';
import { kindOf } from '../object/header.ts';

/** An object that nothing reaches. */
export interface UnreachableObject {
  /** As `heap.id()`. */
  readonly id: number;
  /** 'array', 'map', or the name of a struct. */
  readonly kind: string;
}

/**
 * The containers of `heap` that neither a named root nor a handle of any thread reaches, found by
 * a naive trace: exactly what a full `heap.gc.collect()` finds. Strings and containers that hold
 * no others are not listed: they die with what holds them. Frozen objects and what they reach are
 * not either, since no collection frees them.
 *
 * Walks the heap. No other thread may be in a section that has given up the lock meanwhile.
 */
export function unreachableObjects(heap: Heap): UnreachableObject[] {
  const { mem, handles } = sessionOf(heap);
  return heap.run(() =>
    findUnreachable(mem, handles.localRefs()).map((object) => ({
      id: object,
      kind: kindName(mem, kindOf(mem, object)),
    })),
  );
}
