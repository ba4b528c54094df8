/**
 * `npm run stress`: random programs against a model in plain JavaScript, in several threads.
 *
 * Programs allocate, link, cut, drop and collect, with tiny thresholds, tiny heaps, poison and
 * failing allocations among the rest, and are compared with the model object by object. Some have
 * a heap of their own. In rounds all threads share one, and hand parts of the graph to each other
 * while collections run beside them. Exit code 0: nothing was found; 1: something has failed or
 * hangs; 2: the arguments make no sense. What has failed is printed as short as it could be made:
 * as a text that `--replay` reads, what was found being a comment at its top.
 */

import { Command, CommanderError } from 'commander';
import { createRound, type Operation, type Program, type Round } from '../../src/testing.ts';
import { integerFrom, numberFrom, oneOf, replayable } from './arguments.ts';
import { STDERR, STDOUT, writeAll } from './output.ts';
import { Pool } from './pool.ts';
import { formatFailure, type Outcome, outcomeOf, sumOf } from './programs.ts';
import { type Limits, tryRound } from './rounds.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const THREADS_MAX = 64;
/** Programs of each thread between two rounds. */
const PROGRAMS = 3;
/** How the heap is spoiled on purpose: what operation `damage` stands for, by number. */
const DAMAGES = ['count', 'slot', 'death', 'lock'] as const;

/** A file to replay, and what is in it. */
interface Replay {
  readonly file: string;
  readonly content: Program | Round;
}

interface Options {
  readonly seconds: number;
  readonly threads: number;
  readonly seed?: number;
  readonly json?: true;
  readonly replay?: Replay;
  readonly round?: number;
  readonly times: number;
  readonly patience: number;
  readonly shrink: number;
  readonly damage?: (typeof DAMAGES)[number];
}

function parse(args: readonly string[]): Options {
  const command = new Command('stress')
    .description('Random programs against a model in plain JavaScript.')
    .option('--seconds <n>', 'how long, about', numberFrom(0.1, 1e6), 10)
    .option('--threads <n>', 'threads that run programs', integerFrom(1, THREADS_MAX), 2)
    .option('--seed <n>', 'seed of the first one; a random one unless given', integerFrom(0, 1e9))
    .option('--json', 'print the result as JSON')
    .option('--replay <file>', 'run the program or the round in a file instead', replayable)
    .option('--round <seed>', 'play the round of this seed instead', integerFrom(0, 2e9))
    .option('--times <n>', 'how often to do that', integerFrom(1, 1e6), 1)
    .option('--patience <s>', 'how long threads may hang', numberFrom(0.1, 1e6), 60)
    .option('--shrink <n>', 'how many shorter ones to try of what fails', integerFrom(0, 1e6), 300)
    .option('--damage <what>', 'spoil the heap: count, slot, death or lock', oneOf(DAMAGES))
    .exitOverride()
    .parse(args, { from: 'user' });
  const { replay, round, damage } = command.opts<Options>();
  const isRepeated = command.getOptionValueSource('times') === 'cli';
  if (replay !== undefined && (round !== undefined || damage !== undefined)) {
    const other = round !== undefined ? '--round' : '--damage';
    command.error(`error: --replay says all there is to run: leave out ${other}`);
  }
  if (isRepeated && replay === undefined && round === undefined) {
    command.error('error: --times says how often to --replay a file or to play a --round');
  }
  return command.opts<Options>();
}

/** What all has come to. */
interface Result extends Outcome {
  readonly seed: number;
  readonly rounds?: number;
  readonly parcels?: number;
}

async function stress(pool: Pool, options: Options): Promise<Result> {
  const { seconds, threads, json } = options;
  const seed = options.seed ?? Math.floor(Math.random() * 1e9);
  if (json === undefined) process.stdout.write(`seed ${seed}\n`);
  const end = Date.now() + seconds * 1000;
  let outcome = sumOf([]);
  let [rounds, parcels] = [0, 0];
  while (Date.now() < end && outcome.failure === null) {
    const round = await playSeed(pool, seed + rounds, options);
    parcels += round.parcels;
    outcome = sumOf([outcome, round]);
    showProgress(outcome);
    if (outcome.failure !== null) break;
    const first = seed + rounds * threads * PROGRAMS;
    outcome = sumOf([outcome, ...(await runPrograms(pool, first, end, options))]);
    showProgress(outcome);
    rounds++;
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return { ...outcome, seed, rounds, parcels };
}

/** Programs in all threads, each with a heap of its own. */
function runPrograms(pool: Pool, first: number, end: number, options: Options): Promise<Outcome[]> {
  const { threads: step } = options;
  const { patienceMs, shrinkRuns } = limitsOf(options);
  const run = async (_: unknown, thread: number) => {
    const task = { seed: first + thread, step, count: PROGRAMS, end, shrinkRuns };
    try {
      return await pool.run(thread, 'programs', task, { patienceMs });
    } catch (error) {
      return outcomeOf(error, 'again: npm run stress -- --threads 1 --seed, and its number');
    }
  };
  return Promise.all(Array.from({ length: step }, run));
}

const limitsOf = ({ patience, shrink }: Options): Limits => ({
  patienceMs: patience * 1000,
  shrinkRuns: shrink,
});

/** Plays the round of a seed, with damage if it is asked for. */
function playSeed(pool: Pool, seed: number, options: Options) {
  const { threads, damage } = options;
  const option = damage === undefined ? '' : ` --damage ${damage}`;
  const again = `again: npm run stress -- --threads ${threads} --round ${seed}${option}`;
  const round = createRound(seed, { threads });
  if (damage === undefined) return tryRound(pool, round, limitsOf(options), again);
  const programs = round.programs.map((program, thread) => {
    if (thread !== threads - 1) return program;
    const { operations } = program;
    const spoil: Operation = ['damage', 0, DAMAGES.indexOf(damage)];
    return { ...program, operations: operations.toSpliced(operations.length >> 1, 0, spoil) };
  });
  return tryRound(pool, { ...round, programs }, limitsOf(options), again);
}

/** Runs the same program or round again and again, until it fails. */
async function replay(times: number, run: () => Promise<Outcome>): Promise<Outcome> {
  let outcome = sumOf([]);
  for (let n = 0; n < times && outcome.failure === null; n++) {
    outcome = sumOf([outcome, await run()]);
  }
  return outcome;
}

async function replayFile(pool: Pool, options: Options, replayed: Replay): Promise<Result> {
  const { file, content } = replayed;
  const limits = limitsOf(options);
  const again = `again: npm run stress -- --replay ${file}`;
  if ('programs' in content) {
    const outcome = await replay(options.times, () => tryRound(pool, content, limits, again));
    return { ...outcome, seed: content.seed };
  }
  const { patienceMs, shrinkRuns } = limits;
  const outcome = await replay(options.times, () =>
    pool
      .run(0, 'program', { program: content, shrinkRuns }, { patienceMs })
      .catch((error) => outcomeOf(error, again)),
  );
  return { ...outcome, seed: content.seed };
}

async function run(pool: Pool, options: Options): Promise<Result> {
  const { replay: replayed, round: seed } = options;
  if (replayed !== undefined) return await replayFile(pool, options, replayed);
  if (seed === undefined) return await stress(pool, options);
  return { ...(await replay(options.times, () => playSeed(pool, seed, options))), seed };
}

function showProgress({ operations, collections }: Outcome): void {
  if (!process.stderr.isTTY) return;
  const text = `${operations.toLocaleString('en')} operations, ${collections} collections`;
  process.stderr.write(`\r\x1b[K${text}`);
}

/** What is printed of a result. The seed is printed at once when it is not part of JSON. */
function formatFigures({ failure, seed, rounds, parcels, ...rest }: Result, json: boolean): string {
  if (json) return `${JSON.stringify({ ...rest, seed })}\n`;
  const figures = Object.entries({ ...rest, ...(rounds !== undefined && { rounds, parcels }) });
  const lines = figures.map(
    ([name, value = 0]) => `${name.padEnd(18)}${value.toLocaleString('en')}\n`,
  );
  return lines.join('') + (failure === null ? 'nothing found\n' : '');
}

async function main(options: Options): Promise<void> {
  const pool = new Pool();
  const result = await run(pool, options);
  writeAll(STDOUT, formatFigures(result, options.json === true));
  if (result.failure === null) {
    await pool.close();
    return;
  }
  writeAll(STDERR, formatFailure(result.failure));
  process.exit(EXIT_FAILED); // a heap that is broken, or hangs, cannot be waited for
}

try {
  await main(parse(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
