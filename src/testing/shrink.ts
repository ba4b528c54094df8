/**
 * Shrinking: the smallest part of a failing program that still fails (Zeller and Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input": delta debugging).
 */

import type { Operation } from './operations.ts';
import { type Program, type ProgramResult, tryProgram } from './program.ts';

/** How long to shrink, and what counts as the same failure. */
export interface ShrinkOptions {
  /** Milliseconds after which the smallest program so far is good enough; 20,000 unless given. */
  readonly maxMs?: number;
  /** How many shorter programs may be tried; as many as there is time for unless given. */
  readonly maxRuns?: number;
  /** Runs a program; on a heap of its own with the program's options unless given. */
  readonly run?: (program: Program) => ProgramResult | Promise<ProgramResult>;
}

/**
 * The smallest program found that fails in the same way: with a failure of the same kind. A
 * program that does not fail is returned as it is.
 */
export async function shrink(program: Program, options: ShrinkOptions = {}): Promise<Program> {
  const { maxMs = 20_000, maxRuns = Infinity, run = tryProgram } = options;
  const first = (await run(program)).failure;
  if (first === null) return program;
  const deadline = performance.now() + maxMs;
  let runs = 0;
  const fails = async (operations: readonly Operation[]) =>
    performance.now() < deadline &&
    runs++ < maxRuns &&
    (await run({ ...program, operations })).failure?.kind === first.kind;
  // What comes behind the failure has nothing to do with it.
  const cut = program.operations.slice(0, first.step + 1);
  let operations = first.step >= 0 && (await fails(cut)) ? cut : program.operations;
  for (let before = Number.POSITIVE_INFINITY; operations.length < before; ) {
    before = operations.length;
    operations = await removeParts(operations, fails);
    operations = await shortenFrames(operations, fails);
  }
  const { resolved } = await run({ ...program, operations });
  operations = operations.map((operation, i) => resolved[i] ?? operation);
  return { ...program, operations };
}

type Test = (operations: readonly Operation[]) => Promise<boolean>;
type Operations = readonly Operation[];

/** Leaves out parts, smaller and smaller ones, as long as the rest fails. */
export async function removeParts<T>(
  all: readonly T[],
  fails: (rest: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let parts = all;
  for (let size = Math.ceil(parts.length / 2); size >= 1; ) {
    let isSmaller = false;
    // From the end: operations there seldom matter to those before.
    for (let end = parts.length; end > 0; end -= size) {
      const rest = [...parts.slice(0, Math.max(0, end - size)), ...parts.slice(end)];
      if (!(await fails(rest))) continue;
      parts = rest;
      isSmaller = true;
    }
    if (size === 1 && !isSmaller) break;
    size = isSmaller && size === 1 ? 1 : Math.floor(size / 2);
  }
  return parts;
}

/** Makes sections and scopes as short as they can be. */
async function shortenFrames(all: Operations, fails: Test): Promise<Operations> {
  let operations = all;
  for (let i = 0; i < operations.length; i++) {
    const [name, length, t] = operations[i] as [string, number, number];
    if (name !== 'section' && name !== 'scope') continue;
    const longest = Math.min(length, operations.length - i - 1);
    for (let shorter = 0; shorter < longest; shorter++) {
      const changed = operations.with(i, [name, shorter, t]);
      if (!(await fails(changed))) continue;
      operations = changed;
      break;
    }
  }
  return operations;
}
