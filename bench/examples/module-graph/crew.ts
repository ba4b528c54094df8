/**
 * The worker threads of one job. The first one that fails, or ends before its time, fails the job:
 * nobody waits for a thread that will not answer.
 */
import { Worker } from 'node:worker_threads';
import { GO_ON, type Milestone, type WorkerOrders } from './protocol.ts';

export class Crew {
  readonly #workers: Worker[];
  readonly #missing: Record<Milestone, number>;
  readonly #reached: Record<Milestone, Deferred>;
  readonly #failed = createDeferred();
  readonly #exits: Promise<void>[];

  constructor(orders: readonly WorkerOrders[]) {
    this.#missing = { built: orders.length, edited: orders.length };
    this.#reached = { built: createDeferred(), edited: createDeferred() };
    this.#workers = orders.map((order) => this.#start(order));
    this.#exits = this.#workers.map((worker) => {
      return new Promise((resolve) => worker.once('exit', () => resolve()));
    });
  }

  /** Resolves when every thread has reached the milestone. Rejects when one has failed. */
  reach(milestone: Milestone): Promise<void> {
    return Promise.race([this.#reached[milestone].promise, this.#failed.promise]);
  }

  /** Resolves when every thread has ended. Rejects when one has failed. */
  async end(): Promise<void> {
    await Promise.race([Promise.all(this.#exits), this.#failed.promise]);
  }

  /** Sends all threads into the next phase, or home. */
  goOn(): void {
    for (const worker of this.#workers) worker.postMessage(GO_ON);
  }

  /** Ends all threads, whatever they are doing. */
  async dismiss(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #start(workerData: WorkerOrders): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
    const fail = (how: string, options?: ErrorOptions): void => {
      this.#failed.reject(new Error(`worker ${workerData.thread} ${how}`, options));
    };
    let isDone = false;
    worker.on('message', (milestone: Milestone) => {
      isDone = milestone === 'edited';
      this.#missing[milestone]--;
      if (this.#missing[milestone] === 0) this.#reached[milestone].resolve();
    });
    worker.on('error', (cause) => fail(`failed: ${cause.message}`, { cause }));
    worker.on('exit', (code) => {
      if (!isDone || code !== 0) fail(`ended early, with exit code ${code}`);
    });
    return worker;
  }
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function createDeferred(): Deferred {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {}); // it may fail while nobody waits; whoever waits next hears of it
  return { promise, resolve, reject };
}
