/**
 * Operations under allocation failure: each is tried on a fresh heap with its n-th allocation
 * failing, for every n until it succeeds.
 */

import { expect } from 'vitest';
import { HeapArray } from '../../src/array.ts';
import { HeapExhaustedError } from '../../src/base/errors.ts';
import { HeapBytes } from '../../src/bytes.ts';
import { Handle } from '../../src/handle.ts';
import { type Heap, sessionOf } from '../../src/heap.ts';
import { firstElements, firstEntries, HeapMap } from '../../src/map.ts';
import { HeapSet } from '../../src/set.ts';
import { HeapTuple } from '../../src/tuple.ts';
import { mortalObjects, withHeap } from './with-heap.ts';

const MIB = 2 ** 20;

/** One kind of operation: on what it works, what it does, what can be seen of it. */
export interface OperationCase<S> {
  readonly setup: (heap: Heap) => S;
  readonly run: (state: S, heap: Heap) => unknown;
  /** Containers whose contents must be unchanged by a failure. */
  readonly watched: (state: S) => readonly Handle[];
  /** Cyclic garbage that the operation makes; 0 unless given. */
  readonly leaked?: number;
  /** Allocations that it has at least, outside of a section; 0 unless given. */
  readonly atLeast?: number;
}

/** Makes allocation number `n` (from 1) of `body` fail. Returns how many it asked for. */
export function failAllocation<T>(heap: Heap, n: number, body: () => T): { count: number } {
  const { mem } = sessionOf(heap);
  let count = 0;
  mem.hostile = { shouldFail: () => ++count === n };
  try {
    body();
  } finally {
    mem.hostile = null;
  }
  return { count };
}

/** What can be seen of objects, without holding on to anything. */
export function contentsOf(heap: Heap, handles: readonly Handle[]): unknown {
  return heap.run(() => heap.scope(() => handles.map((handle) => plain(handle, 3))));
}

function plain(value: unknown, depth: number): unknown {
  if (!(value instanceof Handle)) return value;
  if (depth === 0) return 'deep';
  const inner = (element: unknown) => plain(element, depth - 1);
  if (value instanceof HeapMap) {
    // Not by an iterator of the map's own: those take rows of the root table.
    const entries = firstEntries(value.$session, value.$ref, value.size + 1);
    return { map: entries.map((entry) => entry.map(inner)), size: value.size };
  }
  if (value instanceof HeapSet) {
    const elements = firstElements(value.$session, value.$ref, value.size + 1);
    return { set: elements.map(inner), size: value.size };
  }
  if (value instanceof HeapBytes) return { bytes: value.byteLength };
  if (value instanceof HeapArray || value instanceof HeapTuple) {
    const elements: unknown[] = [];
    for (let i = 0; i < value.length; i++) elements.push(inner(value.at(i)));
    return { array: elements };
  }
  const fields: Record<string, unknown> = {};
  const record = value as unknown as Record<string, unknown>;
  for (const name in record) if (!name.startsWith('$')) fields[name] = inner(record[name]);
  return fields;
}

/**
 * Checks an operation against failing allocations. Returns how many allocations it has, all of
 * which were made to fail once.
 */
export function checkEveryFailure<S>(operation: OperationCase<S>, inSection: boolean): number {
  for (let n = 1; ; n++) {
    const failed = withHeap({ maxBytes: MIB, leaked: operation.leaked ?? 0 }, (heap) => {
      const state = operation.setup(heap);
      const act = () => {
        const body = () => operation.run(state, heap);
        if (inSection) heap.run(() => void body());
        else body();
      };
      const before = contentsOf(heap, operation.watched(state));
      const mortal = mortalObjects(heap);
      let error: unknown;
      try {
        failAllocation(heap, n, act);
      } catch (thrown) {
        error = thrown;
      }
      expect(heap.verify()).toEqual([]);
      if (error === undefined) return false;
      checkError(heap, error);
      expect(contentsOf(heap, operation.watched(state))).toEqual(before);
      expect(mortalObjects(heap)).toBe(mortal);
      act(); // nothing is broken: the same works now
      return true;
    });
    if (!failed) return n - 1;
  }
}

function checkError(heap: Heap, error: unknown): void {
  if (!(error instanceof HeapExhaustedError)) throw error;
  const { liveBytes, freeBytes } = heap.stats();
  expect(error.requestedBytes).toBeGreaterThan(0);
  expect(error.code).toBe('ERR_SHARC_HEAP_EXHAUSTED');
  expect(error.liveBytes + error.freeBytes).toBe(liveBytes + freeBytes);
}
