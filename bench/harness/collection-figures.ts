/** The figures of collections, from what a bench has timed. */

import { readFileSync } from 'node:fs';
import { MMU_WINDOWS } from '../graphs.ts';
import { minimumUtilisation, type Pause, type PauseFigures, pauseFigures } from './pauses.ts';
import type { Figure, Metric, Unit } from './types.ts';

const figure = (metric: Metric, unit: Unit, ...samples: readonly number[]): Figure => ({
  metric,
  unit,
  samples,
});

export const milliseconds = (metric: Metric, ...samples: readonly number[]): Figure =>
  figure(metric, 'ms', ...samples);

export const perCent = (metric: Metric, value: number): Figure => figure(metric, '%', value);

export const nanoseconds = (...samples: readonly number[]): Figure =>
  figure('time', 'ns/op', ...samples);

export const sideBytes = (value: number): Figure => figure('side-bytes', 'bytes', value);

export const pauseRows = ({ max, p99, p50 }: PauseFigures): Figure[] => [
  milliseconds('pause-max', max),
  milliseconds('pause-p99', p99),
  milliseconds('pause-p50', p50),
];

const throughputOf = (objects: number, walls: readonly number[]): Figure =>
  figure('throughput', 'objects/s', ...walls.map((wall) => (objects / wall) * 1000));

/** One explicit collection, in milliseconds. */
export interface Timed {
  readonly wall: number;
  /** Of all threads of the process: nothing else runs in it. */
  readonly cpu: number;
}

/** CPU of all threads of this process so far, in milliseconds. */
export function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * CPU of the calling thread so far, in milliseconds; undefined where the system does not tell.
 * The kernel's own clock: nanoseconds on a processor, the first number of schedstat.
 */
export function threadCpuMs(): number | undefined {
  try {
    const [onCpu] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ');
    return Number(onCpu) / 1e6;
  } catch {
    return undefined;
  }
}

export function timeCollection(collect: () => void): Timed {
  const cpu = processCpuMs();
  const begin = performance.now();
  collect();
  const wall = performance.now() - begin;
  return { wall, cpu: processCpuMs() - cpu };
}

/** Collections that the caller waits for: what they take is the pause. */
export function explicitFigures(objects: number, runs: readonly Timed[]): Figure[] {
  const walls = runs.map(({ wall }) => wall);
  return [
    milliseconds('time', ...walls),
    milliseconds('cpu', ...runs.map(({ cpu }) => cpu)),
    ...pauseRows(pauseFigures(walls)),
    throughputOf(objects, walls),
  ];
}

/** One collection beside a mutator. */
export interface Beside {
  readonly objects: number;
  readonly wall: number;
  /** Of the process without the mutator's thread; undefined where the system does not tell. */
  readonly cpu: number | undefined;
  readonly pauses: PauseFigures;
  /** The mutator's longest stall before, without a collection. */
  readonly jitter: number;
  /** Operations per millisecond: before, and during the collection. */
  readonly before: number;
  readonly during: number;
}

/** The one figure of `mutator-beside-scan`. */
export const shareOnly = (figures: readonly Figure[]): Figure[] =>
  figures.filter(({ metric }) => metric === 'mutator-share');

export function besideFigures({ objects, wall, cpu, pauses, jitter, before, during }: Beside) {
  const figures = [
    milliseconds('time', wall),
    ...pauseRows(pauses),
    throughputOf(objects, [wall]),
    milliseconds('jitter', jitter),
    perCent('mutator-share', (100 * during) / before),
  ];
  if (cpu !== undefined) figures.splice(1, 0, milliseconds('cpu', cpu));
  return figures;
}

/** Pushes of `latency`: how long each of them took. */
export const pushFigures = (wall: number, lengths: ArrayLike<number>): Figure[] => [
  milliseconds('time', wall),
  ...pauseRows(pauseFigures(lengths)),
  throughputOf(lengths.length, [wall]),
];

/** What a mutator that makes cyclic garbage was left, between `begin` and `end`. */
export interface Churned {
  readonly begin: number;
  readonly end: number;
  /** Each allocates two objects. */
  readonly steps: number;
  readonly pauses: readonly Pause[];
  readonly summary: PauseFigures;
}

export function churnFigures({ begin, end, steps, pauses, summary }: Churned): Figure[] {
  const windows = MMU_WINDOWS.map((window) =>
    perCent(`mmu-${window}`, minimumUtilisation(pauses, [begin, end], window)),
  );
  return [
    milliseconds('time', end - begin),
    ...pauseRows(summary),
    throughputOf(2 * steps, [end - begin]),
    ...windows,
  ];
}

/** How often a collection of so many objects is repeated in one process. */
export const repetitionsOf = (objects: number): number =>
  Math.max(1, Math.min(10, Math.floor(2_000_000 / objects)));
