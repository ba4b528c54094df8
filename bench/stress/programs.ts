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
}

const OPERATIONS = 2000;
/** Longest time for making what failed shorter, in milliseconds. */
export const SHRINK_MS = 20_000;

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
export async function runPrograms({ seed, step, count, end }: ProgramsTask): Promise<Outcome> {
  let outcome = NOTHING;
  for (let i = 0; i < count && Date.now() < end && outcome.failure === null; i++) {
    const program = createProgram(seed + i * step, { operations: OPERATIONS });
    const result = await runOnce(program);
    outcome = sumOf([outcome, await outcomeOf(program, result)]);
  }
  return outcome;
}

/** Runs one program, as `--replay` does. */
export async function runOnce(program: Program): Promise<ProgramResult> {
  const heap = Heap.create(program.heap);
  try {
    return runProgram(heap, program);
  } finally {
    await heap.close().catch(() => {}); // a heap that a failure has broken cannot be left
  }
}

/** The text of a program made shorter; null when it does not fail. */
export async function shrinkProgram(program: Program): Promise<string | null> {
  if ((await runOnce(program)).failure === null) return null;
  return formatProgram(await shrink(program, { maxMs: SHRINK_MS }));
}

async function outcomeOf(program: Program, result: ProgramResult): Promise<Outcome> {
  const { operations, collections, peakBytes, failure } = result;
  const found = figuresOf(failure);
  if (failure === null) return { ...found, operations, collections, peakBytes, failure };
  const text = (await shrinkProgram(program)) ?? formatProgram(program);
  const message = `seed ${program.seed}, step ${failure.step}: ${failure.message}`;
  return { ...found, operations, collections, peakBytes, failure: { message, program: text } };
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
