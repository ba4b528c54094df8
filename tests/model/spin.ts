/** Runs the checker Spin on the model, whole or with a fault put into it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Configuration } from './configurations.ts';

const MODEL = fileURLToPath(new URL('.', import.meta.url));
const MEMORY_MB = 2000;
const LIMIT_MS = 150_000;
const DEPTH = 3_000_000;
const TRAIL_STEPS = 120;

/** A change of the model's text that it must notice. */
export interface Fault {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The configuration that finds it. */
  readonly foundIn: Configuration;
}

/** What a check has found. */
export interface Result {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly megabytes: number;
  readonly seconds: number;
  /** What is wrong with the model, or with the check; null: nothing. */
  readonly error: string | null;
  /** The steps that lead to the error, one a line; the last ones. */
  readonly trail: string;
}

/** Says how to get what is not there; null when all is. */
export function missingTools(): string | null {
  const isThere = (tool: string, flag: string) => spawnSync(tool, [flag]).error === undefined;
  if (!isThere('spin', '-V')) return 'spin is not installed: `apt-get install spin`';
  if (!isThere('cc', '--version')) return 'no C compiler: `apt-get install gcc`';
  return null;
}

/** The files of the model by name. */
export function readModel(): Map<string, string> {
  const names = readdirSync(MODEL).filter((name) => name.endsWith('.pml'));
  return new Map(names.map((name) => [name, readFileSync(join(MODEL, name), 'utf8')]));
}

/** Explores all states of a configuration; stops at the first error. */
export function check(configuration: Configuration, fault?: Fault): Result {
  const folder = mkdtempSync(join(tmpdir(), 'sharc-model-'));
  try {
    for (const [name, text] of readModel()) {
      writeFileSync(join(folder, name), fault?.file === name ? withFault(text, fault) : text);
    }
    writeFileSync(join(folder, 'main.pml'), mainOf(configuration));
    // Compiling takes longer than exploring what is small.
    const isSmall = configuration.isQuick === true || fault !== undefined;
    return explore(folder, configuration, isSmall ? '-O0' : '-O1');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function withFault(text: string, { name, find, replace }: Fault): string {
  if (text.split(find).length !== 2) throw new Error(`${name}: "${find}" is not there once`);
  return text.replace(find, () => replace);
}

function mainOf({ threads, settings, property }: Configuration): string {
  const starts = threads.map((role, index) => `run ${role}(${index + 1})`);
  return [
    `#define N ${threads.length}`,
    ...[...new Set(threads)].map((role) => `#define USES_${role}`),
    ...Object.entries(settings).map(([name, value]) => `#define ${name} ${value}`),
    `#define START ${starts.join('; ')}`,
    '#include "lock.pml"',
    property === undefined ? '' : `ltl property { ${property} }`,
    '',
  ].join('\n');
}

function explore(folder: string, { property }: Configuration, optimize: string): Result {
  const run = (tool: string, args: string[]) =>
    spawnSync(tool, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28, timeout: LIMIT_MS });
  const began = performance.now();
  const made = run('spin', ['-a', 'main.pml']);
  if (made.status !== 0) return failed(`spin: ${made.stdout}${made.stderr}`);
  // No partial order reduction: nearly all steps touch shared words.
  const kind = property === undefined ? ['-DSAFETY'] : ['-DNFAIR=3'];
  const flags = [optimize, '-w', '-DNOREDUCE', '-DCOLLAPSE', `-DMEMLIM=${MEMORY_MB}`, ...kind];
  const compiled = run('cc', [...flags, '-o', 'pan', 'pan.c']);
  if (compiled.status !== 0) return failed(`cc: ${compiled.stderr}`);
  const explored = run('./pan', [`-m${DEPTH}`, ...(property === undefined ? [] : ['-a', '-f'])]);
  const output = explored.stdout;
  const errors = numberIn(output, /errors: (\d+)/);
  const isWhole =
    explored.status === 0 && !/Search not completed|max search depth too small/.test(output);
  const problem = output.match(/^pan(?:\.\w+)?:\d+: (.*?)(?: \(at depth \d+\))?$/m)?.[1];
  const steps = errors > 0 ? run('spin', ['-t', '-p', '-g', 'main.pml']).stdout : '';
  return {
    states: numberIn(output, /(\d+) states, stored/),
    transitions: numberIn(output, /(\d+) transitions/),
    depth: numberIn(output, /depth reached (\d+)/),
    megabytes: Number(output.match(/([\d.]+)\s+total actual memory usage/)?.[1] ?? 0),
    seconds: (performance.now() - began) / 1000,
    error: errors > 0 ? (problem ?? 'an error') : isWhole ? null : 'the search was cut short',
    trail: steps.split('\n').slice(-TRAIL_STEPS).map(shorten).join('\n'),
  };
}

/** A step of a trail: who, where, what. */
function shorten(line: string): string {
  return line.replace(
    /^\s*\d+:\s*proc\s+\d+ \((\w+):(\d+)\) ([\w.]+:\d+) \(state \d+\)/,
    '  $1 $3',
  );
}

const numberIn = (text: string, pattern: RegExp): number => Number(text.match(pattern)?.[1] ?? 0);

const failed = (error: string): Result => ({
  ...{ states: 0, transitions: 0, depth: 0, megabytes: 0, seconds: 0 },
  ...{ error, trail: '' },
});
