/**
 * What a store costs in an atomic section, against the same one in a plain exclusive section, and
 * what a section costs that has one store.
 *
 *   node dist/bench/experiments/undo.js [--rounds 24]
 *
 * Prints the least of the rounds, plain and atomic ones in turns, and the ratio. An atomic section
 * of 100,000 stores notes each place once, before its first store: so rows of many places show the
 * cost of noting, with that of dropping the log at the end, and rows of one place show that of
 * knowing that it is noted. Exit code 1: the two left different values.
 */

import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Heap } from '../../src/index.ts';
import { describeMachine } from '../harness/machine.ts';

const STORES = 100_000;
const TEXTS = ['abc', 'de'];

/** Does STORES stores. What they leave depends on `round`, and on nothing else. */
type Stores = (round: number) => void;

interface Row {
  readonly name: string;
  readonly store: Stores;
  /** Of all that it has stored. */
  readonly sum: () => number;
}

function createRows(heap: Heap): Row[] {
  const Struct = heap.struct('S', { n: 'int32', f: 'float64', r: 'ref', s: 'string', a: 'any' });
  const many = heap.run(() => Array.from({ length: STORES }, () => new Struct({}).keep()));
  const one = new Struct({});
  const two = [new Struct({ n: 1 }), new Struct({ n: 2 })];
  const keys = Array.from({ length: STORES }, (_, i) => `key ${i}`);
  const map = heap.map<string | number, number>(keys.map((key, i) => [key, i]));
  const array = heap.array<number>(keys.map((_, i) => i));
  const each = (store: (i: number, round: number) => void): Stores => {
    return (round) => {
      for (let i = 0; i < STORES; i++) store(i, round);
    };
  };
  const sumOf = (valueAt: (i: number) => number) => () => {
    let sum = 0;
    for (let i = 0; i < STORES; i++) sum += valueAt(i);
    return sum;
  };
  const targetOf = (struct: typeof one) => (struct.r as typeof one).n as number;
  return [
    {
      name: 'int32 field, one place',
      store: each((i, round) => {
        one.n = i + round;
      }),
      sum: () => one.n,
    },
    {
      name: 'int32 field, many places',
      store: each((i, round) => {
        many[i]!.n = i + round;
      }),
      sum: sumOf((i) => many[i]!.n),
    },
    {
      name: 'float64 field, one place',
      store: each((i, round) => {
        one.f = i / 3 + round;
      }),
      sum: () => one.f,
    },
    {
      name: 'float64 field, many places',
      store: each((i, round) => {
        many[i]!.f = i / 3 + round;
      }),
      sum: sumOf((i) => many[i]!.f),
    },
    {
      name: 'ref field, one place',
      store: each((i, round) => {
        one.r = two[(i + round) & 1]!;
      }),
      sum: () => targetOf(one),
    },
    {
      name: 'ref field, many places',
      store: each((i, round) => {
        many[i]!.r = two[(i + round) & 1]!;
      }),
      sum: sumOf((i) => targetOf(many[i]!)),
    },
    {
      name: 'string field, one place',
      store: each((i, round) => {
        one.s = TEXTS[(i + round) & 1]!;
      }),
      sum: () => one.s.length,
    },
    {
      name: 'string field, many places',
      store: each((i, round) => {
        many[i]!.s = TEXTS[(i + round) & 1]!;
      }),
      sum: sumOf((i) => many[i]!.s.length),
    },
    {
      name: 'any field, one place',
      store: each((i, round) => {
        one.a = i + round;
      }),
      sum: () => one.a as number,
    },
    {
      name: 'any field, many places',
      store: each((i, round) => {
        many[i]!.a = i + round;
      }),
      sum: sumOf((i) => many[i]!.a as number),
    },
    {
      name: 'array.set, many places',
      store: each((i, round) => array.set(i, i + round)),
      sum: sumOf((i) => array.at(i) as number),
    },
    {
      name: 'array.push and pop',
      store: each((i, round) => {
        array.push(i + round);
        array.pop();
      }),
      sum: () => array.length,
    },
    {
      name: 'map.set, keys it has',
      store: each((i, round) => {
        map.set(keys[i]!, i + round);
      }),
      sum: sumOf((i) => map.get(keys[i]!) as number),
    },
    {
      name: 'map.set and delete, new keys',
      store: each((i, round) => {
        map.set(i, i + round);
        map.delete(i);
      }),
      sum: () => map.size,
    },
  ];
}

/** Nanoseconds per store. */
function timeStores(heap: Heap, { store }: Row, round: number, atomic: boolean): number {
  const begun = performance.now();
  heap.run(() => store(round), { atomic });
  return ((performance.now() - begun) * 1e6) / STORES;
}

/** Nanoseconds per section of one store, or of none. */
function timeSections(heap: Heap, section: () => void, atomic: boolean): number {
  const options = { atomic };
  const begun = performance.now();
  for (let i = 0; i < STORES; i++) heap.run(section, options);
  return ((performance.now() - begun) * 1e6) / STORES;
}

/** The least of the rounds, plain and atomic. */
function leastOf(rounds: number, time: (round: number, atomic: boolean) => number): number[] {
  const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < rounds; round++) {
    for (const atomic of [false, true]) {
      least[Number(atomic)] = Math.min(least[Number(atomic)]!, time(round, atomic));
    }
  }
  return least;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '24' } } });
  const rounds = Number(values.rounds);
  const heap = Heap.create({ maxBytes: 2 ** 29 });
  const table = new Table({ head: ['ns', 'plain', 'atomic', 'ratio'] });
  const add = (name: string, [plain = 0, atomic = 0]: number[]) => {
    table.push([name, plain.toFixed(1), atomic.toFixed(1), (atomic / plain).toFixed(2)]);
  };
  for (const row of createRows(heap)) {
    const sums = [0, 0];
    const time = (round: number, atomic: boolean) => {
      const ns = timeStores(heap, row, round, atomic);
      sums[Number(atomic)]! += heap.run(row.sum);
      return ns;
    };
    add(row.name, leastOf(rounds, time));
    if (sums[0] !== sums[1]) process.exitCode = 1;
  }
  const cell = new (heap.struct('Cell', { n: 'int32' }))({});
  let stored = 0;
  const store = () => {
    cell.n = ++stored;
  };
  add(
    'a section of one store',
    leastOf(rounds, (_, atomic) => timeSections(heap, store, atomic)),
  );
  add(
    'an empty section',
    leastOf(rounds, (_, atomic) => timeSections(heap, () => {}, atomic)),
  );
  if (heap.verify().length !== 0) process.exitCode = 1;
  const { node, cpu, cores } = describeMachine();
  process.stdout.write(`Node ${node}, ${cores} cores, ${cpu}\n${table}\n`);
  await heap.close();
}

await main();
