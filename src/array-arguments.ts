/**
 * The arguments of the methods of arrays, converted as JavaScript converts them. Always before the
 * operation begins: an argument's `valueOf` may do anything, also change the array.
 */

import type { Range, Splice } from './array-operations.ts';
import { show } from './struct-fields.ts';

/** An argument as JavaScript makes an integer of it: infinities stay. @throws TypeError */
export function toInteger(argument: unknown): number {
  // Unary plus refuses bigints and symbols, as JavaScript's methods do; Number() takes bigints.
  return typeof argument === 'number'
    ? Math.trunc(argument) || 0
    : Math.trunc(+(argument as number)) || 0;
}

/** The end of a range: everything when it is left out. */
export function toEnd(end: unknown): number {
  return end === undefined ? Number.POSITIVE_INFINITY : toInteger(end);
}

export function toRange(start: unknown, end: unknown): Range {
  return { start: toInteger(start), end: toEnd(end) };
}

/** The arguments of `splice`: with none nothing is removed, with one everything behind it. */
export function toSplice(args: readonly unknown[]): Splice {
  const [start, deleteCount, ...values] = args;
  const from = toInteger(start);
  const count = args.length === 1 ? Number.POSITIVE_INFINITY : toInteger(deleteCount);
  return { start: from, count, values };
}

/** @throws TypeError unless `callback` is a function. */
export function checkCallback(callback: unknown): void {
  if (typeof callback !== 'function') throw new TypeError(`${show(callback)} is not a function`);
}
