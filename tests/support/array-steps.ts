/**
 * Steps of random scripts over arrays: each calls one method, with the same arguments, on an array
 * of the heap or on an ordinary one. What a step chooses it chooses when it is made, so it does the
 * same to both.
 */

import { expect } from 'vitest';
import { HeapArray } from '../../src/array.ts';
import type { Heap } from '../../src/heap.ts';
import type { Random } from './random.ts';

/** An array of either sort. */
export type Either = unknown[] & HeapArray<unknown>;
/** One call on an array. */
export type Step = (target: Either) => unknown;

/** Values of all kinds, with few objects so that searches find some. */
export function valuesOf(heap: Heap): unknown[] {
  const P = heap.struct<{ id: number }>('P', { id: 'int32' });
  const nested = heap.array<unknown>();
  nested.push(1, 'nested', undefined, heap.array<unknown>());
  (nested.at(3) as HeapArray<unknown>).push(2, null, heap.array<unknown>());
  return [
    ...[0, -0, NaN, 1, 10, 9, -1, -10, 1.5, 2 ** 53, 2 ** 31 - 1, -(2 ** 31), Infinity, 1e21],
    ...['', 'short', 'shorter', 'x'.repeat(40), `${'x'.repeat(40)}y`, '\ud800', '\u0100', '1'],
    ...['\u4e2d'.repeat(50), 5n, -(2n ** 63n), true, false, null, undefined, undefined],
    ...[heap.map(), new P({ id: 1 }), nested, heap.array()],
  ];
}

/** Arguments where a number is expected: many of them are none. */
function oddNumber(random: Random, length: number): unknown {
  if (random.chance(0.6)) return random.between(-length - 3, length + 3);
  const text = String(random.between(-3, 3));
  const odd = [undefined, null, NaN, Infinity, -Infinity, 1.7, -1.7, -0.5, true, text, 'none', {}];
  return random.pick([...odd, { valueOf: () => 2 }, [1]]);
}

/** Up to `most` odd numbers: those left out are missing arguments. */
const oddNumbers = (random: Random, length: number, most: number): unknown[] =>
  Array.from({ length: random.int(most + 1) }, () => oddNumber(random, length));

/** Makes a step that calls a method without callbacks. */
function makeCall(random: Random, values: readonly unknown[], length: number): Step {
  const some = (most: number) =>
    Array.from({ length: random.int(most) }, () => random.pick(values));
  const call =
    (name: string, ...args: unknown[]): Step =>
    (target) =>
      Reflect.apply(Reflect.get(target, name) as () => unknown, target, args);
  const odd = (most: number) => oddNumbers(random, length, most);
  const value = random.pick(values);
  const makers: (() => Step)[] = [
    () => call('push', ...some(random.chance(0.05) ? 700 : 5)),
    () => call('push', value),
    () => call('pop'),
    () => call('shift'),
    () => call('unshift', ...some(4)),
    () => call('splice', ...odd(2)),
    () => call('splice', oddNumber(random, length), random.int(6), ...some(8)),
    () => call('toSpliced', ...odd(2)),
    () => call('toSpliced', oddNumber(random, length), random.int(6), ...some(8)),
    () => call('at', ...odd(1)),
    () => call('with', oddNumber(random, length), value),
    () => call('slice', ...odd(2)),
    () => call('fill', value, ...odd(2)),
    () => call('copyWithin', ...odd(3)),
    () => call('reverse'),
    () => call('toReversed'),
    () => call('indexOf', value, ...odd(1)),
    () => call('lastIndexOf', value, ...odd(1)),
    () => call('includes', value, ...odd(1)),
    () => call('join', ...random.pick([[], [undefined], [''], ['--'], [null], [5]])),
    () => call('toString'),
    () => call('toLocaleString'),
    () => call('sort'),
    () => call('toSorted'),
    () => call('sort', undefined),
    () => concatStep([...some(5), [value, [1]]]),
    () => flatStep(random.pick([[], [0], [1], [2], [Infinity], [NaN], [-1], [undefined]])),
    () => (target) => [[...target.keys()], [...target.values()], [...target.entries()]],
    () => (target) => Array.from(target),
    () => cutStep(random.int(length + 1)),
  ];
  return random.pick(makers)();
}

/** JavaScript's arrays know nothing of ours: what ours would spread, theirs is given spread. */
function concatStep(items: unknown[]): Step {
  const spread = items.map((item) => (item instanceof HeapArray ? item.slice() : item));
  return (target) => target.concat(...((target instanceof HeapArray ? items : spread) as []));
}

/** An array of the heap, and all arrays in it, as ordinary ones. */
const plain = (value: unknown): unknown =>
  value instanceof HeapArray ? value.slice().map(plain) : value;

/** What is deeper than was asked for stays: handles where it was ours, arrays where it was not. */
function flatStep(args: unknown[]): Step {
  return (target: unknown) => {
    const whole = target instanceof HeapArray ? target : (target as unknown[]).map(plain);
    return (Reflect.apply(whole.flat, whole, args) as unknown[]).map(plain);
  };
}

function cutStep(length: number): Step {
  return (target) => {
    target.length = length;
    return undefined;
  };
}

/** The methods that take a callback, and what else they take. */
const VISITORS = [
  ...['forEach', 'map', 'filter', 'some', 'every', 'find', 'findIndex', 'findLast'],
  ...['findLastIndex', 'flatMap', 'reduce', 'reduceRight', 'sort', 'toSorted'],
];

/** What a callback may do to the array at one of its calls. */
function makeMischief(random: Random, values: readonly unknown[], length: number): Step {
  const value = random.pick(values);
  const at = random.int(length + 1);
  return random.pick<Step>([
    (target) => target.push(value, value),
    (target) => target.pop(),
    (target) => target.shift(),
    (target) => target.unshift(value),
    (target) => target.splice(at, 2, value),
    (target) => target.fill(value, at),
    (target) => target.reverse(),
    (target) => target.splice(0),
    cutStep(0),
    () => {
      throw new RangeError('mischief');
    },
  ]);
}

/** Makes a step that calls a method with a callback; it may throw, or change the array. */
function makeVisit(random: Random, values: readonly unknown[], length: number): Step {
  const name = random.pick(VISITORS);
  const mischief = random.chance(0.4) ? makeMischief(random, values, length) : null;
  const turn = random.int(length + 2);
  const seed = random.fork();
  const isCompared = name === 'sort' || name === 'toSorted';
  const kind = random.int(4);
  const rest = random.chance(0.5) ? [] : [random.pick(values)];
  return (target) => {
    const log: unknown[] = [];
    let calls = 0;
    const callback = function visit(this: unknown, ...args: unknown[]) {
      const number = calls++;
      // Of comparisons only how many there are, and of what: who is asked first is the engine's.
      log.push(...args.map((arg) => (arg === target ? 'the array' : arg)), isCompared || this);
      if (number === turn) mischief?.(target);
      if (isCompared) return compareBy(kind, seed, number, args);
      const odd = Math.imul(seed ^ number, 0x9e3779b1) >>> 28;
      if (name === 'flatMap' && odd < 8) return [args[0], [number], args[0]];
      if (name === 'map' || name.startsWith('reduce')) return args[0];
      return odd < 3 ? 1 : '';
    };
    const run = () => Reflect.apply(Reflect.get(target, name), target, [callback, ...rest]);
    return [outcomeOf(target, run), log];
  };
}

/** Makes a step that walks by an iterator, leaves its loop once, and changes the array. */
function makeWalk(random: Random, values: readonly unknown[], length: number): Step {
  const mischief = makeMischief(random, values, length);
  const turn = random.int(length + 2);
  const leave = random.int(length + 2);
  const name = random.pick(['values', 'keys', 'entries'] as const);
  return (target) => {
    const log: unknown[] = [];
    const iterator: Iterable<unknown> = target[name]();
    const walk = (last: number) => {
      for (const item of iterator) {
        log.push(item);
        if (log.length === turn) mischief(target);
        if (log.length === last) break;
      }
    };
    const outcomes = [leave, Infinity].map((last) => outcomeOf(target, () => walk(last)));
    return [outcomes, log];
  };
}

/** Comparators: by text, inconsistent, by random numbers of odd kinds, all equal. */
function compareBy(kind: number, seed: number, number: number, args: unknown[]): unknown {
  const [a, b] = args.map(String) as [string, string];
  if (kind === 0) return a < b ? 1 : a > b ? -1 : 0;
  if (kind === 1) return (Math.imul(seed ^ number, 0x9e3779b1) >>> 30) - 1.5;
  return kind === 2 ? [NaN, undefined, '1', null][(seed ^ number) & 3] : 0;
}

/** What a call returns, or throws. */
export function outcomeOf(target: Either, run: () => unknown): unknown {
  try {
    const result = run();
    return result === target ? 'the array itself' : result;
  } catch (error) {
    return ['thrown', (error as Error).constructor.name];
  }
}

/** Makes a step. */
export function makeStep(random: Random, values: readonly unknown[], length: number): Step {
  const make = random.weighted({ call: 6, visit: 3, walk: 1 });
  const makers = { call: makeCall, visit: makeVisit, walk: makeWalk };
  return makers[make](random, values, length);
}

/** Whether two results are the same, holes and the sign of zero included. */
export function isSame(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (i in a !== i in b || !isSame(a[i], b[i])) return false;
  }
  return true;
}

export function expectSame(actual: unknown, expected: unknown): void {
  if (isSame(actual, expected)) return;
  expect(actual).toStrictEqual(expected);
  expect.fail('the same to vitest, but not to Object.is');
}
