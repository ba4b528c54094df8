/**
 * The collector thread as other threads see it: how it is started, once per heap, and ended.
 *
 * It is a worker of whichever thread asked first, and ends with that thread at the latest. What it
 * does stands in `workers/collector.ts`, who it is in `gc/requests.ts`. A heap whose threads cannot
 * start workers goes on without: collections then run in the threads themselves.
 */

import { isMainThread, Worker } from 'node:worker_threads';
import type { CollectorData, CollectorMessage } from '../workers/protocol.ts';
import {
  abandonStart,
  awaitCollectorLeft,
  claimCollector,
  hasCollector,
  isCollectorAlive,
  noteCollectorEnded,
  REQUEST_STOP,
  request,
} from './gc/requests.ts';
import type { Memory } from './memory/memory.ts';
import type { OsThread } from './sync/liveness.ts';
import { describeError, findWorkerEntry, VERSION } from './worker-entry.ts';

/** How long the collector thread of a closed heap may take to end before it is ended by force. */
const GRACE_MS = 2000;
/** How long a worker that ends waits for its collector thread, which ends with it. */
const EXIT_WAIT_MS = 2000;
/** How often to look whether a collector thread of another thread has ended. */
const POLL_MS = 2;

/** A collector thread that this thread has started. */
interface Started {
  readonly mem: Memory;
  readonly worker: Worker;
  readonly ended: Promise<void>;
}

/** The collector threads that this thread has started and that have not ended, by heap. */
const started = new Map<SharedArrayBuffer, Started>();
let isExitWatched = false;

/**
 * Makes sure that the heap has a collector thread, or will have one soon. False when it cannot:
 * then collect inline. Any thread may ask, with or without the lock; nobody waits for the start.
 */
export function ensureCollectorThread(mem: Memory): boolean {
  if (!claimCollector(mem)) return hasCollector(mem);
  try {
    start(mem);
    return true;
  } catch (error) {
    reportNone(mem, error);
    return false;
  }
}

/** Asks the collector thread to end, and does not wait. */
export function requestCollectorStop(mem: Memory): void {
  if (hasCollector(mem)) request(mem, REQUEST_STOP);
}

/**
 * Ends the collector thread of a heap that was closed, with its pool. Resolves when they are gone.
 * The lock of a closed heap protects nothing, so a thread that takes its time may be terminated.
 */
export async function stopCollectorThread(mem: Memory): Promise<void> {
  requestCollectorStop(mem);
  const own = started.get(mem.buffer);
  if (own === undefined) return pollUntilStopped(mem);
  own.worker.ref(); // or the process could end while it waits for this
  const force = setTimeout(() => own.worker.terminate(), GRACE_MS);
  await own.ended;
  clearTimeout(force);
}

/** The collector thread of `mem` that this thread has started; for tests that kill it. */
export function startedCollector(mem: Memory): Worker | undefined {
  return started.get(mem.buffer)?.worker;
}

/** It may have died with the thread that has started it: then nobody notes that it has ended. */
async function pollUntilStopped(mem: Memory): Promise<void> {
  const end = performance.now() + EXIT_WAIT_MS;
  while (isCollectorAlive(mem) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function start(mem: Memory): void {
  const { file, data } = findWorkerEntry('collector');
  const { buffer, threadId: starter } = mem;
  const workerData: CollectorData = { ...data, version: VERSION, buffer, starter };
  // What the program preloads into its own threads is none of the collector's business.
  const worker = new Worker(file, { workerData, name: 'sharc collector', execArgv: [] });
  let serving: OsThread | null = null;
  worker.on('message', (message: CollectorMessage) => {
    if (message.type === 'serving') serving = message.thread;
    else warn(message.message, message.code);
  });
  worker.on('error', (error) => {
    if (serving !== null) warn(`the collector thread has failed: ${describeError(error)}`);
    else reportNone(mem, error);
  });
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      abandonStart(mem, false);
      if (serving !== null) noteCollectorEnded(mem, serving);
      if (started.get(buffer)?.worker === worker) started.delete(buffer);
      resolve();
    });
  });
  worker.unref(); // after the listeners: one for messages refs it again
  started.set(buffer, { mem, worker, ended });
  watchExit();
}

/**
 * A worker takes its own workers with it, wherever they are. So it waits for its collector threads:
 * one that ended while it holds the lock would break the heap for others.
 */
function watchExit(): void {
  if (isExitWatched || isMainThread) return;
  isExitWatched = true;
  process.once('exit', () => {
    for (const { mem } of started.values()) requestCollectorStop(mem);
    for (const { mem } of started.values()) {
      awaitCollectorLeft(mem, EXIT_WAIT_MS);
    }
  });
}

/** The heap has to do without a collector thread. */
function reportNone(mem: Memory, error: unknown): void {
  abandonStart(mem, true);
  warn(
    `no collector thread can be started, so collections stop the world: ${describeError(error)}`,
  );
}

function warn(message: string, code = 'SHARC_COLLECTOR'): void {
  process.emitWarning(message, { type: 'SharcWarning', code });
}
