/** Rounds: programs of several threads on one heap, which hand parts of the graph to each other. */

import type { HeapOptions } from '../base/options.ts';
import { createProgram } from './create.ts';
import type { HostileOptions } from './hostile.ts';
import {
  formatOperation,
  type Operation,
  parseOperation,
  SCANS,
  THRESHOLDS,
} from './operations.ts';
import { parseHeap, parseHostile, parseNumber } from './program.ts';
import { Random } from './random.ts';

/** What one thread does in a round. */
export interface RoundProgram {
  readonly operations: readonly Operation[];
  /** A hostile mode that it runs in. */
  readonly hostile?: HostileOptions;
}

/** A round. */
export interface Round {
  /** The seed it was made from; a shrunk one keeps it. */
  readonly seed: number;
  /** Options of the heap. */
  readonly heap: HeapOptions;
  /** Operations of a thread between two moments at which everything is compared. */
  readonly every: number;
  /** By thread. */
  readonly programs: readonly RoundProgram[];
}

/** How a round is made. */
export interface RoundOptions {
  readonly threads: number;
  /** Operations of each thread, about; 1,500 unless given. */
  readonly operations?: number;
  /** Options of the heap; drawn from the seed unless given. */
  readonly heap?: HeapOptions;
}

const MIB = 2 ** 20;
/** How often a thread compares and verifies in the midst of what the others do, in operations. */
const CHECK_EVERY = 500;

/** The round of a seed: the same on every machine. What its threads do at once is not. */
export function createRound(seed: number, options: RoundOptions): Round {
  const { threads, operations = 1500 } = options;
  const random = new Random(seed);
  const heap = { ...drawHeap(random, threads), ...options.heap };
  const every = random.pick([100, 300, 700, operations]);
  const scan = SCANS.indexOf(random.pick(SCANS));
  const programs = Array.from({ length: threads }, (_, thread) => {
    const program = createProgram(random.fork(), {
      heap,
      operations,
      checkEvery: CHECK_EVERY,
      isShared: true,
    });
    const first: Operation[] = thread === 0 ? [['scan', scan]] : [];
    const { hostile } = program;
    return { operations: [...first, ...program.operations], ...(hostile && { hostile }) };
  });
  return { seed, heap, every, programs };
}

function drawHeap(random: Random, threads: number): HeapOptions {
  return {
    maxBytes: random.pick([1, 2, 8, 8, 32]) * threads * MIB,
    thresholds: random.pick(THRESHOLDS),
    counts: random.chance(0.3) ? 'atomic' : 'plain',
    scanners: random.between(1, 3),
    switchIntervalMs: random.pick([0.05, 0.5, 5]),
    pauseBudgetMs: random.pick([0.05, 1]),
  };
}

/** A round's text, to be kept and replayed. `parseRound` reads it. */
export function formatRound({ seed, heap, every, programs }: Round): string {
  const lines = [`round ${seed}`, `heap ${JSON.stringify(heap)}`, `every ${every}`];
  programs.forEach(({ operations, hostile }, thread) => {
    lines.push(`thread ${thread}`);
    if (hostile !== undefined) lines.push(`hostile ${JSON.stringify(hostile)}`);
    lines.push(...operations.map(formatOperation));
  });
  return `${lines.join('\n')}\n`;
}

/** Whether a text is that of a round, and not of a program of one thread. */
export const isRoundText = (text: string): boolean => /^round /m.test(text);

/**
 * Reads a round's text.
 *
 * @throws SyntaxError when it is none; TypeError, RangeError for options that are not allowed.
 */
export function parseRound(text: string): Round {
  const round = { seed: 0, heap: {} as HeapOptions, every: 1 };
  const programs: { operations: Operation[]; hostile?: HostileOptions }[] = [];
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = line.split(' ');
    const value = rest.join(' ');
    const program = programs.at(-1);
    if (word === 'round') round.seed = parseNumber(line, 0);
    else if (word === 'heap') round.heap = parseHeap(value);
    else if (word === 'every') round.every = parseNumber(line, 1);
    else if (word === 'thread') programs.push({ operations: [] });
    else if (word === 'hostile' && program) program.hostile = parseHostile(value);
    else {
      const operation = parseOperation(line);
      if (operation === null) continue;
      if (program === undefined) throw new SyntaxError(`no thread does '${line.trim()}'`);
      program.operations.push(operation);
    }
  }
  if (programs.length === 0) throw new SyntaxError('a round needs at least one thread');
  return { ...round, programs };
}
