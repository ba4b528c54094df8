/** Processor time of the calling thread. */

import { readFileSync } from 'node:fs';

/**
 * Milliseconds of processor time that the calling thread has used. Where the system does not tell
 * (it is Linux's `/proc` that does), wall time: then only differences within busy code mean much.
 */
export function threadCpuMs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ', 1)[0]) / 1e6;
  } catch {
    return performance.now();
  }
}
