/** The result of a job, as a table for people and as one line of JSON for programs. */
import Table from 'cli-table3';
import type { Durations, Measures } from './measures.ts';
import type { Unreadable } from './read.ts';

export interface Result {
  readonly files: number;
  readonly unreadable: readonly Unreadable[];
  readonly modules: number;
  readonly edges: number;
  readonly packages: number;
  /** Sizes of the strongly connected components with more than one module, largest first. */
  readonly cycles: readonly number[];
  readonly edits: number;
  readonly threads: number;
  readonly operationsPerThread: readonly number[];
  readonly modulesSeen: number;
  readonly seed: number;
  readonly surveyMs: number;
  readonly buildMs: number;
  readonly editMs: number;
  readonly checkMs: number;
  readonly elapsedMs: number;
  readonly differences: readonly string[];
  readonly findings: readonly unknown[];
  /** When the edits were done. */
  readonly measures: Measures;
  /** Live bytes that the edits have added to a graph that is what it was before. */
  readonly garbageBytes: number;
  /** As many as the collector's thresholds let wait. */
  readonly garbageBytesAllowed: number;
  readonly final: Final;
}

/** What was left when the graph itself had been dropped too, and one collection had run. */
export interface Final {
  /** Objects found unreachable. */
  readonly collected: number;
  readonly collectMs: number;
  /** The longest wait of a full collection for the lock: of this one, if it was the only one. */
  readonly timeToStopMs: number;
  readonly liveObjects: number;
  readonly immortalObjects: number;
  readonly findings: readonly unknown[];
}

/** What `--json` prints: these keys, whatever else a result may come to hold. */
interface JsonResult {
  files: number;
  unreadable: number;
  modules: number;
  edges: number;
  packages: number;
  cycles: number;
  edits: number;
  threads: number;
  operationsPerThread: readonly number[];
  elapsedMs: number;
  oracle: 'match' | 'differs';
  verify: 'clean' | readonly unknown[];
  liveBytes: number;
  liveObjects: number;
  collections: readonly [number, number, number];
  collected: number;
  pauses: Durations;
  timeToStop: Durations;
  garbageBytes: number;
  garbageBytesAllowed: number;
  final: {
    collected: number;
    collectMs: number;
    timeToStopMs: number;
    liveObjects: number;
    immortalObjects: number;
    verify: 'clean' | readonly unknown[];
  };
  seed: number;
}

/** Collections beside the threads wait for the lock, and those that a program asks for. */
const NO_STOPS = 'none: a section that ends has the lock';

/** Lines of a long list that are printed before the rest is only counted. */
const LIST_LINES_MAX = 20;

type Judged = Pick<
  Result,
  'differences' | 'findings' | 'garbageBytes' | 'garbageBytesAllowed' | 'final'
>;

/** What makes the job fail, one sentence each; none when all is well. */
export function failuresOf(result: Judged): string[] {
  const { differences, findings, garbageBytes, garbageBytesAllowed, final } = result;
  const { liveObjects, immortalObjects } = final;
  const failures: string[] = [];
  if (differences.length > 0) failures.push('the graph differs from the oracle');
  if (findings.length > 0) failures.push('the heap is not sound after the edits');
  if (garbageBytes > garbageBytesAllowed) {
    const allowed = `the thresholds allow ${bytes(garbageBytesAllowed)}`;
    failures.push(`the edits have left ${bytes(garbageBytes)} of garbage, ${allowed}`);
  }
  if (liveObjects !== immortalObjects) {
    const found = `${count(liveObjects)} objects live, ${count(immortalObjects)} are immortal`;
    failures.push(`the last collection has not freed everything: ${found}`);
  }
  if (final.findings.length > 0) failures.push('the heap is not sound after the last collection');
  return failures;
}

export function formatJson(result: Result): string {
  const { measures, final } = result;
  const json: JsonResult = {
    files: result.files,
    unreadable: result.unreadable.length,
    modules: result.modules,
    edges: result.edges,
    packages: result.packages,
    cycles: result.cycles.length,
    edits: result.edits,
    threads: result.threads,
    operationsPerThread: result.operationsPerThread,
    elapsedMs: Math.round(result.elapsedMs),
    oracle: result.differences.length === 0 ? 'match' : 'differs',
    verify: result.findings.length === 0 ? 'clean' : result.findings,
    liveBytes: measures.liveBytes,
    liveObjects: measures.liveObjects,
    collections: measures.collections,
    collected: measures.collected,
    pauses: measures.pauses,
    timeToStop: measures.timeToStop,
    garbageBytes: result.garbageBytes,
    garbageBytesAllowed: result.garbageBytesAllowed,
    final: {
      collected: final.collected,
      collectMs: final.collectMs,
      timeToStopMs: final.timeToStopMs,
      liveObjects: final.liveObjects,
      immortalObjects: final.immortalObjects,
      verify: final.findings.length === 0 ? 'clean' : final.findings,
    },
    seed: result.seed,
  };
  return JSON.stringify(json);
}

export function formatReport(result: Result): string {
  const table = new Table({
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'left'],
  });
  table.push(...graphRows(result), ...threadRows(result), ...heapRows(result));
  return table.toString();
}

type Row = [name: string, value: string, remark: string];

function graphRows(result: Result): Row[] {
  const { files, unreadable, cycles } = result;
  const largest = cycles.length === 0 ? '' : `the largest of ${count(cycles[0])} modules`;
  return [
    ['seed', String(result.seed), ''],
    ['files', count(files), `${count(unreadable.length)} unreadable`],
    ['modules', count(result.modules), `found in ${time(result.surveyMs)}`],
    ['edges', count(result.edges), ''],
    ['packages', count(result.packages), ''],
    ['cycles', count(cycles.length), largest],
  ];
}

function threadRows(result: Result): Row[] {
  const { edits, editMs, operationsPerThread: operations, measures } = result;
  const perSecond = editMs === 0 ? 0 : (edits * 1000) / editMs;
  const total = operations.reduce((sum, n) => sum + n, 0);
  const share = total === 0 ? 1 : (Math.min(...operations) * operations.length) / total;
  const waits = `${time(measures.lockWaitMs)} in all, ${count(measures.lockAcquisitions)} sections`;
  return [
    ['threads', count(result.threads), `built in ${time(result.buildMs)}`],
    ['edits', count(edits), `${perSecond.toFixed(1)} per second, in ${time(editMs)}`],
    ['modules seen', count(result.modulesSeen), 'on walks between the edits'],
    ['operations', count(total), `per thread: ${operations.join(' ')}`],
    ['least share', `${Math.round(share * 100)} %`, 'of a fair one'],
    ['lock waits', count(measures.lockWaits), waits],
  ];
}

function heapRows(result: Result): Row[] {
  const { measures, differences, findings, garbageBytes, garbageBytesAllowed } = result;
  const { collections, collected, examined, pauses, timeToStop } = measures;
  const freed = `${count(collected)} of ${count(examined)} objects examined were garbage`;
  return [
    ['live', bytes(measures.liveBytes), `${count(measures.liveObjects)} objects`],
    ['committed', bytes(measures.committedBytes), ''],
    ['collections', collections.join(' '), freed],
    ['pauses', count(pauses.count), durations(pauses)],
    ['time to stop', count(timeToStop.count), durations(timeToStop) || NO_STOPS],
    ['garbage', bytes(garbageBytes), `not collected yet; ${bytes(garbageBytesAllowed)} may wait`],
    ['oracle', differences.length === 0 ? 'match' : 'differs', `in ${time(result.checkMs)}`],
    ['verify', verdict(findings), ''],
    ...finalRows(result.final),
    ['elapsed', time(result.elapsedMs), ''],
  ];
}

function finalRows(final: Final): Row[] {
  const { collected, collectMs, timeToStopMs, liveObjects, immortalObjects, findings } = final;
  const waited = `${timeToStopMs.toFixed(2)} ms to stop`;
  return [
    ['last collection', count(collected), `objects in ${time(collectMs)}, ${waited}`],
    ['left', count(liveObjects), `objects; immortal are ${count(immortalObjects)}`],
    ['verify at last', verdict(findings), ''],
  ];
}

function verdict(findings: readonly unknown[]): string {
  return findings.length === 0 ? 'clean' : `${count(findings.length)} findings`;
}

function durations({ count: total, p50Ms, p99Ms, maxMs }: Durations): string {
  if (total === 0) return '';
  const [p50, p99, max] = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(2));
  return `p50 ${p50} ms, p99 ${p99} ms, longest ${max} ms`;
}

/** One line per item, and how many more there are. */
export function formatList(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const shown = lines.slice(0, LIST_LINES_MAX).map((line) => `  ${line}\n`);
  const more = lines.length - shown.length;
  return `${title}:\n${shown.join('')}${more > 0 ? `  and ${count(more)} more\n` : ''}`;
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function bytes(n: number): string {
  return `${(n / 1024).toLocaleString('en-US', { maximumFractionDigits: 1 })} KiB`;
}

function time(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
