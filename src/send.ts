/**
 * Passing references between threads: `heap.send`, `heap.receive`, `heap.revoke`, and what the
 * comlink handler and the pool use. What is in transit is the heap's: see `object/transit.ts`.
 *
 * A parcel is what is sent at once: one value as it is, several as an array of the heap. So a
 * message has one token, and its references are received together, or not at all.
 */

import { Worker } from 'node:worker_threads';
import { pushAllOperation } from './array-operations.ts';
import { AtomicSectionError, InvalidTokenError, SpentTokenError } from './base/errors.ts';
import { decodeAt, encode, type Shareable } from './codec.ts';
import { checkOptions } from './gc-arguments.ts';
import { ENTRY_VALUE, THREAD_NODE_ID } from './memory/layout.ts';
import { heapIdOf } from './memory/memory.ts';
import { arrayLength, createArray, elementAt } from './object/array.ts';
import { incref } from './object/refcount.ts';
import {
  answer,
  awaitAnswer,
  dropSentTo,
  dropTransit,
  endTransit,
  findAwaiting,
  findReceivable,
  NODE_THREADS_MAX,
  putInTransit,
  reserveTransit,
} from './object/transit.ts';
import { encodeAbsent, encodeReference, referenceAt } from './object/value.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';

const TOKEN_TYPE = 'sharc.sent';
const ADVICE = 'pass what heap.send() returned, by postMessage or workerData';

/** What `heap.send()` returns: cloneable, to be passed to another thread by any means. */
export interface SentToken<T = unknown> {
  readonly type: typeof TOKEN_TYPE;
  /** Which heap it is of. */
  readonly heap: string;
  /** Which of the references in transit it stands for. */
  readonly key: number;
  /** Never there: it carries the type of what was sent. */
  readonly sent?: T;
}

/** Options of `heap.send()`. */
export interface SendOptions {
  /**
   * Who is to receive it: a worker, or the `threadId` of a thread. When that thread has ended, or
   * has left the heap, and has not received it, the reference is dropped.
   */
  readonly to?: Worker | number;
}

/** Puts a value in transit. @throws NotShareableError, StaleHandleError, HeapExhaustedError */
export function sendValue(session: Session, value: unknown, options?: SendOptions): SentToken {
  const to = options === undefined ? null : addresseeOf(session, options);
  return tokenOf(session, session.single(sendOperation, [value], to) as number);
}

/** The token of a key. */
const tokenOf = ({ mem }: Session, key: number): SentToken => ({
  type: TOKEN_TYPE,
  heap: heapIdOf(mem),
  key,
});

/**
 * Receives what was sent with a token: from now on it is this thread's.
 *
 * @throws InvalidTokenError, SpentTokenError, HeapExhaustedError: then it is still in transit
 */
export function receiveValue(session: Session, token: unknown): Shareable {
  return session.single(receiveOperation, keyOf(session, token));
}

/** Takes back what was sent. Returns whether it was still there. @throws InvalidTokenError */
export function revokeSent(session: Session, token: unknown): boolean {
  return session.single(dropOperation, keyOf(session, token));
}

/** The key in a token of this heap. @throws InvalidTokenError */
function keyOf(session: Session, token: unknown): number {
  if (typeof token !== 'object' || token === null) {
    throw new InvalidTokenError(`it is ${show(token)}`, ADVICE);
  }
  const { type, heap, key } = token as Partial<SentToken>;
  if (type !== TOKEN_TYPE || typeof key !== 'number') {
    throw new InvalidTokenError('it is some other object', ADVICE);
  }
  const own = heapIdOf(session.mem);
  if (heap !== own) {
    throw new InvalidTokenError(`it is of heap ${heap}, and this is ${own}`, ADVICE);
  }
  return key;
}

/** The number of the addressee; its end is watched. @throws TypeError, RangeError */
function addresseeOf(session: Session, options: SendOptions): number | null {
  const { to } = checkOptions(options, 'send()', ['to']) as SendOptions;
  if (to === undefined) return null;
  if (to instanceof Worker) {
    // One that has ended has the number -1: what is sent to it is dropped at once.
    if (to.threadId >= 0) dropAtExit(session, to);
    return to.threadId;
  }
  if (typeof to !== 'number') {
    throw new TypeError(`send() takes a Worker or its threadId as \`to\`, not ${show(to)}`);
  }
  if (!Number.isInteger(to) || to < 0 || to >= NODE_THREADS_MAX) {
    throw new RangeError(`no thread has the number ${to}: \`to\` is a Worker or its threadId`);
  }
  return to;
}

/** Workers of which the end is watched, for each session. */
const watched = new WeakMap<Session, WeakSet<Worker>>();

/** Drops what a worker has not received when it ends. */
function dropAtExit(session: Session, worker: Worker): void {
  const workers = watched.get(session) ?? new WeakSet();
  watched.set(session, workers);
  if (workers.has(worker)) return;
  workers.add(worker);
  const { threadId } = worker; // it is -1 later
  worker.once('exit', () => tryOperation(session, dropSentToOperation, threadId));
}

/**
 * Runs an operation that tidies up, where nobody could do anything about its failure: when this
 * thread has left the heap, or the heap is closed or broken, there is nothing to tidy.
 */
function tryOperation<A>(session: Session, operation: (s: Session, a: A) => unknown, a: A): void {
  if (!session.isOpen) return;
  try {
    session.single(operation, a);
  } catch {
    // Closed, or broken.
  }
}

/** Puts the values of a parcel in transit. Returns its key. */
function sendOperation(session: Session, values: readonly unknown[], to?: number | null): number {
  const { mem } = session;
  if (to === -1) return sendNowhere(session, values);
  const key = reserveTransit(mem, to ?? null);
  encodeParcel(session, values);
  putInTransit(mem, key);
  return key;
}

/** The addressee has ended: all is checked as ever, and nothing is under way. */
function sendNowhere(session: Session, values: readonly unknown[]): number {
  const key = sendOperation(session, values, null);
  dropTransit(session.mem, key);
  return key;
}

/** Leaves what stands for the values in the slot, counted. */
function encodeParcel(session: Session, values: readonly unknown[]): void {
  if (values.length === 0) {
    encodeAbsent();
    return;
  }
  if (values.length === 1) {
    encode(session, values[0], 'a value to send');
    return;
  }
  const array = session.handles.adopt(createArray(session.mem)); // ends with the section
  pushAllOperation(session, array, values);
  incref(session.mem, array.$ref);
  encodeReference(array.$ref);
}

function receiveOperation(session: Session, key: number): Shareable {
  const { mem } = session;
  const entry = findReceivable(mem, key);
  if (entry === 0) throw new SpentTokenError();
  const value = decodeAt(session, entry + ENTRY_VALUE);
  session.reserveResult(value);
  endTransit(mem, entry);
  return value;
}

function dropOperation(session: Session, key: number): boolean {
  return dropTransit(session.mem, key);
}

function dropSentToOperation(session: Session, nodeThreadId: number): void {
  dropSentTo(session.mem, nodeThreadId);
}

/**
 * For messages that are posted at once: they would arrive whether the section is undone or not.
 *
 * @throws AtomicSectionError
 */
export function refuseInAtomicSection({ mem }: Session, what: string): void {
  if (mem.undo !== null) throw new AtomicSectionError(what);
}

/** A parcel in transit, as it stands in a message. */
export interface Parcel {
  readonly key: number;
  /** How many values are in it. */
  readonly count: number;
}

/** Puts values in transit together, for whoever gets the key. */
export function sendParcel(session: Session, values: readonly unknown[]): Parcel {
  return { key: session.single(sendOperation, values, null) as number, count: values.length };
}

/**
 * Puts values in transit, as a question: an answer is awaited under the same key, once they are
 * received. All of it is dropped when the thread that asks leaves the heap.
 */
export function sendQuestion(session: Session, values: readonly unknown[]): Parcel {
  return { key: session.single(askOperation, values), count: values.length };
}

function askOperation(session: Session, values: readonly unknown[]): number {
  const { mem } = session;
  return sendOperation(session, values, mem.i32[mem.thread + THREAD_NODE_ID]);
}

/** Receives a parcel. @throws SpentTokenError; HeapExhaustedError: then it is still in transit */
export function receiveParcel(session: Session, parcel: Parcel): Shareable[] {
  return session.single(receiveParcelOperation, parcel);
}

/** As `receiveParcel`, of a question. */
export function receiveQuestion(session: Session, question: Parcel): Shareable[] {
  return session.single(receiveParcelOperation, question, true);
}

function receiveParcelOperation(
  session: Session,
  { key, count }: Parcel,
  isQuestion?: boolean,
): Shareable[] {
  if (count === 0) return [];
  const { mem } = session;
  const entry = findReceivable(mem, key);
  if (entry === 0) throw new SpentTokenError();
  const values = decodeParcel(session, entry + ENTRY_VALUE, count);
  session.reserveResults(values);
  if (isQuestion === true) awaitAnswer(mem, entry);
  else endTransit(mem, entry);
  return values;
}

function decodeParcel(session: Session, at: number, count: number): Shareable[] {
  if (count === 1) return [decodeAt(session, at)];
  const { mem } = session;
  const array = referenceAt(mem, at);
  const values: Shareable[] = [];
  for (let i = 0; i < arrayLength(mem, array); i++) {
    values.push(decodeAt(session, elementAt(mem, array, i)));
  }
  return values;
}

/** Puts the answer to a question in transit. @throws SpentTokenError when nobody waits for it */
export function sendAnswer(session: Session, key: number, values: readonly unknown[]): Parcel {
  if (values.length !== 0) session.single(answerOperation, key, values);
  return { key, count: values.length };
}

function answerOperation(session: Session, key: number, values?: readonly unknown[]): void {
  const { mem } = session;
  const entry = findAwaiting(mem, key);
  if (entry === 0) throw new SpentTokenError();
  encodeParcel(session, values ?? []);
  answer(mem, entry);
}

/** Drops what is under a key, if this thread is still in the heap. */
export function dropParcel(session: Session, key: number): void {
  tryOperation(session, dropOperation, key);
}
