/**
 * The thread table: which threads are attached to a heap.
 *
 *   THREAD_FREE --claim (CAS)--> -n --its record is written--> THREAD_ATTACHED --release--> FREE
 *   -n --thread n of the system has died meanwhile (CAS)--> THREAD_FREE
 *
 * A record's owner writes its other words before it first takes the lock; others read them. The
 * record of the collector thread is not claimed here: `gc/requests.ts` says whose it is.
 */

import { threadId as nodeThreadId } from 'node:worker_threads';
import { TooManyThreadsError } from '../base/errors.ts';
import {
  COLLECTOR_THREAD,
  CONTROL_LEFT,
  CONTROL_SCANNED_AT,
  CONTROL_THREADS_SEEN,
  GC_DISABLES,
  MAX_THREADS,
  THREAD_ATTACHED,
  THREAD_BINS,
  THREAD_DIED,
  THREAD_FREE,
  THREAD_GUARDS,
  THREAD_HANDOVERS,
  THREAD_NODE_ID,
  THREAD_OS_ID,
  THREAD_SECTIONS,
  THREAD_SERIAL,
  THREAD_START_HIGH,
  THREAD_START_LOW,
  THREAD_STATE,
  THREAD_WAIT_US,
  THREAD_WAITS,
  type ThreadId,
} from '../memory/layout.ts';
import { Memory, threadRecordOf } from '../memory/memory.ts';
import { currentOsThread, isAlive, isThread, type OsThread } from './liveness.ts';

const TICKS_HIGH = 2 ** 32;

/** In a view that only claims a record, nobody's. */
const NOBODY = 0 as ThreadId;

/**
 * Claims a record for the calling thread.
 *
 * @throws TooManyThreadsError when all are taken.
 */
export function claimThread(buffer: SharedArrayBuffer): ThreadId {
  const mem = new Memory(buffer, NOBODY);
  const { i32 } = mem;
  for (let id = 1; id <= MAX_THREADS; id++) {
    const state = threadRecordOf(mem, id) + THREAD_STATE;
    const claimed = -currentOsThread().id || THREAD_ATTACHED;
    if (Atomics.compareExchange(i32, state, THREAD_FREE, claimed) !== THREAD_FREE) continue;
    writeRecord(mem, id);
    i32[threadRecordOf(mem, id) + THREAD_SERIAL] = Atomics.add(i32, CONTROL_THREADS_SEEN, 1) + 1;
    Atomics.store(i32, state, THREAD_ATTACHED);
    return id as ThreadId;
  }
  throw new TooManyThreadsError(MAX_THREADS);
}

/**
 * Takes the record of the collector thread, with the pages that a dead one has left in it. The
 * caller is the one thread that may, and the lock is not in the dead one's hands.
 */
export function takeCollectorRecord(buffer: SharedArrayBuffer): ThreadId {
  const mem = new Memory(buffer, NOBODY);
  writeRecord(mem, COLLECTOR_THREAD);
  Atomics.store(mem.i32, threadRecordOf(mem, COLLECTOR_THREAD) + THREAD_STATE, THREAD_ATTACHED);
  return COLLECTOR_THREAD;
}

/** Writes who the calling thread is into the record `id`, and clears what a former thread left. */
function writeRecord(mem: Memory, id: number): void {
  const { i32 } = mem;
  const record = threadRecordOf(mem, id);
  i32.fill(0, record + THREAD_STATE + 1, record + THREAD_BINS);
  i32[record + THREAD_NODE_ID] = nodeThreadId;
  const { id: osId, startTicks } = currentOsThread();
  i32[record + THREAD_OS_ID] = osId;
  i32[record + THREAD_START_LOW] = (startTicks % TICKS_HIGH) | 0;
  i32[record + THREAD_START_HIGH] = Math.floor(startTicks / TICKS_HIGH);
}

/**
 * Adds the counters of a thread that leaves to those of the heap; its guards are closed. The caller
 * holds the GIL.
 */
export function bequeathCounters(mem: Memory, id: ThreadId): void {
  const record = threadRecordOf(mem, id);
  mem.i32[record + THREAD_GUARDS] = 0;
  for (let word = THREAD_SECTIONS; word <= THREAD_HANDOVERS; word++) {
    mem.i32[CONTROL_LEFT + word - THREAD_SECTIONS] += mem.i32[record + word];
    mem.i32[record + word] = 0;
  }
}

/**
 * Closes the guards of threads that have died: nobody else would, and automatic collections would
 * be off for ever. Returns whether no guard is open any more. The caller holds the GIL.
 */
export function closeGuardsOfDead(mem: Memory): boolean {
  const { i32 } = mem;
  for (let id = 1; id <= MAX_THREADS && i32[GC_DISABLES] !== 0; id++) {
    const guards = threadRecordOf(mem, id) + THREAD_GUARDS;
    if (i32[guards] === 0 || id === mem.threadId || isAlive(osThreadOf(mem, id))) continue;
    i32[GC_DISABLES] -= i32[guards];
    i32[guards] = 0;
  }
  return i32[GC_DISABLES] === 0;
}

/** Gives the record of thread `id` back. Its rows are released and its pages abandoned by now. */
export function releaseThread(mem: Memory, id: ThreadId): void {
  Atomics.store(mem.i32, threadRecordOf(mem, id) + THREAD_STATE, THREAD_FREE);
}

/** Frees the record of a thread that died while it was writing it. */
export function tryFreeHalfClaimed(mem: Memory, id: number): void {
  const at = threadRecordOf(mem, id) + THREAD_STATE;
  const state = Atomics.load(mem.i32, at);
  if (isHalfClaimed(state)) Atomics.compareExchange(mem.i32, at, state, THREAD_FREE);
}

/** Whether the thread that was writing a record in this state has died. */
const isHalfClaimed = (state: number): boolean => state < 0 && !isThread(-state);

/** Whether the record of `id` is taken. */
export function isAttached(mem: Memory, id: number): boolean {
  return Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_STATE) === THREAD_ATTACHED;
}

/** The system's thread behind thread `id`. */
export function osThreadOf(mem: Memory, id: number): OsThread {
  const { i32 } = mem;
  const record = threadRecordOf(mem, id);
  const low = i32[record + THREAD_START_LOW] >>> 0;
  const startTicks = i32[record + THREAD_START_HIGH] * TICKS_HIGH + low;
  return { id: i32[record + THREAD_OS_ID], startTicks };
}

/** Whether thread `id` has ended. Its record is read twice: it may pass to a new thread. */
export function isDead(mem: Memory, id: number): boolean {
  const before = osThreadOf(mem, id);
  if (isAlive(before)) return false;
  const after = osThreadOf(mem, id);
  return after.id === before.id && after.startTicks === before.startTicks;
}

/** Whether any thread that is attached, or was about to be, has ended. Microseconds for each. */
export function hasDeadThread(mem: Memory): boolean {
  for (let id = 1; id <= MAX_THREADS; id++) {
    const state = Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_STATE);
    if (isHalfClaimed(state)) return true;
    if (id !== mem.threadId && state === THREAD_ATTACHED && isDead(mem, id)) return true;
  }
  // What a collector thread has left stays in its record for the next, once it was written down.
  const isForgotten = mem.i32[threadRecordOf(mem, COLLECTOR_THREAD) + THREAD_DIED] < 0;
  return !isForgotten && isAttached(mem, COLLECTOR_THREAD) && isDead(mem, COLLECTOR_THREAD);
}

/** Whether nobody has looked for dead threads for `periodMs`: then the caller does, for all. */
export function isTimeToScan(mem: Memory, periodMs: number): boolean {
  const now = Date.now() | 0; // wraps; only differences count
  const last = Atomics.load(mem.i32, CONTROL_SCANNED_AT);
  if (Math.abs((now - last) | 0) < periodMs / 2) return false;
  return Atomics.compareExchange(mem.i32, CONTROL_SCANNED_AT, last, now) === last;
}

/** How threads used the lock. */
export interface LockCounters {
  /** Outermost sections and single operations it has begun; wraps at 2^32. */
  readonly sections: number;
  /** Times it had to wait for the lock. */
  readonly waits: number;
  /** Milliseconds it waited. */
  readonly waitMs: number;
  /** Times it handed the lock over to a thread that had asked for it. */
  readonly handovers: number;
}

/** What `heap.stats()` says of one attached thread. */
export interface ThreadStats extends LockCounters {
  /** Its number in this heap, 1 to 128. */
  readonly id: number;
  /** The system's thread id; 0 where the system does not tell. */
  readonly osThread: number;
}

/** Reads the records of all attached threads but the collector thread. */
export function readThreads(mem: Memory): ThreadStats[] {
  const threads: ThreadStats[] = [];
  for (let id = 1; id <= MAX_THREADS; id++) {
    if (isAttached(mem, id)) threads.push(readThread(mem, id));
  }
  return threads;
}

/** Reads the record of thread `id`. */
export function readThread(mem: Memory, id: number): ThreadStats {
  const record = threadRecordOf(mem, id);
  const osThread = mem.i32[record + THREAD_OS_ID];
  return { id, osThread, ...readCounters(mem, record + THREAD_SECTIONS) };
}

/** The counters of threads that have left, together. */
export const readLeft = (mem: Memory): LockCounters => readCounters(mem, CONTROL_LEFT);

function readCounters(mem: Memory, at: number): LockCounters {
  const word = (offset: number) => mem.i32[at + offset - THREAD_SECTIONS] >>> 0;
  return {
    sections: word(THREAD_SECTIONS),
    waits: word(THREAD_WAITS),
    waitMs: word(THREAD_WAIT_US) / 1000,
    handovers: word(THREAD_HANDOVERS),
  };
}
