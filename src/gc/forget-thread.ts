/**
 * What a dead thread leaves is released: its rows, its pages, its guards, its claim, its record.
 * Its cost is what the thread owned. In a sound heap: when it died in a section, `rebuild` came
 * before.
 *
 * Each step can be done again from where it was left off, so whoever does it may die of it, too.
 */

import { assert } from '../base/assert.ts';
import {
  ABANDONED,
  BACKGROUND_WANTED,
  COLLECTOR_THREAD,
  CONTROL_CREATOR,
  DIED_COLLECTING,
  DIED_HOLDING,
  DIED_OUTSIDE,
  DIED_WAITING,
  GC_DISABLES,
  NULL_REF,
  type ObjectRef,
  ROW_ITERATOR,
  THREAD_DIED,
  THREAD_GUARDS,
  THREAD_HELD_COUNT,
  THREAD_HELD_HEIGHT,
  THREAD_HELD_ROOT,
  THREAD_NODE_ID,
  THREAD_OS_ID,
  THREAD_ROWS_COUNT,
  THREAD_ROWS_HEIGHT,
  THREAD_ROWS_ROOT,
  type ThreadId,
  type WordIndex,
} from '../memory/layout.ts';
import { threadRecordOf } from '../memory/memory.ts';
import { abandonRuns } from '../memory/pages.ts';
import { decref } from '../object/dealloc.ts';
import { closeIterator } from '../object/map-chunks.ts';
import type { Mutator } from '../object/mutator.ts';
import { dropSentTo } from '../object/transit.ts';
import { undoOfDead } from '../object/undo.ts';
import { freeVector, wordAt } from '../object/vector.ts';
import { forgetDeposing, forgetUnnamed, tryForgetDead } from '../sync/gil.ts';
import {
  bequeathCounters,
  isAttached,
  isDead,
  releaseThread,
  tryFreeHalfClaimed,
} from '../sync/thread-table.ts';
import { forgetGranted, forgetWaiter, isMarkedWaiting } from '../sync/waiters.ts';
import { backgroundState } from './background-state.ts';
import { collectingThread, dropClaimOf } from './claim.ts';
import { type DeathRecord, noteDeath } from './deaths.ts';
import { resetTrigger } from './generations.ts';
import { countBlocks } from './members.ts';

/**
 * Releases what all dead threads have left. The caller holds the GIL, and the heap is sound.
 *
 * @param beganMs when the first of them began to keep others waiting, by `performance.now()`
 */
export function recoverDead(mem: Mutator, beganMs = performance.now()): DeathRecord[] {
  const deaths: DeathRecord[] = [];
  undoOfDead(mem);
  let began = beganMs;
  for (let id = 1; id < ABANDONED; id++) {
    if (id === mem.threadId) continue;
    tryFreeHalfClaimed(mem, id);
    const where = isAttached(mem, id) ? whereItDied(mem, id) : 0;
    if (where === 0) continue;
    deaths.push(forgetThread(mem, id as ThreadId, where, began));
    began = performance.now();
  }
  return deaths;
}

/** Where thread `id` died; 0: it lives, or nothing is to be done for it yet. */
function whereItDied(mem: Mutator, id: number): number {
  const died = mem.i32[threadRecordOf(mem, id) + THREAD_DIED];
  if (died < 0 && id === COLLECTOR_THREAD) return 0; // nothing is left of it
  const hasBegunOne = collectingThread(mem) === id;
  // The collector thread takes the lock for nothing else.
  const collects = hasBegunOne || id === COLLECTOR_THREAD;
  if (died === DIED_HOLDING && collects) return DIED_COLLECTING;
  if (died !== 0) return died;
  if (!isDead(mem, id)) return 0;
  const wasWaiting = isMarkedWaiting(mem, id);
  forgetUnnamed(mem, id);
  if (!tryForgetDead(mem, id)) return 0;
  if (wasWaiting) return DIED_WAITING;
  const isOpen = id === COLLECTOR_THREAD && backgroundState(mem) > BACKGROUND_WANTED;
  return hasBegunOne || isOpen ? DIED_COLLECTING : DIED_OUTSIDE;
}

/** Releases what thread `id` has left, whom nobody can be any more. The caller holds the GIL. */
export function forgetThread(
  mem: Mutator,
  id: ThreadId,
  where: number,
  beganMs: number,
): DeathRecord {
  const { i32 } = mem;
  const record = threadRecordOf(mem, id);
  const osThread = i32[record + THREAD_OS_ID];
  const before = countBlocks(mem);
  const rows =
    releaseTable(mem, (record + THREAD_ROWS_ROOT) as WordIndex, record + THREAD_ROWS_COUNT) +
    releaseTable(mem, (record + THREAD_HELD_ROOT) as WordIndex, record + THREAD_HELD_COUNT);
  const blocks = Math.max(0, before - countBlocks(mem));
  const pages = abandonRuns(mem, id);
  i32[GC_DISABLES] = Math.max(0, i32[GC_DISABLES] - i32[record + THREAD_GUARDS]);
  i32[record + THREAD_GUARDS] = 0;
  resetTrigger(mem);
  bequeathCounters(mem, id);
  dropClaimOf(mem, id);
  forgetDeposing(mem, id);
  forgetWaiter(mem, id);
  forgetGranted(mem, id); // it may have died between getting the lock and saying so
  dropSentTo(mem, i32[record + THREAD_NODE_ID]);
  if (i32[CONTROL_CREATOR] === id) i32[CONTROL_CREATOR] = NULL_REF;
  const durationMs = performance.now() - beganMs;
  const death = noteDeath(mem, { thread: id, osThread, where, rows, blocks, pages, durationMs });
  // A new collector thread may be taking the record by now, and needs nobody's leave.
  if (id === COLLECTOR_THREAD) i32[record + THREAD_DIED] = -1;
  else releaseThread(mem, id);
  return death;
}

/** Releases what stands in a table of a thread, and the table. Returns how many rows that were. */
function releaseTable(mem: Mutator, at: WordIndex, countAt: number): number {
  const { i32 } = mem;
  const count = i32[countAt];
  let rows = 0;
  for (let row = 0; row < count; row++) {
    const word = wordAt(mem, at, row);
    const object = (i32[word] & ~ROW_ITERATOR) as ObjectRef;
    if (object === 0) continue;
    if (i32[word] !== object) closeIterator(mem, object);
    i32[word] = 0;
    decref(mem, object);
    rows++;
  }
  const root = i32[at];
  const height = i32[at + HEIGHT];
  i32[countAt] = 0;
  i32[at] = 0;
  i32[at + HEIGHT] = 0;
  freeVector(mem, root, height);
  return rows;
}

/** The height of a vector stands behind its root. */
const HEIGHT = THREAD_ROWS_HEIGHT - THREAD_ROWS_ROOT;
assert(THREAD_HELD_HEIGHT - THREAD_HELD_ROOT === HEIGHT, 'thread: both tables are vectors');
