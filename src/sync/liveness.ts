/**
 * Whether another thread of this process still lives.
 *
 * On Linux a worker is a thread of the system: its number and start time are recorded when it
 * attaches, and `/proc/self/task` tells, synchronously and within microseconds, whether it is
 * there. Elsewhere the number is 0 and every thread counts as alive.
 */

import { readFileSync, readlinkSync } from 'node:fs';

/** A thread of the system. The start time tells a thread from a later one of the same number. */
export interface OsThread {
  /** The system's thread id; 0 when the system does not tell. */
  readonly id: number;
  /** Clock ticks from the start of the system to the start of the thread. */
  readonly startTicks: number;
}

let current: OsThread | null = null;

/** The thread that runs this code. */
export function currentOsThread(): OsThread {
  current ??= readCurrentOsThread();
  return current;
}

function readCurrentOsThread(): OsThread {
  try {
    const id = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    const startTicks = startTicksOf(id);
    return startTicks < 0 ? { id: 0, startTicks: 0 } : { id, startTicks };
  } catch {
    return { id: 0, startTicks: 0 }; // no /proc: not Linux
  }
}

/** Whether `thread` still runs; true when the system does not tell. Microseconds. */
export function isAlive(thread: OsThread): boolean {
  if (thread.id === 0) return true;
  try {
    return startTicksOf(thread.id) === thread.startTicks;
  } catch {
    return true; // out of file descriptors, say: that tells nothing about the thread
  }
}

/** Whether there is a thread of this number; true when the system does not tell. Microseconds. */
export function isThread(id: number): boolean {
  try {
    return startTicksOf(id) >= 0;
  } catch {
    return true;
  }
}

/** The start time of a thread of this process; -1 when there is none of this number. */
function startTicksOf(id: number): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/self/task/${id}/stat`, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return -1;
    throw error;
  }
  // The second field is a name in parentheses and may contain anything; count behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[19]);
}
