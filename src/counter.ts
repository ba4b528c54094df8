/**
 * `HeapCounter`: a number that threads change together. It may be changed in read sections, too:
 * readers do so by one atomic instruction, everybody else under the lock.
 */

import { CoordinationObject, createCoordination } from './coordination-object.ts';
import { refOfWhat, refToChange } from './coordinator.ts';
import { COUNTER, COUNTER_VALUE } from './object/coordination.ts';
import { createStruct } from './object/struct.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import { changeInt64, loadInt64, readInt64, writeInt64 } from './sync/int64.ts';

/**
 * An integer from -(2^53 - 1) to 2^53 - 1: the safe integers of JavaScript. The methods are those
 * of `Atomics`, and return what the value was before.
 */
export class HeapCounter extends CoordinationObject {
  /** The value. Setting it is `exchange`. */
  get value(): number {
    const { $session: session } = this;
    if (session.mem.depth > 0) return session.look(readOperation, this as HeapCounter);
    return change(this, readOperation, 0);
  }

  set value(value: number) {
    this.exchange(value);
  }

  /**
   * Adds `amount`. Returns the value before.
   *
   * @throws RangeError for what is no safe integer, or if the sum is none: nothing has changed
   */
  add(amount = 1): number {
    return change(this, addOperation, checkInteger(amount));
  }

  /** Subtracts `amount`. Returns the value before. @throws as `add` */
  sub(amount = 1): number {
    return change(this, addOperation, -checkInteger(amount));
  }

  /**
   * Replaces the value. Returns the value before. @throws RangeError for what is no safe integer
   */
  exchange(value: number): number {
    return change(this, exchangeOperation, checkInteger(value));
  }

  /**
   * Replaces the value if it is `expected`. Returns the value before: it was replaced if that is
   * `expected`.
   *
   * @throws RangeError for what is no safe integer
   */
  compareExchange(expected: number, value: number): number {
    const pair = [checkInteger(expected), checkInteger(value)] as const;
    return change(this, compareExchangeOperation, pair);
  }

  get [Symbol.toStringTag](): string {
    return 'HeapCounter';
  }
}

/** A new counter. @throws RangeError, HeapExhaustedError */
export function newCounter(session: Session, initial: number): HeapCounter {
  checkInteger(initial);
  return createCoordination(session, COUNTER, (mem, kind) => {
    const counter = createStruct(mem, kind);
    writeInt64(mem, counter + COUNTER_VALUE, initial);
    return counter;
  });
}

function checkInteger(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw new RangeError(`a counter counts in safe integers, not ${show(value)}`);
}

function checkSum(value: number, amount: number): number {
  const sum = value + amount;
  if (Number.isSafeInteger(sum)) return sum;
  throw new RangeError(`a counter holds safe integers; ${value} and ${amount} give none`);
}

type Change<A> = (session: Session, counter: HeapCounter, argument?: A) => number;

/** Runs an operation that readers may run, too. */
function change<A>(counter: HeapCounter, operation: Change<A>, argument: A): number {
  const { $session: session } = counter;
  if (session.mem.depth < 0) return operation(session, counter, argument);
  if (session.mem.depth > 0) return session.single(operation, counter, argument);
  // Not alone under the lock, but beside other readers: threads change counters all the time.
  return session.read(() => operation(session, counter, argument), Number.POSITIVE_INFINITY);
}

/** Sets the value to what `next` says of it. Returns what it was. */
function update(session: Session, counter: HeapCounter, next: (value: number) => number): number {
  const { mem } = session;
  const at = refToChange(session, counter, COUNTER) + COUNTER_VALUE;
  if (mem.depth < 0) return changeInt64(mem, at, next);
  const value = readInt64(mem, at);
  writeInt64(mem, at, next(value));
  return value;
}

function readOperation(session: Session, counter: HeapCounter): number {
  const at = refOfWhat(session, counter, COUNTER) + COUNTER_VALUE;
  return session.mem.depth < 0 ? loadInt64(session.mem, at) : readInt64(session.mem, at);
}

const addOperation: Change<number> = (session, counter, amount) =>
  update(session, counter, (value) => checkSum(value, amount as number));

const exchangeOperation: Change<number> = (session, counter, wanted) =>
  update(session, counter, () => wanted as number);

const compareExchangeOperation: Change<readonly [number, number]> = (session, counter, pair) => {
  const [expected, wanted] = pair as readonly [number, number];
  return update(session, counter, (value) => (value === expected ? wanted : value));
};
