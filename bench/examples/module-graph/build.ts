/** The first phase of a thread: take batches until there are none, read them, link them. */
import { type Graph, linkModules } from './graph.ts';
import { type Job, takeBatch, type Work } from './job.ts';
import { type ReadModule, readModules } from './read.ts';
import type { Resolver } from './resolve.ts';
import { scanModule } from './scan.ts';

export function buildGraph(graph: Graph, job: Job, resolver: Resolver): void {
  for (let work = takeBatch(job); work !== null; work = takeBatch(job)) {
    linkModules(graph, work.name, readWork(job, work, resolver));
    const { length } = work.paths;
    job.heap.run(() => {
      job.progress.filesDone += length;
    });
  }
}

/** Reads outside any section. What cannot be read is noted in the heap, once per file. */
export function readWork(job: Job, { paths }: Work, resolver: Resolver): ReadModule[] {
  return readModules(paths, scanModule, resolver, ({ path, reason }) => {
    job.unreadable.set(path, reason);
  });
}
