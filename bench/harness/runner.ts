/**
 * Runs cells one after another, each in processes of its own, and gathers the rows. The subjects of
 * a workload follow each other directly, so that a busy spell of the machine meets all of them.
 */

import { SUBJECTS } from '../subjects/index.ts';
import { CALIBRATION_WORKLOADS, WORKLOADS } from '../workloads.ts';
import { ask } from './children.ts';
import {
  type Cell,
  type Figure,
  type Metric,
  type Missing,
  type Result,
  SAMPLING,
  type Scale,
  type Workload,
} from './types.ts';

export interface Plan {
  readonly workloads: readonly string[];
  readonly subjects: readonly string[];
  readonly scale: Scale;
  /** Told before each cell, for a progress line. */
  onProgress(done: number, total: number, what: string): void;
}

export interface Outcome {
  readonly results: Result[];
  readonly missing: Missing[];
  readonly versions: Record<string, string>;
}

interface Job {
  readonly name: string;
  readonly workload: Workload;
  readonly cell: Cell;
  readonly subject: string;
}

/** Learns what each subject can do here. */
async function describeSubjects(plan: Plan, outcome: Outcome): Promise<Map<string, Set<string>>> {
  const abilities = new Map<string, Set<string>>();
  for (const subject of plan.subjects) {
    const reply = await ask(subject, { kind: 'describe' });
    if (reply.kind === 'described') {
      outcome.versions[subject] = reply.version;
      if (reply.unavailable === undefined) abilities.set(subject, new Set(reply.workloads));
      else outcome.missing.push({ subject, reason: reply.unavailable, isFailure: false });
    } else {
      const reason = reply.kind === 'failed' ? reply.reason : 'answered something else';
      const isFailure = !SUBJECTS[subject]!.mayBeAbsent;
      outcome.missing.push({ subject, reason, isFailure });
    }
  }
  return abilities;
}

const isAsked = ({ subjects }: Workload, subject: string): boolean =>
  subjects === undefined || subjects.includes(subject);

function jobsOf(plan: Plan, abilities: Map<string, Set<string>>): Job[] {
  const jobs: Job[] = [];
  for (const name of plan.workloads) {
    const workload = WORKLOADS[name]!;
    for (const cell of workload.cells[plan.scale]) {
      for (const [subject, able] of abilities) {
        if (able.has(name) && isAsked(workload, subject)) {
          jobs.push({ name, workload, cell, subject });
        }
      }
    }
  }
  return jobs;
}

/** What a subject has no notion of is said as well, so that no gap looks like an oversight. */
function inapplicable(plan: Plan, abilities: Map<string, Set<string>>): Missing[] {
  const missing: Missing[] = [];
  for (const [subject, able] of abilities) {
    if (SUBJECTS[subject]!.role === 'calibration') continue;
    for (const workload of plan.workloads) {
      if (able.has(workload) || CALIBRATION_WORKLOADS.has(workload)) continue;
      if (!isAsked(WORKLOADS[workload]!, subject)) continue;
      missing.push({ subject, workload, reason: 'not applicable', isFailure: false });
    }
  }
  return missing;
}

export function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function resultOf(job: Job, { metric, unit, samples }: Figure, checksum: number): Result {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    workload: job.name,
    subject: job.subject,
    size: job.cell.size,
    threads: job.cell.threads,
    metric,
    unit,
    value: medianOf(sorted),
    min: sorted[0]!,
    max: sorted.at(-1)!,
    samples: sorted.length,
    checksum: String(checksum),
  };
}

/** Figures of several processes: the samples of each metric together. */
function pool(figures: readonly Figure[]): Figure[] {
  const pooled = new Map<Metric, Figure>();
  for (const figure of figures) {
    const samples = [...(pooled.get(figure.metric)?.samples ?? []), ...figure.samples];
    pooled.set(figure.metric, { ...figure, samples });
  }
  return [...pooled.values()];
}

/** Measures one job in as many processes as the scale asks for and pools their samples. */
async function runJob(job: Job, scale: Scale, outcome: Outcome): Promise<void> {
  const { name, workload, cell, subject } = job;
  const sampling = SAMPLING[scale];
  const processes = workload.processes?.[scale] ?? sampling.processes;
  const figures: Figure[] = [];
  for (let process = 0; process < processes; process++) {
    const reply = await ask(subject, { kind: 'measure', workload: name, cell, sampling });
    if (reply.kind !== 'measured') {
      const reason = 'reason' in reply ? reply.reason : 'answered something else';
      const isFailure = reply.kind !== 'unavailable';
      outcome.missing.push({ subject, workload: name, reason, isFailure });
      return;
    }
    figures.push(...reply.figures);
  }
  const checksum = workload.expected(cell);
  for (const figure of pool(figures)) outcome.results.push(resultOf(job, figure, checksum));
}

export async function runPlan(plan: Plan): Promise<Outcome> {
  const outcome: Outcome = { results: [], missing: [], versions: {} };
  const abilities = await describeSubjects(plan, outcome);
  const jobs = jobsOf(plan, abilities);
  outcome.missing.push(...inapplicable(plan, abilities));
  for (const [index, job] of jobs.entries()) {
    plan.onProgress(index, jobs.length, `${job.name} ${job.subject}`);
    await runJob(job, plan.scale, outcome);
  }
  plan.onProgress(jobs.length, jobs.length, '');
  return outcome;
}
