/** Errors of objects that threads wait for: mutexes, conditions, queues, semaphores, barriers. */

import { SharcError } from './errors.ts';

/** A call that may block was made where it must not. Nothing has happened. */
export class WouldBlockError extends SharcError {
  /** Sections around the call; negative when they are read sections. */
  readonly depth: number;
  constructor(call: string, instead: string, depth: number) {
    const where = depth < 0 ? 'a read section' : `a section inside of ${depth - 1} others`;
    super(
      'ERR_SHARC_WOULD_BLOCK',
      `${call} may have to wait, and cannot in ${where}, which must not give up the lock; ` +
        `call it outside of sections or in the outermost one, or use ${instead}`,
    );
    this.depth = depth;
  }
}

/** What was waited for did not come in time. Nothing has happened. */
export class WaitTimeoutError extends SharcError {
  readonly timeoutMs: number;
  constructor(call: string, timeoutMs: number) {
    super(
      'ERR_SHARC_WAIT_TIMEOUT',
      `${call} waited ${timeoutMs} ms in vain; wait longer, or look whether the thread that ` +
        'should end the wait still lives',
    );
    this.timeoutMs = timeoutMs;
  }
}

/** A value was given to a queue that is closed. It was not taken. */
export class QueueClosedError extends SharcError {
  constructor() {
    super(
      'ERR_SHARC_QUEUE_CLOSED',
      'the queue is closed and takes no more values; what is in it can still be popped',
    );
  }
}

/** A barrier was broken: by `abort`, by `reset`, or because a thread at it waited no longer. */
export class BrokenBarrierError extends SharcError {
  constructor() {
    super(
      'ERR_SHARC_BROKEN_BARRIER',
      'the barrier is broken: not all threads came to it, or one called abort() or reset(); call ' +
        'reset() when all have noticed',
    );
  }
}
