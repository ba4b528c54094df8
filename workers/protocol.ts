/** What the threads of the collector are started with, and what they tell who started them. */

import type { ThreadId } from '../src/memory/layout.ts';
import type { OsThread } from '../src/sync/liveness.ts';

/** `workerData` of the collector thread. */
export interface CollectorData {
  /** In development: the file for `boot.mjs` to run. */
  readonly entry?: string;
  /** The version of sharc that the starter runs. */
  readonly version: string;
  readonly buffer: SharedArrayBuffer;
  /** The thread that starts it. */
  readonly starter: ThreadId;
}

/** What the collector thread tells its starter. */
export type CollectorMessage =
  /** It has attached, and is about to serve. */
  | { readonly type: 'serving'; readonly thread: OsThread }
  /** Something failed that does not end it. */
  | { readonly type: 'warning'; readonly message: string; readonly code: string };

/** `workerData` of a worker of the pool. */
export interface ScannerData {
  /** The URL of the module for `pool-entry.cjs` to import. */
  readonly module: string;
  /** In development: the file for `boot.mjs` to run. */
  readonly entry?: string;
  readonly buffer: SharedArrayBuffer;
}

/** What a worker of the pool tells the collector thread once it has loaded everything. */
export interface ScannerMessage {
  readonly type: 'ready';
  /** Node's number of the thread. */
  readonly nodeThreadId: number;
}
