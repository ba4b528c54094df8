/** `HeapBarrier`: threads wait for each other, again and again. After Java's `CyclicBarrier`. */

import { BrokenBarrierError } from './base/wait-errors.ts';
import { CoordinationObject, createCoordination, readState } from './coordination-object.ts';
import { refToChange } from './coordinator.ts';
import type { ObjectRef } from './memory/layout.ts';
import type { Memory } from './memory/memory.ts';
import {
  BARRIER,
  BARRIER_ARRIVED,
  BARRIER_BROKEN,
  BARRIER_LINE,
  BARRIER_PARTIES,
  BARRIER_PHASE,
  BARRIER_RANGE,
  BARRIER_RANGES,
  BROKEN_FIRST,
  BROKEN_LAST,
  BROKEN_RANGE_WORDS,
  BROKEN_RANGES,
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
 * `abort()`. One that gives up at the moment at which all have come has come, too.
 *
 * A party whose event loop is busy learns afterwards how its phase ended, whatever comes next, as
 * long as the barrier is not broken nine times meanwhile, with completed phases in between: then it
 * gets BrokenBarrierError.
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
   *   nested and in read sections; AtomicSectionError; HeapClosedError.
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
      endPhase(session, ref);
      return true;
    }
    this.#hasArrived = true;
    this.#phase = i32[ref + BARRIER_PHASE];
    i32[ref + BARRIER_ARRIVED]++;
    return NOT_YET;
  }

  #look({ mem }: Session, ref: ObjectRef): boolean | NotYet {
    if (mem.i32[ref + BARRIER_PHASE] === this.#phase) return NOT_YET;
    if (wasBroken(mem, ref, this.#phase)) throw new BrokenBarrierError();
    return false;
  }

  /** Gives up: the others cannot become all any more, unless all have come. The lock is held. */
  withdraw(session: Session, ref: ObjectRef): boolean | NotYet {
    if (!this.#hasArrived) return NOT_YET;
    const result = this.#look(session, ref);
    if (result === NOT_YET) breakBarrier(session, ref);
    return result;
  }
}

const ARRIVE: Way<Arrival, boolean> = {
  call: 'barrier.wait()',
  instead: 'waitAsync()',
  what: BARRIER,
  line: BARRIER_LINE,
  isUnordered: true,
  attempt: (session, ref, arrival) => arrival.attempt(session, ref),
  withdraw: (session, ref, arrival) => arrival.withdraw(session, ref),
};

/** The phase is over: all have come, or it was noted as broken. */
function endPhase({ mem, coordinator }: Session, ref: ObjectRef): void {
  mem.i32[ref + BARRIER_ARRIVED] = 0;
  mem.i32[ref + BARRIER_PHASE]++;
  if ((mem.i32[ref + BARRIER_PHASE] & PERIOD_MASK) === 0) forgetOld(mem, ref);
  wakeWholeLine(mem, coordinator.wakeUps, ref + BARRIER_LINE);
}

function breakPhase(session: Session, ref: ObjectRef): void {
  // Else nobody will ask for it.
  if (session.mem.i32[ref + BARRIER_ARRIVED] !== 0) noteBroken(session.mem, ref);
  endPhase(session, ref);
}

function breakBarrier(session: Session, ref: ObjectRef): void {
  session.mem.i32[ref + BARRIER_BROKEN] = 1;
  breakPhase(session, ref);
}

// How a phase ended, for parties that look late. Most phases are completed, any number of them
// while the event loop of a party is busy. Those that are broken follow each other: one party gives
// up again and again. So ranges of broken ones are kept, the latest BROKEN_RANGES, in a ring. A
// party that sleeps through more, with completed phases in between, is told that its phase was
// broken. Phases are numbered modulo 2^32, and compared by their differences.

/** So many phases, less one, after which the ranges are looked at: they must not seem new again. */
const PERIOD_MASK = 2 ** 30 - 1;

const rangeAt = (ref: ObjectRef, range: number): number =>
  ref + BARRIER_RANGE + ((range >>> 0) % BROKEN_RANGES) * BROKEN_RANGE_WORDS;

/** Notes that the running phase is broken. */
function noteBroken({ i32 }: Memory, ref: ObjectRef): void {
  const phase = i32[ref + BARRIER_PHASE];
  const ranges = i32[ref + BARRIER_RANGES];
  const last = rangeAt(ref, ranges - 1) + BROKEN_LAST;
  if (ranges !== 0 && ((i32[last] + 1) | 0) === phase) {
    i32[last] = phase;
    return;
  }
  const at = rangeAt(ref, ranges);
  i32[at + BROKEN_FIRST] = phase;
  i32[at + BROKEN_LAST] = phase;
  // Beyond the size of the ring only the place in it counts.
  i32[ref + BARRIER_RANGES] = ranges === 2 * BROKEN_RANGES ? BROKEN_RANGES + 1 : ranges + 1;
}

function forgetOld({ i32 }: Memory, ref: ObjectRef): void {
  const ranges = i32[ref + BARRIER_RANGES];
  const last = i32[rangeAt(ref, ranges - 1) + BROKEN_LAST];
  if (((i32[ref + BARRIER_PHASE] - last) >>> 0) * 2 > PERIOD_MASK) i32[ref + BARRIER_RANGES] = 0;
}

/** Whether a phase that is over was broken; it is one that a party still waits for. */
function wasBroken({ i32 }: Memory, ref: ObjectRef, phase: number): boolean {
  const ranges = i32[ref + BARRIER_RANGES];
  for (let back = 1; back <= BROKEN_RANGES; back++) {
    if (back > ranges) return false;
    const at = rangeAt(ref, ranges - back);
    if (((phase - i32[at + BROKEN_LAST]) | 0) > 0) return false;
    if (((phase - i32[at + BROKEN_FIRST]) | 0) >= 0) return true;
  }
  return ranges > BROKEN_RANGES; // it was before all that are known
}

function abortOperation(session: Session, barrier: HeapBarrier): void {
  const ref = refToChange(session, barrier, BARRIER);
  if (session.mem.i32[ref + BARRIER_BROKEN] === 0) breakBarrier(session, ref);
}

function resetOperation(session: Session, barrier: HeapBarrier): void {
  const ref = refToChange(session, barrier, BARRIER);
  if (session.mem.i32[ref + BARRIER_ARRIVED] !== 0) breakPhase(session, ref);
  session.mem.i32[ref + BARRIER_BROKEN] = 0;
}
