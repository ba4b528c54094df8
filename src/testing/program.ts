/** Programs: operations on a heap, run against a model. */

import { type HeapOptions, resolveOptions } from '../base/options.ts';
import { Heap, sessionOf } from '../heap.ts';
import { CONTROL_TOP_PAGE, PAGE_WORDS, WORD_BYTES } from '../memory/layout.ts';
import { readCollections } from './collections.ts';
import { failureOf, type ProgramFailure } from './failure.ts';
import { checkHostile, type HostileOptions, hostile } from './hostile.ts';
import { Machine } from './machine.ts';
import { formatOperation, type Operation, parseOperation } from './operations.ts';
import { finishProgram, runOperations } from './run.ts';

/** A program. */
export interface Program {
  /** The seed it was made from; a shrunk one keeps it. */
  readonly seed: number;
  /** Options of the heap that it is meant for. */
  readonly heap: HeapOptions;
  readonly operations: readonly Operation[];
  /** A hostile mode that it runs in. */
  readonly hostile?: HostileOptions;
}

/** What a program has done. */
export interface ProgramResult {
  /** What was found wrong; null when nothing was. */
  readonly failure: ProgramFailure | null;
  readonly operations: number;
  /** Operations for which there was no room. */
  readonly exhausted: number;
  /** Collections that ran meanwhile. */
  readonly collections: number;
  /** The operations as far as they were done, with the registers that they have read. */
  readonly resolved: readonly Operation[];
  /** Bytes of the pages that were touched. */
  readonly peakBytes: number;
}

/**
 * Runs a program on a heap that nobody else uses meanwhile, compares the heap with the model
 * where the program says so and at its end, when it has dropped everything. What was found wrong
 * is returned, not thrown; the heap is of no further use then.
 */
export function runProgram(heap: Heap, program: Program): ProgramResult {
  const { mem } = sessionOf(heap);
  const before = readCollections(mem);
  let machine: Machine | undefined;
  let failure: ProgramFailure | null = null;
  let resolved: readonly Operation[] | undefined;
  try {
    machine = new Machine(heap);
    withHostility(machine, program.hostile, (m) => runOperations(m, program.operations));
    resolved = machine.resolved;
    finishProgram(machine);
  } catch (error) {
    failure = failureOf(error);
  }
  mem.hostile = null;
  return {
    failure,
    operations: Math.min(machine?.operations ?? 0, program.operations.length),
    exhausted: machine?.exhausted ?? 0,
    collections: readCollections(mem).reduce((sum, n, g) => sum + n - (before[g] as number), 0),
    resolved: resolved ?? machine?.resolved ?? [],
    peakBytes: (mem.i32[CONTROL_TOP_PAGE] as number) * PAGE_WORDS * WORD_BYTES,
  };
}

/** Runs `body` in a hostile mode. @throws ProgramFailure as `body`, or when poison was written. */
export function withHostility(
  m: Machine,
  options: HostileOptions | undefined,
  body: (m: Machine) => void,
): void {
  if (options === undefined) {
    body(m);
    return;
  }
  const mode = hostile(m.heap, options);
  m.hostility = m.mem.hostile;
  if (options.tune?.backgroundFrom !== undefined) m.isConcurrent = true;
  if (m.isConcurrent) m.isExact = false;
  try {
    body(m);
  } catch (error) {
    m.mem.hostile = null;
    throw error; // before what ending the mode has to say: it has broken first
  }
  m.hostility = null;
  mode[Symbol.dispose]();
}

/** Runs a program on a heap of its own. */
export async function tryProgram(program: Program): Promise<ProgramResult> {
  const heap = Heap.create(program.heap);
  try {
    return runProgram(heap, program);
  } finally {
    await heap.close().catch(() => {}); // it may be broken: what was found says how
  }
}

/** A program's text, to be kept and replayed. `parseProgram` reads it. */
export function formatProgram({ seed, heap, operations, hostile }: Program): string {
  const head = [`seed ${seed}`, `heap ${JSON.stringify(heap)}`];
  if (hostile !== undefined) head.push(`hostile ${JSON.stringify(hostile)}`);
  return `${[...head, ...operations.map(formatOperation)].join('\n')}\n`;
}

/** The number behind the first word of a line. @throws SyntaxError when it is no integer */
export function parseNumber(line: string, min: number): number {
  const value = Number(line.split(' ')[1]);
  if (Number.isInteger(value) && value >= min) return value;
  throw new SyntaxError(`'${line.trim()}': it takes an integer of at least ${min}`);
}

/** Heap options, as JSON. @throws SyntaxError, TypeError, RangeError */
export function parseHeap(text: string): HeapOptions {
  const options = JSON.parse(text);
  resolveOptions(options);
  return options;
}

/** The options of a hostile mode, as JSON. @throws SyntaxError, TypeError, RangeError */
export function parseHostile(text: string): HostileOptions {
  const options = JSON.parse(text);
  checkHostile(options);
  return options;
}

/**
 * Reads a program's text.
 *
 * @throws SyntaxError when it is none; TypeError, RangeError for options that are not allowed.
 */
export function parseProgram(text: string): Program {
  let seed = 0;
  let heap: HeapOptions = {};
  let hostility: HostileOptions | undefined;
  const operations: Operation[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('seed ')) seed = parseNumber(line, 0);
    else if (line.startsWith('heap ')) heap = parseHeap(line.slice(5));
    else if (line.startsWith('hostile ')) hostility = parseHostile(line.slice(8));
    else {
      const operation = parseOperation(line);
      if (operation !== null) operations.push(operation);
    }
  }
  return { seed, heap, operations, ...(hostility && { hostile: hostility }) };
}
