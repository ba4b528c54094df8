/**
 * `npm run storm`: threads that play with all kinds of objects, and are killed at random moments.
 *
 * What they commit is written down outside of the heap; it must be there whenever one dies, whole,
 * and nothing else. Now and then all threads rest, and everything is checked. Exit code 0: nothing
 * was found; 1: something was, or no thread gets on any more; 2: the arguments make no sense. The
 * same seed makes the same choices, but the system decides when what happens.
 */

import { Command, CommanderError } from 'commander';
import { describeThreads } from '../../src/testing.ts';
import { integerFrom, numberFrom, oneOf } from '../stress/arguments.ts';
import { STDERR, STDOUT, writeAll } from '../stress/output.ts';
import { watch } from '../stress/watchdog.ts';
import { DAMAGES, type Figures, Storm } from './storm.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const REPORTS_MAX = 10;

interface Options {
  readonly kills: number;
  readonly threads: number;
  readonly seed?: number;
  readonly patience: number;
  readonly damage?: (typeof DAMAGES)[number];
  readonly json?: true;
}

function parse(args: readonly string[]): Options {
  return new Command('storm')
    .description('Threads at work on one heap, killed at random moments.')
    .option('--kills <n>', 'threads to kill', integerFrom(0, 1e9), 200)
    .option('--threads <n>', 'threads at work at a time', integerFrom(2, 64), 4)
    .option('--seed <n>', 'seed; a random one unless given', integerFrom(0, 1e9))
    .option('--patience <s>', 'how long nothing may get on', numberFrom(1, 1e6), 60)
    .option('--damage <what>', 'spoil the heap at the end: commit or count', oneOf(DAMAGES))
    .option('--json', 'print the result as JSON')
    .exitOverride()
    .parse(args, { from: 'user' })
    .opts<Options>();
}

function showProgress({ kills, operations, maxRecoveryMs }: Figures): void {
  if (!process.stderr.isTTY) return;
  const text = `${kills} kills, ${operations.toLocaleString('en')} operations`;
  process.stderr.write(`\r\x1b[K${text}, longest recovery ${maxRecoveryMs.toFixed(1)} ms`);
}

function format({ killsByState, ...figures }: Figures): string {
  const rows = Object.entries({ ...figures, ...killsByState });
  return rows.map(([name, n]) => `${name.padEnd(16)}${n.toLocaleString('en')}\n`).join('');
}

async function main(options: Options): Promise<void> {
  const { kills, threads, patience, json } = options;
  const seed = options.seed ?? Math.floor(Math.random() * 1e9);
  if (json === undefined) process.stdout.write(`seed ${seed}\n`);
  // That threads of the collector end with the threads that have started them is no news here.
  process.removeAllListeners('warning');
  const storm = new Storm({ ...options, seed });
  let endWatch = () => {};
  const hang = new Promise<void>((resolve) => {
    endWatch = watch({
      progress: () => storm.progress,
      patienceMs: () => patience * 1000,
      onHang: () => {
        storm.reports.unshift(`nothing gets on\n${describeThreads(storm.heap)}`);
        resolve();
      },
    });
  });
  await Promise.race([storm.run(showProgress), hang]);
  endWatch();
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  writeAll(STDOUT, json ? `${JSON.stringify(storm.figures)}\n` : format(storm.figures));
  if (!storm.hasFailed) {
    await storm.heap.close();
    return;
  }
  const again = `again: npm run storm -- --kills ${kills} --threads ${threads} --seed ${seed}`;
  writeAll(STDERR, [...storm.reports.slice(0, REPORTS_MAX), again, ''].join('\n'));
  process.exit(EXIT_FAILED); // a heap that is broken, or hangs, cannot be waited for
}

try {
  await main(parse(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
