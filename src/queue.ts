/**
 * `HeapQueue`: a bounded queue between threads. Any number of them push and pop, and wait while it
 * is full or empty.
 */

import { QueueClosedError } from './base/wait-errors.ts';
import { decodeAt, encode, type Shareable } from './codec.ts';
import { CoordinationObject, createCoordination, look, readState } from './coordination-object.ts';
import { refOfWhat, refToChange } from './coordinator.ts';
import { Handle, refOf } from './handle.ts';
import { Held } from './held.ts';
import type { ObjectRef } from './memory/layout.ts';
import { ARRAY_LENGTH_MAX } from './object/array.ts';
import {
  QUEUE,
  QUEUE_CLOSED,
  QUEUE_POPPERS,
  QUEUE_PUSHERS,
  queueSize,
} from './object/coordination.ts';
import { createQueue, isFull, pushValue, shiftValue, valueAt } from './object/queue-ring.ts';
import { incref } from './object/refcount.ts';
import { encodeReference } from './object/value.ts';
import { handleIn } from './proxy-targets.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import { wakeLine, wakeWholeLine } from './sync/line.ts';
import type { Shared } from './types.ts';
import {
  type AsyncWaitOptions,
  checkOptions,
  NOT_YET,
  type NotYet,
  type Waiter,
  type WaitOptions,
  type Way,
  waitFor,
} from './waiting.ts';
import { type Argument, waitForAsync } from './waiting-async.ts';

/** Options of `heap.queue`. */
export interface QueueOptions {
  /** Most values in the queue at a time; memory is taken as it fills. */
  readonly capacity: number;
}

/**
 * A queue in the heap, first in, first out. A value is popped once: by a thread that lives, or it
 * is still there. Iterating pops, and waits, until the queue is closed and empty.
 */
export class HeapQueue<T = Shareable> extends CoordinationObject {
  /** Values in the queue, at this moment. */
  get size(): number {
    return readState(this, QUEUE).size as number;
  }

  /** Most values in the queue at a time. */
  get capacity(): number {
    return readState(this, QUEUE).capacity as number;
  }

  /** Whether it takes no more values. */
  get isClosed(): boolean {
    return readState(this, QUEUE).isClosed as boolean;
  }

  /**
   * Appends a value, and waits while the queue is full.
   *
   * @throws QueueClosedError, also when it is closed meanwhile; WaitTimeoutError;
   *   NotShareableError, HeapExhaustedError; WouldBlockError in nested and in read sections;
   *   AtomicSectionError. Then nothing was appended.
   */
  push(value: T, options: WaitOptions = {}): void {
    waitFor(this, PUSH, new Value(value), checkOptions(options));
  }

  /**
   * Appends a value if there is room. Returns whether there was. Never waits.
   *
   * @throws QueueClosedError, NotShareableError, HeapExhaustedError.
   */
  tryPush(value: T): boolean {
    return this.$session.single(tryPushOperation, this as HeapQueue<T>, new Value(value));
  }

  /**
   * As `push`, without blocking. Those of one thread are appended in the order of the calls. Hold a
   * handle that you push until the promise settles.
   *
   * @throws (rejects) what `push` throws; the reason of the signal; AtomicSectionError: in an
   *   atomic section none can begin.
   */
  async pushAsync(value: T, options: AsyncWaitOptions = {}): Promise<void> {
    await waitForAsync(this, PUSH, new Value(value), options);
  }

  /**
   * Removes the first value and returns it; waits while there is none. Returns undefined when the
   * queue is closed and empty.
   *
   * @throws WaitTimeoutError; WouldBlockError in nested and in read sections; AtomicSectionError;
   *   HeapExhaustedError when there is no room for a handle: then the value is still in the queue.
   */
  pop(options: WaitOptions = {}): Shared<T> | undefined {
    return waitFor(this, POP, NOTHING, checkOptions(options)) as Shared<T> | undefined;
  }

  /** Removes the first value and returns it; undefined when there is none. Never waits. */
  tryPop(): Shared<T> | undefined {
    return this.$session.single(tryPopOperation, this as HeapQueue<T>) as Shared<T> | undefined;
  }

  /**
   * As `pop`, without blocking. Those of one thread are served in the order of the calls.
   *
   * @throws (rejects) what `pop` throws; the reason of the signal; AtomicSectionError: in an
   *   atomic section none can begin.
   */
  async popAsync(options: AsyncWaitOptions = {}): Promise<Shared<T> | undefined> {
    const [value] = await waitForAsync(this, POP_ASYNC, NOTHING, options);
    return value as Shared<T> | undefined;
  }

  /** Takes no more values. Whoever waits to push is refused; what is in the queue can be popped. */
  close(): void {
    this.$session.single(closeOperation, this as HeapQueue<T>);
  }

  /** Pops values, and waits for them, until the queue is closed and empty. */
  *[Symbol.iterator](): Generator<Shared<T>, undefined, undefined> {
    for (;;) {
      const value = waitFor(this, POP_NEXT, NOTHING, Number.POSITIVE_INFINITY);
      if (value.length === 0) return undefined;
      yield value[0] as Shared<T>;
    }
  }

  /** As iteration, without blocking. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Shared<T>, undefined, undefined> {
    for (;;) {
      const value = await waitForAsync(this, POP_ASYNC, NOTHING, {});
      if (value.length === 0) return undefined;
      yield value[0] as Shared<T>;
    }
  }

  get [Symbol.toStringTag](): string {
    return 'HeapQueue';
  }
}

/** A new queue. @throws TypeError, RangeError, HeapExhaustedError */
export function newQueue(session: Session, options: unknown): HeapQueue {
  const capacity = checkCapacity(options);
  const create: Parameters<typeof createCoordination>[2] = (mem, kind) =>
    createQueue(mem, kind, capacity);
  return createCoordination(session, QUEUE, create);
}

function checkCapacity(options: unknown): number {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      `a queue needs its options as an object, { capacity }, not ${show(options)}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (name === 'capacity') continue;
    throw new TypeError(`unknown option '${name}' of a queue; the option is capacity`);
  }
  const { capacity } = options as Partial<QueueOptions>;
  if (Number.isInteger(capacity) && Number(capacity) > 0 && Number(capacity) <= ARRAY_LENGTH_MAX) {
    return capacity as number;
  }
  throw new RangeError(
    `the capacity of a queue must be an integer from 1 to ${ARRAY_LENGTH_MAX}, ` +
      `not ${show(capacity)}`,
  );
}

/** A value on its way into a queue. */
class Value implements Argument {
  readonly #value: unknown;
  /** What holds an object while its handles may end. */
  #held: Held | null = null;

  constructor(value: unknown) {
    this.#value = value;
  }

  hold(session: Session): void {
    const handle = handleIn(this.#value);
    if (handle?.$session === session) this.#held = new Held(session, refOf(handle));
  }

  letGo(): void {
    this.#held?.release();
    this.#held = null;
  }

  /** Encodes it; the caller owns what is in the slot. */
  encode(session: Session): void {
    if (this.#held === null) {
      encode(session, this.#value, 'a value of a queue');
      return;
    }
    incref(session.mem, this.#held.ref);
    encodeReference(this.#held.ref);
  }
}

const NOTHING: Argument = {};

/** Appends a value, unless the queue is full. */
function tryPush(session: Session, ref: ObjectRef, value: Value): boolean {
  const { mem, coordinator } = session;
  if (mem.i32[ref + QUEUE_CLOSED] !== 0) throw new QueueClosedError();
  if (isFull(mem, ref)) return false;
  value.encode(session);
  pushValue(mem, ref);
  wakeLine(mem, coordinator.wakeUps, ref + QUEUE_POPPERS, 1);
  return true;
}

const PUSH: Way<Value, true> = {
  call: 'queue.push()',
  instead: 'tryPush() or pushAsync()',
  what: QUEUE,
  line: QUEUE_PUSHERS,
  attempt: (session, ref, value) => (tryPush(session, ref, value) ? true : NOT_YET),
};

function tryPushOperation(session: Session, queue: Handle, value?: Value): boolean {
  return tryPush(session, refToChange(session, queue, QUEUE), value as Value);
}

/** Removes the first value, of which there is one. The value is kept before: it cannot be lost. */
function take(session: Session, ref: ObjectRef, isAsync: boolean): Shareable {
  const { mem, coordinator } = session;
  const at = valueAt(mem, ref, 0);
  const value = at === 0 ? undefined : decodeAt(session, at);
  if (!isAsync) session.reserveResult(value);
  else if (value instanceof Handle) session.keep(value);
  shiftValue(mem, ref);
  wakeLine(mem, coordinator.wakeUps, ref + QUEUE_PUSHERS, 1);
  return value;
}

function tryPopOperation(session: Session, queue: Handle): Shareable {
  const ref = refToChange(session, queue, QUEUE);
  return queueSize(session.mem, ref) === 0 ? undefined : take(session, ref, false);
}

const WORDS = {
  call: 'queue.pop()',
  instead: 'tryPop() or popAsync()',
  what: QUEUE,
  line: QUEUE_POPPERS,
};

/** Pops a value; undefined when there will be none. */
const POP: Way<Argument, Shareable> = {
  ...WORDS,
  attempt(session, ref): Shareable | NotYet {
    const { mem } = session;
    if (queueSize(mem, ref) !== 0) return take(session, ref, false);
    return mem.i32[ref + QUEUE_CLOSED] === 0 ? NOT_YET : undefined;
  },
};

/** Pops a value into an array, which stays empty when there will be none. */
const popInto = (session: Session, ref: ObjectRef, isAsync: boolean): Shareable[] | NotYet => {
  const { mem } = session;
  if (queueSize(mem, ref) !== 0) return [take(session, ref, isAsync)];
  return mem.i32[ref + QUEUE_CLOSED] === 0 ? NOT_YET : [];
};

const POP_NEXT: Way<Argument, Shareable[]> = {
  ...WORDS,
  attempt: (session, ref) => popInto(session, ref, false),
};

const POP_ASYNC: Way<Argument, Shareable[]> = {
  ...WORDS,
  attempt: (session, ref, _: Argument, __: Waiter) => popInto(session, ref, true),
};

function closeOperation(session: Session, queue: Handle): void {
  const { mem, coordinator } = session;
  const ref = refToChange(session, queue, QUEUE);
  mem.i32[ref + QUEUE_CLOSED] = 1;
  wakeWholeLine(mem, coordinator.wakeUps, ref + QUEUE_PUSHERS);
  wakeWholeLine(mem, coordinator.wakeUps, ref + QUEUE_POPPERS);
}

/** The values in a queue, without taking them. */
export const valuesOfQueue = (queue: HeapQueue, most: number): Shareable[] =>
  look(
    queue.$session,
    (session) => {
      const { mem } = session;
      const ref = refOfWhat(session, queue, QUEUE);
      const values: Shareable[] = [];
      for (let i = 0; i < Math.min(most, queueSize(mem, ref)); i++) {
        const at = valueAt(mem, ref, i);
        values.push(at === 0 ? undefined : decodeAt(session, at));
      }
      return values;
    },
    0,
  );
