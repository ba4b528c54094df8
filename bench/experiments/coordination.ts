/**
 * What coordination costs: messages through a queue against `postMessage`, a mutex and a counter
 * that nobody else wants.
 *
 *   node dist/bench/experiments/coordination.js [--rounds 5]
 *
 * Prints the median of the rounds and the range. The other thread runs this file. Exit code 1: the
 * other thread came to a wrong sum.
 */

import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import Table from 'cli-table3';
import { Heap, type HeapQueue, type HeapToken, UnlockToken } from '../../src/index.ts';
import { describeMachine } from '../harness/machine.ts';
import { medianOf } from '../harness/runner.ts';

const STREAM = 200_000;
const ROUND_TRIPS = 20_000;
const OPERATIONS = 1_000_000;
const CAPACITIES = [1, 16, 1024];

type Mode = 'sum' | 'echo' | 'post';

interface Order {
  readonly token: HeapToken;
  readonly mode: Mode;
}

const nsPer = (count: number, startMs: number): number =>
  ((performance.now() - startMs) * 1e6) / count;

/** Starts the other thread, and waits until it is there. */
async function start(heap: Heap, mode: Mode): Promise<Worker> {
  const order: Order = { token: heap.share(), mode };
  const worker = new Worker(new URL(import.meta.url), { workerData: order });
  await once(worker, 'message');
  return worker;
}

/** Nanoseconds per number that one thread pushes and another one pops. */
async function stream(capacity: number): Promise<number> {
  const heap = Heap.create({ maxBytes: 2 ** 24 });
  const queue = heap.queue<number>({ capacity });
  heap.root.set('there', queue);
  const worker = await start(heap, 'sum');
  const answer = once(worker, 'message');
  const begun = performance.now();
  for (let i = 0; i < STREAM; i++) queue.push(i);
  queue.close();
  const [sum] = await answer;
  const ns = nsPer(STREAM, begun);
  if (sum !== (STREAM * (STREAM - 1)) / 2) process.exitCode = 1;
  await once(worker, 'exit');
  await heap.close();
  return ns;
}

/** Nanoseconds per round trip through two queues. */
async function echo(isAsync: boolean): Promise<number> {
  const heap = Heap.create({ maxBytes: 2 ** 24 });
  const there = heap.queue<number>({ capacity: 16 });
  const back = heap.queue<number>({ capacity: 16 });
  heap.root.set('there', there).set('back', back);
  const worker = await start(heap, 'echo');
  const begun = performance.now();
  for (let i = 0; i < ROUND_TRIPS; i++) {
    there.push(i);
    const value = isAsync ? await back.popAsync() : back.pop();
    if (value !== i) process.exitCode = 1;
  }
  const ns = nsPer(ROUND_TRIPS, begun);
  there.close();
  await once(worker, 'exit');
  await heap.close();
  return ns;
}

/** Nanoseconds per round trip by `postMessage`. */
async function post(): Promise<number> {
  const heap = Heap.create({ maxBytes: 2 ** 24 });
  const worker = await start(heap, 'post');
  const begun = performance.now();
  await new Promise<void>((resolve) => {
    worker.on('message', (i: number) => {
      if (i + 1 === ROUND_TRIPS) resolve();
      else worker.postMessage(i + 1);
    });
    worker.postMessage(0);
  });
  const ns = nsPer(ROUND_TRIPS, begun);
  await worker.terminate();
  await heap.close();
  return ns;
}

/** Nanoseconds per operation that nobody else disturbs. */
function alone(isInSection: boolean, prepare: (heap: Heap) => () => unknown): number {
  const heap = Heap.create({ maxBytes: 2 ** 24 });
  const operation = prepare(heap);
  const loop = () => {
    for (let i = 0; i < OPERATIONS; i++) operation();
  };
  const act = () => (isInSection ? heap.run(loop) : loop());
  act(); // warm up
  const begun = performance.now();
  act();
  const ns = nsPer(OPERATIONS, begun);
  heap[Symbol.dispose]();
  return ns;
}

const lockOnce = (heap: Heap) => {
  const mutex = heap.mutex();
  const token = new UnlockToken();
  return () => mutex.lock(token).unlock();
};

const addOnce = (heap: Heap) => {
  const counter = heap.counter();
  return () => counter.add(1);
};

const pushAndPop = (heap: Heap) => {
  const queue = heap.queue<number>({ capacity: 16 });
  return () => {
    queue.push(1);
    return queue.pop();
  };
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
  const rows: [string, () => number | Promise<number>][] = [
    ...CAPACITIES.map((capacity): [string, () => Promise<number>] => [
      `a number from thread to thread, capacity ${capacity}`,
      () => stream(capacity),
    ]),
    ['round trip through two queues', () => echo(false)],
    ['the same, popAsync here', () => echo(true)],
    ['round trip by postMessage', post],
    ['mutex.lock and unlock', () => alone(false, lockOnce)],
    ['the same, in a section', () => alone(true, lockOnce)],
    ['counter.add', () => alone(false, addOnce)],
    ['the same, in a section', () => alone(true, addOnce)],
    ['queue.push and pop', () => alone(false, pushAndPop)],
    ['the same, in a section', () => alone(true, pushAndPop)],
  ];
  const table = new Table({ head: ['ns', 'median', 'least', 'most'] });
  const show = (ns: number) => Math.round(ns).toLocaleString('en');
  for (const [name, measure] of rows) {
    const samples: number[] = [];
    for (let round = 0; round < Number(values.rounds); round++) samples.push(await measure());
    table.push([
      name,
      ...[medianOf(samples.sort((a, b) => a - b)), Math.min(...samples), Math.max(...samples)].map(
        show,
      ),
    ]);
  }
  const { node, cpu, cores } = describeMachine();
  process.stdout.write(`Node ${node}, ${cores} cores, ${cpu}\n${table}\n`);
}

/** The other thread. */
function serve({ token, mode }: Order): void {
  parentPort?.postMessage('ready');
  if (mode === 'post') {
    parentPort?.on('message', (i: number) => parentPort?.postMessage(i));
    return;
  }
  const heap = Heap.attach(token);
  const there = heap.root.get('there') as HeapQueue<number>;
  if (mode === 'sum') {
    let sum = 0;
    for (const value of there) sum += value;
    parentPort?.postMessage(sum);
    return;
  }
  const back = heap.root.get('back') as HeapQueue<number>;
  for (const value of there) back.push(value);
}

if (isMainThread) await main();
else serve(workerData as Order);
