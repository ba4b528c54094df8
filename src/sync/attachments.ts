/**
 * Attachments: one thread in one heap, from attaching to leaving. Objects that outlive threads name
 * one by the thread's number and its serial, since the number is given to another thread
 * afterwards.
 */

import {
  MAX_THREADS,
  THREAD_ATTACHED,
  THREAD_NODE_ID,
  THREAD_SERIAL,
  THREAD_STATE,
} from '../memory/layout.ts';
import { type Memory, threadRecordOf } from '../memory/memory.ts';
import { isAlive } from './liveness.ts';
import { isAttached, isDead, osThreadOf } from './thread-table.ts';

/** The serial of the calling thread's attachment. */
export const ownSerial = (mem: Memory): number => mem.i32[mem.thread + THREAD_SERIAL];

/** Whether an attachment is the calling thread's. */
export const isOwn = (mem: Memory, id: number, serial: number): boolean =>
  id === mem.threadId && serial === ownSerial(mem);

/** Whether an attachment has ended, as far as the thread table tells: two loads. */
export function hasLeft(mem: Memory, id: number, serial: number): boolean {
  const record = threadRecordOf(mem, id);
  if (Atomics.load(mem.i32, record + THREAD_STATE) !== THREAD_ATTACHED) return true;
  return mem.i32[record + THREAD_SERIAL] !== serial;
}

/**
 * Whether an attachment has ended, or its thread is dead: asks the system. The record of a thread
 * that lives and is attached does not change, so what is read of it is whole; if it changes between
 * the two looks, then the thread has left.
 */
export const isGone = (mem: Memory, id: number, serial: number): boolean =>
  hasLeft(mem, id, serial) || !isAlive(osThreadOf(mem, id));

/** Whether a thread of this number in Node.js is attached and, by the system, lives. */
export function isShownAlive(mem: Memory, nodeThreadId: number): boolean {
  for (let id = 1; id <= MAX_THREADS; id++) {
    const isThatOne = mem.i32[threadRecordOf(mem, id) + THREAD_NODE_ID] === nodeThreadId;
    if (isThatOne && isAttached(mem, id)) return !isDead(mem, id);
  }
  return false;
}
