/** What the tables of the report have in common: numbers, and what a row is compared with. */

import Table from 'cli-table3';
import { SUBJECTS } from '../subjects/index.ts';
import { WORKLOADS } from '../workloads.ts';
import { isGain, type Result } from './types.ts';

export { Table };

/** Without lines between the rows, and without colours, which files and pipes cannot show. */
export const TABLE_STYLE = {
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  style: { head: [], border: [], compact: false },
};

export function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 100 ? 1 : 2);
}

export const sizeText = (size: number | null): string =>
  size === null ? '' : size.toLocaleString('en');

/** The better of two rows of one metric. */
const better = (one: Result, other: Result): Result =>
  isGain(one.metric) === one.value > other.value ? one : other;

/** The best rival in the same cell, if this run has one. */
export function bestRival(result: Result, results: readonly Result[]): Result | undefined {
  const { workload, size, threads, metric } = result;
  const rivals = results.filter(
    (r) =>
      SUBJECTS[r.subject]!.role === 'rival' &&
      r.workload === workload &&
      r.size === size &&
      r.threads === threads &&
      r.metric === metric,
  );
  return rivals.length === 0 ? undefined : rivals.reduce(better);
}

/** The row that `result` is to be compared with, if this run has it. */
function comparedRow(result: Result, results: readonly Result[]): Result | undefined {
  const named = WORKLOADS[result.workload]!.comparedWith;
  if (named === undefined) return bestRival(result, results);
  return results.find((r) => r.workload === named.workload && r.subject === named.subject);
}

export function ratioOf(result: Result, results: readonly Result[]): string {
  const other = comparedRow(result, results);
  if (other === undefined || other === result) return '';
  const name = other.workload === result.workload ? other.subject : other.workload;
  return `${figure(result.value / other.value)} x ${name}`;
}
