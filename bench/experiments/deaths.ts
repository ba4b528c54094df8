/**
 * What the death of a thread costs the others: outside of sections by the rows of its root table,
 * inside of one by the living objects of the heap, of which all counts are made anew.
 *
 *   node dist/bench/experiments/deaths.js [--rounds 7]
 *
 * The time outside runs from the worker's `exit` event to `threaddeath`, and is what the heap was
 * closed for inside. Prints the first round, the median and the range. Exit code 1: the heap was
 * not sound, or not what it was.
 */

import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import Table from 'cli-table3';
import { type DeathRecord, Heap, type HeapToken } from '../../src/index.ts';
import { type ObjectRef, raw } from '../../src/raw.ts';
import { Random } from '../../src/testing.ts';
import { describeMachine } from '../harness/machine.ts';
import { medianOf } from '../harness/runner.ts';

const ROWS = [0, 1000, 100_000];
const OBJECTS = [10_000, 100_000, 1_000_000];
const SEED = 1;

interface Order {
  readonly token: HeapToken;
  /** Rows of its root table; -1: it dies in a section. */
  readonly rows: number;
}

/** Has a thread die. Returns what was recovered, and the milliseconds since its end was seen. */
async function die(heap: Heap, rows: number): Promise<{ death: DeathRecord; ms: number }> {
  const order: Order = { token: heap.share(), rows };
  const worker = new Worker(new URL(import.meta.url), { workerData: order });
  await once(worker, 'message');
  let end = 0;
  worker.once('exit', () => {
    end = performance.now();
  });
  const death = await new Promise<DeathRecord>((resolve) => {
    const listener = (record: DeathRecord) => {
      heap.off('threaddeath', listener);
      resolve(record);
    };
    heap.on('threaddeath', listener);
    void worker.terminate();
  });
  return { death, ms: performance.now() - end };
}

/** Milliseconds until the rows of a thread that died outside of sections are released. */
async function outside(rows: number, rounds: number): Promise<number[]> {
  const heap = Heap.create({ maxBytes: 2 ** 28 });
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { death, ms } = await die(heap, rows);
    if (death.where !== 'outside' || death.rows < rows) process.exitCode = 1;
    times.push(ms);
  }
  await end(heap, 0);
  return times;
}

/** Nanoseconds by living object for which the heap was closed. */
async function inside(objects: number, rounds: number): Promise<number[]> {
  const heap = Heap.create({ maxBytes: 2 ** 30 });
  heap.gc.disable();
  grow(heap, objects);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { death } = await die(heap, -1);
    if (death.where !== 'holding') process.exitCode = 1;
    times.push((death.durationMs * 1e6) / objects);
  }
  await end(heap, objects);
  return times;
}

/** Objects with a chain through all of them and two random references each. */
function grow(heap: Heap, count: number): void {
  const Node = heap.struct('Node', { a: 'ref', b: 'ref', next: 'ref', d: 'ref' });
  const layer = raw(heap);
  const kind = layer.kindOf(Node);
  const random = new Random(SEED);
  heap.run(() => {
    const nodes = Array.from({ length: count }, () => layer.alloc(kind));
    for (let i = 0; i < count; i++) {
      layer.store(nodes[i] as ObjectRef, 0, random.pick(nodes));
      layer.store(nodes[i] as ObjectRef, 1, random.pick(nodes));
      if (i > 0) layer.storeOwned(nodes[i - 1] as ObjectRef, 2, nodes[i] as ObjectRef);
    }
    heap.root.set('first', layer.toHandle(nodes[0] as ObjectRef));
  });
}

async function end(heap: Heap, objects: number): Promise<void> {
  const isSound = heap.verify().length === 0 && heap.stats().liveObjects >= objects;
  if (!isSound) process.exitCode = 1;
  await heap.close();
}

/** What the other thread does: it waits for its end. */
function wait({ token, rows }: Order): void {
  const heap = Heap.attach(token);
  const ready = () => {
    parentPort?.postMessage('ready');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  if (rows < 0) {
    heap.run(() => {
      heap.array([1]);
      ready();
    });
  }
  for (let row = 0; row < rows; row++) heap.run(() => heap.array([row]).keep());
  ready();
}

function row(name: string, times: readonly number[], digits: number): string[] {
  const least = Math.min(...times).toFixed(digits);
  const range = `${least} to ${Math.max(...times).toFixed(digits)}`;
  return [
    name,
    (times[0] as number).toFixed(digits),
    medianOf([...times].sort((a, b) => a - b)).toFixed(digits),
    range,
  ];
}

async function main(rounds: number): Promise<void> {
  const table = new Table({ head: ['death', 'first', 'median', 'range'] });
  for (const rows of ROWS) {
    table.push(row(`outside, ${rows} rows: ms`, await outside(rows, rounds), 2));
  }
  for (const objects of OBJECTS) {
    table.push(row(`in a section, ${objects} objects: ns each`, await inside(objects, rounds), 1));
  }
  const { node, cpu, cores } = describeMachine();
  process.stdout.write(`Node ${node}, ${cores} cores, ${cpu}\n${table}\n`);
}

if (isMainThread) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
  await main(Number(values.rounds));
} else {
  wait(workerData as Order);
}
