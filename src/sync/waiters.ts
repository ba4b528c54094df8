/**
 * Who waits for the lock, in which order, and how they are woken.
 *
 * A thread's park word (THREAD_PARK, atomic): one that waits blocking
 *
 *   AWAKE --begins to wait (own store)-->  PARKED
 *   PARKED --release (CAS)-->              SIGNALLED   the lock may be free: look and compete
 *   SIGNALLED --looked (own CAS)-->        PARKED
 *   PARKED, SIGNALLED --hand over (CAS)--> GRANTED     the lock word names this thread next
 *   PARKED --gives up (own CAS)-->         AWAKE       fails when GRANTED: then it owns the lock
 *   any --has the lock (own store)-->      AWAKE
 *
 * A thread's word for asynchronous waiting (THREAD_ASYNC, atomic): its event loop goes on
 *
 *   IDLE --begins to wait (own store)-->           WAITING
 *   WAITING --release, offer, reader left (CAS)--> WOKEN     the lock may be free: look and compete
 *   WOKEN --looked (own store)-->                  WAITING
 *   any --waits no more (own store)-->             IDLE
 *
 * Tickets give the order of both. A bit for each waiter says whose words are worth a look; it is
 * set after the word was, and cleared before.
 */

import {
  CONTROL_ASYNC_WAITERS,
  CONTROL_TICKET,
  CONTROL_WAITERS,
  THREAD_ASYNC,
  THREAD_ASYNC_TICKET,
  THREAD_PARK,
  THREAD_TICKET,
  WAITER_WORDS,
} from '../memory/layout.ts';
import { type Memory, threadRecordOf } from '../memory/memory.ts';

export const AWAKE = 0;
export const PARKED = 1;
export const SIGNALLED = 2;
export const GRANTED = 3;

export const ASYNC_IDLE = 0;
export const ASYNC_WAITING = 1;
export const ASYNC_WOKEN = 2;

/** Sets or clears a thread's bit in a set of threads that begins at `words`. */
export function setThreadBit(mem: Memory, words: number, id: number, isSet: boolean): void {
  const index = id - 1;
  const at = words + (index >>> 5);
  const bit = 1 << (index & 31);
  if (isSet) Atomics.or(mem.i32, at, bit);
  else Atomics.and(mem.i32, at, ~bit);
}

/** Whether thread `id` is noted as one that waits for the lock, passed over or not. */
export function isMarkedWaiting(mem: Memory, id: number): boolean {
  const { i32 } = mem;
  const bits = Atomics.load(i32, CONTROL_WAITERS + ((id - 1) >>> 5));
  const async = Atomics.load(i32, threadRecordOf(mem, id) + THREAD_ASYNC);
  return (bits & (1 << ((id - 1) & 31))) !== 0 || async !== ASYNC_IDLE;
}

/** Lists the calling thread among those that wait blocking. */
export function beginParking(mem: Memory): void {
  const { i32, thread } = mem;
  i32[thread + THREAD_TICKET] = takeTicket(mem);
  Atomics.store(i32, thread + THREAD_PARK, PARKED);
  setThreadBit(mem, CONTROL_WAITERS, mem.threadId, true);
}

/** It waits no more. */
export function endParking(mem: Memory): void {
  setThreadBit(mem, CONTROL_WAITERS, mem.threadId, false);
  Atomics.store(mem.i32, mem.thread + THREAD_PARK, AWAKE);
}

/** A place in the order of all who wait, behind those who have one. */
export const takeTicket = (mem: Memory): number => Atomics.add(mem.i32, CONTROL_TICKET, 1);

/** Lists the calling thread among those that wait asynchronously, with its first ticket. */
export function beginAsync(mem: Memory, ticket: number): void {
  const { i32, thread } = mem;
  Atomics.store(i32, thread + THREAD_ASYNC_TICKET, ticket);
  Atomics.store(i32, thread + THREAD_ASYNC, ASYNC_WAITING);
  setThreadBit(mem, CONTROL_ASYNC_WAITERS, mem.threadId, true);
}

/** It waits no more. Whatever sleeps on its word wakes up. */
export function endAsync(mem: Memory): void {
  const at = mem.thread + THREAD_ASYNC;
  setThreadBit(mem, CONTROL_ASYNC_WAITERS, mem.threadId, false);
  Atomics.store(mem.i32, at, ASYNC_IDLE);
  Atomics.notify(mem.i32, at);
}

/**
 * A dead thread waits no more, but for one that is GRANTED the lock. That it did stays written in
 * its bit and its word for asynchronous waiting, for whoever recovers it.
 */
export function passOver(mem: Memory, id: number): void {
  const park = threadRecordOf(mem, id) + THREAD_PARK;
  for (const state of [PARKED, SIGNALLED]) Atomics.compareExchange(mem.i32, park, state, AWAKE);
  setThreadBit(mem, CONTROL_ASYNC_WAITERS, id, false);
}

/** As `passOver`, and forgets that it has waited. */
export function forgetWaiter(mem: Memory, id: number): void {
  const record = threadRecordOf(mem, id);
  passOver(mem, id);
  if (Atomics.load(mem.i32, record + THREAD_PARK) === AWAKE)
    setThreadBit(mem, CONTROL_WAITERS, id, false);
  Atomics.store(mem.i32, record + THREAD_ASYNC, ASYNC_IDLE);
}

/** Forgets that the lock was handed to a dead thread. By whoever has taken it instead. */
export function forgetGranted(mem: Memory, id: number): void {
  setThreadBit(mem, CONTROL_WAITERS, id, false);
  Atomics.store(mem.i32, threadRecordOf(mem, id) + THREAD_PARK, AWAKE);
}

/**
 * The parked thread with the oldest ticket; 0 when there is none. One that is SIGNALLED is awake
 * and will look, so when `oneIsEnough` there is none beside it.
 */
export function longestParked(mem: Memory, oneIsEnough: boolean): number {
  const { i32 } = mem;
  let longest = 0;
  for (let group = 0; group < WAITER_WORDS; group++) {
    let bits = Atomics.load(i32, CONTROL_WAITERS + group);
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits);
      bits ^= 1 << bit;
      const id = group * 32 + bit + 1;
      const parkState = Atomics.load(i32, threadRecordOf(mem, id) + THREAD_PARK);
      if (parkState === SIGNALLED && oneIsEnough) return 0;
      if (parkState !== PARKED && parkState !== SIGNALLED) continue;
      if (longest === 0 || isOlder(ticketOf(mem, id), ticketOf(mem, longest))) longest = id;
    }
  }
  return longest;
}

/** The thread with the oldest ticket that waits asynchronously; 0 when there is none. */
export function longestAsync(mem: Memory): number {
  const { i32 } = mem;
  let longest = 0;
  for (let group = 0; group < WAITER_WORDS; group++) {
    let bits = Atomics.load(i32, CONTROL_ASYNC_WAITERS + group);
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits);
      bits ^= 1 << bit;
      const id = group * 32 + bit + 1;
      if (longest === 0 || isOlder(asyncTicketOf(mem, id), asyncTicketOf(mem, longest)))
        longest = id;
    }
  }
  return longest;
}

/** Whether the thread `async` has waited longer than the parked one. */
export const isAsyncFirst = (mem: Memory, async: number, parked: number): boolean =>
  parked === 0 || isOlder(asyncTicketOf(mem, async), ticketOf(mem, parked));

const ticketOf = (mem: Memory, id: number): number =>
  mem.i32[threadRecordOf(mem, id) + THREAD_TICKET];

const asyncTicketOf = (mem: Memory, id: number): number =>
  Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_ASYNC_TICKET);

/** Tickets wrap: the difference tells which is older. */
const isOlder = (a: number, b: number): boolean => ((a - b) | 0) < 0;

/** Moves the parked thread with the oldest ticket to GRANTED. Returns its id; 0 when none waits. */
export function grantLongest(mem: Memory): number {
  const { i32 } = mem;
  for (;;) {
    const id = longestParked(mem, false);
    if (id === 0) return 0;
    const at = threadRecordOf(mem, id) + THREAD_PARK;
    if (Atomics.compareExchange(i32, at, PARKED, GRANTED) === PARKED) return id;
    if (Atomics.compareExchange(i32, at, SIGNALLED, GRANTED) === SIGNALLED) return id;
  }
}

/**
 * The lock is free: wakes the thread that has been parked longest and, if it has waited longer or
 * nobody is parked, the one that has waited longest asynchronously. That one's event loop may be
 * busy, so it is never the only one to know.
 */
export function signalLongest(mem: Memory): void {
  const { i32 } = mem;
  const parked = signalParked(mem);
  if (parked !== 0) Atomics.notify(i32, threadRecordOf(mem, parked) + THREAD_PARK, 1);
  const async = longestAsync(mem);
  if (async !== 0 && isAsyncFirst(mem, async, parked)) wakeAsync(mem, async);
}

function signalParked(mem: Memory): number {
  const { i32 } = mem;
  for (;;) {
    const id = longestParked(mem, true);
    if (id === 0) return 0;
    const at = threadRecordOf(mem, id) + THREAD_PARK;
    if (Atomics.compareExchange(i32, at, PARKED, SIGNALLED) === PARKED) return id;
  }
}

/** Wakes a thread that waits asynchronously. */
export function wakeAsync(mem: Memory, id: number): void {
  const at = threadRecordOf(mem, id) + THREAD_ASYNC;
  if (Atomics.compareExchange(mem.i32, at, ASYNC_WAITING, ASYNC_WOKEN) !== ASYNC_WAITING) return;
  Atomics.notify(mem.i32, at);
}

/** A thread that waits asynchronously has had its turn: it stands behind all others again. */
export function renewTicket(mem: Memory, id: number): void {
  Atomics.store(mem.i32, threadRecordOf(mem, id) + THREAD_ASYNC_TICKET, takeTicket(mem));
}
