/**
 * The module graph: the modules of whole source trees, read by several threads and linked into one
 * graph in one heap; then packages are dropped and linked anew while other threads walk through it.
 * Everything that is dropped is cyclic garbage, and collections free it meanwhile. At the end the
 * graph must equal the one that oracle.ts builds, the heap must be sound and not hold more garbage
 * than the collector's thresholds let wait; and when the graph is dropped too, one collection must
 * leave nothing but immortal objects.
 *
 * Exit codes: 0, 1 when any of this is not so or a thread has failed, and 2 when the arguments make
 * no sense.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { Heap } from '../../../src/index.ts';
import { allowedGarbageBytes } from './allowance.ts';
import { compareGraphs, edgeCountOf } from './compare.ts';
import { Crew } from './crew.ts';
import { importCycles } from './cycles.ts';
import { operationsOf } from './edits.ts';
import { countContainers, createGraph, dropGraph, type Graph, snapshotGraph } from './graph.ts';
import { createJob, dropJob, type Job, type Tally } from './job.ts';
import { type Measures, measureHeap } from './measures.ts';
import { type Options, parseOptions, UsageError } from './options.ts';
import { buildOracle } from './oracle.ts';
import { createProgressLine, type ProgressLine } from './progress.ts';
import type { WorkerOrders } from './protocol.ts';
import { packageOfRound } from './random.ts';
import type { Unreadable } from './read.ts';
import {
  type Final,
  failuresOf,
  formatJson,
  formatList,
  formatReport,
  type Result,
} from './report.ts';
import { type Survey, surveyDirectories } from './walk.ts';

/** How long a collection beside the threads may take to its end when they are done. */
const COLLECTOR_MS_MAX = 10_000;

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** What the threads leave behind when all are done, and how long they took. */
interface Run {
  readonly buildMs: number;
  readonly editMs: number;
  /** Before the edits. */
  readonly built: Measures;
  /** After the edits, with all threads still in the heap: those that leave take their counts. */
  readonly measures: Measures;
  readonly tallies: readonly Tally[];
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  process.stdout.write(`module graph of ${options.directories.join(', ')}\n`);
  process.stdout.write(`seed ${options.seed}\n`);

  const progress = createProgressLine();
  let result: Result;
  try {
    result = await runJob(options, progress);
  } finally {
    progress.stop();
  }
  const unreadable = result.unreadable.map(({ path, reason }) => `${path}: ${reason}`);
  process.stderr.write(formatList('unreadable', unreadable));
  process.stderr.write(formatList('differences from the oracle', result.differences));
  const findings = [...result.findings, ...result.final.findings];
  process.stderr.write(
    formatList(
      'findings of verify',
      findings.map((f) => inspect(f)),
    ),
  );
  const failures = failuresOf(result);
  process.stderr.write(formatList('failed', failures));
  process.stdout.write(`${formatReport(result)}\n`);
  if (options.json) process.stdout.write(`${formatJson(result)}\n`);
  return failures.length === 0 ? 0 : EXIT_FAILED;
}

async function runJob(options: Options, progress: ProgressLine): Promise<Result> {
  const start = performance.now();
  progress.show('looking for modules');
  const survey = surveyDirectories(options.directories);
  const surveyMs = performance.now() - start;

  const heap = Heap.create();
  const graph = createGraph(heap);
  const job = createJob(heap, survey.packages);
  // With no package there is nothing to edit.
  const edits = survey.packages.length === 0 ? 0 : options.edits;
  const laidOutBytes = measureHeap(heap).liveBytes;
  const run = await runThreads({ ...options, edits }, heap, job, progress);

  const { measures, built } = run;
  const garbageBytesAllowed = allowedGarbageBytes({
    thresholds: heap.gc.getThreshold(),
    ...containersOf(graph, survey, options.seed, edits),
    builtObjects: built.liveObjects,
    graphBytes: built.liveBytes - laidOutBytes,
    threads: options.threads,
  });
  const garbageBytes = await measureGarbage(heap, built.liveBytes, garbageBytesAllowed);
  const unreadable = [...survey.unreadable, ...unreadableOf(job)];
  const fileCount = survey.packages.reduce((sum, { files }) => sum + files.length, 0);
  const checked = check(graph, survey, progress);

  progress.show('dropping everything');
  const final = dropAll(graph, job);
  await heap.close();
  return {
    ...checked,
    files: fileCount + survey.unreadable.length,
    unreadable,
    edits,
    threads: options.threads,
    operationsPerThread: run.tallies.map(operationsOf),
    modulesSeen: run.tallies.reduce((sum, { modulesSeen }) => sum + modulesSeen, 0),
    seed: options.seed,
    surveyMs,
    buildMs: run.buildMs,
    editMs: run.editMs,
    elapsedMs: performance.now() - start,
    measures,
    garbageBytes,
    garbageBytesAllowed,
    final,
  };
}

async function runThreads(
  { threads, edits: rounds, seed }: Options,
  heap: Heap,
  job: Job,
  progress: ProgressLine,
): Promise<Run> {
  const orders = Array.from({ length: threads }, (_, thread): WorkerOrders => {
    return { heap: heap.share(), thread, threads, rounds, seed };
  });
  const crew = new Crew(orders);
  try {
    const start = performance.now();
    await progress.during(crew.reach('built'), () => `${job.progress.filesDone} files linked`);
    const buildMs = performance.now() - start;
    const built = measureHeap(heap);

    const restart = performance.now();
    crew.goOn();
    await progress.during(crew.reach('edited'), () => `${job.progress.roundsFinished} edits done`);
    const editMs = performance.now() - restart;
    const measures = measureHeap(heap);
    crew.goOn();
    await crew.end();
    const tallies = talliesOf(job, threads);
    return { buildMs, editMs, built, measures, tallies };
  } finally {
    await crew.dismiss();
  }
}

function check(graph: Graph, survey: Survey, progress: ProgressLine) {
  const start = performance.now();
  progress.show('building the oracle');
  const oracle = buildOracle(survey.packages);
  progress.show('comparing');
  const shared = snapshotGraph(graph);
  const differences = compareGraphs(shared, oracle);
  progress.show('verifying the heap');
  const findings = graph.heap.verify();
  return {
    modules: shared.modules.size,
    packages: shared.packages.size,
    edges: edgeCountOf(shared),
    cycles: importCycles(shared),
    differences,
    findings,
    checkMs: performance.now() - start,
  };
}

/**
 * Live bytes beyond `builtBytes`. Where they are more than allowed, a full collection is due or on
 * its way, and the threads may have been faster than the collector thread: it gets its time.
 */
async function measureGarbage(heap: Heap, builtBytes: number, allowed: number): Promise<number> {
  const end = performance.now() + COLLECTOR_MS_MAX;
  for (;;) {
    const garbageBytes = measureHeap(heap).liveBytes - builtBytes;
    if (garbageBytes <= allowed || performance.now() > end) return garbageBytes;
    await sleep(10);
  }
}

/** The graph and the job lose their last references: one collection has to free all of them. */
function dropAll(graph: Graph, job: Job): Final {
  const { heap } = graph;
  dropGraph(graph);
  dropJob(job);
  const start = performance.now();
  const collected = heap.gc.collect();
  const collectMs = performance.now() - start;
  const { liveObjects, immortalObjects, fullTimeToStopMs: timeToStopMs } = measureHeap(heap);
  const findings = heap.verify();
  return { collected, collectMs, timeToStopMs, liveObjects, immortalObjects, findings };
}

function containersOf(graph: Graph, survey: Survey, seed: number, rounds: number) {
  const counts = countContainers(graph);
  const roundContainers = Array.from({ length: rounds }, (_, round) => {
    const { directory } = survey.packages[packageOfRound(seed, round, survey.packages.length)];
    return counts.get(directory) ?? 0; // none of its files could be read
  });
  const graphContainers = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return { roundContainers, graphContainers };
}

function unreadableOf(job: Job): Unreadable[] {
  return job.heap.run(() => {
    const found: Unreadable[] = [];
    for (const [path, reason] of job.unreadable) found.push({ path, reason });
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  });
}

function talliesOf(job: Job, threads: number): Tally[] {
  return job.heap.run(() => {
    return Array.from({ length: threads }, (_, index) => {
      const { thread, walks, modulesSeen, drops, links } = job.tallies.get(index)!;
      return { thread, walks, modulesSeen, drops, links };
    });
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Commander has said already what it did not like; asked for help, it ends well.
  const isUsage = error instanceof UsageError || error instanceof CommanderError;
  if (error instanceof UsageError) process.stderr.write(`error: ${error.message}\n`);
  if (!isUsage) process.stderr.write(`error: ${inspect(error)}\n`);
  const isHelp = error instanceof CommanderError && error.exitCode === 0;
  process.exitCode = isHelp ? 0 : isUsage ? EXIT_USAGE : EXIT_FAILED;
}
