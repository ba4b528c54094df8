/**
 * Every error that sharc throws for an operating condition. Each says what was asked, what is
 * allowed or available, and what to do; each has a stable `code` and carries the numbers a caller
 * needs. Where JavaScript itself would throw a `TypeError` or `RangeError`, sharc throws that.
 */

/** The base of all errors that are sharc's own. `code` is stable: `ERR_SHARC_...`. */
export class SharcError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** The program is right, the heap is too small. Release something and retry. */
export class HeapExhaustedError extends SharcError {
  /** Bytes that the failing operation asked for. */
  readonly requestedBytes: number;
  /** Bytes free in the heap, in blocks that could not serve the request. */
  readonly freeBytes: number;
  /** Bytes in live blocks. */
  readonly liveBytes: number;
  constructor(requestedBytes: number, freeBytes: number, liveBytes: number) {
    super(
      'ERR_SHARC_HEAP_EXHAUSTED',
      `heap exhausted: ${requestedBytes} bytes requested in one block, ${freeBytes} bytes free ` +
        `in total, ${liveBytes} live; release something or create the heap with larger maxBytes`,
    );
    this.requestedBytes = requestedBytes;
    this.freeBytes = freeBytes;
    this.liveBytes = liveBytes;
  }
}

/** The heap was closed, or this thread has detached from it. */
export class HeapClosedError extends SharcError {
  constructor(why = 'the heap is closed') {
    super('ERR_SHARC_HEAP_CLOSED', `${why}; create a heap, or attach to one that is open`);
  }
}

/** A handle was used after its scope had closed or after its last release. */
export class StaleHandleError extends SharcError {
  constructor(what = 'this handle') {
    super(
      'ERR_SHARC_STALE_HANDLE',
      `${what} no longer protects an object: its scope has closed or it was released; ` +
        'keep() a handle, or return it from run(), to use it afterwards',
    );
  }
}

/** A struct of this name exists with another layout; `field` is the first that differs. */
export class StructMismatchError extends SharcError {
  readonly struct: string;
  readonly field: string;
  constructor(struct: string, field: string, expected: string, found: string) {
    super(
      'ERR_SHARC_STRUCT_MISMATCH',
      `struct ${struct} was declared before with another layout: field '${field}' is ` +
        `${expected} in the heap, ${found} in this declaration; declare it alike in all threads`,
    );
    this.struct = struct;
    this.field = field;
  }
}

/** The lock was not had in time. Nothing has happened. */
export class LockTimeoutError extends SharcError {
  readonly timeoutMs: number;
  /** The heap's number of the thread that held the lock when the time was up; 0 when free. */
  readonly holder: number;
  constructor(timeoutMs: number, holder: number) {
    super(
      'ERR_SHARC_LOCK_TIMEOUT',
      `the heap's lock was not had within ${timeoutMs} ms (thread ${holder} holds it); ` +
        'shorten the sections elsewhere, call heap.safepoint() in long ones, or wait longer',
    );
    this.timeoutMs = timeoutMs;
    this.holder = holder;
  }
}

/** Something that is not possible in a read section was tried in one. Nothing has happened. */
export class ReadOnlySectionError extends SharcError {
  constructor(what: string) {
    super(
      'ERR_SHARC_READ_ONLY_SECTION',
      `${what} in a read section, where other threads may be reading; use heap.run() instead of ` +
        'heap.read(), or do it after the read section has ended',
    );
  }
}

/** Something that cannot be undone was tried in an atomic section. Nothing has happened. */
export class AtomicSectionError extends SharcError {
  constructor(what: string) {
    super(
      'ERR_SHARC_ATOMIC_SECTION',
      `${what} in an atomic section, since it could not be undone; do it before or after ` +
        'the section, or run the section without { atomic: true }',
    );
  }
}

/** A value that cannot live in a shared heap; `path` says where in the given value it stands. */
export class NotShareableError extends SharcError {
  readonly path: string;
  constructor(path: string, why: string) {
    super('ERR_SHARC_NOT_SHAREABLE', `${path} cannot be stored in a shared heap: ${why}`);
    this.path = path;
  }
}

/**
 * The token given to `Heap.attach` is not one of `heap.share()`, or is damaged; or that given to
 * `heap.receive` is not one of `heap.send()`, or of another heap.
 */
export class InvalidTokenError extends SharcError {
  constructor(why: string, advice?: string) {
    super(
      'ERR_SHARC_INVALID_TOKEN',
      advice === undefined
        ? `not a heap token: ${why}; pass what heap.share() returned, e.g. through workerData`
        : `not a token of a reference in this heap: ${why}; ${advice}`,
    );
  }
}

/** Nothing is under way under the token of `heap.send()` any more. */
export class SpentTokenError extends SharcError {
  constructor() {
    super(
      'ERR_SHARC_SPENT_TOKEN',
      'what was sent with this token is not under way any more: it was received before, here or ' +
        'by another thread, or revoked, or dropped since the thread it was sent to has ended; a ' +
        'token is received once, so send the object again',
    );
  }
}

/** All slots of the heap's thread table are taken. */
export class TooManyThreadsError extends SharcError {
  readonly limit: number;
  constructor(limit: number) {
    super(
      'ERR_SHARC_TOO_MANY_THREADS',
      `${limit} threads are attached, which is the limit of one heap; detach() one first`,
    );
    this.limit = limit;
  }
}

/** An invariant of the heap is broken, or a thread died while it changed the heap. */
export class HeapCorruptionError extends SharcError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SHARC_HEAP_CORRUPTION', message, options);
  }
}
