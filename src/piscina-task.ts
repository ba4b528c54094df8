/**
 * The side of the workers: a task joins the heap, gets handles, and what it has acquired and not
 * released is released when it ends.
 *
 * Which task acquires a handle is known by AsyncLocalStorage, since several may run at a time. With
 * Piscina's default `atomics: 'sync'` a worker never returns to its event loop between tasks, and
 * what was forgotten would never be noticed: so every now and then a task ends a turn later.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { type Handle, refOf } from './handle.ts';
import { Heap, sessionOf } from './heap.ts';
import type { Acquisitions } from './kept-scope.ts';
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
import { receiveQuestion, sendAnswer } from './send.ts';
import type { Session } from './session.ts';

/** What a worker's file exports, for the pool to call. */
export type TaskFunction = (message: unknown) => Promise<unknown>;

/** Tasks after which the event loop has a turn. */
const TURN_EVERY = 64;

/** What one task has acquired and not released. */
class TaskScope implements Acquisitions {
  readonly #acquired = new Map<Handle, number>();
  isEnded = false;

  addAccess(handle: Handle): void {
    this.#acquired.set(handle, (this.#acquired.get(handle) ?? 0) + 1);
  }

  removeAccess(handle: Handle): void {
    const count = this.#acquired.get(handle) ?? 0;
    if (count > 1) this.#acquired.set(handle, count - 1);
    else this.#acquired.delete(handle);
  }

  addKeep(handle: Handle): void {
    this.addAccess(handle);
  }

  removeOne(handle: Handle): void {
    this.removeAccess(handle);
  }

  /** Releases what is left. */
  end(session: Session): void {
    this.isEnded = true;
    if (!session.isOpen) return;
    session.run(() => {
      session.iterators.closeOfTask(this);
      for (const [handle, count] of this.#acquired) {
        for (let i = 0; i < count; i++) handle[Symbol.dispose]();
      }
    }, Number.POSITIVE_INFINITY);
    this.#acquired.clear();
  }
}

const running = new AsyncLocalStorage<TaskScope>();

function findTask(): TaskScope | null {
  const scope = running.getStore();
  return scope === undefined || scope.isEnded ? null : scope;
}

let ended = 0;

/**
 * Makes the function that a worker's file exports out of one that takes the input of a task, with
 * handles in it, and the heap. It may be async, and may return handles, also in plain objects and
 * arrays.
 *
 * ```js
 * import { task } from 'sharc/piscina';
 * export default task(({ people, by }, heap) => heap.map(people.map((one) => [one[by], one])));
 * ```
 *
 * All handles that the task acquires, those in its input too, are released when it ends: when it
 * has thrown, or its promise has settled. What is to outlive it, in a variable of the module for
 * instance, is `retain`ed.
 */
export function task<T = Anything, R = unknown>(body: (input: T, heap: Heap) => R): TaskFunction {
  return async (message) => {
    if (!isMessage(message, TASK_TYPE)) {
      throw new TypeError(
        'this function is for the tasks of a pool that createPool() has made; ' +
          'call the function that was given to task() to run it by itself',
      );
    }
    const question = message as TaskMessage;
    const heap = Heap.attach(question.heap);
    const session = sessionOf(heap);
    session.scopes.findTask = findTask;
    session.iterators.findTask = findTask;
    const scope = new TaskScope();
    try {
      return await running.run(scope, async () => {
        const references = receiveQuestion(session, question.question);
        const input = unpackHandles(session, question, references) as T;
        return answerWith(session, question, await body(input, heap));
      });
    } finally {
      scope.end(session);
      if (++ended % TURN_EVERY === 0) await nextTurn();
    }
  };
}

/** The message with a result, whose references are in transit by then. */
function answerWith(session: Session, { question }: TaskMessage, result: unknown): unknown {
  const moved = movedOf(result);
  const { root, places, handles } = packHandles(moved === null ? result : moved.value);
  const answer = sendAnswer(session, question.key, handles);
  const message: AnswerMessage = { type: ANSWER_TYPE, answer, root, places };
  if (moved === null) return message;
  const { transferableSymbol, valueSymbol } = Piscina;
  const { transferable } = moved;
  return Piscina.move({ [transferableSymbol]: transferable, [valueSymbol]: message } as never);
}

/**
 * The heap of the pool that this worker belongs to, before the first task: for declarations of
 * structs, for instance.
 *
 * @throws TypeError in other threads, and where the pool's `workerData` is no plain object
 */
export function workerHeap(): Heap {
  const token = workerData?.[HEAP_KEY];
  if (token === undefined) {
    throw new TypeError(
      'this thread is no worker of a pool that createPool() has made, or the `workerData` of ' +
        'that pool is not a plain object: then use the heap that tasks get',
    );
  }
  return Heap.attach(token);
}

const retained = new WeakMap<Handle, number>();

/**
 * Keeps a handle beyond the end of the task, for variables of the module: until `unretain`. What
 * the task has acquired of it is released nevertheless. Returns the handle.
 *
 * @throws StaleHandleError, HeapExhaustedError
 */
export function retain<H extends Handle>(handle: H): H {
  handle.$session.single(retainOperation, handle as Handle);
  retained.set(handle, (retained.get(handle) ?? 0) + 1);
  return handle;
}

/** Undoes one `retain`. @throws TypeError when there is none to undo */
export function unretain(handle: Handle): void {
  const count = retained.get(handle) ?? 0;
  if (count === 0) throw new TypeError('this handle was not retained');
  retained.set(handle, count - 1);
  if (handle.$session.isOpen) handle.$session.single(unretainOperation, handle);
}

// By the table of handles itself: the task is not told.

function retainOperation(session: Session, handle: Handle): void {
  refOf(handle);
  session.handles.keep(handle);
}

function unretainOperation({ handles }: Session, handle: Handle): void {
  const { onRelease } = handles;
  handles.onRelease = null;
  handles.release(handle);
  handles.onRelease = onRelease;
}
