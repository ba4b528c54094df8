/** Options of sections, and their checks. */

import type { AsyncOptions } from './async-sections.ts';

/** Options of a section. */
export interface RunOptions {
  /** Longest wait for the lock, in milliseconds; without it the wait is as long as it takes. */
  readonly timeoutMs?: number;
}

/** Options of a section that is waited for without blocking the event loop. */
export interface RunAsyncOptions extends RunOptions {
  /** Gives up waiting; what has begun is not interrupted. */
  readonly signal?: AbortSignal;
}

/** The longest wait that `options` allow. @throws TypeError, RangeError */
export function checkRun(options: RunOptions): number {
  checkNames(options, ['timeoutMs']);
  return checkTimeout(options);
}

/** The options of an asynchronous section. @throws TypeError, RangeError */
export function checkAsync(options: RunAsyncOptions = {}): AsyncOptions {
  checkNames(options, ['timeoutMs', 'signal']);
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
    throw new TypeError(`unknown section option '${name}'; ${are} ${known.join(' and ')}`);
  }
}

function checkTimeout({ timeoutMs = Number.POSITIVE_INFINITY }: RunOptions): number {
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new RangeError(`timeoutMs must be a number of at least 0, not ${String(timeoutMs)}`);
  }
  return timeoutMs;
}
