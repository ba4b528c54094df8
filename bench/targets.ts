/**
 * What must come out: ratios between two rows of one run, or a row against a fixed number. They are
 * judged beside the table; on a shared machine a single miss is a reason to look, not a failure.
 */

import { isGain, type Metric, type Result } from './harness/types.ts';

interface Row {
  readonly workload: string;
  readonly subject: string;
  /** Where the workload reports several. */
  readonly metric?: Metric;
  /** Where the workload has several. */
  readonly size?: number;
  readonly threads?: number;
}

interface Comparison {
  readonly row: Row;
  /**
   * What the row is divided by, or rows of which the best one that this run has counts; absent
   * where the limit is in the row's own unit.
   */
  readonly against?: Row | readonly Row[];
}

export type Target = Comparison & ({ readonly atMost: number } | { readonly atLeast: number });

const row = (workload: string, subject: string): Row => ({ workload, subject });
const V8 = 'v8-shared-struct';

const micro: readonly Target[] = [
  { row: row('alloc-drop', 'sharc-raw'), against: row('alloc-drop', V8), atMost: 1 / 5 },
  { row: row('store-ref', 'sharc-raw'), against: row('store-ref', V8), atMost: 1 / 1.3 },
  { row: row('load-field', 'sharc-raw'), against: row('load-field', V8), atMost: 2 },
  { row: row('load-field', 'sharc'), against: row('load-field', V8), atMost: 4 },
  { row: row('get-ref', 'sharc'), against: row('plain-wrapper', 'calibration'), atMost: 3 },
  { row: row('bytes-per-object', 'sharc-raw'), atMost: 24 },
  { row: row('bytes-per-object', 'sharc'), against: row('bytes-per-object', V8), atMost: 1 / 2 },
  {
    row: row('section-enter-leave', 'sharc'),
    against: row('lock-uncontended', 'calibration'),
    atMost: 4,
  },
  { row: row('fairness', 'sharc'), atMost: 60 },
];

const at = (subject: string, workload: string, metric: Metric, size?: number): Row => {
  const named = { workload, subject, metric };
  return size === undefined ? named : { ...named, size };
};

/** `sharc` against the stores that a program shares strings with otherwise: the better of them. */
const stored = (workload: string, size?: number): Target => ({
  row: at('sharc', workload, 'time', size),
  against: ['lmdb', 'sharedmap'].map((store) => at(store, workload, 'time', size)),
  atMost: 1 / 3,
});

/** `sharc` against ordinary objects in one thread. */
const unshared = (limit: number, workload: string, metric: Metric, size: number): Target => ({
  row: at('sharc', workload, metric, size),
  against: at('plain', workload, metric, size),
  atMost: limit,
});

const MAP_SIZES = [1000, 100_000, 1_000_000];
const ENTRY_SIZES = [100_000, 1_000_000];
const COPY_SIZES = [10_000, 1_000_000];
const ENTRIES = ['map-bytes', 'array-bytes-integers', 'array-bytes-doubles'];

const data: readonly Target[] = [
  stored('string-get'),
  stored('string-set'),
  ...MAP_SIZES.map((size) => stored('map-get', size)),
  ...MAP_SIZES.map((size) => unshared(3, 'map-get', 'time', size)),
  // With the pages that are in use in part: what the system gives is what counts.
  ...ENTRIES.flatMap((name) =>
    ENTRY_SIZES.map((size) => unshared(1, name, 'bytes-per-object', size)),
  ),
  ...COPY_SIZES.map((size) => unshared(1.5, 'from-records', 'time', size)),
];

/** A figure of our collector, and the same one of the rivals. */
function collecting(workload: string, metric: Metric, size?: number) {
  const of = (subject: string): Row => at(subject, workload, metric, size);
  return { row: of('sharc'), python: of('cpython'), best: [of(V8), of('cpython')] };
}

const M4 = 4_000_000;
const fullLivePause = collecting('full-live-automatic', 'pause-max', M4);
const fullLiveCpu = collecting('full-live-automatic', 'cpu', M4);
const garbageCpu = collecting('full-garbage', 'cpu', M4);
const garbagePause = collecting('full-garbage-automatic', 'pause-max', M4);
const halfPause = collecting('half-garbage-automatic', 'pause-max', M4);
const gcCollect = collecting('gc_collect', 'time');
const gcTraversal = collecting('gc_traversal', 'time');
const oneScanner = collecting('full-live-scanners-1', 'time', M4).row;
const twoScanners = collecting('full-live-scanners-2', 'time', M4).row;

const collections: readonly Target[] = [
  { row: fullLivePause.row, against: fullLivePause.best, atMost: 1 / 100 },
  { row: fullLiveCpu.row, against: fullLiveCpu.best, atMost: 1 },
  { row: garbageCpu.row, against: garbageCpu.python, atMost: 1 / 2 },
  { row: garbagePause.row, against: garbagePause.python, atMost: 1 / 5 },
  { row: halfPause.row, against: halfPause.best, atMost: 1 / 10 },
  { row: collecting('rings-garbage-automatic', 'pause-max', 2_000_000).row, atMost: 3 },
  { row: gcCollect.row, against: gcCollect.python, atMost: 1 },
  { row: gcTraversal.row, against: gcTraversal.python, atMost: 1 },
  { row: oneScanner, against: twoScanners, atLeast: 1.5 },
  { row: collecting('full-live-scanners-2', 'share', M4).row, atLeast: 30 },
  { row: collecting('young-live', 'time', 70_000).row, atMost: 25 },
  { row: collecting('mutator-beside-scan', 'mutator-share', M4).row, atLeast: 70 },
  { row: collecting('full-live', 'side-bytes', M4).row, atMost: 16 },
  { row: collecting('latency', 'pause-max', 1_000_000).row, atMost: 5 },
  { row: collecting('latency-cycles', 'pause-max', 1_000_000).row, atMost: 5 },
];

const withThreads = (row: Row, threads: number): Row => ({ ...row, threads });

const scaling = (subject: string): Target => ({
  row: withThreads(at(subject, 'parallel-read', 'scaling', 1_000_000), 2),
  atLeast: 1.8,
});

/** Of a cache that four threads share. */
const shared = (subject: string, workload: string, metric: Metric): Row =>
  withThreads(at(subject, workload, metric, 40_000), 4);

const answering = (workload: string): Target => ({
  row: shared('sharc', workload, 'throughput'),
  against: shared('lmdb', workload, 'throughput'),
  atLeast: 3,
});

const threads: readonly Target[] = [
  scaling('sharc'),
  scaling('sharc-raw'),
  answering('lru'),
  answering('lru-second-chance'),
  // One copy of the texts instead of four.
  {
    row: shared('sharc', 'lru', 'bytes-per-object'),
    against: shared('plain', 'lru', 'bytes-per-object'),
    atMost: 1 / 2,
  },
];

export const TARGETS: readonly Target[] = [...micro, ...data, ...threads, ...collections];

export interface Verdict {
  readonly target: Target;
  readonly reached: number;
  readonly isMet: boolean;
}

function figureOf(results: readonly Result[], row: Row) {
  const { workload, subject, metric, size, threads } = row;
  return results.find(
    (result) =>
      result.workload === workload &&
      result.subject === subject &&
      (metric === undefined || result.metric === metric) &&
      (size === undefined || result.size === size) &&
      (threads === undefined || result.threads === threads),
  );
}

/** The value to divide by: of the best row there is. */
function divisorOf({ against }: Target, results: readonly Result[]): number | undefined {
  if (against === undefined) return 1;
  const rows = [against].flat().map((candidate) => figureOf(results, candidate));
  const found = rows.filter((result) => result !== undefined);
  if (found.length === 0) return undefined;
  const values = found.map(({ value }) => value);
  return isGain(found[0]!.metric) ? Math.max(...values) : Math.min(...values);
}

/** The targets whose rows this run has. */
export function judge(results: readonly Result[]): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const target of TARGETS) {
    const value = figureOf(results, target.row)?.value;
    const divisor = divisorOf(target, results);
    if (value === undefined || divisor === undefined) continue;
    const reached = value / divisor;
    const isMet = 'atMost' in target ? reached <= target.atMost : reached >= target.atLeast;
    verdicts.push({ target, reached, isMet });
  }
  return verdicts;
}

function describeRow({ workload, subject, metric, size, threads }: Row): string {
  const count = threads === undefined ? undefined : `${threads} threads`;
  const parts = [workload, subject, metric, size?.toLocaleString('en'), count];
  return parts.filter((part) => part !== undefined).join(' ');
}

export function describeTarget({ row, against }: Target): string {
  if (against === undefined) return describeRow(row);
  const rivals = [against].flat();
  if (rivals.length > 1) return `${describeRow(row)} / best rival`;
  const [other] = rivals;
  // What both have in common needs no saying twice.
  const isSameCell = other!.workload === row.workload && row.metric !== undefined;
  return `${describeRow(row)} / ${isSameCell ? other!.subject : describeRow(other!)}`;
}
