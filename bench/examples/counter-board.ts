/**
 * A live board: threads count events of several kinds, and the main thread shows the counts
 * meanwhile.
 *
 *     node dist/bench/examples/counter-board.js [--threads N] [--events N] [--seed N] [--json]
 */
import { once } from 'node:events';
import { moveCursor } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { Heap, type HeapCounter, type HeapMap } from 'sharc';

const KINDS = ['view', 'search', 'click', 'order', 'sign-up', 'failure'];
const BATCH = 100;
const FRAME_MS = 100;

// Each thread runs this file.
const heap = isMainThread ? Heap.create() : Heap.attach(workerData.heap);

/** A kind is on the board from its first event on. */
type Board = HeapMap<string, HeapCounter>;

/** Read sections may change counters, so threads that count do not wait for each other. */
function count(board: Board, kind: string): void {
  const before = heap.read(() => board.get(kind)?.add());
  if (before !== undefined) return;
  heap.run(() => {
    if (!board.has(kind)) board.set(kind, heap.counter()); // or another thread has just done so
    board.get(kind)!.add();
  });
}

/** What the board says, without blocking the event loop, whatever the threads do. */
function readBoard(board: Board): Promise<[kind: string, count: number][]> {
  return heap.readAsync(() => [...board].map(([kind, counter]) => [kind, counter.value]));
}

/** Counts events as they come: here some at random every millisecond. */
async function work({ events, seed }: { events: number; seed: number }): Promise<void> {
  const board = heap.root.get('board') as Board;
  let random = seed;
  for (let i = 0; i < events; i++) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    count(board, KINDS[Math.floor(KINDS.length * (random / 2 ** 32) ** 2)]);
    if (i % BATCH === BATCH - 1) await sleep(1);
  }
  heap.detach();
}

function show(counts: readonly [string, number][], isFirst: boolean): void {
  if (process.stdout.isTTY && !isFirst) moveCursor(process.stdout, 0, -KINDS.length - 1);
  const most = Math.max(1, ...counts.map(([, value]) => value));
  for (const kind of KINDS) {
    const value = counts.find(([name]) => name === kind)?.[1] ?? 0;
    const bar = '#'.repeat(Math.round((value / most) * 40));
    console.log(`${kind.padEnd(8)} ${String(value).padStart(8)} ${bar}`);
  }
  console.log();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      threads: { type: 'string', default: '2' },
      events: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const [threads, events, seed] = [values.threads, values.events, values.seed].map(Number);
  const board: Board = heap.map();
  heap.root.set('board', board);
  const workers = Array.from({ length: threads }, (_, thread) => {
    const data = { heap: heap.share(), events, seed: seed + thread };
    return new Worker(new URL(import.meta.url), { workerData: data });
  });
  let areDone = false;
  const ended = Promise.all(workers.map((worker) => once(worker, 'exit'))).finally(() => {
    areDone = true;
  });
  const frames: number[] = [];
  let isLast = false;
  while (!isLast) {
    isLast = areDone; // then the counts are final
    const counts = await readBoard(board);
    if (!values.json) show(counts, frames.length === 0);
    frames.push(counts.reduce((sum, [, value]) => sum + value, 0));
    if (!isLast) await sleep(FRAME_MS);
  }
  await ended;
  const counts = Object.fromEntries(await readBoard(board));
  const result = { seed, threads, events, counts, frames, verify: heap.verify() };
  await heap.close();
  console.log(values.json ? JSON.stringify(result) : `${frames.at(-1)} events in all`);
}

await (isMainThread ? main() : work(workerData));
