/**
 * How long an empty loop is kept from its next turn although nothing in this program keeps it: by
 * the operating system, the hypervisor and whoever else is on the machine. Pauses are read
 * beside it.
 */

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

interface JitterTask {
  readonly start: Int32Array;
  readonly threads: number;
  readonly milliseconds: number;
}

/** The longest time between two turns, in milliseconds. */
function longestStall(milliseconds: number): number {
  const begin = performance.now();
  let previous = begin;
  let longest = 0;
  while (previous - begin < milliseconds) {
    const now = performance.now();
    if (now - previous > longest) longest = now - previous;
    previous = now;
  }
  return longest;
}

/** All threads begin together, the last one to arrive wakes the others. */
function awaitStart({ start, threads }: JitterTask): void {
  if (Atomics.add(start, 0, 1) + 1 === threads) Atomics.notify(start, 0);
  for (;;) {
    const arrived = Atomics.load(start, 0);
    if (arrived >= threads) return;
    Atomics.wait(start, 0, arrived);
  }
}

function takePart(task: JitterTask): number {
  awaitStart(task);
  // The first turns are compiled while they run, which is a stall of our own making.
  longestStall(task.milliseconds / 10);
  return longestStall(task.milliseconds);
}

/** Keeps `threads` threads busy and returns the worst stall any of them had. */
export async function measureJitter(threads: number, milliseconds: number) {
  const start = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const task: JitterTask = { start, threads, milliseconds };
  const workers = Array.from({ length: threads - 1 }, () => {
    return new Worker(new URL(import.meta.url), { workerData: { jitter: task } });
  });
  const answers = workers.map(async (worker) => {
    const [stall] = (await once(worker, 'message')) as [number];
    return stall;
  });
  const stalls = [takePart(task), ...(await Promise.all(answers))];
  return { value: Math.max(...stalls), checksum: stalls.length };
}

if (!isMainThread && workerData?.jitter) {
  parentPort!.postMessage(takePart(workerData.jitter as JitterTask));
}
