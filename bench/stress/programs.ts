/** Programs that have a heap of their own each, so that everything about them is known exactly. */

import { Heap } from '../../src/index.ts';
import {
  createProgram,
  type FailureKind,
  formatProgram,
  type Program,
  type ProgramResult,
  runProgram,
  shrink,
} from '../../src/testing.ts';
import type { Tell } from './worker.ts';

/** What programs and rounds came to. */
export interface Outcome {
  readonly operations: number;
  readonly collections: number;
  readonly verifyFailures: number;
  readonly leakedObjects: number;
  readonly modelDifferences: number;
  readonly peakBytes: number;
  /** The first that failed, as short as it could be made, as text; null when none did. */
  readonly failure: { readonly message: string; readonly program: string } | null;
}

/** Programs for one thread. */
export interface ProgramsTask {
  /** Seeds `seed`, `seed + step`, ... */
  readonly seed: number;
  readonly step: number;
  readonly count: number;
  /** No program begins later than this, by `Date.now()`. */
  readonly end: number;
  /** How many shorter programs may be tried when one fails. */
  readonly shrinkRuns: number;
}

/** A program for one thread. */
export interface ProgramTask {
  readonly program: Program;
  /** How many shorter ones may be tried when it fails. */
  readonly shrinkRuns: number;
}

const OPERATIONS = 2000;
/** Longest time for making shorter what failed, in milliseconds. */
export const SHRINK_MS = 60_000;

export const NOTHING: Outcome = {
  operations: 0,
  collections: 0,
  verifyFailures: 0,
  leakedObjects: 0,
  modelDifferences: 0,
  peakBytes: 0,
  failure: null,
};

/** Runs programs one after the other, until one fails. */
export async function runPrograms(task: ProgramsTask, tell: Tell): Promise<Outcome> {
  const { seed, step, count, end, shrinkRuns } = task;
  let outcome = NOTHING;
  for (let i = 0; i < count && Date.now() < end && outcome.failure === null; i++) {
    const program = createProgram(seed + i * step, { operations: OPERATIONS });
    outcome = sumOf([outcome, await tryProgram({ program, shrinkRuns }, tell)]);
  }
  return outcome;
}

/** Runs a program; one that fails is made shorter. */
export async function tryProgram(task: ProgramTask, tell: Tell): Promise<Outcome> {
  const { program } = task;
  tell(`program ${program.seed}`);
  const { operations, collections, peakBytes, failure } = await runOnce(program);
  const found = figuresOf(failure);
  if (failure === null) return { ...found, operations, collections, peakBytes, failure };
  const shorter = task.shrinkRuns > 0 ? await shrinkProgram(task, tell) : null;
  const text = shorter ?? formatProgram(program);
  const message = `seed ${program.seed}, step ${failure.step}: ${failure.message}`;
  return { ...found, operations, collections, peakBytes, failure: { message, program: text } };
}

async function runOnce(program: Program): Promise<ProgramResult> {
  const heap = Heap.create(program.heap);
  try {
    return runProgram(heap, program);
  } finally {
    await heap.close().catch(() => {}); // a heap that a failure has broken cannot be left
  }
}

/** The text of a program made shorter; null when it does not fail. */
export async function shrinkProgram(task: ProgramTask, tell: Tell): Promise<string | null> {
  const { program, shrinkRuns: maxRuns } = task;
  const run = (shorter: Program) => {
    tell(`program ${program.seed}, made shorter`);
    return runOnce(shorter);
  };
  if ((await run(program)).failure === null) return null;
  return formatProgram(await shrink(program, { maxMs: SHRINK_MS, maxRuns, run }));
}

/** What it counts as that a thread hangs or has died: `again` says how to see that once more. */
export function outcomeOf(error: unknown, again: string): Outcome {
  const message = error instanceof Error ? error.message : String(error);
  return { ...NOTHING, modelDifferences: 1, failure: { message, program: `# ${again}\n` } };
}

/** What is printed of a failure: a text that `--replay` reads. */
export function formatFailure({ message, program }: NonNullable<Outcome['failure']>): string {
  const comment = message.split('\n').map((line) => `# ${line}\n`);
  return comment.join('') + program;
}

/** What a failure counts as. */
export function figuresOf(
  failure: { readonly kind: FailureKind; readonly objects: number } | null,
): Outcome {
  const kind = failure?.kind;
  return {
    ...NOTHING,
    verifyFailures: Number(kind === 'verify'),
    leakedObjects: kind === 'leak' ? (failure?.objects ?? 1) : 0,
    modelDifferences: Number(kind === 'difference' || kind === 'error'),
  };
}

/** The sum of what several threads have come to. */
export function sumOf(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce(
    (sum, one) => ({
      operations: sum.operations + one.operations,
      collections: sum.collections + one.collections,
      verifyFailures: sum.verifyFailures + one.verifyFailures,
      leakedObjects: sum.leakedObjects + one.leakedObjects,
      modelDifferences: sum.modelDifferences + one.modelDifferences,
      peakBytes: Math.max(sum.peakBytes, one.peakBytes),
      failure: sum.failure ?? one.failure,
    }),
    NOTHING,
  );
}
