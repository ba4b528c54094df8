/**
 * The collector thread of a heap: waits for requests, runs collections beside the mutators, and
 * owns the pool of scanners. It is attached, in a record of its own, and holds no lock while it
 * waits.
 */

import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { leaveHeap } from '../src/attach.ts';
import { HeapClosedError, HeapCorruptionError } from '../src/base/errors.ts';
import { warmUpCollector } from '../src/collector-warm-up.ts';
import { runBackgroundCollection } from '../src/gc/background.ts';
import {
  abandonBackground,
  BACKGROUND_IDLE,
  backgroundState,
  wantAgain,
} from '../src/gc/background-state.ts';
import { Collector } from '../src/gc/collector.ts';
import { noteLostInCollection } from '../src/gc/figures.ts';
import { enableRecovery } from '../src/gc/recover.ts';
import {
  beginServing,
  endServing,
  hasMutators,
  isCollectorExpected,
  isStopRequested,
  REQUEST_BACKGROUND,
  REQUEST_POOL,
  REQUEST_SCANNERS,
  REQUEST_STOP,
  takeRequests,
  waitForRequest,
  wakeCollector,
} from '../src/gc/requests.ts';
import { BACKGROUND_WANTED, COLLECTOR_THREAD, GC_SCANNERS } from '../src/memory/layout.ts';
import { Memory } from '../src/memory/memory.ts';
import { Mutator } from '../src/object/mutator.ts';
import { ScannerPool } from '../src/scanner-pool.ts';
import { acquireGil, gilOwner, releaseGil, tryForgetDead } from '../src/sync/gil.ts';
import { currentOsThread } from '../src/sync/liveness.ts';
import { releaseThread, takeCollectorRecord } from '../src/sync/thread-table.ts';
import { describeError, describeLoss, VERSION } from '../src/worker-entry.ts';
import type { CollectorData, CollectorMessage } from './protocol.ts';

/** How often to look whether anybody needs this thread, should nobody tell. */
const LOOK_MS = 250;
/** Beside the mutators this thread and the pool scan, but for one, whose core is the mutators'. */
const BACKGROUND_SCANNERS = 2;
const REQUEST_ANY_POOL = REQUEST_POOL | REQUEST_SCANNERS;

const { version, buffer, starter } = workerData as CollectorData;

/** Tells the thread that has started this one: there the program hears of it. */
const tell = (message: CollectorMessage) => parentPort?.postMessage(message);
const warn = (message: string, code = 'SHARC_COLLECTOR') =>
  tell({ type: 'warning', message, code });

/** Serves until it is told to end, or is no longer of use. */
async function serve(mem: Mutator): Promise<void> {
  let isNeeded = true;
  let isWarm = false;
  // Also keeps the thread alive, which waiting for a request does not.
  const looking = setInterval(() => {
    isNeeded = !isStopRequested(mem) && hasMutators(mem);
    if (!isNeeded) wakeCollector(mem);
  }, LOOK_MS);
  const pool = new ScannerPool(mem, Math.max(1, mem.i32[GC_SCANNERS] - 1), warn);
  const collector = new Collector(mem);
  collector.summon = () => void pool.post();
  collector.onLost = (scanners, cause) => {
    warn(describeLoss(scanners, cause), 'SHARC_SCANNER_LOST');
  };
  try {
    takeOver(mem);
    while (isNeeded && !isStopRequested(mem)) {
      const requests = takeRequests(mem);
      if ((requests & REQUEST_STOP) !== 0) break;
      if (requests === 0) await waitForRequest(mem);
      if ((requests & REQUEST_ANY_POOL) !== 0) await pool.start();
      if ((requests & REQUEST_SCANNERS) !== 0) pool.post();
      if ((requests & REQUEST_BACKGROUND) === 0) continue;
      if (mem.i32[GC_SCANNERS] > BACKGROUND_SCANNERS) await pool.warmUp();
      if (!isWarm) warmUpCollector(mem, () => isStopRequested(mem));
      isWarm = true;
      collect(collector, pool);
      await setImmediate(); // what the workers have answered meanwhile is read before the next one
    }
  } finally {
    clearInterval(looking);
    await pool.stop();
  }
}

/** What a collector thread that has died was asked to do, or has left undone, is begun again. */
function takeOver(mem: Mutator): void {
  if (backgroundState(mem) === BACKGROUND_IDLE) return;
  acquireGil(mem, Number.POSITIVE_INFINITY);
  const state = backgroundState(mem);
  const hasBegun = state !== BACKGROUND_IDLE && state !== BACKGROUND_WANTED;
  if (hasBegun) {
    abandonBackground(mem);
    noteLostInCollection(mem, 1);
  }
  if (state !== BACKGROUND_IDLE) wantAgain(mem);
  releaseGil(mem);
  if (!hasBegun) return;
  warn(
    'the collector thread of a heap has ended in the middle of a collection, which is begun again',
    'SHARC_COLLECTOR_LOST',
  );
}

function collect(collector: Collector, pool: ScannerPool): void {
  try {
    runBackgroundCollection(collector, {
      startScanners: () => pool.post(),
      isStopRequested: () => isStopRequested(collector.mem),
    });
  } catch (error) {
    if (isEnd(error)) return;
    if (gilOwner(collector.mem) === COLLECTOR_THREAD) throw error;
    warn(`a collection beside the mutators has failed: ${describeError(error)}`);
  }
}

function leave(mem: Mutator): void {
  // It has failed in a stop, and may have left anything half done: the next one who wants the lock
  // finds its owner dead, and rebuilds the heap.
  if (gilOwner(mem) === COLLECTOR_THREAD) return;
  try {
    acquireGil(mem, Number.POSITIVE_INFINITY);
    leaveHeap(mem, false);
  } catch (error) {
    if (!isEnd(error)) throw error;
    releaseThread(mem, mem.threadId);
  }
  endServing(mem); // last: whoever waits for the end may end this thread now
}

/** Whether an error says that the heap is closed or broken: then nothing is left to collect. */
function isEnd(error: unknown): boolean {
  return error instanceof HeapClosedError || error instanceof HeapCorruptionError;
}

/**
 * Takes the collector's record, and with it the pages that a dead collector thread has left there.
 * Null when nobody expects this thread any more, or when the lock still names the dead one: waiters
 * must find out whether it died in a section, and not take it for this one.
 */
function join(): Mutator | null {
  const heap = new Memory(buffer, COLLECTOR_THREAD);
  if (!isCollectorExpected(heap, starter)) return null;
  if (!tryForgetDead(heap, COLLECTOR_THREAD)) return null;
  const mem = new Mutator(buffer, takeCollectorRecord(buffer));
  enableRecovery(mem);
  return mem;
}

async function main(): Promise<void> {
  if (version !== VERSION) {
    throw new Error(`its entry is of sharc ${VERSION}, the program uses ${version}: build it anew`);
  }
  const mem = join();
  if (mem === null) return;
  // Told first: what this thread is found to have been when it dies, it has said before.
  tell({ type: 'serving', thread: currentOsThread() });
  if (!beginServing(mem, starter)) return;
  try {
    await serve(mem);
  } catch (error) {
    if (!isEnd(error)) throw error;
  } finally {
    leave(mem);
  }
}

// Not awaited here, so that the file can also be bundled as CommonJS.
main().catch((error) => {
  queueMicrotask(() => {
    throw error;
  });
});
