/**
 * What threads ask of the collector thread, and who that is. Nothing depends on an answer: without
 * a collector thread every thread collects inline, and a lost one may be replaced by anybody.
 *
 * The collector word (GC_COLLECTOR, atomic)
 *
 *   NONE --claim (CAS by the starter)-->                       STARTING | the starter's id
 *   STARTING --serve (CAS by the new thread)-->                SERVING
 *   SERVING --leave (CAS by the collector thread)-->           NONE
 *   any, its thread has died --claim (CAS by a starter)-->     STARTING | the starter's id
 *   STARTING, SERVING --the starter saw it end (CAS)-->        NONE
 *   STARTING --the starter saw it fail (CAS)-->                UNAVAILABLE
 *
 * The word names whoever must be alive for it to go on: SERVING the thread in the collector's
 * record, STARTING the starter, with which the new thread would end. UNAVAILABLE is final: no
 * threads can be started here.
 *
 * The request word (GC_REQUESTS, atomic): bits that any thread sets and the collector thread takes,
 * all at once. Bits set while there is no collector thread are found by the next one.
 */

import { assert } from '../base/assert.ts';
import {
  COLLECTOR_THREAD,
  CONTROL_STATE,
  GC_COLLECTOR,
  GC_POOL,
  GC_REQUESTS,
  HEAP_OPEN,
  HEAP_RECOVERING,
  MAX_THREADS,
  type ThreadId,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { isAlive, type OsThread } from '../sync/liveness.ts';
import { isAttached, osThreadOf } from '../sync/thread-table.ts';

/** A collection of old generations beside the mutators is due. */
export const REQUEST_BACKGROUND = 1 << 0;
/** A job is open: the workers of the pool are to join it now. */
export const REQUEST_SCANNERS = 1 << 1;
/** A job will come soon: the pool is to be made ready. */
export const REQUEST_POOL = 1 << 2;
/** The collector thread is to end. */
export const REQUEST_STOP = 1 << 3;

const NONE = 0;
const UNAVAILABLE = -1;
const STARTING = 1 << 8;
const SERVING = COLLECTOR_THREAD;
assert(SERVING < STARTING, 'requests: a starter is told from the collector');

// ── Who the collector is ─────────────────────────────────────────────────────────────────────

/** Whether the heap has a collector thread, or one that is starting; it may have died unnoticed. */
export function hasCollector(mem: Memory): boolean {
  return Atomics.load(mem.i32, GC_COLLECTOR) > NONE;
}

/** Whether the collector thread has started and not ended; it may have died unnoticed. */
export function isCollectorServing(mem: Memory): boolean {
  return Atomics.load(mem.i32, GC_COLLECTOR) === SERVING;
}

/** Whether the thread lives without which there is no collector thread, and will be none. */
export function isCollectorAlive(mem: Memory): boolean {
  const word = Atomics.load(mem.i32, GC_COLLECTOR);
  return word > NONE && isAlive(osThreadOf(mem, word & ~STARTING));
}

/**
 * Whether the thread that was the collector is gone, so that nobody ends what it has begun. A new
 * one that serves takes that over.
 */
export function isCollectorLost(mem: Memory): boolean {
  return !isCollectorServing(mem) || !isAlive(osThreadOf(mem, COLLECTOR_THREAD));
}

/**
 * The calling thread takes it on itself to start a collector thread. False when there is one, or
 * when none can be had: see `hasCollector`.
 */
export function claimCollector(mem: Memory): boolean {
  const word = Atomics.load(mem.i32, GC_COLLECTOR);
  if (word === UNAVAILABLE || !isHeapOpen(mem)) return false;
  if (word !== NONE && isAlive(osThreadOf(mem, word & ~STARTING))) return false;
  if (!moveCollector(mem, word, STARTING | mem.threadId)) return false;
  Atomics.store(mem.i32, GC_POOL, 0); // the pool of a dead collector thread has died with it
  Atomics.and(mem.i32, GC_REQUESTS, ~REQUEST_STOP); // that was meant for another
  return true;
}

/** Whether the collector thread that `starter` is starting is still expected. */
export function isCollectorExpected(mem: Memory, starter: ThreadId): boolean {
  return Atomics.load(mem.i32, GC_COLLECTOR) === (STARTING | starter);
}

/** The calling thread, in the collector's record by now, is the collector thread. */
export function beginServing(mem: Memory, starter: ThreadId): boolean {
  return moveCollector(mem, STARTING | starter, SERVING);
}

/** The collector thread has left the heap, and ends. */
export function endServing(mem: Memory): void {
  if (!moveCollector(mem, SERVING, NONE)) return;
  Atomics.store(mem.i32, GC_POOL, 0);
  Atomics.notify(mem.i32, GC_COLLECTOR); // somebody may wait for the end
}

/** The starter saw the new thread end before it served. */
export function abandonStart(mem: Memory, hasFailed: boolean): void {
  moveCollector(mem, STARTING | mem.threadId, hasFailed ? UNAVAILABLE : NONE);
}

/**
 * The starter saw the collector thread `ended` end, however it did. It may have been replaced by
 * now, but not where the system does not tell who lives: there only the starter can know.
 */
export function noteCollectorEnded(mem: Memory, ended: OsThread): void {
  const { id, startTicks } = osThreadOf(mem, COLLECTOR_THREAD);
  if (id !== ended.id || startTicks !== ended.startTicks) return;
  if (moveCollector(mem, SERVING, NONE)) Atomics.store(mem.i32, GC_POOL, 0);
}

/** Waits, blocking, until the collector thread has left; at most `timeoutMs`. */
export function awaitCollectorLeft(mem: Memory, timeoutMs: number): void {
  Atomics.wait(mem.i32, GC_COLLECTOR, SERVING, timeoutMs);
}

function moveCollector(mem: Memory, from: number, to: number): boolean {
  return Atomics.compareExchange(mem.i32, GC_COLLECTOR, from, to) === from;
}

// ── Requests ─────────────────────────────────────────────────────────────────────────────────

/** Asks for something, and wakes the collector thread. Returns at once. */
export function request(mem: Memory, bits: number): void {
  Atomics.or(mem.i32, GC_REQUESTS, bits);
  Atomics.notify(mem.i32, GC_REQUESTS, 1);
}

/** What was asked for since the last time. By the collector thread. */
export function takeRequests(mem: Memory): number {
  return Atomics.exchange(mem.i32, GC_REQUESTS, 0);
}

function isHeapOpen(mem: Memory): boolean {
  const state = Atomics.load(mem.i32, CONTROL_STATE);
  return state === HEAP_OPEN || state === HEAP_RECOVERING;
}

/** Whether the collector thread is to end. Asked in the middle of collections, too. */
export function isStopRequested(mem: Memory): boolean {
  return !isHeapOpen(mem) || (Atomics.load(mem.i32, GC_REQUESTS) & REQUEST_STOP) !== 0;
}

/** Wakes the collector thread without a request: it looks whether it is still needed. */
export function wakeCollector(mem: Memory): void {
  Atomics.notify(mem.i32, GC_REQUESTS);
}

/**
 * Waits for the next request without blocking the event loop. This does not keep the thread alive:
 * something else must.
 */
export async function waitForRequest(mem: Memory): Promise<void> {
  const result = Atomics.waitAsync(mem.i32, GC_REQUESTS, 0);
  if (result.async) await result.value;
}

/** Whether any thread but the collector thread is attached and alive. */
export function hasMutators(mem: Memory): boolean {
  for (let id = 1; id <= MAX_THREADS; id++) {
    if (isAttached(mem, id) && isAlive(osThreadOf(mem, id))) return true;
  }
  return false;
}

// ── The pool ─────────────────────────────────────────────────────────────────────────────────

/** How many scanners of the pool are ready to join a job. */
export function readyScanners(mem: Memory): number {
  return Atomics.load(mem.i32, GC_POOL);
}

/** The collector thread has counted the scanners that are ready. */
export function setReadyScanners(mem: Memory, count: number): void {
  Atomics.store(mem.i32, GC_POOL, count);
  Atomics.notify(mem.i32, GC_POOL);
}
