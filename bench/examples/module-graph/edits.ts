/**
 * The second phase of a thread: drop packages, link anew what other threads have dropped, and walk
 * through the graph in between.
 *
 * Every round that is claimed, by whichever thread, allows each thread OPERATIONS_PER_ROUND more
 * operations. Walks fill up what the edits leave of that, so a thread that was kept busy by a large
 * package walks less, and all threads end with about the same number of operations.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readWork } from './build.ts';
import { exploreImports } from './explore.ts';
import { dropPackage, type Graph, linkModules } from './graph.ts';
import {
  beginDrop,
  claimRound,
  finishRound,
  type Job,
  offerDropped,
  type Tally,
  takeDropped,
} from './job.ts';
import { createIndexes } from './random.ts';
import type { Resolver } from './resolve.ts';

const OPERATIONS_PER_ROUND = 8;
/** How long a thread that can do nothing leaves the others alone. */
const IDLE_MS = 1;

export interface EditOrders {
  readonly thread: number;
  readonly threads: number;
  readonly rounds: number;
  readonly seed: number;
}

export interface Editor extends EditOrders {
  readonly graph: Graph;
  readonly job: Job;
  readonly resolver: Resolver;
}

/** Takes part in the edits until all rounds are finished. Leaves the thread's tally in the job. */
export async function editGraph(editor: Editor): Promise<void> {
  const { job, rounds, thread, threads } = editor;
  const tally: Tally = { thread, walks: 0, modulesSeen: 0, drops: 0, links: 0 };
  const paths = allPathsOf(job);
  const nextIndex = createIndexes(editor.seed, thread);
  let claimed: number | null = null;
  for (;;) {
    if (tryLink(editor, tally)) continue;

    const allowed = OPERATIONS_PER_ROUND * job.progress.nextRound;
    if (operationsOf(tally) < allowed) {
      walk(editor.graph, paths[nextIndex(paths.length)], tally);
      continue;
    }
    claimed ??= claimRound(job, rounds, threads);
    if (claimed !== null && tryDrop(editor, claimed, tally)) {
      claimed = null;
      continue;
    }
    if (job.progress.roundsFinished === rounds) break;
    await sleep(IDLE_MS);
  }
  job.heap.run(() => {
    job.tallies.set(thread, new job.Tally(tally));
  });
}

export function operationsOf({ walks, drops, links }: Tally): number {
  return walks + drops + links;
}

/** Links a package that another thread has dropped. With one thread there is no other. */
function tryLink({ graph, job, resolver, thread, threads }: Editor, tally: Tally): boolean {
  const work = takeDropped(job, thread, threads === 1);
  if (work === null) return false;
  linkModules(graph, work.name, readWork(job, work, resolver));
  finishRound(job, work.name.directory);
  tally.links++;
  return true;
}

function tryDrop({ graph, job, seed, thread }: Editor, round: number, tally: Tally): boolean {
  const name = beginDrop(job, round, seed);
  if (name === null) return false;
  dropPackage(graph, name.directory);
  offerDropped(job, round, seed, thread);
  tally.drops++;
  return true;
}

function walk(graph: Graph, path: string, tally: Tally): void {
  tally.modulesSeen += exploreImports(graph, path);
  tally.walks++;
}

/** The paths of all files, read from the heap once: walks start anywhere. */
function allPathsOf(job: Job): string[] {
  const paths: string[] = [];
  job.heap.run(() => {
    for (const source of job.sources) {
      for (const path of source.paths) paths.push(path);
    }
  });
  return paths;
}
