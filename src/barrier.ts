/** `HeapBarrier`: threads wait for each other, again and again. After Java's `CyclicBarrier`. */

import { BrokenBarrierError } from './base/wait-errors.ts';
import { CoordinationObject, createCoordination, readState } from './coordination-object.ts';
import { refOfWhat } from './coordinator.ts';
import type { ObjectRef } from './memory/layout.ts';
import {
  BARRIER,
  BARRIER_ARRIVED,
  BARRIER_BROKEN,
  BARRIER_LINE,
  BARRIER_OUTCOMES,
  BARRIER_PARTIES,
  BARRIER_PHASE,
} from './object/coordination.ts';
import { createStruct } from './object/struct.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import { wakeWholeLine } from './sync/line.ts';
import {
  type AsyncWaitOptions,
  checkOptions,
  NOT_YET,
  type NotYet,
  type WaitOptions,
  type Way,
  waitFor,
} from './waiting.ts';
import { type Argument, waitForAsync } from './waiting-async.ts';

/** Most parties of a barrier. */
const PARTIES_MAX = 2 ** 31 - 1;

/**
 * A barrier for a number of parties: `wait` returns when so many wait. Then the next phase begins.
 *
 * When one that waits gives up, by its time limit or its signal, the barrier is broken: all others
 * get BrokenBarrierError, and whoever comes later, until `reset()`. A thread that dies at the
 * barrier has arrived; for one that dies before it the others wait: give them a time limit, or call
 * `abort()`.
 */
export class HeapBarrier extends CoordinationObject {
  /** How many have to come. */
  get parties(): number {
    return readState(this, BARRIER).parties as number;
  }

  /** How many have come. */
  get waiting(): number {
    return readState(this, BARRIER).waiting as number;
  }

  /** Whether it is broken. */
  get isBroken(): boolean {
    return readState(this, BARRIER).isBroken as boolean;
  }

  /**
   * Waits until all parties have come. Returns whether this one was the last.
   *
   * @throws BrokenBarrierError; WaitTimeoutError: then the barrier is broken; WouldBlockError in
   *   nested and in read sections; HeapClosedError.
   */
  wait(options: WaitOptions = {}): boolean {
    return waitFor(this, ARRIVE, new Arrival(), checkOptions(options));
  }

  /**
   * As `wait`, without blocking. Several tasks of a thread may be parties.
   *
   * @throws (rejects) what `wait` throws; the reason of the signal: then the barrier is broken.
   */
  async waitAsync(options: AsyncWaitOptions = {}): Promise<boolean> {
    return waitForAsync(this, ARRIVE, new Arrival(), options);
  }

  /**
   * Breaks the barrier: all that wait get BrokenBarrierError, and whoever comes, until `reset()`.
   */
  abort(): void {
    this.$session.single(abortOperation, this as HeapBarrier);
  }

  /** Makes it a barrier at which nobody waits. Those that do get BrokenBarrierError. */
  reset(): void {
    this.$session.single(resetOperation, this as HeapBarrier);
  }

  get [Symbol.toStringTag](): string {
    return 'HeapBarrier';
  }
}

/** A new barrier. @throws RangeError, HeapExhaustedError */
export function newBarrier(session: Session, parties: number): HeapBarrier {
  if (!Number.isInteger(parties) || parties < 1 || parties > PARTIES_MAX) {
    throw new RangeError(`parties are an integer from 1 to ${PARTIES_MAX}, not ${show(parties)}`);
  }
  return createCoordination(session, BARRIER, (mem, kind) => {
    const barrier = createStruct(mem, kind);
    mem.i32[barrier + BARRIER_PARTIES] = parties;
    return barrier;
  });
}

/** One that comes to the barrier. */
class Arrival implements Argument {
  #phase = 0;
  #hasArrived = false;

  /** Nothing: a number is enough. */
  hold(): void {}

  /** Comes, or looks whether its phase is over. The lock is held. */
  attempt(session: Session, ref: ObjectRef): boolean | NotYet {
    const { i32 } = session.mem;
    if (this.#hasArrived) return this.#look(session, ref);
    if (i32[ref + BARRIER_BROKEN] !== 0) throw new BrokenBarrierError();
    if (i32[ref + BARRIER_ARRIVED] + 1 >= i32[ref + BARRIER_PARTIES]) {
      endPhase(session, ref, true);
      return true;
    }
    this.#hasArrived = true;
    this.#phase = i32[ref + BARRIER_PHASE];
    i32[ref + BARRIER_ARRIVED]++;
    return NOT_YET;
  }

  #look({ mem }: Session, ref: ObjectRef): boolean | NotYet {
    const { i32 } = mem;
    if (i32[ref + BARRIER_PHASE] === this.#phase) return NOT_YET;
    if (((i32[ref + BARRIER_OUTCOMES] >>> (this.#phase & PHASE_MASK)) & 1) === 1) return false;
    throw new BrokenBarrierError();
  }

  /** Gives up: the others cannot become all any more. The lock is held. */
  cancel(session: Session, ref: ObjectRef): void {
    if (this.#hasArrived && session.mem.i32[ref + BARRIER_PHASE] === this.#phase) {
      breakBarrier(session, ref);
    }
  }
}

/** The outcomes of so many phases are known: more than a thread can sleep through. */
const PHASE_MASK = 31;

const ARRIVE: Way<Arrival, boolean> = {
  call: 'barrier.wait()',
  instead: 'waitAsync()',
  what: BARRIER,
  line: BARRIER_LINE,
  isUnordered: true,
  attempt: (session, ref, arrival) => arrival.attempt(session, ref),
  cancel: (session, ref, arrival) => arrival.cancel(session, ref),
};

function endPhase({ mem, coordinator }: Session, ref: ObjectRef, isComplete: boolean): void {
  const { i32 } = mem;
  const phase = i32[ref + BARRIER_PHASE];
  const bit = 1 << (phase & PHASE_MASK);
  if (isComplete) i32[ref + BARRIER_OUTCOMES] |= bit;
  else i32[ref + BARRIER_OUTCOMES] &= ~bit;
  i32[ref + BARRIER_ARRIVED] = 0;
  i32[ref + BARRIER_PHASE] = phase + 1;
  wakeWholeLine(mem, coordinator.wakeUps, ref + BARRIER_LINE);
}

function breakBarrier(session: Session, ref: ObjectRef): void {
  session.mem.i32[ref + BARRIER_BROKEN] = 1;
  endPhase(session, ref, false);
}

function abortOperation(session: Session, barrier: HeapBarrier): void {
  const ref = refOfWhat(session, barrier, BARRIER);
  if (session.mem.i32[ref + BARRIER_BROKEN] === 0) breakBarrier(session, ref);
}

function resetOperation(session: Session, barrier: HeapBarrier): void {
  const ref = refOfWhat(session, barrier, BARRIER);
  if (session.mem.i32[ref + BARRIER_ARRIVED] !== 0) endPhase(session, ref, false);
  session.mem.i32[ref + BARRIER_BROKEN] = 0;
}
