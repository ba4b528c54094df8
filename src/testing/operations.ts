/**
 * The operations of random programs: their names, what their numbers mean, how they read.
 *
 * A program works on registers, which hold handles. Every operation can be left out without making
 * the others invalid: a register that holds nothing suitable stands for the next one that does,
 * and where there is none nothing is done. That is what makes programs easy to shrink.
 */

import { KINDS } from './kinds.ts';
import { plainValue, show } from './values.ts';

/** Registers of a program. */
export const REGISTERS = 12;
/** Named roots of a program. */
export const ROOTS = 6;
/** Map iterators of a program. */
export const ITERATORS = 3;

/** Thresholds that programs choose among: tiny ones, the default, none. */
export const THRESHOLDS: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [5, 2, 2],
  [50, 3, 2],
  [700, 10, 10],
  [0, 10, 10],
  [2, 0, 0],
];

/** How collections are made to scan, whatever their size: see `setScan`. */
export const SCANS = ['as usual', 'serial', 'page by page', 'parallel', 'concurrent'] as const;

/** Sizes of parcels, in objects, at most. */
const PART_SIZES = [1, 5, 40, 300, 2000] as const;

/** How many objects a parcel may hold, for a number of its operation. */
export const partSize = (n: number): number => PART_SIZES[n % PART_SIZES.length] as number;

const BYTES_LENGTHS = [0, 3, 8, 100, 5000, 70_000] as const;

/** How many bytes a number stands for. */
export const bytesLength = (n: number): number => BYTES_LENGTHS[n % BYTES_LENGTHS.length] as number;

/** How the heap is spoiled on purpose, so that tests see that it is found: see `damage.ts`. */
export const DAMAGES = ['the count', 'a slot', 'the death', 'the lock'] as const;

/** The damage that a number stands for. */
export const damageOf = (n: number): (typeof DAMAGES)[number] =>
  DAMAGES[n % DAMAGES.length] as (typeof DAMAGES)[number];

/**
 * What the numbers of an operation mean, a letter each:
 *
 *   t register to be written    q register to be read, with any object in it; a with an array,
 *   m with a map, e with a set    v register or value    s slot or key    k kind of object
 *   g generation    n plain number    R named root    i iterator
 *
 * A register that is to be read and has nothing suitable in it stands for the next one that has.
 */
export const OPERATIONS = {
  // Objects
  new: { numbers: 'tk', reads: (t, k) => `${reg(t)} = ${create(k)}` },
  init: {
    numbers: 'tksv',
    reads: (t, k, s, v) => `${reg(t)} = ${create(k)} with ${s} = ${val(v)}`,
  },
  store: { numbers: 'qsv', reads: (q, s, v) => `${reg(q)}[${s}] = ${val(v)}` },
  load: { numbers: 'tqs', reads: (t, q, s) => `${reg(t)} = ${reg(q)}[${s}]` },
  clear: { numbers: 'q', reads: (q) => `all of ${reg(q)} is cleared` },
  // Arrays
  push: { numbers: 'av', reads: (q, v) => `${reg(q)}.push(${val(v)})` },
  pop: { numbers: 'ta', reads: (t, q) => `${reg(t)} = ${reg(q)}.pop()` },
  shift: { numbers: 'ta', reads: (t, q) => `${reg(t)} = ${reg(q)}.shift()` },
  unshift: { numbers: 'av', reads: (q, v) => `${reg(q)}.unshift(${val(v)})` },
  splice: {
    numbers: 'asnv',
    reads: (q, s, n, v) => `${reg(q)}.splice(${s}, ${n}, ${val(v)}, ...)`,
  },
  resize: { numbers: 'an', reads: (q, n) => `${reg(q)}.length = ${n}` },
  visit: { numbers: 'a', reads: (q) => `for (const x of ${reg(q)}) ...` },
  // Maps
  traverse: { numbers: 'm', reads: (q) => `for (const [key, value] of ${reg(q)}) ...` },
  put: { numbers: 'mqv', reads: (q, r, v) => `${reg(q)}.set(${reg(r)}, ${val(v)})` },
  remove: { numbers: 'ms', reads: (q, s) => `${reg(q)}.delete(key ${s})` },
  erase: { numbers: 'mq', reads: (q, r) => `${reg(q)}.delete(${reg(r)})` },
  open: { numbers: 'im', reads: (i, q) => `iterator${i} = ${reg(q)}.entries()` },
  step: { numbers: 'i', reads: (i) => `iterator${i}.next()` },
  close: { numbers: 'i', reads: (i) => `iterator${i}.return()` },
  // Sets, tuples, bytes
  add: { numbers: 'ev', reads: (q, v) => `${reg(q)}.add(${val(v)})` },
  unset: { numbers: 'ev', reads: (q, v) => `${reg(q)}.delete(${val(v)})` },
  walk: { numbers: 'e', reads: (q) => `for (const x of ${reg(q)}) ...` },
  begin: { numbers: 'ie', reads: (i, q) => `iterator${i} = ${reg(q)}.entries()` },
  tuple: {
    numbers: 'tvvn',
    reads: (t, v, w, n) => `${reg(t)} = heap.tuple: ${n} of ${val(v)} and ${val(w)}`,
  },
  bytes: { numbers: 'tn', reads: (t, n) => `${reg(t)} = heap.bytes(${bytesLength(n)})` },
  // Handles and roots
  copy: { numbers: 'tq', reads: (t, q) => `${reg(t)} = ${reg(q)}.keep()` },
  keep: { numbers: 'q', reads: (q) => `${reg(q)}.keep()` },
  drop: { numbers: 'q', reads: (q) => `${reg(q)} is released` },
  root: { numbers: 'Rv', reads: (k, v) => `heap.root.set('${rootName(k)}', ${val(v)})` },
  unroot: { numbers: 'R', reads: (k) => `heap.root.delete('${rootName(k)}')` },
  get: { numbers: 'tR', reads: (t, k) => `${reg(t)} = heap.root.get('${rootName(k)}')` },
  refcount: { numbers: 'q', reads: (q) => `heap.refcount(${reg(q)})` },
  immortalize: { numbers: 'q', reads: (q) => `heap.immortalize(${reg(q)})` },
  // Collections
  collect: { numbers: 'g', reads: (g) => `heap.gc.collect(${g})` },
  thresholds: { numbers: 'n', reads: (n) => `heap.gc.setThreshold(${thresholdsOf(n)})` },
  freeze: { numbers: '', reads: () => 'heap.gc.freeze()' },
  unfreeze: { numbers: '', reads: () => 'heap.gc.unfreeze()' },
  disable: { numbers: '', reads: () => 'heap.gc.disable()' },
  enable: { numbers: '', reads: () => 'heap.gc.enable()' },
  scan: { numbers: 'n', reads: (n) => `scans are ${SCANS[n % SCANS.length]}` },
  safepoint: { numbers: '', reads: () => 'heap.safepoint()' },
  // Sections
  section: { numbers: 'nt', reads: (n, t) => `heap.run: the next ${n}; ${reg(t)} is returned` },
  scope: { numbers: 'nt', reads: (n, t) => `heap.scope: the next ${n}; ${reg(t)} is returned` },
  // Between threads
  send: {
    numbers: 'qnn',
    reads: (q, to, n) => `at most ${partSize(n)} objects from ${reg(q)} go to thread +${to}`,
  },
  receive: {
    numbers: 'tn',
    reads: (t, n) => `${reg(t)} = the next parcel${n % 2 ? ', kept' : ''}`,
  },
  // Malice and checks
  fail: { numbers: 'nn', reads: (n, m) => `allocation ${n} fails${m === 0 ? '' : ' once'}` },
  poison: { numbers: '', reads: () => 'free memory is checked and poisoned' },
  check: { numbers: '', reads: () => 'the heap is compared with the model and verified' },
  leak: { numbers: '', reads: () => 'everything is collected and counted' },
  damage: { numbers: 'qn', reads: (q, n) => `${damageOf(n)} of ${reg(q)} is spoiled on purpose` },
} as const satisfies Record<string, OperationSpec>;

interface OperationSpec {
  readonly numbers: string;
  readonly reads: (...numbers: number[]) => string;
}

/** The name of an operation. */
export type OperationName = keyof typeof OPERATIONS;

/** An operation: its name and its numbers. */
export type Operation = readonly [name: OperationName, ...numbers: number[]];

/** The thresholds that a number stands for. */
export const thresholdsOf = (n: number): readonly [number, number, number] =>
  THRESHOLDS[n % THRESHOLDS.length] as readonly [number, number, number];

/** The name of a named root, behind the prefix of its program. */
export const rootName = (k: number): string => `root ${k % ROOTS}`;

const reg = (r: number): string => `r${r}`;

/** What number `v` of an operation stands for, when it is no register: see `values.ts`. */
export const plainValueOf = (v: number): unknown => plainValue(v - REGISTERS);

const val = (v: number): string => (v < REGISTERS ? reg(v) : show(plainValueOf(v)));

const create = (k: number): string => {
  const { name, shape } = KINDS[k % KINDS.length] as (typeof KINDS)[number];
  return shape === 'struct' ? `new ${name}` : `heap.${shape}()`;
};

/** What an operation does, for people. */
export function explain([name, ...numbers]: Operation): string {
  return (OPERATIONS[name].reads as (...n: number[]) => string)(...numbers);
}

/** An operation as a line of a program's text. */
export function formatOperation(operation: Operation): string {
  return `${operation.join(' ').padEnd(24)} # ${explain(operation)}`;
}

/**
 * Reads a line of a program's text; null when there is nothing but a comment.
 *
 * @throws SyntaxError when it is no operation.
 */
export function parseOperation(line: string): Operation | null {
  const words = (line.split('#')[0] as string).trim().split(/\s+/);
  const [name, ...rest] = words as [string, ...string[]];
  if (name === '') return null;
  if (!Object.hasOwn(OPERATIONS, name)) throw new SyntaxError(`there is no operation '${name}'`);
  const numbers = rest.map(Number);
  const { numbers: expected } = OPERATIONS[name as OperationName];
  if (numbers.length !== expected.length || !numbers.every((n) => Number.isInteger(n) && n >= 0)) {
    const what = `${expected.length} integers of at least 0`;
    throw new SyntaxError(`'${line.trim()}': ${name} takes ${what}`);
  }
  return [name as OperationName, ...numbers];
}
