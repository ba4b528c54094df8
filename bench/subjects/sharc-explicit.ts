/** Explicit collections: `heap.gc.collect()`, with automatic ones switched off. */

import { type Handle, Heap, type HeapArray, type HeapOptions } from '../../src/index.ts';
import {
  collectionChecksum,
  GC_COLLECT_RING,
  GC_COLLECT_RINGS,
  GC_TRAVERSAL_ARRAYS,
} from '../graphs.ts';
import {
  explicitFigures,
  milliseconds,
  nanoseconds,
  perCent,
  repetitionsOf,
  sideBytes,
  type Timed,
  timeCollection,
} from '../harness/collection-figures.ts';
import type { BenchFactory, Cell, Figure, FiguresBench, ManyFigures } from '../harness/types.ts';
import { assertSound, type Gc, scannedSoFar, warmUp } from './sharc-gc.ts';
import { type Graph, graphsIn } from './sharc-graphs.ts';

/** Larger heaps are not verified: that would take longer than the rest of the bench. */
const VERIFIED_OBJECTS = 100_000;

/** Enough for a second scanner to be called in. */
const WARM_UP_OBJECTS = 200_000;

interface Place {
  readonly heap: Heap;
  readonly gc: Gc;
  readonly graphs: ReturnType<typeof graphsIn>;
  readonly scanners: number;
}

const DEFAULT_SCANNERS = 2;

/** A heap without automatic collections, whose collector has worked before. */
async function place(objects: number, options: HeapOptions): Promise<Place> {
  const heap = Heap.create(options);
  const { gc } = heap;
  gc.disable();
  const graphs = graphsIn(heap);
  const scanners = options.scanners ?? DEFAULT_SCANNERS;
  // A second scanner is no use for small collections: they do not wait for it either.
  const isLarge = objects >= WARM_UP_OBJECTS;
  await warmUp(gc, isLarge ? scanners : 1, () => {
    const size = isLarge ? WARM_UP_OBJECTS : 20_000;
    const [kept, dropped] = graphs.buildHalves(size);
    dropped.last.release();
    gc.collect();
    kept.last.release();
  });
  return { heap, gc, graphs, scanners };
}

/**
 * What the statistics say beside the times: how long it took to stop, and of heaps that are large
 * enough to mean anything, the bytes of side tables per object and the less busy scanner's share.
 */
function noted({ gc, scanners }: Place, before: readonly number[], objects: number): Figure[] {
  const [, , oldest] = gc.getStats();
  const figures = [milliseconds('time-to-stop', oldest.timeToStopMs)];
  if (objects < WARM_UP_OBJECTS) return figures;
  const scanned = scannedSoFar(gc).map((sum, scanner) => sum - (before[scanner] ?? 0));
  while (scanned.length < scanners) scanned.push(0);
  const all = scanned.reduce((sum, one) => sum + one, 0);
  figures.push(sideBytes(oldest.sideBytes / objects));
  if (scanners > 1) figures.push(perCent('share', (100 * Math.min(...scanned)) / all));
  return figures;
}

function finish(
  at: Place,
  { objects, runs, before }: { objects: number; runs: readonly Timed[]; before: number[] },
  found: Parameters<typeof collectionChecksum>[0],
): ManyFigures {
  if (objects <= VERIFIED_OBJECTS) assertSound(at.heap);
  const figures = [...explicitFigures(objects, runs), ...noted(at, before, objects)];
  return { figures, checksum: collectionChecksum(found) };
}

function live(options: HeapOptions, { operations }: Cell): FiguresBench {
  const measureAll = async () => {
    const at = await place(operations, options);
    const { last, walk } = at.graphs.buildGraph(operations);
    const before = scannedSoFar(at.gc);
    const runs: Timed[] = [];
    let collected = 0;
    const collect = () => {
      collected += at.gc.collect();
    };
    for (let i = 0; i < repetitionsOf(operations); i++) runs.push(timeCollection(collect));
    const alive = at.graphs.ringLength(last);
    return finish(at, { objects: operations, runs, before }, { walk, live: alive, collected });
  };
  return { measureAll };
}

/** What a repetition has built: what is to be dropped, and what stays. */
interface Built {
  readonly dropped: Graph | undefined;
  readonly kept?: Graph;
}

type Build = (graphs: Place['graphs'], objects: number) => Built;

function garbage(build: Build, { operations }: Cell, repetitions: number): FiguresBench {
  const measureAll = async () => {
    const at = await place(operations, {});
    const before = scannedSoFar(at.gc);
    const runs: Timed[] = [];
    let found = { walk: 0, live: 0, collected: 0 };
    for (let i = 0; i < repetitions; i++) {
      const { dropped, kept } = build(at.graphs, operations);
      const walk = dropped?.walk ?? 0;
      dropped?.last.release();
      let collected = 0;
      const timed = timeCollection(() => {
        collected = at.gc.collect();
      });
      runs.push(timed);
      found = { walk, live: kept === undefined ? 0 : at.graphs.ringLength(kept.last), collected };
      if (kept !== undefined) {
        kept.last.release();
        at.gc.collect();
      }
    }
    return finish(at, { objects: operations, runs, before }, found);
  };
  return { measureAll };
}

const garbageOf =
  (build: Build): BenchFactory =>
  (cell) =>
    garbage(build, cell, repetitionsOf(cell.operations));

const gcCollect: BenchFactory = (cell) => {
  const build: Build = (graphs) => {
    graphs.dropDoubleRings(GC_COLLECT_RINGS, GC_COLLECT_RING);
    return { dropped: undefined };
  };
  return garbage(build, cell, 100);
};

function gcTraversal({ operations }: Cell): FiguresBench {
  const measureAll = async () => {
    const at = await place(GC_TRAVERSAL_ARRAYS, {});
    const { heap, gc } = at;
    let top: HeapArray<Handle> = heap.array();
    for (let n = 1; n < GC_TRAVERSAL_ARRAYS; n++) {
      const next: HeapArray<Handle> = heap.array();
      heap.run(() => {
        for (let i = 0; i < n; i++) next.push(top);
      });
      top.release();
      top = next;
    }
    const before = scannedSoFar(gc);
    const runs: Timed[] = [];
    let collected = gc.collect();
    const collect = () => {
      collected += gc.collect();
    };
    for (let i = 0; i < 40; i++) runs.push(timeCollection(collect));
    let edges = 0;
    heap.run(() => {
      for (let array: HeapArray<Handle> = top; array.length > 0; ) {
        edges += array.length;
        array = array.at(0) as unknown as HeapArray<Handle>;
      }
    });
    const figures = [
      ...explicitFigures(operations, runs),
      ...noted(at, before, GC_TRAVERSAL_ARRAYS),
    ];
    assertSound(heap);
    return { figures, checksum: collectionChecksum({ walk: 0, live: edges, collected }) };
  };
  return { measureAll };
}

function youngLive({ operations }: Cell): FiguresBench {
  const measureAll = async () => {
    const { heap, gc, graphs } = await place(operations, {});
    const { refs, held } = graphs.old();
    gc.collect();
    const times: number[] = [];
    let alive = 0;
    let collected = 0;
    const collect = () => {
      collected += gc.collect(0);
    };
    const build = () => {
      const last = graphs.buildYoung(operations, refs);
      const { wall } = timeCollection(collect);
      times.push((wall * 1e6) / operations);
      alive = graphs.chainLength(last);
      last.release();
    };
    for (let i = 0; i < 10 * repetitionsOf(operations); i++) build();
    if (operations <= VERIFIED_OBJECTS) assertSound(heap);
    held.last.release(); // not before: the chains have borrowed from it
    const checksum = collectionChecksum({ walk: 0, live: alive, collected });
    return { figures: [nanoseconds(...times)], checksum };
  };
  return { measureAll };
}

export const explicitBenches: Readonly<Record<string, BenchFactory>> = {
  gc_collect: gcCollect,
  gc_traversal: gcTraversal,
  'full-live': (cell) => live({}, cell),
  'full-live-scanners-1': (cell) => live({ scanners: 1 }, cell),
  'full-live-scanners-2': (cell) => live({ scanners: 2 }, cell),
  'full-garbage': garbageOf((graphs, objects) => ({ dropped: graphs.buildGraph(objects) })),
  'half-garbage': garbageOf((graphs, objects) => {
    const [kept, dropped] = graphs.buildHalves(objects);
    return { kept, dropped };
  }),
  'ring-garbage': garbageOf((graphs, objects) => ({ dropped: graphs.buildRing(objects) })),
  'rings-garbage': garbageOf((graphs, objects) => ({ dropped: graphs.buildRings(objects) })),
  'young-live': youngLive,
};
