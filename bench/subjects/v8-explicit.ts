/**
 * Explicit collections of V8: `gc()` is a full one, of the shared heap as well. What is built is
 * collected once before it is dropped, so that its collection finds it where objects that have
 * lived for a while are.
 */

import {
  collectionChecksum,
  GC_COLLECT_RING,
  GC_COLLECT_RINGS,
  GC_TRAVERSAL_ARRAYS,
} from '../graphs.ts';
import {
  explicitFigures,
  repetitionsOf,
  type Timed,
  timeCollection,
} from '../harness/collection-figures.ts';
import type { BenchFactory, Cell, FiguresBench } from '../harness/types.ts';
import { collectGarbage } from './heap-delta.ts';
import {
  buildDoubleRings,
  buildGraph,
  buildHalves,
  buildRing,
  buildRings,
  type Graph,
  type Make,
  ringLength,
  timeFreeing,
} from './v8-graphs.ts';

/** Arrays of the subject: of so many elements, all of them `value`. */
export type MakeArray = (length: number, value: unknown) => ArrayLike<unknown>;

function live(make: Make, { operations }: Cell): FiguresBench {
  const measureAll = async () => {
    const graph = buildGraph(make, operations);
    collectGarbage();
    const runs: Timed[] = [];
    for (let i = 0; i < repetitionsOf(operations); i++) runs.push(timeCollection(collectGarbage));
    const { walk, last } = graph;
    const checksum = collectionChecksum({ walk, live: ringLength(last), collected: 0 });
    return { figures: explicitFigures(operations, runs), checksum };
  };
  return { measureAll };
}

/** What a repetition has built: what is held, and what is left of it once all else is dropped. */
interface Built {
  readonly walk: number;
  readonly held: unknown;
  readonly kept: Graph | undefined;
}

/** Builds, collects, drops what is not kept, and times the collection that frees it. */
function garbage({ operations }: Cell, build: () => Built, share = 1): FiguresBench {
  const objects = operations * share;
  const measureAll = async () => {
    const runs: Timed[] = [];
    let checksum = 0;
    for (let i = 0; i < repetitionsOf(operations); i++) {
      let built: Built | undefined = build();
      collectGarbage();
      const { walk, kept } = built;
      built = undefined;
      const { collected, ...timed } = timeFreeing(objects);
      runs.push(timed);
      const left = kept === undefined ? 0 : ringLength(kept.last);
      checksum = collectionChecksum({ walk, live: left, collected });
    }
    return { figures: explicitFigures(operations, runs), checksum };
  };
  return { measureAll };
}

const fullGarbage = (make: Make, cell: Cell): FiguresBench =>
  garbage(cell, () => {
    const graph = buildGraph(make, cell.operations);
    return { walk: graph.walk, held: graph, kept: undefined };
  });

const halfGarbage = (make: Make, cell: Cell): FiguresBench =>
  garbage(
    cell,
    () => {
      const [kept, dropped] = buildHalves(make, cell.operations);
      return { walk: dropped.walk, held: dropped, kept };
    },
    1 / 2,
  );

const ringGarbage = (make: Make, cell: Cell): FiguresBench =>
  garbage(cell, () => {
    return { walk: 0, held: buildRing(make, cell.operations), kept: undefined };
  });

const ringsGarbage = (make: Make, cell: Cell): FiguresBench =>
  garbage(cell, () => {
    return { walk: 0, held: buildRings(make, cell.operations), kept: undefined };
  });

const gcCollect = (make: Make, cell: Cell): FiguresBench =>
  garbage(cell, () => {
    const held = buildDoubleRings(make, GC_COLLECT_RINGS, GC_COLLECT_RING);
    return { walk: 0, held, kept: undefined };
  });

function gcTraversal(makeArray: MakeArray, { operations }: Cell): FiguresBench {
  const measureAll = async () => {
    let top = makeArray(0, undefined);
    for (let n = 1; n < GC_TRAVERSAL_ARRAYS; n++) top = makeArray(n, top);
    collectGarbage();
    const runs: Timed[] = [];
    for (let i = 0; i < 10; i++) runs.push(timeCollection(collectGarbage));
    let edges = 0;
    for (let array = top; array.length > 0; array = array[0] as ArrayLike<unknown>) {
      edges += array.length;
    }
    const checksum = collectionChecksum({ walk: 0, live: edges, collected: 0 });
    return { figures: explicitFigures(operations, runs), checksum };
  };
  return { measureAll };
}

/** The explicit workloads for objects that `make` allocates. */
export function explicitBenches(make: Make, makeArray: MakeArray): Record<string, BenchFactory> {
  return {
    gc_collect: (cell) => gcCollect(make, cell),
    gc_traversal: (cell) => gcTraversal(makeArray, cell),
    'full-live': (cell) => live(make, cell),
    'full-garbage': (cell) => fullGarbage(make, cell),
    'half-garbage': (cell) => halfGarbage(make, cell),
    'ring-garbage': (cell) => ringGarbage(make, cell),
    'rings-garbage': (cell) => ringsGarbage(make, cell),
  };
}
