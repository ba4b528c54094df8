/**
 * From which size on is one way to collect better than another?
 *
 *   node dist/bench/experiments/crossovers.js [--sizes 10000,100000] [--rounds 15] [--json]
 *
 * The same graphs are collected by a list of objects, page by page by one thread, and page by page
 * together with the pool, in turns:
 *
 *   live    an explicit full collection of a random graph that lives
 *   rings   the same of rings of 20 objects that are garbage
 *   young   a collection of generation 0 over a chain with random edges that lives
 *   pause   an automatic full collection of the live graph: how long it keeps a mutator waiting,
 *           done in the mutator itself, and beside it
 *
 * Exit code 1: the ways came to different answers.
 */

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { type Handle, Heap } from '../../src/index.ts';
import { hostile, type TuneOptions } from '../../src/testing.ts';
import { describeMachine } from '../harness/machine.ts';
import { medianOf } from '../harness/runner.ts';
import { graphsIn } from '../subjects/sharc-graphs.ts';

const SIZES = [5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];
const ROUNDS = 15;
const WARM_UP_ROUNDS = 5;
const WARM_UP_OBJECTS = 100_000;
const POOL_MS = 3000;
/** How long an automatic collection may take to come. */
const DEADLINE_MS = 10_000;
const NEVER = Number.POSITIVE_INFINITY;

/** Ways to collect, explicitly or in the mutator. */
const WAYS: Readonly<Record<string, TuneOptions>> = {
  list: { pageScanFrom: NEVER, parallelFrom: NEVER, backgroundFrom: NEVER },
  pages: { pageScanFrom: 0, parallelFrom: NEVER, backgroundFrom: NEVER },
  pool: { pageScanFrom: 0, parallelFrom: 0, backgroundFrom: NEVER },
};
const BESIDE: TuneOptions = { backgroundFrom: 0 };

type Graphs = ReturnType<typeof graphsIn>;

/** What is collected, again and again. */
interface Situation {
  readonly generation: number;
  /** Makes what is collected, and returns what is done afterwards. */
  prepare(): () => void;
  readonly collected: number;
}

const SITUATIONS: Readonly<Record<string, (graphs: Graphs, objects: number) => Situation>> = {
  live: (graphs, objects) => {
    graphs.buildGraph(objects); // its handle is kept
    return { generation: 2, prepare: () => () => {}, collected: 0 };
  },
  rings: (graphs, objects) => ({
    generation: 2,
    prepare: () => {
      graphs.buildRings(objects).last.release();
      return () => {};
    },
    collected: objects,
  }),
  young: (graphs, objects) => {
    const { refs } = graphs.old();
    return {
      generation: 0,
      prepare: () => {
        const last = graphs.buildYoung(objects, refs);
        return () => last.release();
      },
      collected: 0,
    };
  },
};

const median = (values: readonly number[]) => medianOf([...values].sort((a, b) => a - b));

async function createWarmHeap(): Promise<{ heap: Heap; graphs: Graphs }> {
  const heap = Heap.create({ scanners: 2, thresholds: [0, 10, 0] });
  const graphs = graphsIn(heap);
  const end = performance.now() + POOL_MS;
  for (let round = 0; round < WARM_UP_ROUNDS || performance.now() < end; round++) {
    for (const tune of Object.values(WAYS)) {
      using _ = hostile(heap, { tune });
      const [kept, dropped] = graphs.buildHalves(WARM_UP_OBJECTS);
      dropped.last.release();
      heap.gc.collect();
      kept.last.release();
      graphs.buildRings(WARM_UP_OBJECTS).last.release();
      heap.gc.collect();
    }
    await sleep(5);
    if (round >= WARM_UP_ROUNDS && heap.stats().collector?.scanners) break;
  }
  return { heap, graphs };
}

/** Median milliseconds of each way, measured in turns. @throws Error when they differ. */
async function compareWays(name: string, objects: number, rounds: number): Promise<number[]> {
  const { heap, graphs } = await createWarmHeap();
  const { generation, prepare, collected } = SITUATIONS[name]!(graphs, objects);
  const ways = Object.values(WAYS).map((tune) => ({ tune, times: [] as number[] }));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const { tune, times } of ways) {
      using _ = hostile(heap, { tune });
      const finish = prepare();
      const begin = performance.now();
      const found = heap.gc.collect(generation);
      const ms = performance.now() - begin;
      finish();
      if (found !== collected) throw new Error(`${name}: ${found} collected, not ${collected}`);
      if (round >= 0) times.push(ms);
    }
  }
  await heap.close();
  return ways.map(({ times }) => median(times));
}

/**
 * The longest time between two operations of a mutator, until a full collection has ended. It is
 * due as soon as generation 2 has grown by a quarter: by a new graph.
 */
function pauseOf(heap: Heap, graphs: Graphs, objects: number): number {
  const { gc } = heap;
  const fulls = () => gc.getStats()[2].collections;
  gc.collect();
  const { last: graph } = graphs.buildGraph(objects);
  gc.collect(1);
  const before = fulls();
  gc.setThreshold(1, 10, 0);
  let longest = 0;
  let last = performance.now();
  const end = last + DEADLINE_MS;
  const kept: Handle[] = [];
  while (fulls() === before) {
    if (kept.length < 3) kept.push(heap.array());
    else heap.run(() => heap.array()).release();
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (now > end) throw new Error('no automatic collection has come');
  }
  gc.setThreshold(0);
  for (const array of kept) array.release();
  graph.release();
  return longest;
}

/** Median of the longest pauses: in the mutator, and beside it. */
async function comparePauses(objects: number, rounds: number): Promise<number[]> {
  const { heap, graphs } = await createWarmHeap();
  const ways = [WAYS.list!, BESIDE].map((tune) => ({ tune, times: [] as number[] }));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const { tune, times } of ways) {
      using _ = hostile(heap, { tune });
      const pause = pauseOf(heap, graphs, objects);
      if (round >= 0) times.push(pause);
      await sleep(1);
    }
  }
  await heap.close();
  return ways.map(({ times }) => median(times));
}

const { values: options } = parseArgs({
  options: { sizes: { type: 'string' }, rounds: { type: 'string' }, json: { type: 'boolean' } },
});
const rounds = Number(options.rounds ?? ROUNDS);
const sizes = options.sizes?.split(',').map(Number) ?? SIZES;
const rows: { what: string; objects: number; ms: Record<string, number> }[] = [];
for (const objects of sizes) {
  for (const what of Object.keys(SITUATIONS)) {
    const [list, pages, pool] = await compareWays(what, objects, rounds);
    rows.push({ what, objects, ms: { list: list!, pages: pages!, pool: pool! } });
  }
  const [inline, beside] = await comparePauses(objects, rounds);
  rows.push({ what: 'pause', objects, ms: { list: inline!, beside: beside! } });
  process.stderr.write(`${objects} objects\n`);
}
const machine = describeMachine();
if (options.json) {
  process.stdout.write(`${JSON.stringify({ ...machine, rows }, null, 1)}\n`);
} else {
  const head = ['what', 'objects', 'list ms', 'pages ms', 'pool ms', 'beside ms'];
  const table = new Table({
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { head: [], border: [] },
    head,
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
  });
  const cellOf = (ms: number | undefined) => ms?.toFixed(2) ?? '';
  for (const { what, objects, ms } of rows) {
    table.push([what, objects, ...['list', 'pages', 'pool', 'beside'].map((w) => cellOf(ms[w]))]);
  }
  const { date, node, cpu, cores } = machine;
  process.stdout.write(`${date}, Node ${node}, ${cpu}, ${cores} cores\n${table.toString()}\n`);
}
