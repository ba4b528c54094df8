/** The table of collections: a line per cell and subject, with all figures of the collection. */

import { bestRival, figure, sizeText, TABLE_STYLE, Table } from './tables.ts';
import type { Metric, Result } from './types.ts';

/** Rows of one cell and one subject. */
type Line = readonly Result[];

function linesOf(results: readonly Result[]): Line[] {
  const lines = new Map<string, Result[]>();
  for (const result of results) {
    const { workload, subject, size, threads } = result;
    const key = [workload, subject, size, threads].join();
    const line = lines.get(key);
    if (line === undefined) lines.set(key, [result]);
    else line.push(result);
  }
  return [...lines.values()];
}

const find = (line: Line, metric: Metric): Result | undefined =>
  line.find((result) => result.metric === metric);

const text = (line: Line, metric: Metric): string => {
  const result = find(line, metric);
  return result === undefined ? '' : figure(result.value);
};

/** How often the figure contains that of the best rival. */
function compared(line: Line, metric: Metric, results: readonly Result[]): string {
  const result = find(line, metric);
  const rival = result === undefined ? undefined : bestRival(result, results);
  if (result === undefined || rival === undefined || rival === result) return '';
  const ratio = result.value / rival.value;
  return ratio < 0.01 ? `1/${figure(1 / ratio)}` : figure(ratio);
}

function perSecond(line: Line): string {
  const result = find(line, 'throughput');
  return result === undefined ? '' : figure(result.value / 1e6);
}

/** Figures that only some workloads have. */
function further(line: Line): string {
  const notes: string[] = [];
  for (const { metric, value } of line) {
    if (metric === 'jitter') notes.push(`jitter ${figure(value)}`);
    if (metric === 'mutator-share') notes.push(`mutator keeps ${figure(value)} %`);
    if (metric === 'share') notes.push(`least scanner ${figure(value)} %`);
    if (metric === 'side-bytes') notes.push(`${figure(value)} side bytes`);
    if (metric.startsWith('mmu-'))
      notes.push(`${metric.slice('mmu-'.length)}:${Math.round(value)}`);
  }
  const isMmu = line.some(({ metric }) => metric.startsWith('mmu-'));
  return isMmu ? `MMU % ${notes.join(' ')}` : notes.join(', ');
}

const HEAD = ['workload', 'subject', 'size', 'wall', 'CPU', ': best', 'pause', ': best'];
const HEAD_MORE = ['p99', 'p50', 'to stop', 'M/s', 'also'];

export function collectionsTable(results: readonly Result[]): string {
  const table = new Table({
    ...TABLE_STYLE,
    head: [...HEAD, ...HEAD_MORE],
    colAligns: ['left', 'left', ...Array(10).fill('right'), 'left'],
  });
  let previous = '';
  for (const line of linesOf(results)) {
    const { workload, subject, size } = line[0]!;
    table.push([
      workload === previous ? '' : workload,
      subject,
      sizeText(size),
      text(line, 'time'),
      text(line, 'cpu'),
      compared(line, 'cpu', results),
      text(line, 'pause-max'),
      compared(line, 'pause-max', results),
      text(line, 'pause-p99'),
      text(line, 'pause-p50'),
      text(line, 'time-to-stop'),
      perSecond(line),
      further(line),
    ]);
    previous = workload;
  }
  const explained =
    'collections: medians, in ms. best: divided by the best rival. pause: longest one. ' +
    'M/s: million objects per second';
  return `${table.toString()}\n${explained}`;
}
