/**
 * Collections of V8's shared heap while a mutator works in a second thread. The main thread calls
 * `gc()`: its collection is that of the shared heap, and it stops all threads that have part in it.
 *
 *   phase   IDLE     the mutator works alone
 *           READY    it has measured that, set by the mutator
 *           BESIDE   it goes on, set by the main thread
 *           BEGUN    the collection begins, set by the main thread
 *           OVER     it has ended, set by the main thread
 */

import { collectionChecksum, MUTATOR_POOL } from '../graphs.ts';
import { besideFigures } from '../harness/collection-figures.ts';
import type { Cell, FiguresBench, ManyFigures } from '../harness/types.ts';
import {
  aloneMs,
  type BesideMemory,
  createBeside,
  readBeside,
  startTaking,
  workAlone,
  workBeside,
} from './beside.ts';
import { collectGarbage } from './heap-delta.ts';
import { startPartner } from './partner.ts';
import {
  buildGraph,
  buildHalves,
  buildRing,
  buildRings,
  type Graph,
  type GraphNode,
  type Make,
  ringLength,
  timeFreeing,
} from './v8-graphs.ts';

const IDLE = 0;
const READY = 1;
const BESIDE = 2;
const BEGUN = 3;
const OVER = 4;

/** Operations of the mutator between two looks at the clock. */
const BATCH = 16;

/** Objects for the mutator where the graph itself is garbage. */
const OWN_POOL = 1000;

export interface Task {
  readonly phase: Int32Array;
  readonly memory: BesideMemory;
  readonly milliseconds: number;
  /** The mutator stores references to each other in these objects' `d`. */
  readonly ring: GraphNode;
}

function setPhase(phase: Int32Array, value: number): void {
  Atomics.store(phase, 0, value);
  Atomics.notify(phase, 0);
}

function awaitPhase(phase: Int32Array, value: number): void {
  for (;;) {
    const current = Atomics.load(phase, 0);
    if (current >= value) return;
    Atomics.wait(phase, 0, current);
  }
}

function poolOf(ring: GraphNode): GraphNode[] {
  const pool = [ring];
  for (let node = ring.c!; node !== ring && pool.length < MUTATOR_POOL; node = node.c!) {
    pool.push(node);
  }
  return pool;
}

/** The mutator's thread: allocates and drops objects, and stores references over others. */
export function mutator({ phase, memory, milliseconds, ring }: Task, make: Make): () => void {
  const pool = poolOf(ring);
  let at = 0;
  let dropped = ring; // outlives the operation, so that the compiler has to allocate
  const work = () => {
    for (let i = 0; i < BATCH; i++) {
      dropped = make();
      const holder = pool[at]!;
      at = at + 1 === pool.length ? 0 : at + 1;
      holder.d = pool[at]!;
    }
    dropped.d = null;
  };
  return () => {
    workAlone(memory, milliseconds, work);
    setPhase(phase, READY);
    awaitPhase(phase, BESIDE);
    const hasBegun = () => Atomics.load(phase, 0) >= BEGUN;
    const isOver = () => Atomics.load(phase, 0) === OVER;
    workBeside(memory, { hasBegun, isOver }, work);
  };
}

/** What is collected: the part that stays, and the number of objects that do not. */
interface Situation {
  kept: GraphNode | undefined;
  /** Held until the collection begins. */
  held: unknown;
  readonly walk: number;
  readonly live: number;
  readonly garbage: number;
}

async function collectBeside(
  module: string,
  situation: Situation,
  { objects, make }: { objects: number; make: Make },
): Promise<ManyFigures> {
  const phase = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const memory = createBeside();
  const milliseconds = aloneMs(objects);
  const ring = situation.kept ?? buildRing(make, OWN_POOL);
  collectGarbage();
  setPhase(phase, IDLE);
  const partner = await startPartner(module, { phase, memory, milliseconds, ring });
  partner.release();
  awaitPhase(phase, READY);
  situation.held = undefined;
  const take = startTaking();
  setPhase(phase, BESIDE);
  // The mutator is at work before it is stopped.
  Atomics.wait(phase, 0, BESIDE, 1);
  setPhase(phase, BEGUN);
  const begin = performance.now();
  const { collected } = timeFreeing(situation.garbage);
  const wall = performance.now() - begin;
  setPhase(phase, OVER);
  partner.join();
  const taken = { ...take(objects), wall };
  await partner.close();
  const live = situation.live === 0 ? 0 : ringLength(ring);
  const checksum = collectionChecksum({ walk: situation.walk, live, collected });
  return { figures: besideFigures(readBeside(memory, taken)), checksum };
}

function situationOf(name: string, make: Make, objects: number): Situation {
  const dropped = (walk: number, held: unknown): Situation => {
    return { kept: undefined, held, walk, live: 0, garbage: objects };
  };
  if (name === 'full-live') {
    const { last, walk } = buildGraph(make, objects);
    return { kept: last, held: undefined, walk, live: objects, garbage: 0 };
  }
  if (name === 'half-garbage') {
    const [kept, held]: Graph[] = buildHalves(make, objects);
    const half = objects / 2;
    return { kept: kept!.last, held, walk: kept!.walk, live: half, garbage: half };
  }
  if (name === 'ring-garbage') return dropped(0, buildRing(make, objects));
  if (name === 'rings-garbage') return dropped(0, buildRings(make, objects));
  const graph = buildGraph(make, objects);
  return dropped(graph.walk, graph);
}

/** A workload beside a mutator; `module` is where the second thread finds its `contend`. */
export function besideBench(
  module: string,
  name: string,
  { make, cell }: { make: Make; cell: Cell },
): FiguresBench {
  const objects = cell.operations;
  const measureAll = () =>
    collectBeside(module, situationOf(name, make, objects), { objects, make });
  return { measureAll };
}
