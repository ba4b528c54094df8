/** Collections of V8's shared structs: explicit ones, and ones beside a mutator's thread. */

import { shareOnly } from '../harness/collection-figures.ts';
import type { BenchFactory, FiguresBench } from '../harness/types.ts';
import { besideBench, mutator, type Task } from './v8-beside.ts';
import { mmu } from './v8-churn.ts';
import { explicitBenches } from './v8-explicit.ts';
import type { GraphNode, Make } from './v8-graphs.ts';

type StructType = new (fields: readonly string[]) => new () => GraphNode;
type SharedArray = new (length: number) => { [index: number]: unknown; readonly length: number };

const { SharedStructType, SharedArray } = globalThis as {
  SharedStructType?: StructType;
  SharedArray?: SharedArray;
};

function makerOfNodes(): Make {
  const Node = new SharedStructType!(['a', 'b', 'c', 'd']);
  return () => new Node();
}

function makeArray(length: number, value: unknown) {
  const array = new SharedArray!(length);
  for (let i = 0; i < length; i++) array[i] = value;
  return array;
}

/** The second thread loads this module and calls it. */
export const contend = (shared: unknown): (() => void) => mutator(shared as Task, makerOfNodes());

const beside =
  (name: string): BenchFactory =>
  (cell) =>
    besideBench(import.meta.url, name, { make: makerOfNodes(), cell });

/** Only the mutator's share of its throughput. */
const shareBeside: BenchFactory = (cell) => {
  const bench = beside('full-live')(cell) as FiguresBench;
  const measureAll = async () => {
    const { figures, checksum } = await bench.measureAll();
    return { figures: shareOnly(figures), checksum };
  };
  return { measureAll };
};

const lazily =
  (name: string): BenchFactory =>
  (cell) =>
    explicitBenches(makerOfNodes(), makeArray)[name]!(cell);

export const collectionBenches: Readonly<Record<string, BenchFactory>> = {
  gc_collect: lazily('gc_collect'),
  gc_traversal: lazily('gc_traversal'),
  'full-live': lazily('full-live'),
  'full-live-automatic': beside('full-live'),
  'full-garbage': lazily('full-garbage'),
  'full-garbage-automatic': beside('full-garbage'),
  'half-garbage': lazily('half-garbage'),
  'half-garbage-automatic': beside('half-garbage'),
  'ring-garbage': lazily('ring-garbage'),
  'ring-garbage-automatic': beside('ring-garbage'),
  'rings-garbage': lazily('rings-garbage'),
  'rings-garbage-automatic': beside('rings-garbage'),
  'mutator-beside-scan': shareBeside,
  mmu: (cell) => mmu(makerOfNodes(), cell),
};
