/** A thread of the stress: does what the main thread asks for, one task after the other. */

import { parentPort } from 'node:worker_threads';
import {
  type Outcome,
  type ProgramsTask,
  type ProgramTask,
  runPrograms,
  shrinkProgram,
  tryProgram,
} from './programs.ts';
import { type RoundOutcome, type RoundTask, takePart } from './round-thread.ts';

/** Says what a thread is about to do. */
export interface News {
  readonly news: string;
  /** What its part in a round has come to, before it leaves the heap. */
  readonly outcome?: RoundOutcome;
}

/** Tells the main thread what comes next, so that it knows that this thread gets on. */
export type Tell = (what: string, outcome?: RoundOutcome) => void;

/** What can be asked of a thread, and what it answers. */
export interface Tasks {
  programs(task: ProgramsTask, tell: Tell): Promise<Outcome>;
  program(task: ProgramTask, tell: Tell): Promise<Outcome>;
  /** The text of a program made shorter; null when it does not fail. */
  shrink(task: ProgramTask, tell: Tell): Promise<string | null>;
  /** What it has come to is told. */
  round(task: RoundTask, tell: Tell): void;
}

const tasks: Tasks = {
  programs: runPrograms,
  program: tryProgram,
  shrink: shrinkProgram,
  round: takePart,
};

const tell: Tell = (news, outcome) =>
  parentPort?.postMessage({ news, ...(outcome && { outcome }) } satisfies News);

parentPort?.on('message', async ({ name, task }: { name: keyof Tasks; task: never }) => {
  parentPort?.postMessage({ result: await tasks[name](task, tell) });
});
