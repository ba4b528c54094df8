/** What `heap.gc` and questions about one object accept, and what they say about the rest. */

import { THRESHOLD_MAX } from './base/options.ts';
import { sharedRefOf } from './codec.ts';
import { ALL_GENERATIONS } from './gc/queries.ts';
import { DEBUG_MASK } from './gc-debug.ts';
import { Handle } from './handle.ts';
import type { ObjectRef } from './memory/layout.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';

/** Options of a collection. */
export interface CollectOptions {
  /** The oldest generation to collect, 0 to 2; 2 unless given. */
  readonly generation?: number | undefined;
  /** When another thread is in an explicit collection: wait for it, and return its number. */
  readonly wait?: boolean | undefined;
  /** Collect only what is expected to fit in so many milliseconds. */
  readonly maxMs?: number | undefined;
}

const COLLECT_OPTIONS = ['generation', 'wait', 'maxMs'] as const;
const EVERY_OPTIONS = ['ms', 'generation'] as const;

/** Options of `every`. */
export interface EveryOptions {
  /** Milliseconds from one collection to the next. */
  readonly ms: number;
  /** The generation to collect; 2 unless given. */
  readonly generation?: number;
}

/**
 * Options of `what`: an ordinary object with no other names than these.
 *
 * @throws TypeError, also for what is an object but holds its contents elsewhere
 */
export function checkOptions(value: unknown, what: string, names: readonly string[]): object {
  const list = names.join(', ');
  if (typeof value !== 'object' || value === null || !isOrdinary(value)) {
    const given = typeof value === 'object' && value !== null ? nameOf(value) : show(value);
    throw new TypeError(`${what} takes its options as an object, { ${list} }, not ${given}`);
  }
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    throw new TypeError(`unknown option '${name}' of ${what}; the options are ${list}`);
  }
  return value;
}

/** What an object is, when it is not ordinary. */
function nameOf(object: object): string {
  const { name } = Object.getPrototypeOf(object).constructor ?? { name: 'Object' };
  return name === 'Object' ? 'one that inherits them' : `one of class ${name}`;
}

/** Whether an object was written as a literal, or could have been. */
function isOrdinary(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null; // of any realm
}

/**
 * The object that `handle`, the argument of `what`, is a live handle of in this heap.
 *
 * @throws TypeError for what is no handle; NotShareableError for one of another heap;
 *   StaleHandleError.
 */
export function argumentRefOf(session: Session, handle: unknown, what: string): ObjectRef {
  if (handle instanceof Handle) return sharedRefOf(session, handle, `the argument of ${what}`);
  throw new TypeError(
    `${what} takes a handle of this heap (a struct, a map or an array of it), not ${show(handle)}`,
  );
}

/** An argument that must be an integer. */
function checkInteger(value: unknown, what: string): number {
  if (!Number.isInteger(value))
    throw new TypeError(`${what} must be an integer, not ${show(value)}`);
  return value as number;
}

/** A generation: 0, 1 or 2. @throws TypeError, RangeError */
export function checkGeneration(value: unknown): number {
  const generation = checkInteger(value, 'the generation');
  if (generation >= 0 && generation <= 2) return generation;
  throw new RangeError(`the generation must be 0, 1 or 2, not ${generation}`);
}

/** A generation, or all of them: undefined, null or -1. @throws TypeError, RangeError */
export function checkGenerations(value: unknown): number {
  if (value === undefined || value === null || value === -1) return ALL_GENERATIONS;
  if (value === 0 || value === 1 || value === 2) return value;
  const message = `the generation must be 0, 1 or 2, or null or -1 for all, not ${show(value)}`;
  throw Number.isInteger(value) ? new RangeError(message) : new TypeError(message);
}

/** The argument of `collect`. @throws TypeError, RangeError */
export function checkCollect(argument: unknown): CollectOptions {
  if (argument === undefined) return { generation: 2 };
  if (typeof argument !== 'object' || argument === null) {
    return { generation: checkGeneration(argument) };
  }
  const options: CollectOptions = checkOptions(argument, 'collect()', COLLECT_OPTIONS);
  const { generation = 2, wait = false, maxMs } = options;
  if (typeof wait !== 'boolean') throw new TypeError(`wait must be a boolean, not ${show(wait)}`);
  if (maxMs !== undefined) checkNumber(maxMs, 'maxMs', 0, Number.POSITIVE_INFINITY);
  return { generation: checkGeneration(generation), wait, maxMs };
}

/** Longest interval of a timer; Node takes longer ones for 1 ms. */
const INTERVAL_MAX_MS = 2 ** 31 - 1;

/** The argument of `every`. @throws TypeError, RangeError */
export function checkEvery(argument: unknown): EveryOptions {
  const options = checkOptions(argument, 'every()', EVERY_OPTIONS) as EveryOptions;
  checkNumber(options.ms, 'ms', 1, INTERVAL_MAX_MS);
  return options;
}

/** The argument of `setThrottle`. @throws TypeError, RangeError */
export function checkShare(value: unknown): number {
  return checkNumber(value, 'the share', 0.001, 1);
}

function checkNumber(value: unknown, what: string, min: number, max: number): number {
  if (typeof value !== 'number')
    throw new TypeError(`${what} must be a number, not ${show(value)}`);
  if (value >= min && value <= max) return value;
  throw new RangeError(`${what} must be from ${min} to ${max}, not ${value}`);
}

/** The arguments of `setThreshold`: those not given are undefined. @throws TypeError, RangeError */
export function checkThresholds(values: readonly unknown[]): (number | undefined)[] {
  if (values.length === 0 || values.length > 3) {
    throw new TypeError(`setThreshold() takes one to three thresholds, not ${values.length}`);
  }
  return values.map((value, generation) => {
    if (value === undefined && generation !== 0) return undefined;
    const threshold = checkInteger(value, 'a threshold');
    if (threshold >= 0 && threshold <= THRESHOLD_MAX) return threshold;
    throw new RangeError(`a threshold must be from 0 to ${THRESHOLD_MAX}, not ${threshold}`);
  });
}

/** Debug flags. @throws TypeError, RangeError */
export function checkFlags(value: unknown): number {
  const flags = checkInteger(value, 'the debug flags');
  if (flags >= 0 && flags <= DEBUG_MASK && (flags & ~DEBUG_MASK) === 0) return flags;
  throw new RangeError(`the debug flags must be a sum of DEBUG_ constants, not ${flags}`);
}
