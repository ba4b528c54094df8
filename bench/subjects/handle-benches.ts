/**
 * The workloads on handles, as a user writes them. Long loops run in scopes of about a thousand
 * accesses, so that the handles end that came; the scopes are part of the time.
 *
 * In a section: `inSection` is `heap.run`. One operation at a time: it just calls, and every access
 * takes the lock for itself, keeps the handle it yields, and the scope releases it.
 */

import { Heap, type HeapMap } from '../../src/index.ts';
import type { Bench, BenchFactory, Cell, Subject } from '../harness/types.ts';
import {
  fieldValueOf,
  INSPECT_EVERY,
  indexOfKey,
  inspectedKeysOf,
  keysOf,
  mapRoundsOf,
  mapSizeOf,
  NAME_PROBE,
  nameOf,
  POOL_SIZE,
  poolChecksum,
  poolOf,
  referentIndexOf,
  shuffledKeysOf,
  targetIndexOf,
} from '../shapes.ts';
import {
  declareItem,
  declareNode,
  type Item,
  type ItemHandle,
  liveBytesPerObject,
  type NodeHandle,
  versionWith,
} from './sharc-shapes.ts';

/** Where a sample runs: in a section of `heap`, or outside of any. */
type Place = <T>(heap: Heap, body: () => T) => T;

const SCOPE_OBJECTS = 1000;

function allocDrop(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const Node = declareNode(heap);
  let sound = 0;
  const batch = () => {
    let node: NodeHandle | undefined;
    for (let i = 0; i < INSPECT_EVERY; i++) node = new Node();
    const { a, b, c, d } = node!;
    if (a === null && b === null && c === null && d === null) sound += INSPECT_EVERY;
  };
  const sample = () => {
    sound = 0;
    for (let done = 0; done < operations; done += INSPECT_EVERY) heap.scope(batch);
    return sound;
  };
  return { run: () => inSection(heap, sample) };
}

/** A chain of nodes, held by `anchor.a`: building it, walking it, dropping it. */
function chainsIn(heap: Heap) {
  const Node = declareNode(heap);
  const anchor = new Node();
  let length = 0;
  const addNodes = () => {
    let head = anchor.a;
    for (let i = 0; i < SCOPE_OBJECTS; i++) {
      const node: NodeHandle = new Node();
      node.a = head;
      head = node;
    }
    anchor.a = head;
  };
  const walkNodes = () => {
    let node: NodeHandle | null = anchor.b;
    for (let i = 0; i < SCOPE_OBJECTS && node !== null; i++, length++) node = node.a;
    anchor.b = node;
  };
  const build = (objects: number) => {
    for (let done = 0; done < objects; done += SCOPE_OBJECTS) heap.scope(addNodes);
  };
  const countLive = () => {
    length = 0;
    heap.scope(() => {
      anchor.b = anchor.a;
    });
    for (let before = -1; before !== length; ) {
      before = length;
      heap.scope(walkNodes);
    }
    return length;
  };
  const drop = () => {
    anchor.a = null;
  };
  return { build, countLive, drop };
}

function allocKeep(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const { build, countLive, drop } = chainsIn(heap);
  return {
    run: (clock) =>
      inSection(heap, () => {
        build(operations);
        clock.pause();
        const length = countLive();
        clock.resume();
        drop();
        return length;
      }),
  };
}

function storeRef(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const Node = declareNode(heap);
  const holders = poolOf(() => new Node());
  const targets = poolOf(() => new Node());
  const sample = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) holders[i]!.a = targets[targetIndexOf(i, round)]!;
    }
    return 0;
  };
  const stored = () => poolChecksum((i) => targets.indexOf(holders[i]!.a as NodeHandle));
  return { run: () => inSection(heap, sample), checksum: () => heap.run(stored) };
}

function newItems(heap: Heap): ItemHandle[] {
  const Item = declareItem(heap);
  return poolOf((i) => new Item({ value: fieldValueOf(i), name: nameOf(i) }));
}

function loadField(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const items = newItems(heap);
  const sample = () => {
    let sum = 0;
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i += 4) {
        sum = (sum + items[i]!.value) | 0;
        sum = (sum + items[i + 1]!.value) | 0;
        sum = (sum + items[i + 2]!.value) | 0;
        sum = (sum + items[i + 3]!.value) | 0;
      }
    }
    return sum;
  };
  return { run: () => inSection(heap, sample) };
}

function storeField(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const items = newItems(heap);
  const sample = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i += 4) {
        items[i]!.value = round + i;
        items[i + 1]!.value = round + i + 1;
        items[i + 2]!.value = round + i + 2;
        items[i + 3]!.value = round + i + 3;
      }
    }
    return 0;
  };
  const stored = () => poolChecksum((i) => items[i]!.value);
  return { run: () => inSection(heap, sample), checksum: stored };
}

/** A scope per round over the pool, so that every access makes a handle and every handle ends. */
function getRef(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const targets = newItems(heap);
  const holders = newItems(heap);
  for (const [i, holder] of holders.entries()) holder.next = targets[referentIndexOf(i)]!;
  for (const target of targets) target.release(); // or reading would only find these handles
  const found = new Array<Item>(POOL_SIZE);
  const values = new Int32Array(POOL_SIZE);
  let isLast = false;
  const round = () => {
    for (let i = 0; i < POOL_SIZE; i++) found[i] = holders[i]!.next!;
    if (isLast) for (let i = 0; i < POOL_SIZE; i++) values[i] = found[i]!.value;
  };
  const sample = () => {
    const rounds = operations / POOL_SIZE;
    for (let done = 1; done <= rounds; done++) {
      isLast = done === rounds;
      heap.scope(round);
    }
    return 0;
  };
  return { run: () => inSection(heap, sample), checksum: () => poolChecksum((i) => values[i]) };
}

function stringGet(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const items = newItems(heap);
  const sample = () => {
    let sum = 0;
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) sum = (sum + items[i]!.name.charCodeAt(NAME_PROBE)) | 0;
    }
    return sum;
  };
  return { run: () => inSection(heap, sample) };
}

function stringSet(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const items = newItems(heap);
  const names = poolOf(nameOf);
  const sample = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) items[i]!.name = names[targetIndexOf(i, round)]!;
    }
    return 0;
  };
  const stored = () => poolChecksum((i) => items[i]!.name.charCodeAt(NAME_PROBE));
  return { run: () => inSection(heap, sample), checksum: stored };
}

function mapSet(inSection: Place, cell: Cell): Bench {
  const heap = Heap.create();
  const size = mapSizeOf(cell);
  const keys = keysOf(cell.operations);
  const inspected = inspectedKeysOf(cell.operations);
  let maps: HeapMap<string, number>[] = [];
  const before = () => {
    for (const map of maps) map.release();
    maps = Array.from({ length: mapRoundsOf(cell) }, () => heap.map());
  };
  const sample = () => {
    let i = 0;
    for (const map of maps) {
      for (const end = i + size; i < end; i++) map.set(keys[i]!, i);
    }
    return maps.reduce((sum, map) => sum + map.size, 0);
  };
  const indexAt = (key: string) => maps[Math.floor(indexOfKey(key) / size)]!.get(key)!;
  const checksum = (sizes: number) => inspected.reduce((sum, key) => sum + indexAt(key), sizes) | 0;
  return { before, run: () => inSection(heap, sample), checksum };
}

function mapGet(inSection: Place, cell: Cell): Bench {
  const heap = Heap.create();
  const size = mapSizeOf(cell);
  const map: HeapMap<string, number> = heap.map();
  heap.run(() => {
    for (const [i, key] of keysOf(size).entries()) map.set(key, i);
  });
  const keys = shuffledKeysOf(size);
  const sample = () => {
    let sum = 0;
    for (let round = 0; round < mapRoundsOf(cell); round++) {
      for (let i = 0; i < size; i++) sum = (sum + map.get(keys[i]!)!) | 0;
    }
    return sum;
  };
  return { run: () => inSection(heap, sample) };
}

function bytesPerObject(inSection: Place, { operations }: Cell): Bench {
  const heap = Heap.create();
  const { build, countLive } = chainsIn(heap);
  const buildAll = () => inSection(heap, () => build(operations));
  return {
    measure: async () => liveBytesPerObject(heap, operations, { build: buildAll, countLive }),
  };
}

const BENCHES: Readonly<Record<string, (inSection: Place, cell: Cell) => Bench>> = {
  'alloc-drop': allocDrop,
  'alloc-keep': allocKeep,
  'store-ref': storeRef,
  'load-field': loadField,
  'store-field': storeField,
  'get-ref': getRef,
  'string-get': stringGet,
  'string-set': stringSet,
  'map-set': mapSet,
  'map-get': mapGet,
  'bytes-per-object': bytesPerObject,
};

/** A subject that works on handles; `locks` are the workloads it performs in its own way. */
export function handleSubject(
  inSection: Place,
  locks: Readonly<Record<string, BenchFactory>>,
): Subject {
  const benches: Record<string, BenchFactory> = { ...locks };
  for (const [name, bench] of Object.entries(BENCHES)) {
    benches[name] = (cell) => bench(inSection, cell);
  }
  return { version: versionWith('plain'), benches };
}
