/**
 * From which size on is `heap.gc.getReferrers()` faster with the pool than without?
 *
 *   node dist/bench/experiments/referrers.js [--sizes 100000,1000000] [--rounds 15]
 *
 * Two heaps with the same graph, one with a scanner and one with two, are asked in turns: who
 * refers to one object, and to any of a thousand. Unlike the layout experiments it measures the
 * library itself. Exit code 1: the two came to different answers.
 */

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Heap } from '../../src/index.ts';
import { type ObjectRef, raw } from '../../src/raw.ts';
import { edgesOf } from '../graphs.ts';
import { describeMachine } from '../harness/machine.ts';
import { medianOf } from '../harness/runner.ts';
import { declareNode } from '../subjects/sharc-shapes.ts';

const SIZES = [10_000, 30_000, 100_000, 300_000, 1_000_000, 4_000_000];
const ROUNDS = 15;
const WARM_UP_ROUNDS = 5;
const MANY_TARGETS = 1000;
/** How long the pool may take to start; in a small heap it does not. */
const POOL_MS = 3000;
/** Of each object: header, four slots; the rest is room for what the heap needs besides. */
const BYTES_PER_OBJECT = 32;
const BASE_BYTES = 32 * 2 ** 20;

/** A heap with a graph of so many objects, each of which holds three. */
class Subject {
  readonly heap: Heap;
  readonly #targets: ObjectRef[] = [];

  constructor(objects: number, scanners: number) {
    this.heap = Heap.create({
      maxBytes: BASE_BYTES + objects * BYTES_PER_OBJECT,
      scanners,
      thresholds: [0, 0, 0],
    });
    const { alloc, kindOf, store, storeOwned, toHandle } = raw(this.heap);
    const kind = kindOf(declareNode(this.heap));
    this.heap.run(() => {
      const edges = edgesOf(objects);
      const nodes = Array.from({ length: objects }, () => alloc(kind));
      for (const [i, node] of nodes.entries()) {
        store(node, 0, nodes[edges[2 * i]!]!);
        store(node, 1, nodes[edges[2 * i + 1]!]!);
        if (i > 0) storeOwned(node, 2, nodes[i - 1]!);
      }
      const step = Math.floor(objects / MANY_TARGETS);
      for (let i = 0; i < MANY_TARGETS; i++) this.#targets.push(nodes[i * step]!);
      return toHandle(nodes.at(-1)!); // kept: it holds all
    });
  }

  /** Lets the pool start, which the first question asks for when the heap is large enough. */
  async warmUp(): Promise<void> {
    this.ask(1);
    const end = performance.now() + POOL_MS;
    while (!this.heap.stats().collector?.scanners && performance.now() < end) await sleep(5);
  }

  /** Milliseconds for one question, and the answer in short. */
  ask(targets: number): { ms: number; answer: number } {
    const { heap } = this;
    const { incref, toHandle } = raw(heap);
    const handleOf = (ref: ObjectRef) => {
      incref(ref); // which the handle takes over
      return toHandle(ref);
    };
    return heap.run(() => {
      const handles = this.#targets.slice(0, targets).map(handleOf);
      const begin = performance.now();
      const referrers = heap.gc.getReferrers(...handles);
      const ms = performance.now() - begin;
      const answer = referrers.reduce((sum, r, i) => (sum * 31 + heap.id(r) * (i + 1)) | 0, 7);
      return { ms, answer };
    });
  }
}

const median = (values: readonly number[]) => medianOf([...values].sort((a, b) => a - b));

/** Asks both in turns. Returns a row of the table. @throws Error when the answers differ. */
function compare(serial: Subject, shared: Subject, targets: number, rounds: number): string[] {
  const times: [serial: number, shared: number][] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const first = serial.ask(targets);
    const second = shared.ask(targets);
    if (first.answer !== second.answer) throw new Error('the answers differ');
    if (round >= 0) times.push([first.ms, second.ms]);
  }
  const alone = times.map(([ms]) => ms);
  const together = times.map(([, ms]) => ms);
  const ratio = median(times.map(([a, b]) => a / b));
  return [
    ...[median(alone), Math.min(...alone), median(together), Math.min(...together)].map((ms) =>
      ms.toFixed(2),
    ),
    ratio.toFixed(2),
  ];
}

const { values: options } = parseArgs({
  options: { sizes: { type: 'string' }, rounds: { type: 'string' } },
});
const rounds = Number(options.rounds ?? ROUNDS);
const table = new Table({
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  style: { head: [], border: [] },
  head: ['objects', 'targets', 'alone ms', 'min', 'shared ms', 'min', 'alone / shared'],
  colAligns: ['right', 'right', 'right', 'right', 'right', 'right', 'right'],
});
for (const objects of options.sizes?.split(',').map(Number) ?? SIZES) {
  const serial = new Subject(objects, 1);
  const shared = new Subject(objects, 2);
  await shared.warmUp();
  for (const targets of [1, MANY_TARGETS]) {
    table.push([objects, targets, ...compare(serial, shared, targets, rounds)]);
  }
  await Promise.all([serial.heap.close(), shared.heap.close()]);
}
const { date, node, cpu, cores } = describeMachine();
process.stdout.write(`${date}, Node ${node}, ${cpu}, ${cores} cores\n${table.toString()}\n`);
