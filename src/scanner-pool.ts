/**
 * The pool of scanners, which the collector thread owns: a Piscina pool whose workers join jobs.
 *
 * Tasks are posted synchronously, so that a collection can call the workers without returning to
 * the event loop first. The pool is loaded and started when it is first asked for.
 */

import { setTimeout } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { ScannerData, ScannerMessage } from '../workers/protocol.ts';
import { setReadyScanners } from './gc/requests.ts';
import type { Memory } from './memory/memory.ts';
import { describeError, findWorkerEntry } from './worker-entry.ts';

/** Tasks that may wait in a worker: of jobs that have ended, some may be left. */
const TASKS_PER_WORKER = 64;
/** How long to wait for the workers before going on with those there are. */
const READY_MS = 10_000;

/** The scanners of one heap. */
export class ScannerPool {
  readonly #mem: Memory;
  readonly #size: number;
  readonly #warn: (message: string) => void;
  #pool: Piscina<null, void> | null = null;
  #starting: Promise<void> | null = null;
  #noteReady: () => void = () => {};
  /** Resolves when all workers were ready for the first time, or took too long. */
  #ready: Promise<void> = Promise.resolve();
  /** Node's numbers of the threads that the pool gives tasks to; the dead are left in. */
  readonly #created = new Set<number>();
  /** Of the threads that have reported that they have loaded everything. */
  readonly #loaded = new Set<number>();
  #turn = 0;

  constructor(mem: Memory, size: number, warn: (message: string) => void) {
    this.#mem = mem;
    this.#size = size;
    this.#warn = warn;
  }

  /** Starts the pool unless that was done. Resolves when it takes tasks, ready or not. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Starts the pool, and resolves when its workers are ready to scan, or have failed. */
  async warmUp(): Promise<void> {
    await this.start();
    await this.#ready;
  }

  /**
   * Posts a task to every worker, loaded or not. Returns to how many; 0 while there is no pool.
   */
  post(): number {
    const pool = this.#pool;
    if (pool === null) return 0;
    const count = pool.threads.filter(({ threadId }) => this.#created.has(threadId)).length;
    for (let i = 0; i < count; i++) pool.run(null).catch(this.#reportFailure);
    return count;
  }

  /** The threads of the workers, ready or not; for tests that kill them. */
  get workers(): readonly Worker[] {
    return this.#pool?.threads ?? [];
  }

  /** Ends all workers. */
  async stop(): Promise<void> {
    await this.#starting;
    const pool = this.#pool;
    this.#pool = null;
    setReadyScanners(this.#mem, 0);
    await pool?.destroy();
  }

  async #start(): Promise<void> {
    try {
      const { Piscina } = await import('piscina');
      const allReady = new Promise<void>((resolve) => {
        this.#noteReady = resolve;
      });
      this.#ready = Promise.race([allReady, setTimeout(READY_MS, undefined, { ref: false })]);
      this.#pool = this.#create(Piscina);
    } catch (error) {
      this.#noteReady();
      this.#warn(`the pool of scanners cannot be started: ${describeError(error)}`);
    }
  }

  #create(PoolClass: typeof Piscina): Piscina<null, void> {
    const { file, data } = findWorkerEntry('scanner');
    const workerData: ScannerData = { ...data, buffer: this.#mem.buffer };
    const pool = new PoolClass<null, void>({
      filename: file.href,
      workerData,
      execArgv: [],
      minThreads: this.#size,
      maxThreads: this.#size,
      concurrentTasksPerWorker: TASKS_PER_WORKER,
      // In turns: every worker gets a task of its own, also one whose last answer was not read yet.
      loadBalancer: (_task, workers) => workers[this.#turn++ % workers.length] ?? null,
      recordTiming: false,
    });
    pool.on('message', (message: ScannerMessage) => {
      this.#loaded.add(message.nodeThreadId);
      this.#count();
    });
    pool.on('workerCreate', ({ id }: { readonly id: number }) => {
      this.#created.add(id);
      this.#count();
    });
    // Piscina replaces a worker that has died.
    pool.on('workerDestroy', () => queueMicrotask(() => this.#count()));
    pool.on('error', this.#reportFailure);
    return pool;
  }

  /** Writes down how many workers are ready. */
  #count(): void {
    if (this.#pool === null) return;
    const { threads } = this.#pool;
    const ready = threads.filter(
      ({ threadId }) => this.#created.has(threadId) && this.#loaded.has(threadId),
    );
    setReadyScanners(this.#mem, ready.length);
    if (ready.length === this.#size) this.#noteReady();
  }

  readonly #reportFailure = (error: unknown): void => {
    // A task that was still waiting when the pool was stopped is no failure.
    if (this.#pool === null) return;
    this.#warn(`a scanner has failed: ${describeError(error)}`);
    this.#noteReady(); // or a collection would wait for one that cannot start
  };
}
