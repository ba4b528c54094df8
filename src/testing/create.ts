/**
 * Programs from a seed. Each has a taste of its own: it favours some operations and leaves others
 * out, since a program that does everything alike seldom does one thing often.
 */

import type { HeapOptions } from '../base/options.ts';
import type { HostileOptions } from './hostile.ts';
import { KIND_GROUP, KIND_LIST, KIND_PAIR, KIND_TABLE, KINDS } from './kinds.ts';
import {
  ITERATORS,
  OPERATIONS,
  type Operation,
  type OperationName,
  REGISTERS,
  ROOTS,
  THRESHOLDS,
} from './operations.ts';
import type { Program } from './program.ts';
import { Random } from './random.ts';
import { VALUE_FORMS } from './values.ts';

/** How a program is made. */
export interface ProgramOptions {
  /** How many operations it has, about; 2,000 unless given. */
  readonly operations?: number;
  /** Options of the heap it is meant for; drawn from the seed unless given. */
  readonly heap?: HeapOptions;
  /** Operations between two comparisons with the model, on average; 150 unless given. */
  readonly checkEvery?: number;
  /** Whether it leaves alone what concerns all threads: for a heap that others use, too. */
  readonly isShared?: boolean;
}

const MIB = 2 ** 20;

/** How often operations are drawn, before a program's taste. */
const WEIGHTS: Readonly<Partial<Record<OperationName | ShapeName, number>>> = {
  new: 14,
  init: 8,
  store: 30,
  load: 14,
  clear: 2,
  visit: 1,
  traverse: 1,
  push: 8,
  pop: 3,
  shift: 1,
  unshift: 1,
  splice: 2,
  resize: 1,
  put: 3,
  remove: 3,
  erase: 2,
  open: 1,
  step: 2,
  close: 0.5,
  add: 6,
  unset: 2,
  walk: 0.5,
  begin: 0.7,
  tuple: 8,
  bytes: 1.5,
  copy: 4,
  keep: 3,
  drop: 8,
  root: 5,
  unroot: 1,
  get: 2,
  refcount: 2,
  immortalize: 0.01,
  collect: 1.5,
  thresholds: 0.2,
  freeze: 0.1,
  unfreeze: 0.15,
  disable: 0.1,
  enable: 0.3,
  scan: 0.3,
  safepoint: 1,
  section: 5,
  scope: 3,
  fail: 1.5,
  poison: 0.5,
  leak: 0.3,
  ring: 0.6,
  chain: 0.3,
  clique: 0.2,
  hub: 0.3,
  knot: 0.4,
  strings: 0.2,
  fill: 0.002,
};

/** What is drawn besides when a program shares its heap. */
const SHARED_WEIGHTS: Readonly<Partial<Record<OperationName | ShapeName, number>>> = {
  send: 3,
  receive: 5,
  parcel: 0.5,
};

/** Operations of the collector that concern all threads of a heap. */
const GLOBAL: readonly OperationName[] = ['immortalize', 'leak', 'poison'];

/** Operations that make objects unreachable. */
const DROPS: readonly OperationName[] = [
  'drop',
  'clear',
  'unroot',
  'resize',
  'remove',
  'pop',
  'unset',
];

type ShapeName = 'ring' | 'chain' | 'clique' | 'hub' | 'knot' | 'strings' | 'fill' | 'parcel';

/** The program of a seed: the same on every machine. */
export function createProgram(seed: number, options: ProgramOptions = {}): Program {
  const random = new Random(seed);
  const heap = options.heap ?? drawHeap(random);
  const weights = drawTaste(random, options.isShared ?? false);
  if ((heap.maxBytes ?? MIB) <= 2 * MIB) weights.fill = FILL_WEIGHT;
  const { operations: count = 2000, checkEvery = 150 } = options;
  const operations: Operation[] = [];
  while (operations.length < count) {
    if (random.chance(1 / checkEvery)) operations.push(['check']);
    const name = random.weighted(weights);
    if (name in SHAPES) SHAPES[name as ShapeName](random, operations);
    else operations.push(drawOperation(random, name as OperationName));
  }
  const hostile = random.chance(HOSTILE_SHARE) ? drawHostility(random) : undefined;
  return { seed, heap, operations, ...(hostile && { hostile }) };
}

/** How many programs run in a hostile mode, of all. */
const HOSTILE_SHARE = 0.3;

function drawHostility(random: Random): HostileOptions {
  const modes: readonly (() => HostileOptions)[] = [
    () => ({ failEvery: random.pick([3, 7, 20, 100]) }),
    () => ({ failNth: random.between(1, 300) }),
    () => ({ collectEvery: random.pick([2, 3, 10, 50]) }),
    () => ({ poison: true, collectEvery: random.pick([10, 50, 200]) }),
    () => ({ tune: { pageScanFrom: 0 }, collectEvery: random.pick([2, 30]) }),
    () => ({ tune: { pageScanFrom: 0, parallelFrom: 0 } }),
    () => ({ tune: { pageScanFrom: 0, parallelFrom: random.pick([0, 50]), backgroundFrom: 0 } }),
  ];
  return random.pick(modes)();
}

function drawHeap(random: Random): HeapOptions {
  return {
    maxBytes: random.pick([1, 1, 2, 8, 8, 32]) * MIB,
    thresholds: random.pick(THRESHOLDS),
    counts: random.chance(0.2) ? 'atomic' : 'plain',
  };
}

function drawTaste(random: Random, isShared: boolean): Record<string, number> {
  const weights: Record<string, number> = {};
  const usual = isShared ? { ...WEIGHTS, ...SHARED_WEIGHTS } : WEIGHTS;
  for (const [name, weight] of Object.entries(usual)) {
    const isLeftOut = isShared && GLOBAL.includes(name as OperationName);
    weights[name] = isLeftOut ? 0 : weight * random.pick([0, 0.3, 1, 1, 1, 3]);
  }
  // Some programs grow: what they have made they seldom drop.
  if (random.chance(0.3)) for (const name of DROPS) weights[name] = (weights[name] as number) / 8;
  weights.new = (weights.new as number) + 5;
  weights.store = (weights.store as number) + 5;
  if (isShared) {
    weights.send = (weights.send as number) + 1;
    weights.receive = (weights.receive as number) + 2;
  }
  return weights;
}

function drawOperation(random: Random, name: OperationName): Operation {
  const letters: string = OPERATIONS[name].numbers;
  const numbers = [...letters].map((letter) => drawNumber(random, name, letter));
  return [name, ...numbers];
}

function drawNumber(random: Random, name: OperationName, letter: string): number {
  switch (letter) {
    case 't':
    case 'q':
    case 'a':
    case 'm':
    case 'e':
      return random.int(REGISTERS);
    case 'v':
      return drawValue(random);
    case 's':
      return random.int(random.pick([3, 10, 200]));
    case 'k':
      return random.chance(0.4) ? random.pick([KIND_PAIR, 1]) : random.int(KINDS.length);
    case 'g':
      return random.pick([0, 0, 1, 1, 2, 2, 2]);
    case 'R':
      return random.int(ROOTS);
    case 'i':
      return random.int(ITERATORS);
    default:
      return drawCount(random, name);
  }
}

function drawValue(random: Random): number {
  return random.chance(0.7) ? random.int(REGISTERS) : REGISTERS + random.int(12 * VALUE_FORMS);
}

function drawCount(random: Random, name: OperationName): number {
  if (name === 'section' || name === 'scope') return random.between(1, random.pick([3, 20]));
  if (name === 'resize') return random.pick([0, 1, 3, 10, 100, 700]);
  return random.int(name === 'fail' ? random.pick([2, 8]) : 6);
}

// ── Shapes: many operations at once ──────────────────────────────────────────────────────────

const FILL_COUNT = 6000;
/** How often tiny heaps are filled to their last page. */
const FILL_WEIGHT = 0.01;
/** Thresholds that start no collection: each would compare the whole model of a full heap. */
const NEVER = 4;
const sizes = [1, 2, 3, 10, 10, 40, 40, 150, 500];

/** Adds operations that make objects in a shape; its first one is in a register then. */
const SHAPES: Readonly<Record<ShapeName, (random: Random, out: Operation[]) => void>> = {
  ring: (random, out) => addChain(random, out, true),
  chain: (random, out) => addChain(random, out, false),

  /** Every object references every other: by an array of its own. */
  clique(random, out) {
    const size = random.between(2, 5);
    for (let a = 0; a < size; a++) out.push(['new', a, KIND_LIST]);
    for (let a = 0; a < size; a++) for (let b = 0; b < size; b++) out.push(['push', a, b]);
    for (let a = 1; a < size; a++) out.push(['drop', a]);
  },

  /** Objects that reference a container that references them. */
  hub(random, out) {
    const [hub, spoke] = [random.int(6), 6 + random.int(6)];
    const isMap = random.chance(0.4);
    out.push(['new', hub, isMap ? KIND_TABLE : KIND_LIST]);
    const size = random.pick(sizes);
    for (let i = 0; i < size; i++) {
      out.push(['init', spoke, KIND_PAIR, 0, hub]);
      out.push(isMap ? ['put', hub, spoke, hub] : ['push', hub, spoke]);
    }
    out.push(['drop', spoke]);
  },

  /** Cycles through tuples: each holds a set, or an array, that it stands in. */
  knot(random, out) {
    const [holder, tuple, outer] = [random.int(4), 4 + random.int(4), 8 + random.int(4)];
    const size = random.pick(sizes);
    for (let i = 0; i < size; i++) {
      const isSet = random.chance(0.5);
      out.push(['new', holder, isSet ? KIND_GROUP : KIND_LIST]);
      out.push(['tuple', tuple, holder, drawValue(random), random.between(1, 5)]);
      out.push([isSet ? 'add' : 'push', holder, tuple]);
      if (random.chance(0.5)) out.push(['tuple', outer, tuple, outer, 2]);
    }
    out.push(['drop', holder], ['drop', tuple]);
    if (random.chance(0.7)) out.push(['drop', outer]);
  },

  /** More small containers than a tiny heap has room for, up to its last page. */
  fill(random, out) {
    const [list, item] = [random.int(6), 6 + random.int(6)];
    const isMap = random.chance(0.5);
    out.push(['thresholds', NEVER], ['new', list, KIND_LIST]);
    for (let i = 0; i < FILL_COUNT; i++) {
      out.push(['new', item, isMap ? KIND_TABLE : KIND_LIST]);
      out.push(isMap ? ['put', item, item, list] : ['push', item, item], ['push', list, item]);
    }
    out.push(['check'], ['drop', list], ['drop', item]);
  },

  /** A graph with cycles and links across, sent to another thread. */
  parcel(random, out) {
    const before = out.length;
    const shape = random.pick(['ring', 'clique', 'hub', 'chain'] as const);
    SHAPES[shape](random, out);
    const first = out[before] as Operation; // it makes what holds the others
    out.push(['send', first[1] as number, random.int(8), random.pick([2, 3, 4])]);
  },

  /** An array of values that need room. */
  strings(random, out) {
    const array = random.int(REGISTERS);
    out.push(['new', array, KIND_LIST]);
    const size = random.pick(sizes);
    for (let i = 0; i < size; i++) out.push(['push', array, drawValue(random)]);
  },
};

/** Objects that reference the one before; the first one is closed to a ring by the last. */
function addChain(random: Random, out: Operation[], isRing: boolean): void {
  const [first, a, b] = [random.int(4), 4 + random.int(4), 8 + random.int(4)] as const;
  const size = random.pick(sizes);
  const kind = random.pick([KIND_PAIR, 1, 3, 4]);
  out.push(['new', first, kind], ['copy', a, first]);
  for (let i = 1; i < size; i++) out.push(['init', b, kind, 1, a], ['copy', a, b]);
  if (random.chance(0.3)) out.push(['root', random.int(ROOTS), first]);
  if (isRing) out.push(['store', first, 1, a]);
  out.push(['drop', a], ['drop', b]);
  if (random.chance(0.5)) out.push(['drop', first]);
}
