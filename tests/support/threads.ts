/**
 * Threads for tests: workers that join a heap and run tasks on call, under a watchdog.
 *
 * The tasks stand in `tasks-*.mjs`, so that workers run plain JavaScript on the compiled library
 * while the test itself runs the sources. Both see the same memory. A heap made here is verified
 * and checked for what its threads have left behind.
 */
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import { Heap, type HeapMap, type HeapOptions, type HeapToken } from '../../src/index.ts';
import { startWatchdog } from './watchdog.ts';

/** The compiled library; a private build may stand elsewhere. */
export const LIBRARY =
  process.env.SHARC_LIBRARY ?? new URL('../../dist/src/index.js', import.meta.url).href;

/** What a task gets as its first argument. */
export interface Context {
  readonly sharc: typeof import('../../src/index.ts');
  readonly raw: typeof import('../../src/raw.ts').raw;
  readonly token: HeapToken;
  /** Throws unless the thread was started attached, or has attached since. */
  heap: Heap;
  /** Words shared by the test and all its threads, to wait for each other. */
  readonly signals: Int32Array;
  /** For tasks that leave something to later ones. */
  readonly kept: Record<string, unknown>;
}

export type Tasks = Record<string, (context: Context, ...args: never[]) => unknown>;

/** What is left of an error that was thrown in another thread. */
export interface RemoteError {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly field: string | undefined;
  readonly stack: string;
}

/** A worker that runs tasks on call. */
export interface Thread {
  readonly worker: Worker;
  /** The exit code, once it has ended. */
  readonly ended: Promise<number>;
  /** What it died of, if it died of an error. */
  readonly crash: () => Error | undefined;
  /** Runs a task. Rejects with what the task threw, as an error of the same name and code. */
  call<T = unknown>(task: string, ...args: unknown[]): Promise<T>;
  /** The error that a task throws. Fails when it throws none. */
  fail(task: string, ...args: unknown[]): Promise<RemoteError>;
  /** Ends it from outside, wherever it is. */
  kill(): Promise<number>;
  /** Lets it end by itself: nothing more to do. */
  finish(): Promise<number>;
}

export interface ThreadOptions {
  /** The file of its tasks, without ending. */
  readonly tasks: string;
  readonly token?: HeapToken | undefined;
  readonly signals?: SharedArrayBuffer;
  readonly resourceLimits?: Limits | undefined;
  /** Whether the thread is only told the token. */
  readonly isDetached?: boolean;
}

/**
 * Whether a worker that runs out of its own memory ends, and nothing else. From Node 24 on the
 * whole process may end of it, or nothing, without any library.
 */
export const ENDS_OUT_OF_MEMORY = Number(process.versions.node.split('.')[0]) < 24;

/** Whether deaths are noticed on this system, and a thread can die that way in this version. */
export const canDieBy = (way: string): boolean =>
  process.platform === 'linux' && (way !== 'memory' || ENDS_OUT_OF_MEMORY);

/** How much JavaScript memory a thread may have. */
export interface Limits {
  readonly maxOldGenerationSizeMb: number;
}

/** Starts a thread and waits until it is there; attached, if it was given a token. */
export async function startThread(options: ThreadOptions): Promise<Thread> {
  const { tasks, token, signals = new SharedArrayBuffer(1024), resourceLimits } = options;
  const { isDetached = false } = options;
  const worker = new Worker(new URL('./thread-entry.mjs', import.meta.url), {
    workerData: { library: LIBRARY, tasks, token, isDetached, signals },
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
  });
  const waiting = new Map<number, { resolve(v: unknown): void; reject(e: unknown): void }>();
  let crash: Error | undefined;
  let calls = 0;
  const ended = new Promise<number>((resolve) => worker.once('exit', resolve));
  worker.on('error', (error: Error) => {
    crash = error;
  });
  worker.on('message', ({ id, result, error }) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(Object.assign(new Error(error.message), error));
  });
  ended.then((code) => {
    for (const { reject } of waiting.values()) {
      reject(new Error(`the thread ended with ${code}`, { cause: crash }));
    }
    waiting.clear();
  });
  const answer = (id: number) =>
    new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }));
  const thread: Thread = {
    worker,
    ended,
    crash: () => crash,
    call<T>(task: string, ...args: unknown[]) {
      const id = ++calls;
      worker.postMessage({ id, task, args });
      return answer(id) as Promise<T>;
    },
    async fail(task, ...args) {
      const result = await this.call(task, ...args).then(
        (value) => ({ value }),
        (error: RemoteError) => ({ error }),
      );
      if ('error' in result) return result.error;
      throw new Error(`${task} should have failed; it returned ${String(result.value)}`);
    },
    kill: () => worker.terminate(),
    finish() {
      worker.postMessage({ id: 0, task: 'finish', args: [] });
      return ended;
    },
  };
  await answer(0);
  return thread;
}

/** How a heap is made for a test; `counts` comes from the project that runs it. */
export const heapOptions = (options: HeapOptions = {}): HeapOptions => ({
  counts: process.env.SHARC_COUNTS === 'atomic' ? 'atomic' : 'plain',
  maxBytes: 64 * 2 ** 20,
  ...options,
});

/** What a test on threads gets. */
export interface Stage {
  readonly heap: Heap;
  readonly signals: Int32Array;
  /** Starts threads that are attached to the heap. */
  start(count: number, resourceLimits?: Limits): Promise<Thread[]>;
  /** Starts a thread that is not attached yet; it knows the token. */
  startDetached(resourceLimits?: Limits): Promise<Thread>;
}

export interface StageOptions extends HeapOptions {
  readonly tasks: string;
  /** Whether the heap may end broken or closed, or hold what a killed thread has left. */
  readonly mayEndBroken?: boolean;
  /** After so many seconds the watchdog reports what all threads do, and the test fails. */
  readonly seconds?: number;
}

/**
 * Runs `body` with a heap and a way to start threads. Afterwards all threads are ended, the heap
 * must verify clean, hold what it held before, and have no thread attached but this one.
 */
export async function withStage(
  options: StageOptions,
  body: (stage: Stage) => Promise<void> | void,
): Promise<void> {
  const { tasks, mayEndBroken = false, seconds = 30, ...rest } = options;
  const heap = Heap.create(heapOptions(rest));
  const token = heap.share();
  const shared = new SharedArrayBuffer(1024);
  const threads: Thread[] = [];
  const watchdog = startWatchdog(token.buffer, seconds);
  const startOne = async (isDetached: boolean, resourceLimits?: Limits) => {
    const options = { tasks, token, signals: shared, isDetached, resourceLimits };
    const thread = await startThread(options);
    threads.push(thread);
    return thread;
  };
  const stage: Stage = {
    heap,
    signals: new Int32Array(shared),
    start: (count, limits) =>
      Promise.all(Array.from({ length: count }, () => startOne(false, limits))),
    startDetached: (limits) => startOne(true, limits),
  };
  try {
    await Promise.race([body(stage), watchdog.bark]);
    if (!mayEndBroken) {
      await Promise.race([Promise.all(threads.map((thread) => thread.finish())), watchdog.bark]);
      expectSound(heap);
    }
  } finally {
    await Promise.all(threads.map((thread) => thread.kill()));
    await watchdog.stop();
    if (!mayEndBroken) await heap.close();
    else await heap.close().catch(() => {});
  }
}

/** The heap verifies clean, only this thread is attached, and the sizes add up. */
export function expectSound(heap: Heap): void {
  expect(heap.verify()).toEqual([]);
  const { threads, maxBytes, liveBytes, freeBytes, overheadBytes } = heap.stats();
  expect(threads.length).toBe(1);
  expect(liveBytes + freeBytes + overheadBytes).toBe(maxBytes);
}

/** What the heap holds: to be compared before and after. The handles of this thread are in it. */
export function contentsOf(heap: Heap): object {
  const { liveBytes, liveObjects, objectsByKind } = heap.stats();
  return { liveBytes, liveObjects, objectsByKind };
}

/** Waits until `condition` holds, without blocking; fails after `seconds`. */
export async function until(condition: () => boolean, seconds = 10): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${seconds} s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits for a time, without blocking. */
export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A map in the heap's named roots. */
export function rootMap<V>(heap: Heap, name: string): HeapMap<string, V> {
  const map = heap.map<string, V>();
  heap.root.set(name, map as never);
  return map;
}
