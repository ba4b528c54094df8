/** The figures as a table for people and as JSON for programs. */

import Table from 'cli-table3';
import { SUBJECTS } from '../subjects/index.ts';
import { judge, type Verdict } from '../targets.ts';
import { WORKLOADS } from '../workloads.ts';
import type { Machine } from './machine.ts';
import type { Outcome } from './runner.ts';
import type { Missing, Result } from './types.ts';

/** Without lines between the rows, and without colours, which files and pipes cannot show. */
const STYLE = {
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  style: { head: [], border: [], compact: false },
};

function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 100 ? 1 : 2);
}

/** The row that `result` is to be compared with, if this run has it. */
function comparedRow(result: Result, results: readonly Result[]): Result | undefined {
  const { workload, size, threads, metric } = result;
  const named = WORKLOADS[workload]!.comparedWith;
  if (named !== undefined) {
    return results.find((r) => r.workload === named.workload && r.subject === named.subject);
  }
  const rivals = results.filter(
    (r) =>
      SUBJECTS[r.subject]!.role === 'rival' &&
      r.workload === workload &&
      r.size === size &&
      r.threads === threads &&
      r.metric === metric,
  );
  return rivals.reduce<Result | undefined>((best, rival) => {
    return best === undefined || rival.value < best.value ? rival : best;
  }, undefined);
}

function ratioOf(result: Result, results: readonly Result[]): string {
  const other = comparedRow(result, results);
  if (other === undefined || other === result) return '';
  const name = other.workload === result.workload ? other.subject : other.workload;
  return `${figure(result.value / other.value)} x ${name}`;
}

function figuresTable(results: readonly Result[]): string {
  const table = new Table({
    ...STYLE,
    head: ['workload', 'subject', 'size', 'threads', 'median', 'min', 'max', 'n', 'compared'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
  });
  let previous = '';
  for (const result of results) {
    const { workload, subject, size, threads, unit, value, min, max, samples } = result;
    table.push([
      workload === previous ? '' : workload,
      subject,
      size === null ? '' : size.toLocaleString('en'),
      threads,
      `${figure(value)} ${unit}`,
      figure(min),
      figure(max),
      samples,
      ratioOf(result, results),
    ]);
    previous = workload;
  }
  return table.toString();
}

function targetsTable(verdicts: readonly Verdict[]): string {
  const table = new Table({ ...STYLE, head: ['target', 'at most', 'reached', ''] });
  for (const { target, reached, isMet } of verdicts) {
    const { row, against, atMost } = target;
    const divisor = against === undefined ? '' : ` / ${against.workload} ${against.subject}`;
    table.push([
      `${row.workload} ${row.subject}${divisor}`,
      figure(atMost),
      figure(reached),
      isMet ? 'met' : 'NOT MET',
    ]);
  }
  return table.toString();
}

/** One line for all workloads that a subject lacks for the same reason. */
function missingLines(missing: readonly Missing[]): string[] {
  const workloads = new Map<string, string[]>();
  for (const { subject, workload, reason, isFailure } of missing) {
    const line = `${isFailure ? 'FAILED' : 'missing'}: ${subject}: ${reason}`;
    const named = workloads.get(line) ?? [];
    if (workload !== undefined) named.push(workload);
    workloads.set(line, named);
  }
  return [...workloads].map(([line, named]) => {
    return named.length === 0 ? line : `${line}: ${named.join(', ')}`;
  });
}

const figureLines = (results: readonly Result[]): string[] => [
  figuresTable(results),
  'compared: value divided by that of the fastest rival, or of the calibration row named',
];

export function textReport(machine: Machine, outcome: Outcome): string {
  const { date, commit, node, cpu, cores } = machine;
  const versions = Object.entries(outcome.versions).map(([name, version]) => `${name}: ${version}`);
  const sections = [
    `${date}, commit ${commit}, Node ${node}, ${cpu}, ${cores} cores`,
    versions.join('; '),
    ...(outcome.results.length === 0 ? ['nothing was measured'] : figureLines(outcome.results)),
  ];
  const verdicts = judge(outcome.results);
  if (verdicts.length > 0) sections.push(targetsTable(verdicts));
  sections.push(...missingLines(outcome.missing));
  return `${sections.join('\n')}\n`;
}

export function jsonReport(machine: Machine, { results, missing, versions }: Outcome): string {
  return `${JSON.stringify({ ...machine, results, versions, missing }, null, 2)}\n`;
}

export function listing(): string {
  const lines = ['workloads'];
  for (const [name, { question }] of Object.entries(WORKLOADS)) {
    lines.push(`  ${name.padEnd(20)} ${question}`);
  }
  lines.push('subjects');
  for (const [name, { summary }] of Object.entries(SUBJECTS)) {
    lines.push(`  ${name.padEnd(20)} ${summary}`);
  }
  return `${lines.join('\n')}\n`;
}
