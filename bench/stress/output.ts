/** Writing to the standard streams before the process ends. */

import { writeSync } from 'node:fs';

export const STDOUT = 1;
export const STDERR = 2;

/** Writes all of it before the process ends: a pipe may take less at a time, or nothing for now. */
export function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(SLEEP, 0, 0, 1); // whoever reads is slow
    }
  }
}

/** Never notified. */
const SLEEP = new Int32Array(new SharedArrayBuffer(4));
