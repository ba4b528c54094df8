/**
 * How a thread joins and leaves a heap: its thread record, its rows and pages, its exit.
 *
 * A thread joins a heap once; attaching again gives the same heap object. Sections of the heap are
 * needed to leave it, so leaving may wait for the lock.
 */

import { InvalidTokenError } from './base/errors.ts';
import type { ResolvedOptions } from './base/options.ts';
import { enableRecovery } from './gc/recover.ts';
import {
  CONTROL_CREATOR,
  CONTROL_ROOT_MAP,
  GC_COUNTS,
  NULL_REF,
  type ObjectRef,
  THREAD_NODE_ID,
} from './memory/layout.ts';
import { checkBuffer, createBuffer } from './memory/memory.ts';
import { abandonRuns } from './memory/pages.ts';
import { createKinds } from './object/kinds.ts';
import { createMap } from './object/map.ts';
import { Mutator } from './object/mutator.ts';
import { makeImmortal } from './object/refcount.ts';
import { releaseRows } from './object/rows.ts';
import { dropSentTo } from './object/transit.ts';
import { acquireGil, releaseGil } from './sync/gil.ts';
import { assertHeapOpen, markClosed } from './sync/heap-state.ts';
import { bequeathCounters, claimThread, releaseThread } from './sync/thread-table.ts';

const TOKEN_TYPE = 'sharc.heap';

/** What `heap.share()` returns: cloneable, to be passed to another thread. */
export interface HeapToken {
  readonly type: typeof TOKEN_TYPE;
  readonly buffer: SharedArrayBuffer;
}

/** The token of a heap. */
export const tokenOf = (buffer: SharedArrayBuffer): HeapToken => ({ type: TOKEN_TYPE, buffer });

/**
 * The buffer in a token.
 *
 * @throws InvalidTokenError for anything but a token of `heap.share()`.
 */
export function bufferOf(token: unknown): SharedArrayBuffer {
  if (typeof token !== 'object' || token === null) {
    throw new InvalidTokenError(`it is ${token === null ? 'null' : `a ${typeof token}`}`);
  }
  const { type, buffer } = token as Partial<HeapToken>;
  if (type !== TOKEN_TYPE) throw new InvalidTokenError('it is some other object');
  return checkBuffer(buffer);
}

/** Creates a heap and joins it. @throws HeapExhaustedError when the system refuses the memory. */
export function createHeap(options: ResolvedOptions): Mutator {
  const buffer = createBuffer(options);
  const mem = new Mutator(buffer, claimThread(buffer));
  enableRecovery(mem);
  mem.i32[CONTROL_CREATOR] = mem.threadId;
  acquireGil(mem, Number.POSITIVE_INFINITY);
  createKinds(mem);
  const root = createMap(mem);
  makeImmortal(mem, root);
  mem.i32[GC_COUNTS] = 0; // no collection will ever examine it
  mem.i32[CONTROL_ROOT_MAP] = root;
  releaseGil(mem);
  return mem;
}

/** Joins a heap. @throws TooManyThreadsError, HeapClosedError, HeapCorruptionError */
export function joinHeap(buffer: SharedArrayBuffer): Mutator {
  const mem = new Mutator(buffer, claimThread(buffer));
  enableRecovery(mem);
  try {
    assertHeapOpen(mem);
  } catch (error) {
    releaseThread(mem, mem.threadId);
    throw error;
  }
  return mem;
}

/** The map of named roots. */
export const rootMapOf = (mem: Mutator) => mem.i32[CONTROL_ROOT_MAP] as ObjectRef;

/** Whether the calling thread has created the heap. */
export const isCreator = (mem: Mutator) => mem.i32[CONTROL_CREATOR] === mem.threadId;

/** Leaves a heap. The caller holds the GIL, and gives it up by this. */
export function leaveHeap(mem: Mutator, closes: boolean): void {
  releaseRows(mem);
  dropSentTo(mem, mem.i32[mem.thread + THREAD_NODE_ID]);
  abandonRuns(mem, mem.threadId);
  bequeathCounters(mem, mem.threadId);
  if (mem.i32[CONTROL_CREATOR] === mem.threadId) mem.i32[CONTROL_CREATOR] = NULL_REF;
  if (closes) markClosed(mem);
  mem.depth = 0;
  releaseGil(mem);
  releaseThread(mem, mem.threadId);
}
