/**
 * V8's own shared structs: fixed fields that hold primitives or other shared objects, in a heap of
 * their own that all isolates of the process share. Behind a flag that no library can switch on,
 * and without maps. A full collection runs before each sample that allocates, untimed: otherwise
 * the figure would be that of the page faults of an ever-growing heap.
 */

import type { Bench, BenchFactory, Cell, Subject } from '../harness/types.ts';
import {
  fieldValueOf,
  INSPECT_EVERY,
  NAME_PROBE,
  nameOf,
  POOL_SIZE,
  poolChecksum,
  poolOf,
  referentIndexOf,
  targetIndexOf,
} from '../shapes.ts';
import { collectGarbage, heapBytesPerObject } from './heap-delta.ts';
import { readObjects } from './parallel-others.ts';
import { besidePartner, startPartner } from './partner.ts';
import { collectionBenches } from './v8-collections.ts';

interface Node {
  a: Node | null | undefined;
  b: Node | null | undefined;
  c: Node | null | undefined;
  d: Node | null | undefined;
}

interface Item {
  value: number;
  name: string;
  next: Item;
}

/** What `--harmony-struct` adds to the language; TypeScript does not know it. */
type SharedStructType = new <T>(fields: readonly string[]) => new () => T;
interface SharedMutexes {
  readonly Mutex: {
    new (): object;
    lock<T>(mutex: object, critical: () => T): T;
  };
}

const StructType = (globalThis as { SharedStructType?: SharedStructType }).SharedStructType;
const { Mutex } = Atomics as unknown as SharedMutexes;

const newNodeType = () => new StructType!<Node>(['a', 'b', 'c', 'd']);

function newItems(): Item[] {
  const Item = new StructType!<Item>(['value', 'name', 'next']);
  return poolOf((i) => {
    const item = new Item();
    item.value = fieldValueOf(i);
    item.name = nameOf(i);
    return item;
  });
}

function allocDrop({ operations }: Cell): Bench {
  const Node = newNodeType();
  const run = () => {
    let sound = 0;
    let node = new Node();
    for (let done = 0; done < operations; done += INSPECT_EVERY) {
      for (let i = 0; i < INSPECT_EVERY; i++) node = new Node();
      const { a, b, c, d } = node;
      if (a === undefined && b === undefined && c === undefined && d === undefined) {
        sound += INSPECT_EVERY;
      }
    }
    return sound;
  };
  return { before: collectGarbage, run };
}

function chainOf(length: number): Node | undefined {
  const Node = newNodeType();
  let head: Node | undefined;
  for (let i = 0; i < length; i++) {
    const node = new Node();
    node.a = head;
    head = node;
  }
  return head;
}

function chainLength(head: Node | undefined): number {
  let length = 0;
  for (let node: Node | null | undefined = head; node != null; node = node.a) length++;
  return length;
}

const allocKeep: BenchFactory = ({ operations }) => ({
  before: collectGarbage,
  run: (clock) => {
    const head = chainOf(operations);
    clock.pause();
    const length = chainLength(head);
    clock.resume();
    return length; // dropped here; the collection that follows is not charged
  },
});

function storeRef({ operations }: Cell): Bench {
  const Node = newNodeType();
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
  const items = newItems();
  const run = () => {
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
  return { run };
}

function storeField({ operations }: Cell): Bench {
  const items = newItems();
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
  const targets = newItems();
  const holders = newItems();
  for (const [i, holder] of holders.entries()) holder.next = targets[referentIndexOf(i)]!;
  const found = new Array<Item>(POOL_SIZE);
  const run = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) found[i] = holders[i]!.next;
    }
    return 0;
  };
  return { run, checksum: () => poolChecksum((i) => found[i]!.value) };
}

function stringGet({ operations }: Cell): Bench {
  const items = newItems();
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
  const items = newItems();
  const names = poolOf(nameOf);
  const run = () => {
    for (let round = 0; round < operations / POOL_SIZE; round++) {
      for (let i = 0; i < POOL_SIZE; i++) items[i]!.name = names[targetIndexOf(i, round)]!;
    }
    return 0;
  };
  return { run, checksum: () => poolChecksum((i) => items[i]!.name.charCodeAt(NAME_PROBE)) };
}

/** V8's mutex has no unlock to call: locking is always a section around a callback. */
function section({ operations }: Cell): Bench {
  const mutex = new Mutex();
  let entered = 0;
  const enter = () => {
    entered++;
  };
  const run = () => {
    entered = 0;
    for (let i = 0; i < operations; i++) Mutex.lock(mutex, enter);
    return entered;
  };
  return { run };
}

/** What both threads of `lock-contended` see. */
interface Contended {
  mutex: object;
  count: number;
  perThread: number;
}

/** One thread's part of a sample; the partner thread loads this module and calls it, too. */
export function contend(shared: unknown): () => void {
  const contended = shared as Contended;
  const { mutex, perThread } = contended;
  const increment = () => {
    contended.count++;
  };
  return () => {
    for (let i = 0; i < perThread; i++) Mutex.lock(mutex, increment);
  };
}

async function lockContended({ operations, threads }: Cell): Promise<Bench> {
  const shared = new new StructType!<Contended>(['mutex', 'count', 'perThread'])();
  shared.mutex = new Mutex();
  shared.perThread = operations / threads;
  const before = () => {
    shared.count = 0;
  };
  const partner = await startPartner(import.meta.url, shared);
  return besidePartner(partner, { before, body: contend(shared), total: () => shared.count });
}

function bytesPerObject({ operations }: Cell): Bench {
  const build = () => chainOf(operations);
  return { measure: async () => heapBytesPerObject(operations, build, chainLength) };
}

function readInParallel(cell: Cell): Bench {
  const Chained = new StructType!<{ next: undefined; value: number }>(['next', 'value']);
  return readObjects(cell, () => new Chained());
}

export const subject: Subject = {
  version: `V8 ${process.versions.v8}`,
  unavailable: StructType === undefined ? 'this Node has no SharedStructType' : undefined,
  benches: {
    'alloc-drop': allocDrop,
    'alloc-keep': allocKeep,
    'store-ref': storeRef,
    'load-field': loadField,
    'store-field': storeField,
    'get-ref': getRef,
    'string-get': stringGet,
    'string-set': stringSet,
    'lock-uncontended': section,
    'lock-contended': lockContended,
    'section-enter-leave': section,
    'bytes-per-object': bytesPerObject,
    'parallel-read': readInParallel,
    ...collectionBenches,
  },
};
