/**
 * `npm run stress`: random programs against a model in plain JavaScript, in several threads.
 *
 * Programs allocate, link, cut, drop and collect, with tiny thresholds, tiny heaps, poison and
 * failing allocations among the rest, and are compared with the model object by object. Some have
 * a heap of their own. In rounds all threads share one, and hand parts of the graph to each other
 * while collections run beside them. Exit code 0: nothing was found; 1: something has failed, and
 * is printed as short as it could be made, or hangs; 2: the arguments make no sense.
 */

import { readFileSync, writeSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import {
  createRound,
  isRoundText,
  type Operation,
  parseProgram,
  parseRound,
  type Round,
} from '../../src/testing.ts';
import { integerFrom, numberFrom, oneOf } from './arguments.ts';
import { Pool } from './pool.ts';
import { type Outcome, runOnce, sumOf } from './programs.ts';
import { playRound, RoundHangs, tryRound } from './rounds.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const THREADS_MAX = 64;
const STDERR = 2;
/** Programs of each thread between two rounds. */
const PROGRAMS = 3;
/** How the heap is spoiled on purpose: what operation `damage` stands for, by number. */
const DAMAGES = ['count', 'slot', 'death', 'lock'] as const;

interface Options {
  readonly seconds: number;
  readonly threads: number;
  readonly seed?: number;
  readonly json?: true;
  readonly replay?: string;
  readonly round?: number;
  readonly times: number;
  readonly patience: number;
  readonly damage?: (typeof DAMAGES)[number];
}

function parse(args: readonly string[]): Options {
  return new Command('stress')
    .description('Random programs against a model in plain JavaScript.')
    .option('--seconds <n>', 'how long, about', numberFrom(0.1, 1e6), 10)
    .option('--threads <n>', 'threads that run programs', integerFrom(1, THREADS_MAX), 2)
    .option('--seed <n>', 'seed of the first one; a random one unless given', integerFrom(0, 1e9))
    .option('--json', 'print the result as JSON')
    .option('--replay <file>', 'run the program or the round in a file instead')
    .option('--round <seed>', 'play the round of this seed instead', integerFrom(0, 2e9))
    .option('--times <n>', 'how often to replay', integerFrom(1, 1e6), 1)
    .option('--patience <s>', 'how long a round may hang', numberFrom(0.1, 1e6), 60)
    .option('--damage <what>', 'spoil the heap: count, slot, death or lock', oneOf(DAMAGES))
    .exitOverride()
    .parse(args, { from: 'user' })
    .opts<Options>();
}

async function stress(pool: Pool, options: Options): Promise<number> {
  const { seconds, threads, json } = options;
  const seed = options.seed ?? Math.floor(Math.random() * 1e9);
  if (json === undefined) process.stdout.write(`seed ${seed}\n`);
  const end = Date.now() + seconds * 1000;
  let outcome = sumOf([]);
  let [rounds, parcels] = [0, 0];
  while (Date.now() < end && outcome.failure === null) {
    const round = await tryRound(pool, roundOf(seed + rounds, options), options.patience * 1000);
    parcels += round.parcels;
    outcome = sumOf([outcome, round]);
    showProgress(outcome);
    if (outcome.failure !== null) break;
    const step = threads;
    const first = seed + rounds * threads * PROGRAMS;
    const tasks = Array.from({ length: threads }, (_, thread) =>
      pool.run(thread, 'programs', { seed: first + thread, step, count: PROGRAMS, end }),
    );
    outcome = sumOf([outcome, ...(await Promise.all(tasks))]);
    showProgress(outcome);
    rounds++;
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const { failure, ...figures } = outcome;
  if (json === true) process.stdout.write(`${JSON.stringify({ ...figures, seed })}\n`);
  else printFigures({ ...figures, rounds, parcels });
  if (failure === null) return 0;
  process.stderr.write(`${failure.message}\n${failure.program}\n`);
  return EXIT_FAILED;
}

/** The round of a seed, with damage if it is asked for. */
function roundOf(seed: number, { threads, damage }: Options): Round {
  const round = createRound(seed, { threads });
  if (damage === undefined) return round;
  const programs = round.programs.map((program, thread) => {
    if (thread !== threads - 1) return program;
    const { operations } = program;
    const spoil: Operation = ['damage', 0, DAMAGES.indexOf(damage)];
    return { ...program, operations: operations.toSpliced(operations.length >> 1, 0, spoil) };
  });
  return { ...round, programs };
}

function printFigures(figures: Record<string, number>): void {
  for (const [name, value] of Object.entries(figures)) {
    process.stdout.write(`${name.padEnd(18)}${value.toLocaleString('en')}\n`);
  }
}

function showProgress({ operations, collections }: Outcome): void {
  if (!process.stderr.isTTY) return;
  const text = `${operations.toLocaleString('en')} operations, ${collections} collections`;
  process.stderr.write(`\r\x1b[K${text}`);
}

/** Runs the same program or round again and again, until it fails. */
async function replay(options: Options, run: () => Promise<string | null>): Promise<number> {
  for (let n = 0; n < options.times; n++) {
    const message = await run();
    if (message === null) continue;
    process.stderr.write(`${message}\n`);
    return EXIT_FAILED;
  }
  process.stdout.write('nothing found\n');
  return 0;
}

function replayRound(pool: Pool, options: Options, round: Round): Promise<number> {
  return replay(options, async () => {
    const { failure } = await playRound(pool, round, options.patience * 1000);
    if (failure === null) return null;
    return `thread ${failure.thread}, step ${failure.step}: ${failure.message}`;
  });
}

function replayText(pool: Pool, options: Options, text: string): Promise<number> {
  if (isRoundText(text)) return replayRound(pool, options, parseRound(text));
  const program = parseProgram(text);
  return replay(options, async () => {
    const { failure } = await runOnce(program);
    return failure && `step ${failure.step}: ${failure.message}`;
  });
}

async function run(options: Options): Promise<number> {
  const pool = new Pool();
  try {
    if (options.replay !== undefined) {
      return await replayText(pool, options, readFileSync(options.replay, 'utf8'));
    }
    if (options.round === undefined) return await stress(pool, options);
    return await replayRound(pool, options, roundOf(options.round, options));
  } catch (error) {
    if (!(error instanceof RoundHangs)) throw error;
    writeSync(STDERR, `${error.message}\nplay it again with --threads, --round and its number\n`);
    process.exit(EXIT_FAILED); // its threads and its heap cannot be waited for
  } finally {
    await pool.close();
  }
}

try {
  process.exitCode = await run(parse(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
