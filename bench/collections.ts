/**
 * The workloads of the collector. Each asks what a full collection costs in one situation: the
 * CPU of all collecting threads, the wall time, and how long whom it keeps from working.
 */

import {
  collectionChecksum,
  edgesOf,
  fillOf,
  GC_COLLECT_RING,
  GC_COLLECT_RINGS,
  GC_TRAVERSAL_ARRAYS,
  walkOf,
  windowOf,
} from './graphs.ts';
import type { Cell, Scale, Workload } from './harness/types.ts';

type Cells = Readonly<Record<Scale, readonly Cell[]>>;

const cell = (objects: number, threads: number, size: number | null = objects): Cell => ({
  operations: objects,
  size,
  threads,
});

const sized = (threads: number, smoke: number, quick: number, full: readonly number[]): Cells => ({
  smoke: [cell(smoke, threads)],
  quick: [cell(quick, threads)],
  full: full.map((objects) => cell(objects, threads)),
});

const SIZES = [10_000, 100_000, 1_000_000, 4_000_000];
const RING_SIZES = [20_000, 200_000, 2_000_000, 4_000_000];
const COLLECTORS = ['sharc', 'v8-shared-struct', 'plain', 'cpython'];
const CONCURRENT = ['sharc', 'v8-shared-struct', 'cpython'];
/** Pauses are the median of five processes. */
const PROCESSES = { smoke: 1, quick: 1, full: 5 };

const base = {
  metric: 'time',
  unit: 'ms',
  processes: PROCESSES,
  isCollection: true,
} as const;

/** The caller collects and waits for it. */
const explicit = { ...base, subjects: COLLECTORS, cells: sized(1, 1000, 20_000, SIZES) };

/** A mutator works in one thread while another one collects. */
const automatic = { ...base, subjects: CONCURRENT, cells: sized(2, 1000, 20_000, SIZES) };

const allLive = ({ operations: live }: Cell): number =>
  collectionChecksum({ walk: walkOf(edgesOf(live)), live, collected: 0 });

const allGarbage = ({ operations: collected }: Cell): number =>
  collectionChecksum({ walk: walkOf(edgesOf(collected)), live: 0, collected });

const halfGarbage = ({ operations }: Cell): number => {
  const half = operations / 2;
  return collectionChecksum({ walk: walkOf(edgesOf(half)), live: half, collected: half });
};

const collectedOnly = ({ operations: collected }: Cell): number =>
  collectionChecksum({ walk: 0, live: 0, collected });

const liveOnly = ({ operations: live }: Cell): number =>
  collectionChecksum({ walk: 0, live, collected: 0 });

/** Here `operations` counts the milliseconds for which the mutator works. */
const lasting = (milliseconds: number, objects: number): Cell => ({
  ...cell(objects, 1),
  operations: milliseconds,
});

/** Messages in the map, and the bytes that the oldest and the newest one are filled with. */
const messagesLeft = ({ operations }: Cell): number => {
  const window = windowOf(operations);
  return window * 65536 + fillOf(operations - window) * 256 + fillOf(operations - 1);
};

const messages = {
  ...base,
  subjects: ['sharc', 'plain', 'cpython'],
  cells: sized(1, 1000, 20_000, [10_000, 100_000, 300_000, 1_000_000]),
  expected: messagesLeft,
};

const onlyAt = (size: number, threads: number): Cells => ({
  smoke: [cell(1000, threads)],
  quick: [cell(50_000, threads)],
  full: [cell(size, threads)],
});

const fixed = (objects: number): Cells => {
  const only = [cell(objects, 1, null)];
  return { smoke: only, quick: only, full: only };
};

const pyperformance = {
  gc_collect: {
    ...explicit,
    question: 'pyperformance: 100 doubly linked rings of 21 nodes, garbage: one collection.',
    cells: fixed(GC_COLLECT_RINGS * GC_COLLECT_RING),
    expected: collectedOnly,
  },
  gc_traversal: {
    ...explicit,
    question: 'pyperformance: 1000 arrays, 499,500 references between them, live: one collection.',
    cells: fixed((GC_TRAVERSAL_ARRAYS * (GC_TRAVERSAL_ARRAYS - 1)) / 2),
    expected: liveOnly,
  },
} satisfies Record<string, Workload>;

const full = {
  'full-live': {
    ...explicit,
    question: 'What does a full collection cost that finds no garbage?',
    expected: allLive,
  },
  'full-live-automatic': {
    ...automatic,
    question: 'How long does a full collection that finds no garbage keep a mutator beside it?',
    expected: allLive,
  },
  'full-live-scanners-1': {
    ...explicit,
    question: 'What does an explicit full collection cost on one scanner?',
    subjects: ['sharc'],
    cells: onlyAt(4_000_000, 1),
    expected: allLive,
  },
  'full-live-scanners-2': {
    ...explicit,
    question: 'What does the same cost on two? The share is that of the less busy one.',
    subjects: ['sharc'],
    cells: onlyAt(4_000_000, 1),
    expected: allLive,
  },
  'full-garbage': {
    ...explicit,
    question: 'What does a full collection cost when all objects are garbage?',
    expected: allGarbage,
  },
  'full-garbage-automatic': {
    ...automatic,
    question: 'How long does it keep a mutator beside it?',
    expected: allGarbage,
  },
  'half-garbage': {
    ...explicit,
    question: 'What does a full collection cost when every second object is garbage?',
    expected: halfGarbage,
  },
  'half-garbage-automatic': {
    ...automatic,
    question: 'How long does it keep a mutator beside it?',
    expected: halfGarbage,
  },
  'ring-garbage': {
    ...explicit,
    question: 'What does a full collection cost when all garbage is one ring?',
    expected: collectedOnly,
  },
  'ring-garbage-automatic': {
    ...automatic,
    question: 'How long does it keep a mutator beside it?',
    expected: collectedOnly,
  },
  'rings-garbage': {
    ...explicit,
    question: 'What does a full collection cost when the garbage is rings of 20 objects?',
    cells: sized(1, 1000, 20_000, RING_SIZES),
    expected: collectedOnly,
  },
  'rings-garbage-automatic': {
    ...automatic,
    question: 'How long does it keep a mutator beside it?',
    cells: sized(2, 1000, 20_000, RING_SIZES),
    expected: collectedOnly,
  },
} satisfies Record<string, Workload>;

const others = {
  'young-live': {
    ...base,
    question: 'What does a young collection without garbage cost, per object examined?',
    unit: 'ns/op',
    subjects: ['sharc', 'cpython'],
    cells: sized(1, 700, 7000, [700, 7000, 70_000, 700_000]),
    expected: liveOnly,
    isCollection: false,
  },
  'mutator-beside-scan': {
    ...automatic,
    question: 'What share of its throughput keeps a mutator while a heap is scanned beside it?',
    metric: 'mutator-share',
    unit: '%',
    cells: onlyAt(4_000_000, 2),
    expected: allLive,
    isCollection: false,
  },
  latency: {
    ...messages,
    question: 'How long does one push take: 1 KiB messages into a map that keeps a fifth of them?',
  },
  'latency-cycles': {
    ...messages,
    question: 'The same where each message forms a cycle with its map entry.',
  },
  mmu: {
    ...base,
    question: 'What do automatic collections leave a mutator that makes cyclic garbage?',
    subjects: COLLECTORS,
    cells: {
      smoke: [lasting(50, 1000)],
      quick: [lasting(500, 20_000)],
      full: SIZES.map((objects) => lasting(4000, objects)),
    },
    expected: ({ size }) => collectionChecksum({ walk: 0, live: size!, collected: 0 }),
  },
} satisfies Record<string, Workload>;

export const COLLECTIONS: Readonly<Record<string, Workload>> = {
  ...pyperformance,
  ...full,
  ...others,
};
