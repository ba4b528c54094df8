/**
 * Verification, roots: control words, the lock, thread records and their rows, named roots, locals.
 */

import {
  ABANDONED,
  CONTROL_COUNTS,
  CONTROL_FIRST_PAGE,
  CONTROL_GIL,
  CONTROL_MAGIC,
  CONTROL_NULL,
  CONTROL_PAGES,
  CONTROL_ROOT_MAP,
  CONTROL_STATE,
  CONTROL_TRANSIT_MAP,
  CONTROL_VERSION,
  CONTROL_WAITERS,
  HEAP_OPEN,
  HEAP_RECOVERING,
  LAYOUT_VERSION,
  MAGIC,
  ROW_ITERATOR,
  THREAD_ATTACHED,
  THREAD_BINS,
  THREAD_FREE,
  THREAD_HELD_COUNT,
  THREAD_HELD_ROOT,
  THREAD_PARK,
  THREAD_ROWS_COUNT,
  THREAD_ROWS_ROOT,
  THREAD_STATE,
} from '../memory/layout.ts';
import { threadRecordOf } from '../memory/memory.ts';
import { SIZE_CLASSES } from '../memory/size-classes.ts';
import { ROLE_FREE, ROLE_MAP, type Survey } from './verify-survey.ts';
import { countReference } from './verify-values.ts';
import { collectLeaves } from './verify-vectors.ts';

// The lock word and the park words, as `sync/gil.ts` draws them.
const LOCK_OWNER = 0xff;
const LOCK_CONTENDED = 1 << 8;
const LOCK_HANDOVER = 1 << 9;
const LOCK_READERS = 1 << 10;
const AWAKE = 0;
const GRANTED = 3;

/** Checks the constant control words and the lock. */
export function checkControl(survey: Survey): void {
  const { i32, mem, findings } = survey;
  const check = (at: number, expected: number) => {
    if (i32[at] !== expected) findings.add('CONTROL_WRONG', at, expected, i32[at]);
  };
  check(CONTROL_NULL, 0);
  check(CONTROL_MAGIC, MAGIC);
  check(CONTROL_VERSION, LAYOUT_VERSION);
  check(CONTROL_PAGES, mem.pages);
  check(CONTROL_FIRST_PAGE, mem.firstPage);
  check(CONTROL_COUNTS, mem.atomicCounts ? 1 : 0);
  const state = Atomics.load(i32, CONTROL_STATE);
  if (state < HEAP_OPEN || state > HEAP_RECOVERING) {
    findings.add('CONTROL_WRONG', CONTROL_STATE, HEAP_OPEN, state);
  }
  const lock = Atomics.load(i32, CONTROL_GIL);
  const flags = lock & ~LOCK_OWNER;
  const waiting = flags & ~LOCK_READERS;
  const areKnown = [0, LOCK_CONTENDED, LOCK_CONTENDED | LOCK_HANDOVER].includes(waiting);
  if ((lock & LOCK_OWNER) !== mem.threadId || !areKnown) {
    findings.add('LOCK_WRONG', CONTROL_GIL, mem.threadId, lock);
  }
}

/** Checks the records of all threads, attached or not. Threads may attach meanwhile. */
export function checkThreads(survey: Survey): void {
  const { i32, mem, findings } = survey;
  for (let id = 1; id < ABANDONED; id++) {
    const record = threadRecordOf(mem, id);
    const isMe = id === mem.threadId;
    const isWaiting = isMarkedWaiting(survey, id); // before the state: a new thread may wait soon
    const state = Atomics.load(i32, record + THREAD_STATE);
    // Below 0: a thread is writing it.
    if (state > THREAD_ATTACHED || (isMe && state === THREAD_FREE)) {
      findings.add('THREAD_STATE_WRONG', record, THREAD_ATTACHED, state);
    }
    const park = Atomics.load(i32, record + THREAD_PARK);
    if (park < AWAKE || park > GRANTED || (isMe && park !== AWAKE)) {
      findings.add('PARK_WRONG', record, AWAKE, park);
    }
    if (isWaiting && (isMe || state === THREAD_FREE)) {
      findings.add('WAITER_BIT_WRONG', record, 0, 1);
    }
    if (state === THREAD_FREE && !isMe && hasLeftSomething(survey, record)) {
      findings.add('THREAD_RECORD_STALE', record, 0, 1);
      survey.loseSight(); // its rows are not looked into
    }
  }
}

function isMarkedWaiting(survey: Survey, id: number): boolean {
  const bits = Atomics.load(survey.i32, CONTROL_WAITERS + ((id - 1) >>> 5));
  return (bits & (1 << ((id - 1) & 31))) !== 0;
}

/** Whether the record of a thread that has left still leads to rows or runs. */
function hasLeftSomething(survey: Survey, record: number): boolean {
  const { i32 } = survey;
  if (i32[record + THREAD_ROWS_ROOT] !== 0 || i32[record + THREAD_ROWS_COUNT] !== 0) return true;
  const bins = record + THREAD_BINS;
  for (let i = 0; i < SIZE_CLASSES; i++) if (i32[bins + i] !== 0) return true;
  return false;
}

/** Counts what rows, named roots, references in transit and locals hold. */
export function checkRoots(survey: Survey): void {
  const { i32, mem, findings } = survey;
  for (let id = 1; id < ABANDONED; id++) {
    checkRows(survey, id, ROWS);
    checkRows(survey, id, HELD);
  }
  for (const at of [CONTROL_ROOT_MAP, CONTROL_TRANSIT_MAP]) {
    if (i32[at] === 0) continue;
    const role = countReference(survey, i32[at], at);
    if (role !== ROLE_MAP && role !== ROLE_FREE) {
      findings.add('ROOT_MAP_WRONG', at, 0, i32[at]);
      survey.isCountable = false; // the object has one holder too many, and the map too few
    }
  }
  for (const local of survey.locals)
    countReference(survey, local, threadRecordOf(mem, mem.threadId));
}

/** Where a thread has what it holds, and which of its words can be in use. */
interface Table {
  readonly root: number;
  readonly count: number;
  readonly first: number;
}

const ROWS: Table = { root: THREAD_ROWS_ROOT, count: THREAD_ROWS_COUNT, first: 1 };
const HELD: Table = { root: THREAD_HELD_ROOT, count: THREAD_HELD_COUNT, first: 0 };

function checkRows(survey: Survey, id: number, table: Table): void {
  const { i32, mem, findings, leaves, leafWords, leafIndex } = survey;
  const record = threadRecordOf(mem, id);
  if (i32[record + THREAD_STATE] === THREAD_FREE) return; // has none, or `checkThreads` said so
  const covered = collectLeaves(survey, record + table.root, -id);
  if (covered < 0) return;
  const rows = i32[record + table.count];
  if (rows < 0 || rows > covered) {
    findings.add('ROWS_MISSING', record, covered, rows);
    survey.loseSight();
    return;
  }
  for (let leaf = 0; leaf < leaves.length; leaf++) {
    for (let i = 0; i < leafWords[leaf]; i++) {
      const object = i32[leaves[leaf] + i] & ~ROW_ITERATOR;
      if (object === 0) continue;
      const row = leafIndex[leaf] + i;
      if (row >= table.first && row < rows) {
        countReference(survey, object, record);
        continue;
      }
      findings.add('ROWS_STRAY', record, rows, row);
      survey.isCountable = false; // the number of rows may be what is wrong
    }
  }
}
