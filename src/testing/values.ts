/**
 * Values for random programs: an integer stands for each, so that programs are made of integers.
 * Every form that the heap stores in its own way is among them.
 */

import type { FieldKind } from '../object/struct-layout.ts';

const LONG = 'a string that is too long to be interned, number';

const dates = new Map<number, Date>();

/** The one date of a time: dates are values in the heap, and so they are in the model. */
export function dateOf(time: number): Date {
  const date = dates.get(time) ?? new Date(time);
  dates.set(time, date);
  return date;
}

/** What the numbers below their count stand for; larger numbers give variants of the same forms. */
const FORMS: readonly ((n: number) => unknown)[] = [
  () => null,
  () => undefined,
  (n) => n % 2 === 0,
  (n) => n,
  (n) => n + 0.5,
  () => Number.NaN,
  () => -0,
  (n) => `s${n % 40}`,
  (n) => `${LONG} ${n}`,
  (n) => `${LONG} \u{1f40d} ${n}`,
  (n) => 2n ** 60n + BigInt(n),
  (n) => 2n ** 63n + BigInt(n),
  () => '',
  (n) => `\ud800${n % 10}`,
  (n) => `large ${n} `.padEnd(n % 8 === 7 ? 30_000 : 2000, '.'),
  (n) => 2 ** 31 - n,
  (n) => dateOf(n === 0 ? Number.NaN : n * 1000),
];

/** The value that `n`, at least 0, stands for; never an object. */
export function plainValue(n: number): unknown {
  return (FORMS[n % FORMS.length] as (n: number) => unknown)(Math.floor(n / FORMS.length));
}

/** How many forms there are. */
export const VALUE_FORMS = FORMS.length;

/** The value that `n` stands for, as a field of `kind` takes it. */
export function fieldValueOf(kind: FieldKind, n: number): unknown {
  switch (kind) {
    case 'any':
      return plainValue(n);
    case 'ref':
      return null;
    case 'string':
      return textOf(n);
    case 'boolean':
      return n % 2 === 0;
    case 'bigint64':
      return BigInt(n) * -(2n ** 40n);
    case 'float64':
      return n / 3;
    default:
      return n % 100;
  }
}

function textOf(n: number): string {
  const value = plainValue(n);
  return typeof value === 'string' ? value : `t${n % 40}`;
}

/** The key that `n` stands for, for a map: few, so that programs meet the same ones again. */
export function keyOf(n: number): unknown {
  const value = plainValue(n % (3 * VALUE_FORMS));
  return typeof value === 'string' && value.length > 1000 ? value.slice(0, 100) : value;
}

/** A short text for `n`. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'string') return Object.is(value, -0) ? '-0' : String(value);
  if (value.length <= 40) return JSON.stringify(value);
  return `${JSON.stringify(value.slice(0, 30))}... (${value.length} characters)`;
}
