/**
 * The workloads on the raw layer, each sample in one exclusive section. What lives from sample to
 * sample is held by kept handles, and borrowed from them at the start of each section.
 */

import { type CountsMode, type Handle, Heap } from '../../src/index.ts';
import { type ObjectRef, raw } from '../../src/raw.ts';
import type { Bench, BenchFactory, Cell, Subject } from '../harness/types.ts';
import {
  fieldValueOf,
  INSPECT_EVERY,
  nameOf,
  POOL_SIZE,
  poolChecksum,
  poolOf,
  referentIndexOf,
  targetIndexOf,
} from '../shapes.ts';
import { readInParallel } from './parallel-sharc.ts';
import {
  declareItem,
  declareNode,
  ITEM_NEXT,
  liveBytesPerObject,
  NODE_A,
  NODE_SLOTS,
  versionWith,
} from './sharc-shapes.ts';

/** References of a pool of kept handles. */
type Refs = ObjectRef[];

const refsOf = (heap: Heap, handles: readonly Handle[]): Refs => {
  const { fromHandle } = raw(heap);
  return heap.run(() => handles.map(fromHandle));
};

function allocDrop(heap: Heap, { operations }: Cell): Bench {
  const { kindOf, alloc, load, decref } = raw(heap);
  const kind = kindOf(declareNode(heap));
  const isEmpty = (node: ObjectRef): boolean => {
    for (let slot = 0; slot < NODE_SLOTS; slot++) if (load(node, slot) !== 0) return false;
    return true;
  };
  const section = () => {
    let sound = 0;
    let node = alloc(kind);
    for (let done = 0; done < operations; done += INSPECT_EVERY) {
      for (let i = 0; i < INSPECT_EVERY; i++) {
        decref(node);
        node = alloc(kind);
      }
      if (isEmpty(node)) sound += INSPECT_EVERY;
    }
    decref(node);
    return sound;
  };
  return { run: () => heap.run(section) };
}

/** A chain of nodes: building it, walking it, dropping it. All inside a section. */
function chainsIn(heap: Heap) {
  const { kindOf, alloc, load, storeOwned, decref } = raw(heap);
  const kind = kindOf(declareNode(heap));
  const build = (length: number): ObjectRef => {
    let head = alloc(kind);
    for (let i = 1; i < length; i++) {
      const node = alloc(kind);
      storeOwned(node, NODE_A, head);
      head = node;
    }
    return head;
  };
  const lengthOf = (head: ObjectRef): number => {
    let length = 0;
    for (let node = head; node !== 0; node = load(node, NODE_A)) length++;
    return length;
  };
  return { build, lengthOf, drop: decref };
}

function allocKeep(heap: Heap, { operations }: Cell): Bench {
  const { build, lengthOf, drop } = chainsIn(heap);
  return {
    run: (clock) =>
      heap.run(() => {
        const head = build(operations);
        clock.pause();
        const length = lengthOf(head);
        clock.resume();
        drop(head);
        return length;
      }),
  };
}

function storeRef(heap: Heap, { operations }: Cell): Bench {
  const Node = declareNode(heap);
  const { load, store } = raw(heap);
  const holders = refsOf(
    heap,
    poolOf(() => new Node()),
  );
  const targets = refsOf(
    heap,
    poolOf(() => new Node()),
  );
  const section = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) {
        store(holders[i]!, NODE_A, targets[targetIndexOf(i, round)]!);
      }
    }
    return 0;
  };
  const stored = () => poolChecksum((i) => targets.indexOf(load(holders[i]!, NODE_A)));
  return { run: () => heap.run(section), checksum: () => heap.run(stored) };
}

function itemRefs(heap: Heap): { items: Refs; value: number } {
  const Item = declareItem(heap);
  const items = poolOf((i) => new Item({ value: fieldValueOf(i), name: nameOf(i) }));
  return { items: refsOf(heap, items), value: raw(heap).offsetOf(Item, 'value') };
}

function loadField(heap: Heap, { operations }: Cell): Bench {
  const { i32 } = raw(heap);
  const { items, value } = itemRefs(heap);
  const section = () => {
    let sum = 0;
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i += 4) {
        sum = (sum + i32[items[i]! + value]) | 0;
        sum = (sum + i32[items[i + 1]! + value]) | 0;
        sum = (sum + i32[items[i + 2]! + value]) | 0;
        sum = (sum + i32[items[i + 3]! + value]) | 0;
      }
    }
    return sum;
  };
  return { run: () => heap.run(section) };
}

function storeField(heap: Heap, { operations }: Cell): Bench {
  const { i32 } = raw(heap);
  const { items, value } = itemRefs(heap);
  const section = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i += 4) {
        i32[items[i]! + value] = round + i;
        i32[items[i + 1]! + value] = round + i + 1;
        i32[items[i + 2]! + value] = round + i + 2;
        i32[items[i + 3]! + value] = round + i + 3;
      }
    }
    return 0;
  };
  return {
    run: () => heap.run(section),
    checksum: () => poolChecksum((i) => i32[items[i]! + value]),
  };
}

/** A reference read is an integer here: nothing stands for it but itself. */
function getRef(heap: Heap, { operations }: Cell): Bench {
  const { i32, load, store } = raw(heap);
  const { items: targets, value } = itemRefs(heap);
  const { items: holders } = itemRefs(heap);
  heap.run(() => {
    for (let i = 0; i < POOL_SIZE; i++) store(holders[i]!, ITEM_NEXT, targets[referentIndexOf(i)]!);
  });
  const found = new Array<ObjectRef>(POOL_SIZE);
  const section = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) found[i] = load(holders[i]!, ITEM_NEXT);
    }
    return 0;
  };
  return {
    run: () => heap.run(section),
    checksum: () => poolChecksum((i) => i32[found[i]! + value]),
  };
}

function bytesPerObject(heap: Heap, { operations }: Cell): Bench {
  const { build, lengthOf } = chainsIn(heap);
  const { fromHandle, load, storeOwned } = raw(heap);
  const anchor = new (declareNode(heap))(); // kept, and there before anything is counted
  const buildAll = () => storeOwned(fromHandle(anchor), NODE_A, build(operations));
  const count = () => lengthOf(load(fromHandle(anchor), NODE_A));
  return {
    measure: async () =>
      liveBytesPerObject(heap, operations, {
        build: () => heap.run(buildAll),
        countLive: () => heap.run(count),
      }),
  };
}

const BENCHES: Readonly<Record<string, (heap: Heap, cell: Cell) => Bench>> = {
  'alloc-drop': allocDrop,
  'alloc-keep': allocKeep,
  'store-ref': storeRef,
  'load-field': loadField,
  'store-field': storeField,
  'get-ref': getRef,
  'bytes-per-object': bytesPerObject,
};

/** The raw layer has no strings, no maps and no lock of its own. */
export function rawSubject(counts: CountsMode): Subject {
  const benches: Record<string, BenchFactory> = {
    'parallel-read': (cell) => readInParallel('raw', cell),
  };
  for (const [name, bench] of Object.entries(BENCHES)) {
    benches[name] = (cell) => bench(Heap.create({ counts }), cell);
  }
  return { version: versionWith(counts), benches };
}
