/**
 * Automatic collections while the main thread works as a mutator: thresholds are crossed, and the
 * collector's own threads do the rest. What is collected has reached the oldest generation before:
 * the collection is a full one.
 */

import { type Handle, Heap, type HeapArray } from '../../src/index.ts';
import { collectionChecksum, MUTATOR_POOL } from '../graphs.ts';
import {
  besideFigures,
  milliseconds,
  shareOnly,
  sideBytes,
} from '../harness/collection-figures.ts';
import type { BenchFactory, Cell, ManyFigures } from '../harness/types.ts';
import {
  aloneMs,
  type BesideMemory,
  createBeside,
  type Progress,
  readBeside,
  startTaking,
  workAlone,
  workBeside,
} from './beside.ts';
import { assertSound, collectedSoFar, cpuSoFar, type Gc } from './sharc-gc.ts';
import { type Graph, graphsIn } from './sharc-graphs.ts';

/** Operations of the mutator in one section. */
const BATCH = 16;

/** Objects for the mutator where the graph itself is garbage. */
const OWN_POOL = 1000;

const VERIFIED_OBJECTS = 100_000;
const LEAD_MS = 30;
const POLL_MS = 1;

/** Give up: the collection that was waited for has not come. */
const DEADLINE_MS = 60_000;

interface Situation {
  readonly kept?: Graph;
  readonly dropped?: Graph;
}

type Graphs = ReturnType<typeof graphsIn>;
type Build = (graphs: Graphs, objects: number) => Situation;

/**
 * A full collection, begun by `begin` after LEAD_MS: by then the loop of the mutator is compiled.
 * Whether it has ended is looked at once in POLL_MS.
 */
function fullCollectionOf(gc: Gc, begin: () => void): Progress {
  const collections = () => gc.getStats()[2].collections;
  const before = collections();
  const lead = performance.now() + LEAD_MS;
  const deadline = lead + DEADLINE_MS;
  let hasBegun = false;
  let next = 0;
  return {
    hasBegun: () => {
      if (hasBegun || performance.now() < lead) return hasBegun;
      hasBegun = true;
      begin();
      return true;
    },
    isOver: () => {
      const now = performance.now();
      if (now < next) return false;
      next = now + POLL_MS;
      if (now > deadline) throw new Error('no automatic full collection has come');
      return collections() > before;
    },
  };
}

/**
 * Makes a full collection due: a collection of generation 1 has left everything in generation 2, so
 * that CPython's 25 % rule is fulfilled, and these allocations cross the threshold.
 */
function provoke(heap: Heap, allocated: HeapArray<Handle>): void {
  heap.gc.setThreshold(1, 10, 0);
  heap.gc.enable();
  heap.run(() => {
    for (let i = 0; i < 4; i++) allocated.push(heap.array());
  });
}

/** One automatic full collection while `work` goes on. */
function runAutomatic(heap: Heap, memory: BesideMemory, work: () => void) {
  const { gc } = heap;
  const allocated: HeapArray<Handle> = heap.array();
  let take = startTaking();
  const begin = () => {
    take = startTaking();
    provoke(heap, allocated);
  };
  workBeside(memory, fullCollectionOf(gc, begin), work);
  gc.disable();
  return { take, allocated };
}

const WARM_UPS = 8;
const WARM_UP_OBJECTS = 100_000;

/** The collector's thread has started, and its code is compiled. */
function warmUp(heap: Heap, graphs: Graphs, objects: number): void {
  const memory = createBeside();
  const own = graphs.buildRing(OWN_POOL);
  const work = graphs.mutatorOn(graphs.refsOf(own.last, MUTATOR_POOL), BATCH);
  for (let round = 0; round < WARM_UPS; round++) {
    const [kept, dropped] = graphs.buildHalves(objects);
    heap.gc.collect(1);
    dropped.last.release();
    runAutomatic(heap, memory, work).allocated.release();
    kept.last.release();
    heap.gc.collect();
  }
  own.last.release();
  heap.gc.collect(); // that ring is not to be found by the collection that counts
}

async function collectBeside(build: Build, { operations: objects }: Cell): Promise<ManyFigures> {
  const heap = Heap.create();
  const { gc } = heap;
  gc.disable();
  const graphs = graphsIn(heap);
  warmUp(heap, graphs, Math.min(objects, WARM_UP_OBJECTS));
  const memory = createBeside();
  const { kept, dropped } = build(graphs, objects);
  const own = kept ?? graphs.buildRing(OWN_POOL);
  const work = graphs.mutatorOn(graphs.refsOf(own.last, MUTATOR_POOL), BATCH);
  gc.collect(1);
  workAlone(memory, aloneMs(objects), work);
  const walk = (kept ?? dropped)?.walk ?? 0;
  dropped?.last.release();

  const collectedBefore = collectedSoFar(gc);
  const cpuBefore = cpuSoFar(gc);
  const { take, allocated } = runAutomatic(heap, memory, work);
  const taken = take(objects);
  const cpu = cpuSoFar(gc) - cpuBefore;

  const collected = collectedSoFar(gc) - collectedBefore;
  const live = kept === undefined ? 0 : graphs.ringLength(kept.last);
  allocated.release();
  if (objects <= VERIFIED_OBJECTS) assertSound(heap);
  own.last.release(); // not before: the mutator has borrowed its objects
  const [, , oldest] = gc.getStats();
  const figures = [
    // The mutator takes part: its share of the work is in the statistics alone.
    ...besideFigures({ ...readBeside(memory, taken), cpu }),
    milliseconds('time-to-stop', oldest.timeToStopMs),
  ];
  if (objects >= WARM_UP_OBJECTS) figures.push(sideBytes(oldest.sideBytes / objects));
  return { figures, checksum: collectionChecksum({ walk, live, collected }) };
}

const beside =
  (build: Build): BenchFactory =>
  (cell) => ({ measureAll: () => collectBeside(build, cell) });

const fullLive: Build = (graphs, objects) => ({ kept: graphs.buildGraph(objects) });

const shareBeside: BenchFactory = (cell) => ({
  measureAll: async () => {
    const { figures, checksum } = await collectBeside(fullLive, cell);
    return { figures: shareOnly(figures), checksum };
  },
});

export const besideBenches: Readonly<Record<string, BenchFactory>> = {
  'full-live-automatic': beside(fullLive),
  'full-garbage-automatic': beside((graphs, objects) => ({ dropped: graphs.buildGraph(objects) })),
  'half-garbage-automatic': beside((graphs, objects) => {
    const [kept, dropped] = graphs.buildHalves(objects);
    return { kept, dropped };
  }),
  'ring-garbage-automatic': beside((graphs, objects) => ({ dropped: graphs.buildRing(objects) })),
  'rings-garbage-automatic': beside((graphs, objects) => ({
    dropped: graphs.buildRings(objects),
  })),
  'mutator-beside-scan': shareBeside,
};
