/** `HeapSemaphore`: a number of permits that threads take and give back. */

import { HeapClosedError } from './base/errors.ts';
import { CoordinationObject, createCoordination, readState } from './coordination-object.ts';
import { noteScalars, refToChange } from './coordinator.ts';
import { type Held, letGoOf, takeHold } from './held.ts';
import type { ObjectRef } from './memory/layout.ts';
import { SEMAPHORE, SEMAPHORE_LINE, SEMAPHORE_PERMITS } from './object/coordination.ts';
import { createStruct } from './object/struct.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';
import { wakeWholeLine } from './sync/line.ts';
import {
  type AsyncWaitOptions,
  checkOptions,
  NOT_YET,
  type WaitOptions,
  type Way,
  waitFor,
} from './waiting.ts';
import { type Argument, waitForAsync } from './waiting-async.ts';

/** Most permits of a semaphore. */
export const PERMITS_MAX = 2 ** 31 - 1;

/**
 * Permits that this thread has taken. Ordinary objects: they stay in their thread. If they are
 * forgotten they stay taken, but do not keep the semaphore alive.
 */
export class SemaphorePermit {
  /** How many permits it stands for. */
  readonly count: number;
  /** @internal The semaphore, until they are given back. */
  $held: Held | null = null;
  /** @internal */
  $isYoung = false;

  /** For the library: `acquire` makes them. */
  constructor(count: number) {
    this.count = count;
  }

  /** Whether the permits are still taken. */
  get acquired(): boolean {
    return this.$held !== null;
  }

  /** Gives the permits back. Returns whether they were taken. @throws HeapClosedError */
  release(): boolean {
    const held = this.$held;
    if (held === null) return false;
    if (held.session.isOpen) held.session.single(releaseOperation, this as SemaphorePermit);
    this.$held = null;
    return true;
  }

  /** As `release`, also when the heap is closed by now. */
  [Symbol.dispose](): void {
    try {
      this.release();
    } catch (error) {
      if (!(error instanceof HeapClosedError)) throw error;
    }
  }
}

/**
 * A counting semaphore. Permits of a thread that dies stay taken: nobody can tell what they stood
 * for. Who acquires many waits until so many are free at once; others may go first.
 */
export class HeapSemaphore extends CoordinationObject {
  /** Permits that are free, at this moment. */
  get permits(): number {
    return readState(this, SEMAPHORE).permits as number;
  }

  /**
   * Takes permits, and waits until there are enough. `using` gives them back.
   *
   * @throws RangeError for a count that is no integer from 1 on; WaitTimeoutError; WouldBlockError
   *   in nested and in read sections; AtomicSectionError; HeapExhaustedError.
   */
  acquire(count = 1, options: WaitOptions = {}): SemaphorePermit {
    const permit = new SemaphorePermit(checkPermits(count, 1));
    waitFor(this, ACQUIRE, { permit }, checkOptions(options));
    return permit;
  }

  /**
   * Takes permits if there are enough; null if not. Never waits. An atomic section that is undone
   * gives them back. @throws as `acquire`
   */
  tryAcquire(count = 1): SemaphorePermit | null {
    const permit = new SemaphorePermit(checkPermits(count, 1));
    return this.$session.single(tryAcquireOperation, this as HeapSemaphore, permit) ? permit : null;
  }

  /**
   * As `acquire`, without blocking. Those of one thread get theirs in the order of the calls.
   *
   * @throws (rejects) what `acquire` throws; the reason of the signal; AtomicSectionError: in an
   *   atomic section none can begin.
   */
  async acquireAsync(count = 1, options: AsyncWaitOptions = {}): Promise<SemaphorePermit> {
    const permit = new SemaphorePermit(checkPermits(count, 1));
    await waitForAsync(this, ACQUIRE, { permit }, options);
    return permit;
  }

  /**
   * Adds permits that nobody has taken: one thread waits for them, another one posts. (`release()`
   * releases this handle, as it does with all handles.)
   *
   * @throws RangeError when there would be more than 2^31 - 1
   */
  post(count = 1): void {
    this.$session.single(postOperation, this as HeapSemaphore, checkPermits(count, 1));
  }

  get [Symbol.toStringTag](): string {
    return 'HeapSemaphore';
  }
}

function checkPermits(count: unknown, least: number): number {
  if (Number.isInteger(count) && Number(count) >= least && Number(count) <= PERMITS_MAX) {
    return count as number;
  }
  throw new RangeError(
    `permits are an integer from ${least} to ${PERMITS_MAX}, not ${show(count)}`,
  );
}

/** A new semaphore. @throws RangeError, HeapExhaustedError */
export function newSemaphore(session: Session, permits: number): HeapSemaphore {
  checkPermits(permits, 0);
  return createCoordination(session, SEMAPHORE, (mem, kind) => {
    const semaphore = createStruct(mem, kind);
    mem.i32[semaphore + SEMAPHORE_PERMITS] = permits;
    return semaphore;
  });
}

interface Acquisition extends Argument {
  readonly permit: SemaphorePermit;
}

function tryAcquire(session: Session, ref: ObjectRef, permit: SemaphorePermit): boolean {
  const { i32 } = session.mem;
  if (i32[ref + SEMAPHORE_PERMITS] < permit.count) return false;
  takeHold(session, permit, ref);
  i32[ref + SEMAPHORE_PERMITS] -= permit.count;
  return true;
}

const ACQUIRE: Way<Acquisition, true> = {
  call: 'semaphore.acquire()',
  instead: 'tryAcquire() or acquireAsync()',
  what: SEMAPHORE,
  line: SEMAPHORE_LINE,
  attempt: (session, ref, { permit }) => (tryAcquire(session, ref, permit) ? true : NOT_YET),
};

function tryAcquireOperation(
  session: Session,
  semaphore: HeapSemaphore,
  permit?: SemaphorePermit,
): boolean {
  const ref = refToChange(session, semaphore, SEMAPHORE);
  return tryAcquire(session, ref, permit as SemaphorePermit);
}

function releaseOperation(session: Session, permit: SemaphorePermit): void {
  const held = permit.$held as Held;
  noteScalars(session.mem, held.ref);
  // More may have been posted than there is room for: then these are lost.
  const room = PERMITS_MAX - session.mem.i32[held.ref + SEMAPHORE_PERMITS];
  addPermits(session, held.ref, Math.min(permit.count, room));
  letGoOf(session, permit, held);
}

function postOperation(session: Session, semaphore: HeapSemaphore, count?: number): void {
  const ref = refToChange(session, semaphore, SEMAPHORE);
  const permits = session.mem.i32[ref + SEMAPHORE_PERMITS];
  if (permits + (count as number) > PERMITS_MAX) {
    throw new RangeError(
      `a semaphore has at most ${PERMITS_MAX} permits; ${permits} and ${count} are more`,
    );
  }
  addPermits(session, ref, count as number);
}

/** Whoever waits looks: the first may want more than there are, and those behind it fewer. */
function addPermits({ mem, coordinator }: Session, ref: ObjectRef, count: number): void {
  mem.i32[ref + SEMAPHORE_PERMITS] += count;
  wakeWholeLine(mem, coordinator.wakeUps, ref + SEMAPHORE_LINE);
}
