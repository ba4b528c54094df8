/**
 * The words of the benchmarks: a *workload* asks one question, a *subject* answers it, a *cell* is
 * one size and thread count of a workload, a *bench* is one workload as one subject performs it. A
 * bench lives in a process of its own, which measures one cell and ends.
 */

export type Scale = 'smoke' | 'quick' | 'full';

export type Metric =
  | 'time'
  | 'cpu'
  | 'pause-max'
  | 'pause-p99'
  | 'pause-p50'
  | 'time-to-stop'
  | 'throughput'
  | 'share'
  // Of the pages taken, where a heap has pages.
  | 'bytes-per-object'
  // Of the blocks in use alone.
  | 'live-bytes'
  | 'rss-peak'
  // Operations of a mutator beside a collection, in per cent of those without one.
  | 'mutator-share'
  // Throughput of several threads, divided by that of one in the same process.
  | 'scaling'
  // Requests of a cache that it could answer, in per cent.
  | 'hits'
  // Of the time of all threads, what they have waited for the lock, in per cent.
  | 'lock-wait'
  // The longest stall of the same mutator in the same process without a collection.
  | 'jitter'
  // Bytes of the collector's side tables per object examined.
  | 'side-bytes'
  // Utilisation of the mutator in its worst window of so many milliseconds.
  | `mmu-${number}`;

/** Where more is better. */
export const isGain = (metric: Metric): boolean =>
  ['throughput', 'mutator-share', 'scaling', 'hits'].includes(metric) || metric.startsWith('mmu-');

export type Unit =
  | 'ns/op'
  | 'us/op'
  | 'ms'
  | 'bytes'
  | 'bytes live'
  | 'bytes peak'
  | '%'
  | '% hits'
  | '% waiting'
  | 'x'
  | 'ns cpu'
  | 'objects/s'
  | 'requests/s';

export interface Cell {
  /** Operations in one sample, summed over the threads. */
  readonly operations: number;
  /** Number of objects, where the workload has sizes. */
  readonly size: number | null;
  readonly threads: number;
}

export interface Workload {
  readonly question: string;
  readonly metric: Metric;
  /** `ns/op` and `us/op` are derived from sample times; other units come from the bench itself. */
  readonly unit: Unit;
  readonly cells: Readonly<Record<Scale, readonly Cell[]>>;
  /** The checksum that every subject must come to. A wrong answer has no speed. */
  expected(cell: Cell): number;
  /** What a row is compared with, where that is not the fastest rival in the same workload. */
  readonly comparedWith?: { readonly workload: string; readonly subject: string };
  /** How many processes measure a cell; default: as the scale says (`SAMPLING`). */
  readonly processes?: Readonly<Record<Scale, number>>;
  /** Subjects that are asked, where the others are only variants of them; default: all. */
  readonly subjects?: readonly string[];
  /** Whether its rows stand in the table of collections, a line per cell with all its figures. */
  readonly isCollection?: boolean;
}

/** Stops for the parts of a sample that are not to be counted. */
export interface Clock {
  pause(): void;
  resume(): void;
}

/** An operation repeated `cell.operations` times per sample. */
export interface TimedBench {
  /** Not timed, before each sample. */
  before?(): void;
  /** Timed: performs `cell.operations` operations and returns a number that depends on them. */
  run(clock: Clock): number | Promise<number>;
  /** Not timed, after each sample: makes the checksum of what `run` returned and left behind. */
  checksum?(result: number): number;
  /** True where `run` returns a promise. */
  readonly isAsync?: boolean;
  close?(): void | Promise<void>;
}

/** A figure that is not the time of an operation: a pause, a size. One value per process. */
export interface MeasuredBench {
  measure(): Promise<{ value: number; checksum: number }>;
}

/** What one process found out: one figure in one or more samples. */
export interface Figure {
  readonly metric: Metric;
  readonly unit: Unit;
  readonly samples: readonly number[];
}

/** Several figures of one run: what a collection costs, and whom it keeps waiting. */
export interface ManyFigures {
  readonly figures: readonly Figure[];
  readonly checksum: number;
}

export interface FiguresBench {
  measureAll(): Promise<ManyFigures>;
}

/** Thrown by a bench that cannot run here, or not yet: reported as missing, not as a failure. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

export type Bench = TimedBench | MeasuredBench | FiguresBench;
export type BenchFactory = (cell: Cell) => Bench | Promise<Bench>;

export interface Subject {
  readonly version: string;
  /** Why this subject cannot run here; undefined when it can. */
  readonly unavailable?: string | undefined;
  /** By name of the workload. What a subject has no notion of is left out. */
  readonly benches: Readonly<Record<string, BenchFactory>>;
}

/** How long one process samples one cell, and how many processes do so. */
export interface Sampling {
  readonly warmupMs: number;
  readonly timeMs: number;
  readonly minSamples: number;
  readonly processes: number;
}

export const SAMPLING: Readonly<Record<Scale, Sampling>> = {
  smoke: { warmupMs: 0, timeMs: 0, minSamples: 2, processes: 1 },
  quick: { warmupMs: 100, timeMs: 200, minSamples: 6, processes: 1 },
  full: { warmupMs: 300, timeMs: 500, minSamples: 8, processes: 3 },
};

/** One row of the report, with the key order of the JSON. */
export interface Result {
  workload: string;
  subject: string;
  size: number | null;
  threads: number;
  metric: Metric;
  unit: string;
  /** The median. */
  value: number;
  min: number;
  max: number;
  samples: number;
  checksum: string;
}

/** A subject, or one of its workloads, that gave no figure. */
export interface Missing {
  subject: string;
  /** Absent where the whole subject is missing. */
  workload?: string;
  reason: string;
  /** A wrong checksum or a crash, as opposed to something this machine does not have. */
  isFailure: boolean;
}

// Messages between the runner and its children.
export type ChildRequest =
  | { readonly kind: 'describe' }
  | {
      readonly kind: 'measure';
      readonly workload: string;
      readonly cell: Cell;
      readonly sampling: Sampling;
    };

export type ChildReply =
  | {
      readonly kind: 'described';
      readonly version: string;
      readonly unavailable: string | undefined;
      readonly workloads: readonly string[];
    }
  | ({ readonly kind: 'measured' } & ManyFigures)
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };
