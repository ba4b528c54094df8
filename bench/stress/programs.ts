/** One thread's share of the stress: programs, one after the other, until the time is up. */

import { setImmediate } from 'node:timers/promises';
import { Heap } from '../../src/index.ts';
import {
  createProgram,
  formatProgram,
  type Program,
  type ProgramResult,
  runProgram,
  shrink,
} from '../../src/testing.ts';

/** What the programs of a thread came to. */
export interface Outcome {
  readonly operations: number;
  readonly collections: number;
  readonly verifyFailures: number;
  readonly leakedObjects: number;
  readonly modelDifferences: number;
  readonly peakBytes: number;
  /** The first program that failed, as short as it could be made, as text; null when none did. */
  readonly failure: { readonly message: string; readonly program: string } | null;
}

const OPERATIONS = 2000;
/** Longest time for making a failing program shorter, in milliseconds. */
const SHRINK_MS = 20_000;

/**
 * Runs programs with the seeds `seed`, `seed + step`, ... for `seconds`, or until one fails. Each
 * has a heap of its own, so what it leaves, collects and may find is known exactly.
 */
export async function runPrograms(
  seed: number,
  step: number,
  seconds: number,
  report: (outcome: Outcome) => void,
): Promise<Outcome> {
  const end = performance.now() + seconds * 1000;
  let outcome = NOTHING;
  for (let next = seed; performance.now() < end && outcome.failure === null; next += step) {
    const program = createProgram(next, { operations: OPERATIONS });
    const result = await runOnce(program);
    outcome = await add(outcome, program, result);
    report(outcome);
    await setImmediate();
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

const NOTHING: Outcome = {
  operations: 0,
  collections: 0,
  verifyFailures: 0,
  leakedObjects: 0,
  modelDifferences: 0,
  peakBytes: 0,
  failure: null,
};

async function add(sum: Outcome, program: Program, result: ProgramResult): Promise<Outcome> {
  const kind = result.failure?.kind;
  return {
    operations: sum.operations + result.operations,
    collections: sum.collections + result.collections,
    verifyFailures: sum.verifyFailures + Number(kind === 'verify'),
    leakedObjects: sum.leakedObjects + Number(kind === 'leak'),
    modelDifferences: sum.modelDifferences + Number(kind === 'difference' || kind === 'error'),
    peakBytes: Math.max(sum.peakBytes, result.peakBytes),
    failure: result.failure === null ? null : await describe(program, result.failure),
  };
}

async function describe(program: Program, failure: Error): Promise<Outcome['failure']> {
  const shorter = await shrink(program, { maxMs: SHRINK_MS });
  return { message: failure.message, program: formatProgram(shorter) };
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
