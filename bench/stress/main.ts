/**
 * `npm run stress`: random programs against a model in plain JavaScript, in several threads.
 *
 * Each program allocates, links, cuts, drops and collects in a heap of its own, with tiny
 * thresholds, tiny heaps, poison and failing allocations among the rest, and is compared with the
 * model object by object; the thread, the collector thread and the pool of its heap are what races
 * in it. Exit code 0: nothing was found; 1: a program failed, and is printed as short as it could
 * be made; 2: the arguments make no sense.
 */

import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { parseProgram } from '../../src/testing.ts';
import { type Outcome, runOnce, sumOf } from './programs.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const THREADS_MAX = 64;

interface Options {
  readonly seconds: number;
  readonly threads: number;
  readonly seed?: number;
  readonly json?: true;
  readonly replay?: string;
}

function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

function integerFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = numberFrom(least, most)(text);
    if (Number.isInteger(value)) return value;
    throw new InvalidArgumentError('It must be an integer.');
  };
}

function parse(args: readonly string[]): Options {
  return new Command('stress')
    .description('Random programs against a model in plain JavaScript.')
    .option('--seconds <n>', 'how long, about', numberFrom(0.1, 1e6), 10)
    .option('--threads <n>', 'threads that run programs', integerFrom(1, THREADS_MAX), 2)
    .option(
      '--seed <n>',
      'seed of the first program; a random one unless given',
      integerFrom(0, 1e9),
    )
    .option('--json', 'print the result as JSON')
    .option('--replay <file>', 'run the program in a file instead')
    .exitOverride()
    .parse(args, { from: 'user' })
    .opts<Options>();
}

function runThread(seed: number, step: number, seconds: number, show: (o: Outcome) => void) {
  const worker = new Worker(new URL('worker.js', import.meta.url), {
    workerData: { seed, step, seconds },
  });
  return new Promise<Outcome>((resolve, reject) => {
    let last = sumOf([]);
    worker.on('message', (outcome: Outcome) => {
      last = outcome;
      show(outcome);
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve(last));
  });
}

async function stress({ seconds, threads, seed, json }: Options): Promise<number> {
  const first = seed ?? Math.floor(Math.random() * 1e9);
  if (json === undefined) process.stdout.write(`seed ${first}\n`);
  const soFar: Outcome[] = [];
  const outcomes = await Promise.all(
    Array.from({ length: threads }, (_, thread) =>
      runThread(first + thread, threads, seconds, (outcome) => {
        soFar[thread] = outcome;
        showProgress(sumOf(Object.values(soFar)));
      }),
    ),
  );
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const { failure, ...figures } = sumOf(outcomes);
  const result = { ...figures, seed: first };
  if (json === true) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    for (const [name, value] of Object.entries(result)) {
      process.stdout.write(`${name.padEnd(18)}${value.toLocaleString('en')}\n`);
    }
  }
  if (failure === null) return 0;
  process.stderr.write(`${failure.message}\n${failure.program}\n`);
  return EXIT_FAILED;
}

function showProgress({ operations, collections }: Outcome): void {
  if (!process.stderr.isTTY) return;
  const text = `${operations.toLocaleString('en')} operations, ${collections} collections`;
  process.stderr.write(`\r\x1b[K${text}`);
}

async function replay(file: string): Promise<number> {
  const { failure, operations } = await runOnce(parseProgram(readFileSync(file, 'utf8')));
  process.stdout.write(failure === null ? `${operations} operations, nothing found\n` : '');
  if (failure !== null) process.stderr.write(`${failure.message}\n`);
  return failure === null ? 0 : EXIT_FAILED;
}

try {
  const options = parse(process.argv.slice(2));
  process.exitCode = await (options.replay === undefined
    ? stress(options)
    : replay(options.replay));
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
