/**
 * The memory layouts and hot-path shapes that were tried against each other:
 *
 *   node dist/bench/experiments/layouts.js [--only free-lists,headers] [--json]
 *
 * Every variant runs in processes of its own, several of them; the variants of an experiment take
 * turns, so that a busy spell of the machine meets all. Exit code 1: a variant came to another
 * result than the first; 2: the command line names something that does not exist.
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { describeMachine } from '../harness/machine.ts';
import { medianOf } from '../harness/runner.ts';
import { counts } from './counts.ts';
import { type Experiment, type Samples, sampleVariant } from './experiment.ts';
import { fields } from './fields.ts';
import { freeLists } from './free-lists.ts';
import { headers } from './headers.ts';
import { identity } from './identity.ts';
import { values } from './values.ts';

const EXPERIMENTS: readonly Experiment[] = [freeLists, headers, fields, identity, values, counts];
const PROCESSES = 5;
const SAMPLES = 30;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

interface Figure {
  readonly experiment: string;
  readonly operation: string;
  readonly variant: string;
  readonly unit: 'ns/op';
  readonly median: number;
  readonly min: number;
  readonly samples: number;
}

const keyOf = ({ name }: Experiment) => name.replaceAll(' ', '-');

/** Measures one variant in a fresh process. */
function askProcess(experiment: Experiment, variant: number): Samples[] {
  const args = [fileURLToPath(import.meta.url), '--variant', `${keyOf(experiment)}:${variant}`];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

function answer(request: string): void {
  const [key, variant] = request.split(':');
  const experiment = EXPERIMENTS.find((candidate) => keyOf(candidate) === key)!;
  process.stdout.write(
    JSON.stringify(sampleVariant(experiment.variants[Number(variant)]!, SAMPLES)),
  );
}

/** All samples of a variant, by operation. */
type Pool = Map<string, { checksum: number; times: number[] }>;

function pour(samples: readonly Samples[], pool: Pool): void {
  for (const { operation, checksum, times } of samples) {
    const known = pool.get(operation);
    if (known === undefined) pool.set(operation, { checksum, times: [...times] });
    else known.times.push(...times);
  }
}

/** @throws Error when two variants did not do the same. */
function measure(experiment: Experiment): Figure[] {
  const pools: Pool[] = experiment.variants.map(() => new Map());
  for (let process = 0; process < PROCESSES; process++) {
    for (const [variant, pool] of pools.entries()) pour(askProcess(experiment, variant), pool);
  }
  const figures: Figure[] = [];
  for (const [operation, first] of pools[0]!) {
    for (const [index, pool] of pools.entries()) {
      const { checksum, times } = pool.get(operation)!;
      const variant = experiment.variants[index]!.name;
      if (checksum !== first.checksum) {
        throw new Error(`${experiment.name}, ${operation}: ${variant} came to ${checksum}`);
      }
      const sorted = [...times].sort((a, b) => a - b);
      figures.push({
        experiment: experiment.name,
        operation,
        variant,
        unit: 'ns/op',
        median: medianOf(sorted),
        min: sorted[0]!,
        samples: sorted.length,
      });
    }
  }
  return figures;
}

function tableOf(figures: readonly Figure[]): string {
  const table = new Table({
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { head: [], border: [] },
    head: ['experiment', 'operation', 'variant', 'median ns', 'min', 'n'],
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right'],
  });
  let previous: Figure | undefined;
  for (const figure of figures) {
    const { experiment, operation, variant, median, min, samples } = figure;
    table.push([
      experiment === previous?.experiment ? '' : experiment,
      operation === previous?.operation ? '' : operation,
      variant,
      median.toFixed(2),
      min.toFixed(2),
      samples,
    ]);
    previous = figure;
  }
  return table.toString();
}

function chosenFrom(list: string | undefined): readonly Experiment[] {
  const names = list?.split(',') ?? EXPERIMENTS.map(keyOf);
  const chosen = EXPERIMENTS.filter((experiment) => names.includes(keyOf(experiment)));
  if (chosen.length === names.length) return chosen;
  process.stderr.write(`the experiments are ${EXPERIMENTS.map(keyOf).join(', ')}\n`);
  process.exit(EXIT_USAGE);
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    variant: { type: 'string' }, // how a process is told its part
  },
});
if (options.variant !== undefined) {
  answer(options.variant);
} else {
  try {
    const experiments = chosenFrom(options.only);
    const figures = experiments.flatMap(measure);
    const machine = describeMachine();
    const { date, node, cpu, cores } = machine;
    const text = `${date}, Node ${node}, ${cpu}, ${cores} cores\n${tableOf(figures)}\n`;
    process.stdout.write(
      options.json ? `${JSON.stringify({ ...machine, figures }, null, 2)}\n` : text,
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = EXIT_FAILURE;
  }
}
