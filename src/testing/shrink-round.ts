/** Shrinking rounds: fewer threads and shorter programs, as long as they fail. */

import type { FailureKind } from './failure.ts';
import type { Operation } from './operations.ts';
import type { Round, RoundProgram } from './round.ts';
import { removeParts } from './shrink.ts';

/** How a round has failed. */
export interface RoundVerdict {
  readonly kind: FailureKind;
  /** How many operations each thread had done by then. */
  readonly operations: readonly number[];
}

/** How long to shrink a round, and how it is run. */
export interface ShrinkRoundOptions {
  /** Runs a round on a heap of its own. Resolves to how it fails; null when it does not. */
  readonly run: (round: Round) => Promise<RoundVerdict | null>;
  /** Milliseconds after which the smallest round so far is good enough; 20,000 unless given. */
  readonly maxMs?: number;
  /** How many smaller rounds may be tried; as many as there is time for unless given. */
  readonly maxRuns?: number;
  /** How often a smaller round may pass before it counts as one that does not fail; 2. */
  readonly tries?: number;
}

type Part = readonly [thread: number, operation: Operation];

/**
 * The smallest round found that still fails, in whatever way: what threads do at once differs from
 * run to run, and so may what is noticed first. Threads that have nothing left to do are gone.
 */
export async function shrinkRound(round: Round, options: ShrinkRoundOptions): Promise<Round> {
  const { run, maxMs = 20_000, maxRuns = Infinity, tries = 2 } = options;
  const deadline = performance.now() + maxMs;
  let runs = 0;
  let done: readonly number[] = [];
  const fails = async (parts: readonly Part[]) => {
    for (let n = 0; n < tries && performance.now() < deadline && runs++ < maxRuns; n++) {
      const verdict = await run(rebuild(round, parts));
      if (verdict === null) continue;
      done = verdict.operations;
      return true;
    }
    return false;
  };
  const all = partsOf(round.programs);
  if (!(await fails(all))) return round;
  // What comes behind the failure has nothing to do with it.
  const cut = round.programs.map((program, thread) => ({
    ...program,
    operations: program.operations.slice(0, done[thread]),
  }));
  const first = partsOf(cut);
  return rebuild(round, await removeParts((await fails(first)) ? first : all, fails));
}

function partsOf(programs: readonly RoundProgram[]): Part[] {
  return programs.flatMap(({ operations }, thread) =>
    operations.map((operation): Part => [thread, operation]),
  );
}

/** The round in which threads do only these parts. */
function rebuild(round: Round, parts: readonly Part[]): Round {
  const programs = round.programs.map((program, thread): RoundProgram => {
    const own = parts.filter(([of]) => of === thread);
    return { ...program, operations: own.map(([, operation]) => operation) };
  });
  const busy = programs.filter(({ operations }) => operations.length > 0);
  return { ...round, programs: busy.length > 0 ? busy : programs.slice(0, 1) };
}
