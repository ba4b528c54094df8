/** Scanners in threads of their own, for collections of a heap without its facade. */
import { once } from 'node:events';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Collector } from '../../src/gc/collector.ts';
import { GC_PARALLEL_MIN, GC_POOL, GC_SCANNERS, GC_SHARED_MIN } from '../../src/memory/layout.ts';
import { LIBRARY } from './threads.ts';

const SCANNER_THREAD = new URL('./scanner-thread.mjs', import.meta.url);
const SCANNER = new URL('../workers/scanner.js', LIBRARY).href;

/** How a scanner is made, when not by `scanner-thread.mjs` alone. */
export interface ScannerOptions extends WorkerOptions {
  readonly file: URL;
}

/** Runs `body` while `helpers` threads take part in every collection of `collector`. */
export async function withScanners(
  collector: Collector,
  helpers: number,
  body: () => void,
  { file, ...options }: ScannerOptions = { file: SCANNER_THREAD },
): Promise<void> {
  const { mem } = collector;
  const asked = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from({ length: helpers }, () => {
    const data = { buffer: mem.buffer, scanner: SCANNER, words: asked.buffer };
    const worker = new Worker(file, { ...options, workerData: { ...options.workerData, ...data } });
    worker.on('error', () => {}); // it dies on purpose, or the scan shows what it lacks
    return worker;
  });
  const ends = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
  await Promise.all(workers.map((worker) => once(worker, 'message'))); // 'ready'
  mem.i32[GC_SHARED_MIN] = 1;
  mem.i32[GC_PARALLEL_MIN] = 1;
  mem.i32[GC_SCANNERS] = helpers + 1;
  mem.i32[GC_POOL] = helpers;
  collector.summon = () => {
    asked[0] = ((asked[0] as number) + 1) & 0xffff;
    Atomics.notify(asked, 0);
  };
  try {
    body();
  } finally {
    collector.summon = null;
    mem.i32[GC_POOL] = 0;
    Atomics.store(asked, 0, -1);
    Atomics.notify(asked, 0);
    await Promise.all(ends);
  }
}
