/**
 * The pool: Piscina, with references in its messages.
 *
 * The references of a task are in transit under one key until its worker has received them, and
 * those of its result under the same key, which is void from when the promise of the task settles.
 * So whatever happens to a worker, nothing that it was sent stays behind, and nothing that it sends
 * afterwards; and when the thread of the pool leaves the heap, all of it is dropped.
 */

import { Piscina } from 'piscina';
import { type HeapToken, tokenOf } from './attach.ts';
import { type Heap, sessionOf } from './heap.ts';
import { packHandles, unpackHandles } from './passing.ts';
import {
  ANSWER_TYPE,
  type AnswerMessage,
  type Anything,
  HEAP_KEY,
  isMessage,
  movedOf,
  TASK_TYPE,
  type TaskMessage,
} from './piscina-messages.ts';
import { dropParcel, receiveParcel, refuseInAtomicSection, sendQuestion } from './send.ts';
import type { Session } from './session.ts';

/** Options of a pool: those of Piscina, all of them. */
export type PoolOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>;

type RunOptions = NonNullable<Parameters<Piscina['run']>[1]>;

/**
 * A pool of workers that share a heap: Piscina as it is, but that handles pass as references, in
 * arguments and results of tasks. The workers' functions are made by `task()`.
 */
export class HeapPool<T = Anything, R = Anything> extends Piscina<T, R> {
  readonly #session: Session;
  readonly #token: HeapToken;

  /** Use `createPool`. */
  constructor(heap: Heap, options: PoolOptions = {}) {
    const session = sessionOf(heap);
    const token = tokenOf(session.mem.buffer);
    super({ ...options, workerData: withToken(options.workerData, token) });
    this.#session = session;
    this.#token = token;
  }

  /**
   * Runs a task. Handles in `input`, and proxies of `heap.proxy`, pass as references, also in plain
   * objects and arrays in it; what was in the result comes as kept handles.
   *
   * Rejects with what the task has thrown, and as Piscina does: when its worker ends, when it is
   * aborted, when the queue is full. Then what it was given is released at once.
   *
   * @throws StaleHandleError, NotShareableError, HeapExhaustedError; AtomicSectionError in an
   *   atomic section, since the task would run even if that is undone; all by the promise
   */
  override async run(input: T, options?: RunOptions): Promise<R> {
    if (options === null || (options !== undefined && typeof options !== 'object')) {
      return super.run(input, options); // says what is wrong
    }
    const session = this.#session;
    refuseInAtomicSection(session, 'a task cannot be given to a pool');
    const moved = movedOf(input);
    const transferList: unknown[] = [...(options?.transferList ?? [])];
    if (moved !== null) transferList.push(moved.transferable);
    const { root, places, handles } = packHandles(moved === null ? input : moved.value);
    const question = sendQuestion(session, handles);
    try {
      const message: TaskMessage = { type: TASK_TYPE, heap: this.#token, question, root, places };
      copyQueueOptions(input, message);
      const all = { ...options, transferList: transferList as never };
      const reply: unknown = await super.run(message as T, all);
      if (!isMessage(reply, ANSWER_TYPE)) throw describeForeign();
      const { answer, ...packed } = reply as AnswerMessage;
      return unpackHandles(session, packed, receiveParcel(session, answer)) as R;
    } finally {
      dropParcel(session, question.key);
    }
  }
}

/**
 * Makes a pool of workers that share a heap.
 *
 * ```js
 * const pool = createPool(heap, { filename: new URL('./worker.js', import.meta.url).href });
 * const index = await pool.run({ people, by: 'name' }); // handles go there and come back
 * ```
 *
 * @param options those of Piscina. `workerData`, if it is a plain object, gets one property more,
 *   `'sharc.heap'`, which `workerHeap()` reads
 * @throws HeapClosedError; TypeError and RangeError for wrong options.
 */
export function createPool<T = Anything, R = Anything>(
  heap: Heap,
  options?: PoolOptions,
): HeapPool<T, R> {
  return new HeapPool<T, R>(heap, options);
}

/** The program's `workerData`, with the token where there is a place for it. */
function withToken(workerData: unknown, token: HeapToken): unknown {
  if (workerData === undefined || workerData === null) return { [HEAP_KEY]: token };
  if (typeof workerData !== 'object') return workerData;
  const prototype = Object.getPrototypeOf(workerData);
  const isPlain = prototype === null || prototype === Object.prototype;
  return isPlain ? { ...workerData, [HEAP_KEY]: token } : workerData;
}

/** What a program has put on a task for its own queue. */
function copyQueueOptions(input: unknown, message: object): void {
  const { queueOptionsSymbol } = Piscina;
  if (typeof input !== 'object' || input === null || !(queueOptionsSymbol in input)) return;
  const { [queueOptionsSymbol]: options } = input as Record<symbol, unknown>;
  Object.assign(message, { [queueOptionsSymbol]: options });
}

const describeForeign = () =>
  new TypeError(
    'the function that the worker has run was not made by task(); ' +
      "export task((input, heap) => ...), with `task` of 'sharc/piscina'",
  );
