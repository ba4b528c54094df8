/** The command line, and which directories the job takes when it names none. */

import { randomInt } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';

export interface Options {
  readonly directories: readonly string[];
  readonly threads: number;
  readonly edits: number;
  readonly seed: number;
  readonly json: boolean;
}

/** The user asked for something that cannot be done: a message without a stack, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

// A heap has room for 128 threads, and the main thread is one of them.
const THREADS_MAX = 127;
const EDITS_MAX = 1_000_000;
const SEED_MAX = 2 ** 32 - 1;

/**
 * Throws commander's CommanderError, having printed the reason, when the arguments make no sense
 * or ask for help; throws a UsageError when a directory is missing.
 */
export function parseOptions(args: readonly string[]): Options {
  const command = new Command('npm start --')
    .description(
      'Builds the module graph of source trees in one shared heap with several threads, ' +
        'edits it, and compares it with the graph that a plain program builds.',
    )
    .argument('[DIR...]', "source trees (default: the project's node_modules, and npm itself)")
    .option('--threads <N>', 'worker threads', integer(1, THREADS_MAX), defaultThreads())
    .option('--edits <N>', 'packages to drop and link anew', integer(0, EDITS_MAX), 50)
    .option('--seed <S>', 'seed of all random choices (default: random)', integer(0, SEED_MAX))
    .option('--json', 'print the result as one JSON object, in the last line', false)
    .exitOverride()
    .parse(args, { from: 'user' });
  const { threads, edits, seed, json } = command.opts();
  const directories = command.args.length > 0 ? command.args : defaultDirectories();
  for (const directory of directories) checkDirectory(directory);
  return { directories, threads, edits, json, seed: seed ?? randomInt(SEED_MAX + 1) };
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
  };
}

function defaultThreads(): number {
  return Math.min(Math.max(availableParallelism(), 2), THREADS_MAX);
}

function checkDirectory(directory: string): void {
  const stats = statSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) throw new UsageError(`no such directory: ${directory}`);
  if (!stats.isDirectory()) throw new UsageError(`not a directory: ${directory}`);
}

function defaultDirectories(): string[] {
  const project = nearestPackage(dirname(fileURLToPath(import.meta.url)));
  const directories = [join(project?.directory ?? '.', 'node_modules'), npmDirectory()];
  return directories.filter((directory) => directory !== null);
}

/** The npm that runs this program, else the one that came with Node, else none. */
function npmDirectory(): string | null {
  const execDirectory = dirname(process.execPath);
  const candidates = [
    process.env.npm_execpath ?? '', // set by npm, and by its rivals
    resolve(execDirectory, '../lib/node_modules/npm/package.json'),
    resolve(execDirectory, 'node_modules/npm/package.json'), // Windows
  ];
  for (const candidate of candidates) {
    const found = existsSync(candidate) ? nearestPackage(dirname(candidate)) : null;
    if (found?.name === 'npm') return found.directory;
  }
  return null;
}

/** The nearest package.json with a name, at or above `start`. */
function nearestPackage(start: string): { directory: string; name: string } | null {
  for (let directory = resolve(start); ; directory = dirname(directory)) {
    const file = join(directory, 'package.json');
    if (existsSync(file)) {
      const { name } = JSON.parse(readFileSync(file, 'utf8'));
      if (name) return { directory, name };
    }
    if (directory === dirname(directory)) return null;
  }
}
