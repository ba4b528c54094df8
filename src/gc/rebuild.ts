/**
 * Rebuilding: a thread has died in a section, wherever it was, and the thread that has taken over
 * its lock derives everything again that follows from something else.
 *
 * Never derived, and so written by one store each, in an order that leaves it true at each:
 *
 *   slots, rows, roots      what holds what. A slot of two words counts as one store: V8 ends a
 *                           thread at calls, loops and allocations, not between them
 *   info words              a block is an object, or backing, from the store that publishes it, to
 *                           the store of 0 there; immortality, generation, garbage
 *   PAGE_BLOCKS             a run is in use from the store of it, its record and tails being
 *                           complete, to the store of anything else; PAGE_CARVED
 *   chunks, vectors         entries below CHUNK_USED, elements below ARRAY_LENGTH; what is linked
 *                           is complete, and unlinked before it is freed. An operation that moves
 *                           elements may leave some twice, never none
 *   CONTROL_CHANGED         the one map whose table and sizes may not be right
 *
 * Dying containers may lack backing: nothing refers to them, so what they held does not matter.
 *
 *   stop     a collection that is open is given up; a sweep is gone on with at the end
 *   read     pages, then headers; counts become 0
 *   claim    rows, vectors, chunks and tables name their backing
 *   count    every reference
 *   list     what is free: blocks, runs, pages; garbage; interned strings
 *   end      tables are made, what nothing refers to dies, the sweep ends
 *
 * Its own tables are private, and it may die at any store itself: who takes over begins anew.
 */

import { HeapExhaustedError } from '../base/errors.ts';
import {
  BACKGROUND_WANTED,
  CONTROL_CHANGED,
  CONTROL_CHANGED_TO,
  CONTROL_KIND_COUNT,
  CONTROL_SUSPECT,
  FIRST_STRUCT_KIND,
  GC_BACKGROUND,
  GC_CONDEMNED_LIST,
  GC_DISABLES,
  GC_SCRATCH,
  GC_SIZES,
  GC_UNLINKED_LIST,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_SHIFT,
  KIND_WORDS,
  MAP_SIZE,
  MAP_SMALL,
  MAX_KINDS,
  MAX_THREADS,
  type ObjectRef,
  THREAD_GUARDS,
} from '../memory/layout.ts';
import { threadRecordOf } from '../memory/memory.ts';
import { dealloc } from '../object/dealloc.ts';
import { kindRecordOf } from '../object/kinds.ts';
import { buildTable } from '../object/map.ts';
import { freeTable } from '../object/map-table.ts';
import type { Mutator } from '../object/mutator.ts';
import { endDictionary } from '../object/shape.ts';
import { logOfDead } from '../object/undo.ts';
import { assertHoldsGil } from '../sync/gil.ts';
import { isAttached } from '../sync/thread-table.ts';
import { wantAgain } from './background-state.ts';
import { finishSweep } from './collector.ts';
import { resetTrigger } from './generations.ts';
import { stopJob } from './job.ts';
import { repairArrays, repairMaps } from './rebuild-containers.ts';
import { recount, repairRows } from './rebuild-counts.ts';
import { findRuns, Ground, isObject, readHeaders } from './rebuild-ground.ts';
import { rebuildPages, repairInternTable } from './rebuild-pages.ts';

/**
 * Makes the heap sound again. The caller holds the lock; no section of its own is running, but for
 * one that waits at a safepoint, whose locals are rows.
 *
 * @throws HeapCorruptionError when what cannot be derived is not what any thread can have left.
 */
export function rebuild(mem: Mutator): void {
  assertHoldsGil(mem);
  stopCollection(mem);
  forgetHalfKind(mem);
  const ground = new Ground(mem);
  findRuns(ground);
  readHeaders(ground);
  endChange(ground);
  repairRows(ground);
  repairArrays(ground);
  repairMaps(ground);
  repairInternTable(ground);
  recount(ground);
  rebuildPages(ground);
  listCondemned(ground);
  rebuildCounters(ground);
  rebuildTables(ground);
  // What is to be undone first may tell of them.
  mem.undo = logOfDead(mem);
  try {
    buryDead(ground);
    finishSweep(mem);
  } finally {
    mem.undo = null;
  }
}

/**
 * Gives up what was being collected, and asks for it again. Its pages are found free; what it has
 * condemned is swept at the end.
 */
function stopCollection(mem: Mutator): void {
  const { i32 } = mem;
  stopJob(mem);
  i32[GC_SCRATCH] = 0;
  if (i32[GC_BACKGROUND] > BACKGROUND_WANTED) wantAgain(mem);
}

/** A declaration that was not counted yet is none. */
function forgetHalfKind(mem: Mutator): void {
  const kinds = mem.i32[CONTROL_KIND_COUNT];
  if (kinds < FIRST_STRUCT_KIND || kinds >= MAX_KINDS) return;
  const record = kindRecordOf(mem, kinds);
  mem.i32.fill(0, record, record + KIND_WORDS);
}

/** An object that was becoming a dictionary is one. */
function endChange(ground: Ground): void {
  const { mem } = ground;
  const object = mem.i32[CONTROL_CHANGED];
  const map = mem.i32[CONTROL_CHANGED_TO];
  if (!isObject(ground, object) || !isObject(ground, map)) return;
  if (mem.i32[object + HEADER_INFO] >>> KIND_SHIFT < FIRST_STRUCT_KIND) return;
  endDictionary(mem, object as ObjectRef, map as ObjectRef);
}

function listCondemned({ mem, condemned }: Ground): void {
  const { i32 } = mem;
  let head = 0;
  for (let i = condemned.length - 1; i >= 0; i--) {
    i32[condemned.refs[i] + HEADER_COUNT] = head;
    head = condemned.refs[i];
  }
  i32[GC_CONDEMNED_LIST] = head;
  i32[GC_UNLINKED_LIST] = 0;
}

function rebuildCounters({ mem, sizes }: Ground): void {
  const { i32 } = mem;
  i32.set(sizes, GC_SIZES);
  i32[CONTROL_SUSPECT] = 0;
  let guards = 0;
  for (let id = 1; id <= MAX_THREADS; id++) {
    if (isAttached(mem, id)) guards += i32[threadRecordOf(mem, id) + THREAD_GUARDS];
  }
  i32[GC_DISABLES] = guards;
  resetTrigger(mem);
}

/** Where there is no room for a table, a map is searched: that takes longer, and no more. */
function rebuildTables({ mem, retabled }: Ground): void {
  const { i32 } = mem;
  for (let i = 0; i < retabled.length; i++) {
    const map = retabled.refs[i] as ObjectRef;
    i32[CONTROL_CHANGED] = map;
    freeTable(mem, map);
    if (i32[map + HEADER_COUNT] === 0 || i32[map + MAP_SIZE] <= MAP_SMALL) continue;
    try {
      buildTable(mem, map);
    } catch (error) {
      if (!(error instanceof HeapExhaustedError)) throw error;
    }
  }
}

/** What nothing refers to dies. None of it refers to another of them. */
function buryDead({ mem, dead }: Ground): void {
  for (let i = 0; i < dead.length; i++) dealloc(mem, dead.refs[i]);
}
