/**
 * What must come out: ratios between two rows of one run, or a row against a fixed number. They are
 * judged beside the table; on a shared machine a single miss is a reason to look, not a failure.
 */

import type { Result } from './harness/types.ts';

interface Row {
  readonly workload: string;
  readonly subject: string;
}

export interface Target {
  readonly row: Row;
  /** What the row is divided by; absent where `atMost` is in the row's own unit. */
  readonly against?: Row;
  readonly atMost: number;
}

const row = (workload: string, subject: string): Row => ({ workload, subject });
const V8 = 'v8-shared-struct';

export const TARGETS: readonly Target[] = [
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

export interface Verdict {
  readonly target: Target;
  readonly reached: number;
  readonly isMet: boolean;
}

const figureOf = (results: readonly Result[], { workload, subject }: Row): number | undefined =>
  results.find((result) => result.workload === workload && result.subject === subject)?.value;

/** The targets whose rows this run has. */
export function judge(results: readonly Result[]): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const target of TARGETS) {
    const value = figureOf(results, target.row);
    const divisor = target.against === undefined ? 1 : figureOf(results, target.against);
    if (value === undefined || divisor === undefined) continue;
    const reached = value / divisor;
    verdicts.push({ target, reached, isMet: reached <= target.atMost });
  }
  return verdicts;
}
