/** Options of sections, and their checks. */

import type { AsyncOptions } from './async-sections.ts';

/** Options of a section. */
export interface ReadOptions {
  /** Longest wait for the lock, in milliseconds; without it the wait is as long as it takes. */
  readonly timeoutMs?: number;
}

/** Options of an exclusive section. */
export interface RunOptions extends ReadOptions {
  /**
   * Whether everything that the section has changed is undone when it throws, or its thread dies.
   * Not undone are writes through views of bytes and through `sharc/raw`, `heap.intern()`,
   * `heap.immortalize()`, declarations of structs, settings of the collector, and how far iterators
   * have got: one that was opened before goes on from where the section has left it.
   */
  readonly atomic?: boolean;
}

/** Options of a read section that is waited for without blocking the event loop. */
export interface ReadAsyncOptions extends ReadOptions {
  /** Gives up waiting; what has begun is not interrupted. */
  readonly signal?: AbortSignal;
}

/** Options of an exclusive section that is waited for without blocking the event loop. */
export interface RunAsyncOptions extends RunOptions, ReadAsyncOptions {}

/** The longest wait that `options` allow. @throws TypeError, RangeError */
export function checkRead(options: ReadOptions): number {
  checkNames(options, ['timeoutMs']);
  return checkTimeout(options);
}

/** As `checkRead`, for an exclusive section. */
export function checkRun(options: RunOptions): number {
  checkNames(options, ['timeoutMs', 'atomic']);
  checkAtomic(options);
  return checkTimeout(options);
}

/** The options of an asynchronous section. @throws TypeError, RangeError */
export function checkRunAsync(options: RunAsyncOptions = {}): AsyncOptions {
  checkNames(options, ['timeoutMs', 'signal', 'atomic']);
  checkAtomic(options);
  return checkWait(options);
}

/** As `checkRunAsync`, for a read section. */
export function checkReadAsync(options: ReadAsyncOptions = {}): AsyncOptions {
  checkNames(options, ['timeoutMs', 'signal']);
  return checkWait(options);
}

function checkWait(options: ReadAsyncOptions): AsyncOptions {
  const { signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal must be an AbortSignal, not ${String(signal)}`);
  }
  return { signal, timeoutMs: checkTimeout(options) };
}

function checkNames(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`section options must be an object, not ${String(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const are = known.length === 1 ? 'the option is' : 'the options are';
    throw new TypeError(`unknown section option '${name}'; ${are} ${known.join(', ')}`);
  }
}

function checkAtomic({ atomic }: RunOptions): void {
  if (atomic !== undefined && typeof atomic !== 'boolean') {
    throw new TypeError(`atomic must be true or false, not ${String(atomic)}`);
  }
}

function checkTimeout({ timeoutMs = Number.POSITIVE_INFINITY }: ReadOptions): number {
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new RangeError(`timeoutMs must be a number of at least 0, not ${String(timeoutMs)}`);
  }
  return timeoutMs;
}
