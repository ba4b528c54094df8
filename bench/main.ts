/**
 * `npm run bench`: named workloads times named subjects, every answer checked before its time
 * counts. Exit code 0: all there is was measured; 1: a subject crashed or answered wrongly; 2: the
 * command line names something that does not exist.
 */

import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { type Arguments, parseArguments, USAGE, UsageError } from './harness/arguments.ts';
import { describeMachine } from './harness/machine.ts';
import { writePlots } from './harness/plots.ts';
import { jsonReport, listing, textReport } from './harness/report.ts';
import { runPlan } from './harness/runner.ts';

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

function showProgress(done: number, total: number, what: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\x1b[K${done < total ? `${done + 1}/${total} ${what}` : ''}`);
}

/** Before minutes are spent on figures that could not be written. Leaves old contents alone. */
function assertWritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${(error as Error).message}`);
  }
}

function assertFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(`cannot write to ${folder}: ${(error as Error).message}`);
  }
}

async function runBenchmarks(args: Arguments): Promise<void> {
  const { workloads, subjects, scale, json, plots } = args;
  if (json !== null && json !== '-') assertWritable(json);
  if (plots !== null) assertFolder(plots);
  const machine = describeMachine();
  const outcome = await runPlan({ workloads, subjects, scale, onProgress: showProgress });

  // Whoever asks for JSON on stdout wants to read nothing else there.
  const tableStream = json === '-' ? process.stderr : process.stdout;
  tableStream.write(textReport(machine, outcome));
  if (json === '-') process.stdout.write(jsonReport(machine, outcome));
  else if (json !== null) writeFileSync(json, jsonReport(machine, outcome));
  if (plots !== null) writePlots(plots, outcome.results);

  if (outcome.missing.some(({ isFailure }) => isFailure)) process.exitCode = EXIT_FAILURE;
}

try {
  const args = parseArguments(process.argv.slice(2));
  if (args.help) process.stdout.write(`${USAGE}\n`);
  else if (args.list) process.stdout.write(listing());
  else await runBenchmarks(args);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = EXIT_USAGE;
}
