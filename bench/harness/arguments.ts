/** The command line of `npm run bench`. */

import { parseArgs } from 'node:util';
import { SUBJECTS } from '../subjects/index.ts';
import { WORKLOADS } from '../workloads.ts';
import type { Scale } from './types.ts';

export const USAGE = `usage: npm run bench -- [options]

  --json [FILE]       write the figures as JSON to FILE, or to stdout, the table to stderr
  --plots DIR         draw cost against heap size: an SVG file per workload with several sizes
  --only W1,W2        only these workloads
  --subjects S1,S2    only these subjects
  --quick             small sizes and few samples: under two minutes in all
  --smoke             tiny sizes: does it work at all? The figures mean nothing
  --list              name the workloads and subjects, and end
  --help              this text`;

/** The user asked for something that does not exist: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface Arguments {
  /** `null`: no JSON; `'-'`: to stdout. */
  readonly json: string | null;
  /** Folder for the plots; `null`: none. */
  readonly plots: string | null;
  readonly workloads: readonly string[];
  readonly subjects: readonly string[];
  readonly scale: Scale;
  readonly list: boolean;
  readonly help: boolean;
}

/** `--json` may stand alone, which `parseArgs` does not know: says `--json=-` in its place. */
function withExplicitJson(argv: readonly string[]): string[] {
  const explicit: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const next = argv[i + 1];
    if (argv[i] !== '--json') {
      explicit.push(argv[i]!);
    } else if (next === undefined || next.startsWith('--')) {
      explicit.push('--json=-');
    } else {
      explicit.push(`--json=${next}`);
      i++;
    }
  }
  return explicit;
}

/** The names of a comma-separated list; all of `allowed` when there is no list. */
function chosenFrom(allowed: readonly string[], list: string | undefined, noun: string): string[] {
  if (list === undefined) return [...allowed];
  const chosen = list.split(',').filter((name) => name !== '');
  const unknown = chosen.filter((name) => !allowed.includes(name));
  if (unknown.length > 0 || chosen.length === 0) {
    const asked =
      unknown.length > 0 ? `unknown ${noun}: ${unknown.join(', ')}` : `no ${noun} named`;
    throw new UsageError(`${asked}\nallowed: ${allowed.join(', ')}`);
  }
  // In the order of the tables, whatever the order asked for.
  return allowed.filter((name) => chosen.includes(name));
}

function parse(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: withExplicitJson(argv),
      options: {
        json: { type: 'string' },
        plots: { type: 'string' },
        only: { type: 'string' },
        subjects: { type: 'string' },
        quick: { type: 'boolean' },
        smoke: { type: 'boolean' },
        list: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

/** @throws {UsageError} for an unknown option, workload or subject, naming the allowed ones. */
export function parseArguments(argv: readonly string[]): Arguments {
  const values = parse(argv);
  let scale: Scale = 'full';
  if (values.quick) scale = 'quick';
  if (values.smoke) scale = 'smoke';
  return {
    json: values.json ?? null,
    plots: values.plots ?? null,
    workloads: chosenFrom(Object.keys(WORKLOADS), values.only, 'workload'),
    subjects: chosenFrom(Object.keys(SUBJECTS), values.subjects, 'subject'),
    scale,
    list: values.list ?? false,
    help: values.help ?? false,
  };
}
