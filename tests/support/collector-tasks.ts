/**
 * The threads of the tests of the collector thread, run from the sources by `workers/boot.mjs`, and
 * the graphs that are collected there. Tests and threads wait for each other by shared words.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { ensureCollectorThread } from '../../src/collector-thread.ts';
import {
  claimCollector,
  isCollectorServing,
  REQUEST_SCANNERS,
  request,
} from '../../src/gc/requests.ts';
import { Heap, sessionOf } from '../../src/heap.ts';
import type { HeapToken } from '../../src/index.ts';
import type { Mutator } from '../../src/object/mutator.ts';

/** Objects that stay alive while `collect` runs: they make a scan last. */
export const LIVE = 100_000;
/** Nodes made in one section. */
const SECTION = 1000;
/** Objects of a ring, and rings that are dropped before each collection. */
export const RING = 20;
const RINGS = 100;

/** Words that a test and its threads share. */
export const WORDS = {
  /** Threads that are attached and prepared. */
  ready: 0,
  /** The round to claim in; -1: no more rounds, and no more collections. */
  round: 1,
  /** Threads that have claimed in this round; collections so far. */
  done: 2,
  /** Claims of this round that were granted. */
  granted: 3,
  /** Collections that did not find exactly what was garbage. */
  wrong: 4,
  /** Helpers that were reported lost. */
  lost: 5,
} as const;

/** What `workerData` holds. */
export interface TaskData {
  readonly entry: string;
  readonly task: 'claim' | 'start' | 'collect';
  readonly token: HeapToken;
  readonly words: Int32Array;
}

/** Starts a thread that runs `task` from the sources. */
export function startTask(heap: Heap, task: TaskData['task'], words: Int32Array): Worker {
  const entry = import.meta.url;
  const workerData: TaskData = { entry, task, token: heap.share(), words };
  return new Worker(new URL('../../workers/boot.mjs', import.meta.url), { workerData });
}

/** Builds a graph of `count` nodes in an array that is a named root. */
export function growGraph(heap: Heap, count: number): void {
  const Node = heap.struct('Node', { half: 'ref', previous: 'ref' });
  using nodes = heap.array();
  heap.root.set('nodes', nodes as never);
  for (let from = 0; from < count; from += SECTION) {
    heap.run(() => {
      for (let i = from; i < Math.min(count, from + SECTION); i++) {
        const [half, previous] = i === 0 ? [null, null] : [nodes.at(i >> 1), nodes.at(i - 1)];
        nodes.push(new Node({ half: half as never, previous: previous as never }) as never);
      }
    });
  }
}

/** Makes rings of `RING` objects and lets go of them. */
export function dropRings(heap: Heap, rings: number): void {
  const Link = heap.struct('Link', { next: 'ref' });
  for (let ring = 0; ring < rings; ring++) {
    heap.run(() => {
      const first = new Link({ next: null });
      let last = first;
      for (let i = 1; i < RING; i++) last = new Link({ next: last });
      first.next = last;
    });
  }
}

/** Sets a word and wakes whoever waits for it. */
function increment(words: Int32Array, word: number): void {
  Atomics.add(words, word, 1);
  Atomics.notify(words, word);
}

/** Claims the post of the collector in every round, at the same moment as the other threads. */
function claimInRounds(mem: Mutator, words: Int32Array): void {
  increment(words, WORDS.ready);
  for (let round = 0; ; round++) {
    // A notification may come late, when its round is over: the word tells, not the waking.
    while (Atomics.load(words, WORDS.round) === round) Atomics.wait(words, WORDS.round, round);
    if (Atomics.load(words, WORDS.round) < 0) return;
    if (claimCollector(mem)) Atomics.add(words, WORDS.granted, 1);
    increment(words, WORDS.done);
  }
}

/** Starts the collector thread, waits until it serves, and ends. */
async function startAndEnd(mem: Mutator, words: Int32Array): Promise<void> {
  ensureCollectorThread(mem);
  while (!isCollectorServing(mem)) await new Promise((resolve) => setTimeout(resolve, 1));
  increment(words, WORDS.ready);
}

/** Collects again and again, with the help of the pool, and knows what must be found. */
function collectAgain(heap: Heap, mem: Mutator, words: Int32Array): void {
  const { collector } = sessionOf(heap).collections;
  collector.summon = () => request(mem, REQUEST_SCANNERS); // who starts the pool is the test
  collector.onLost = (helpers) => Atomics.add(words, WORDS.lost, helpers);
  growGraph(heap, LIVE);
  increment(words, WORDS.ready);
  while (Atomics.load(words, WORDS.round) >= 0) {
    dropRings(heap, RINGS);
    if (heap.gc.collect() !== RINGS * RING) Atomics.add(words, WORDS.wrong, 1);
    increment(words, WORDS.done);
  }
}

if (!isMainThread) {
  const { task, token, words } = workerData as TaskData;
  const heap = Heap.attach(token);
  const { mem } = sessionOf(heap);
  if (task === 'claim') claimInRounds(mem, words);
  else if (task === 'collect') collectAgain(heap, mem, words);
  else await startAndEnd(mem, words);
}
