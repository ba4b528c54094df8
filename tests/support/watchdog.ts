/**
 * A watchdog for tests on threads: after so many seconds it writes down what every thread of the
 * heap is doing, read from the control words without the lock, and the test fails. It is a
 * thread of its own, because the test's thread may be what hangs: then it ends the process.
 */
import { Worker } from 'node:worker_threads';
import * as layout from '../../src/memory/layout.ts';
import { layOut } from '../../src/memory/layout.ts';

export interface Watchdog {
  /** Rejects when the time is up. */
  readonly bark: Promise<never>;
  stop(): Promise<void>;
}

const WORDS = {
  gil: layout.CONTROL_GIL,
  state: layout.CONTROL_STATE,
  deposing: layout.CONTROL_DEPOSING,
  ticket: layout.CONTROL_TICKET,
  waiters0: layout.CONTROL_WAITERS,
};

const RECORD = {
  state: layout.THREAD_STATE,
  park: layout.THREAD_PARK,
  ticket: layout.THREAD_TICKET,
  osThread: layout.THREAD_OS_ID,
  sections: layout.THREAD_SECTIONS,
  waits: layout.THREAD_WAITS,
  handovers: layout.THREAD_HANDOVERS,
};

/** Watches a heap for `seconds`. */
export function startWatchdog(buffer: SharedArrayBuffer, seconds: number): Watchdog {
  const cancel = new Int32Array(new SharedArrayBuffer(4));
  const { threadTable } = layOut(buffer.byteLength);
  const worker = new Worker(new URL('./watchdog-thread.mjs', import.meta.url), {
    workerData: {
      ...{ buffer, seconds, cancel, threadTable, words: WORDS, record: RECORD },
      recordWords: layout.THREAD_WORDS,
      maxThreads: layout.MAX_THREADS,
    },
  });
  const bark = new Promise<never>((_, reject) => {
    worker.once('message', (report: string) => {
      reject(new Error(`not done within ${seconds} s\n${report}`));
      Atomics.store(cancel, 0, 1);
      Atomics.notify(cancel, 0);
    });
  });
  bark.catch(() => {});
  return {
    bark,
    async stop() {
      Atomics.store(cancel, 0, 1);
      Atomics.notify(cancel, 0);
      await worker.terminate();
    },
  };
}
