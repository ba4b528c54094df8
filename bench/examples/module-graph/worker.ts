/** Entry point of a worker thread: attach, build, wait, edit, wait, detach. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { Heap } from '../../../src/index.ts';
import { buildGraph } from './build.ts';
import { editGraph } from './edits.ts';
import { attachGraph } from './graph.ts';
import { attachJob } from './job.ts';
import type { Milestone, WorkerOrders } from './protocol.ts';
import { createResolver } from './resolve.ts';

const orders = workerData as WorkerOrders;
const heap = Heap.attach(orders.heap);
const graph = attachGraph(heap);
const job = attachJob(heap);
const resolver = createResolver();

buildGraph(graph, job, resolver);
await reach('built');
await editGraph({ ...orders, graph, job, resolver });
await reach('edited');
heap.detach();

/** Says so, and waits until all threads have. */
async function reach(milestone: Milestone): Promise<void> {
  const goOn = once(parentPort!, 'message'); // listening keeps the thread alive
  parentPort!.postMessage(milestone);
  await goOn;
}
