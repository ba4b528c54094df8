/**
 * The pool of scanners, which the collector thread owns: a Piscina pool whose workers join jobs.
 *
 * Tasks are posted synchronously, so that a collection can call the workers without returning to
 * the event loop first. The pool is loaded and started when it is first asked for.
 *
 * Piscina replaces a worker that has died, but never again once one has died that was still
 * loading. Such a pool gives place to a new one.
 */

import { setTimeout as wait } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { ScannerData, ScannerMessage } from '../workers/protocol.ts';
import { isStopRequested, setReadyScanners } from './gc/requests.ts';
import type { Memory } from './memory/memory.ts';
import { describeError, findPoolEntry, findWorkerEntry } from './worker-entry.ts';

/** Tasks that may wait in a worker: of jobs that have ended, some may be left. */
const TASKS_PER_WORKER = 64;
/** How long to wait for the workers before going on with those there are. */
const READY_MS = 10_000;
/**
 * How long a pool that ends waits for workers that are still loading, and how often it looks. Node
 * was seen to abort the whole process when one was terminated in the middle of that.
 */
const LOADED_MS = 1000;
const LOOK_MS = 2;
/** How long after a failure a new pool is made, and how many in a row may fail. */
const RENEWAL_MS = 1000;
const RENEWALS_MAX = 3;

type Pool = Piscina<null, void>;

/** A variable, so that bundlers leave Piscina alone: it starts a file of its own package. */
const PISCINA: string = 'piscina';

/** The scanners of one heap. */
export class ScannerPool {
  readonly #mem: Memory;
  readonly #size: number;
  readonly #warn: (message: string) => void;
  /** The pool that gets the tasks. */
  #pool: Pool | null = null;
  /** That pool, and former ones whose workers have not all ended. */
  readonly #living = new Set<Pool>();
  /** The last pool that Piscina has let shrink, and how many in a row have not been complete. */
  #failed: Pool | null = null;
  #renewals = 0;
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
    for (let i = 0; i < count; i++) pool.run(null).catch((error) => this.#report(pool, error));
    return count;
  }

  /** The threads of the workers, ready or not; for tests that kill them. */
  get workers(): readonly Worker[] {
    return this.#pool?.threads ?? [];
  }

  /** Ends all workers. */
  async stop(): Promise<void> {
    await this.#starting;
    this.#pool = null;
    setReadyScanners(this.#mem, 0);
    const end = async (pool: Pool) => {
      await this.#untilLoaded(pool);
      await pool.destroy();
    };
    await Promise.all([...this.#living].map(end));
    this.#living.clear();
  }

  #start(): Promise<void> {
    const allReady = new Promise<void>((resolve) => {
      this.#noteReady = resolve;
    });
    this.#ready = Promise.race([allReady, wait(READY_MS, undefined, { ref: false })]);
    return this.#replace(null);
  }

  /** Makes a pool, in the place of `old`. */
  async #replace(old: Pool | null): Promise<void> {
    try {
      findPoolEntry(); // says better than Node what is missing from a bundle
      const { Piscina }: typeof import('piscina') = await import(/* @vite-ignore */ PISCINA);
      if (this.#pool !== old) return; // stopped meanwhile
      if (isStopRequested(this.#mem)) return this.#noteReady();
      this.#pool = this.#create(Piscina);
      this.#living.add(this.#pool);
    } catch (error) {
      this.#noteReady();
      const reason = describeError(error);
      this.#warn(`the pool of scanners cannot be started, so one thread scans alone: ${reason}`);
    }
  }

  /** Ends a pool that gets no tasks any more, when those that it has are done. */
  async #retire(pool: Pool): Promise<void> {
    await this.#untilLoaded(pool);
    await pool.close();
    this.#living.delete(pool);
  }

  /** Resolves when no worker of `pool` is loading any more, or one takes too long. */
  async #untilLoaded(pool: Pool): Promise<void> {
    const isLoading = () => pool.threads.some(({ threadId }) => !this.#loaded.has(threadId));
    const end = performance.now() + LOADED_MS;
    while (isLoading() && performance.now() < end) await wait(LOOK_MS);
  }

  #create(PoolClass: typeof Piscina): Pool {
    const { file, data } = findWorkerEntry('scanner');
    const workerData: ScannerData = { ...data, module: file.href, buffer: this.#mem.buffer };
    const pool = new PoolClass<null, void>({
      filename: findPoolEntry().href,
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
    pool.on('workerDestroy', () => queueMicrotask(() => this.#noteDeath(pool)));
    pool.on('error', (error) => this.#report(pool, error));
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
    if (ready.length < this.#size) return;
    this.#renewals = 0;
    this.#noteReady();
  }

  /** A worker has died, and was replaced by now if Piscina replaces workers of this pool. */
  #noteDeath(pool: Pool): void {
    this.#count();
    if (pool !== this.#pool || pool === this.#failed || pool.threads.length >= this.#size) return;
    this.#failed = pool;
    if (this.#renewals++ < RENEWALS_MAX) void this.#renew(pool);
    else this.#warn('scanners end again and again while they start: there will be fewer of them');
  }

  async #renew(failed: Pool): Promise<void> {
    await wait(RENEWAL_MS, undefined, { ref: false });
    await this.#replace(failed);
    if (this.#pool !== failed) await this.#retire(failed);
  }

  #report(pool: Pool, error: unknown): void {
    // A task that was still waiting when its pool was stopped is no failure.
    if (pool !== this.#pool) return;
    this.#warn(`a scanner has failed: ${describeError(error)}`);
    this.#noteReady(); // or a collection would wait for one that cannot start
  }
}
