/** The figures as a table for people and as JSON for programs. */

import { SUBJECTS } from '../subjects/index.ts';
import { describeTarget, judge, type Verdict } from '../targets.ts';
import { WORKLOADS } from '../workloads.ts';
import { collectionsTable } from './collections-table.ts';
import type { Machine } from './machine.ts';
import type { Outcome } from './runner.ts';
import { figure, ratioOf, TABLE_STYLE, Table } from './tables.ts';
import type { Missing, Result } from './types.ts';

function figuresTable(results: readonly Result[]): string {
  const table = new Table({
    ...TABLE_STYLE,
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
  const table = new Table({ ...TABLE_STYLE, head: ['target', '', 'reached', ''] });
  for (const { target, reached, isMet } of verdicts) {
    const limit = 'atMost' in target ? target.atMost : target.atLeast;
    table.push([
      describeTarget(target),
      `${'atMost' in target ? 'at most' : 'at least'} ${figure(limit)}`,
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

const isCollection = ({ workload }: Result): boolean => WORKLOADS[workload]!.isCollection === true;

function figureLines(results: readonly Result[]): string[] {
  const lines: string[] = [];
  const collections = results.filter(isCollection);
  const others = results.filter((result) => !isCollection(result));
  if (others.length > 0) {
    lines.push(
      figuresTable(others),
      'compared: value divided by that of the fastest rival, or of the calibration row named',
    );
  }
  if (collections.length > 0) lines.push(collectionsTable(collections));
  return lines;
}

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
