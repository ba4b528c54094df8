/**
 * A worker of the pool: joins the job that is open in the heap. It attaches to nothing, takes no
 * lock, and writes nothing but its own side tables.
 */

import { parentPort, threadId, workerData } from 'node:worker_threads';
import { scanAsHelper } from '../src/gc/shared-scan.ts';
import type { ThreadId } from '../src/memory/layout.ts';
import { Memory } from '../src/memory/memory.ts';
import type { ScannerData, ScannerMessage } from './protocol.ts';

const NOBODY = 0 as ThreadId;

const { buffer } = workerData as ScannerData;
const mem = new Memory(buffer, NOBODY);
const ready: ScannerMessage = { type: 'ready', nodeThreadId: threadId };
parentPort?.postMessage(ready);

/** Takes part in the open job until it ends; returns at once when there is none. */
export default function scan(): void {
  scanAsHelper(mem);
}
