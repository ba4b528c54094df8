/** A thread of the stress: does what the main thread asks for, one task after the other. */

import { parentPort } from 'node:worker_threads';
import type { Program } from '../../src/testing.ts';
import { type Outcome, type ProgramsTask, runPrograms, shrinkProgram } from './programs.ts';
import { type RoundOutcome, type RoundTask, takePart } from './round-thread.ts';

/** What can be asked of a thread, and what it answers. */
export interface Tasks {
  programs(task: ProgramsTask): Promise<Outcome>;
  /** The text of a program made shorter; null when it does not fail. */
  shrink(program: Program): Promise<string | null>;
  round(task: RoundTask): RoundOutcome;
}

const tasks: Tasks = { programs: runPrograms, shrink: shrinkProgram, round: takePart };

parentPort?.on('message', async ({ name, task }: { name: keyof Tasks; task: never }) => {
  parentPort?.postMessage(await tasks[name](task));
});
