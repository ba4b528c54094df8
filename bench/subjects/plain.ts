/**
 * Ordinary objects in one thread: nothing is shared, nothing is counted, V8's generational
 * collector does the dropping. The limit of what a shared heap could reach, not a rival to it.
 */

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
import { lru } from './cache-plain.ts';
import { heapBytesPerObject } from './heap-delta.ts';
import { readCopies } from './parallel-others.ts';
import { collectionBenches } from './plain-collections.ts';
import { dataBenches } from './plain-data.ts';

class Node {
  a: Node | null = null;
  b: Node | null = null;
  c: Node | null = null;
  d: Node | null = null;
}

class Item {
  value: number;
  name: string;
  next: Item | null = null;
  constructor(index: number) {
    this.value = fieldValueOf(index);
    this.name = nameOf(index);
  }
}

function allocDrop({ operations }: Cell): Bench {
  const run = () => {
    let sound = 0;
    for (let done = 0; done < operations; done += INSPECT_EVERY) {
      // Stored where the compiler cannot follow; otherwise it would not allocate at all. The array
      // is young, so that the store does not pay for a remembered set.
      const escaped = new Array<Node>(INSPECT_EVERY);
      for (let i = 0; i < INSPECT_EVERY; i++) escaped[i] = new Node();
      const { a, b, c, d } = escaped[INSPECT_EVERY - 1]!;
      if (a === null && b === null && c === null && d === null) sound += INSPECT_EVERY;
    }
    return sound;
  };
  return { run };
}

function chainOf(length: number): Node | null {
  let head: Node | null = null;
  for (let i = 0; i < length; i++) {
    const node = new Node();
    node.a = head;
    head = node;
  }
  return head;
}

function chainLength(head: Node | null): number {
  let length = 0;
  for (let node = head; node !== null; node = node.a) length++;
  return length;
}

const allocKeep: BenchFactory = ({ operations }) => ({
  run: (clock) => {
    const head = chainOf(operations);
    clock.pause();
    const length = chainLength(head);
    clock.resume();
    return length; // dropping is nothing more than returning; the collector pays in later samples
  },
});

function storeRef({ operations }: Cell): Bench {
  const holders = poolOf(() => new Node());
  const targets = poolOf(() => new Node());
  const run = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) holders[i]!.a = targets[targetIndexOf(i, round)]!;
    }
    return 0;
  };
  return { run, checksum: () => poolChecksum((i) => targets.indexOf(holders[i]!.a!)) };
}

function loadField({ operations }: Cell): Bench {
  const items = poolOf((i) => new Item(i));
  const run = () => {
    let sum = 0;
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      // Four at a time in every subject, or the loop itself would be most of what is measured.
      for (let i = 0; i < POOL_SIZE; i += 4) {
        sum = (sum + items[i]!.value) | 0;
        sum = (sum + items[i + 1]!.value) | 0;
        sum = (sum + items[i + 2]!.value) | 0;
        sum = (sum + items[i + 3]!.value) | 0;
      }
    }
    return sum;
  };
  return { run };
}

function storeField({ operations }: Cell): Bench {
  const items = poolOf((i) => new Item(i));
  const run = () => {
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
  return { run, checksum: () => poolChecksum((i) => items[i]!.value) };
}

function getRef({ operations }: Cell): Bench {
  const targets = poolOf((i) => new Item(i));
  const holders = poolOf((i) => new Item(i));
  for (const [i, holder] of holders.entries()) holder.next = targets[referentIndexOf(i)]!;
  const found = new Array<Item>(POOL_SIZE);
  const run = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) found[i] = holders[i]!.next!;
    }
    return 0;
  };
  return { run, checksum: () => poolChecksum((i) => found[i]!.value) };
}

function stringGet({ operations }: Cell): Bench {
  const items = poolOf((i) => new Item(i));
  const run = () => {
    let sum = 0;
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) sum = (sum + items[i]!.name.charCodeAt(NAME_PROBE)) | 0;
    }
    return sum;
  };
  return { run };
}

function stringSet({ operations }: Cell): Bench {
  const items = poolOf((i) => new Item(i));
  const names = poolOf(nameOf);
  const run = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) items[i]!.name = names[targetIndexOf(i, round)]!;
    }
    return 0;
  };
  return { run, checksum: () => poolChecksum((i) => items[i]!.name.charCodeAt(NAME_PROBE)) };
}

function mapSet(cell: Cell): Bench {
  const size = mapSizeOf(cell);
  const keys = keysOf(cell.operations);
  const inspected = inspectedKeysOf(cell.operations);
  let maps: Map<string, number>[] = [];
  const before = () => {
    maps = Array.from({ length: mapRoundsOf(cell) }, () => new Map());
  };
  const run = () => {
    let i = 0;
    for (const map of maps) {
      for (const end = i + size; i < end; i++) map.set(keys[i]!, i);
    }
    return maps.reduce((sum, map) => sum + map.size, 0);
  };
  const indexAt = (key: string) => maps[Math.floor(indexOfKey(key) / size)]!.get(key)!;
  const checksum = (sizes: number) => inspected.reduce((sum, key) => sum + indexAt(key), sizes) | 0;
  return { before, run, checksum };
}

function mapGet(cell: Cell): Bench {
  const size = mapSizeOf(cell);
  const map = new Map(keysOf(size).map((key, i) => [key, i]));
  const keys = shuffledKeysOf(size);
  const run = () => {
    let sum = 0;
    for (let round = 0; round < mapRoundsOf(cell); round++) {
      for (let i = 0; i < size; i++) sum = (sum + map.get(keys[i]!)!) | 0;
    }
    return sum;
  };
  return { run };
}

function bytesPerObject({ operations }: Cell): Bench {
  const build = () => chainOf(operations);
  return { measure: async () => heapBytesPerObject(operations, build, chainLength) };
}

export const subject: Subject = {
  version: `V8 ${process.versions.v8}`,
  benches: {
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
    'parallel-read': readCopies,
    lru,
    ...dataBenches,
    ...collectionBenches,
  },
};
