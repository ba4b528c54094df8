/**
 * Objects of all kinds that all threads of the storm play with, and of which the ledger knows
 * nothing: they only have to be sound.
 */

import { threadId } from 'node:worker_threads';
import {
  Handle,
  type Heap,
  type HeapArray,
  type HeapCondition,
  type HeapCounter,
  type HeapMap,
  type HeapMutex,
  type HeapObject,
  type HeapQueue,
  type HeapSemaphore,
  type HeapSet,
  LockTimeoutError,
  type Shareable,
  WaitTimeoutError,
} from '../../src/index.ts';
import type { Random } from '../../src/testing.ts';
import { declareRecord } from './cells.ts';

const KEYS = 200;
const ENTRIES_MAX = 300;
const KEPT_MAX = 40;
/** Longest wait for anything, in milliseconds. */
const WAIT_MS = 2;
const LOCK_MS = 20_000;
const ATOMIC = { atomic: true } as const;

/** The toys of a heap, as one thread sees them. */
export class Toys {
  readonly #heap: Heap;
  readonly #random: Random;
  readonly #Record: ReturnType<typeof declareRecord>;
  readonly #map: HeapMap<Shareable, Shareable>;
  readonly #array: HeapArray<Shareable>;
  readonly #set: HeapSet<Shareable>;
  readonly #object: HeapObject;
  readonly #balance: HeapArray<number>;
  readonly #queue: HeapQueue<Shareable>;
  readonly #counter: HeapCounter;
  readonly #mutex: HeapMutex;
  readonly #condition: HeapCondition;
  readonly #semaphore: HeapSemaphore;
  /** Handles that this thread keeps for a while. */
  readonly #kept: Handle[] = [];

  /** They are made by the main thread. */
  static create(heap: Heap): void {
    heap.root
      .set('map', heap.map())
      .set('array', heap.array())
      .set('set', heap.set())
      .set('object', heap.from({ a: 1, b: [1, 2] }))
      .set('balance', heap.array([0, 0]))
      .set('queue', heap.queue({ capacity: 50 }))
      .set('counter', heap.counter())
      .set('mutex', heap.mutex())
      .set('condition', heap.condition())
      .set('semaphore', heap.semaphore(2));
  }

  constructor(heap: Heap, random: Random) {
    const { root } = heap;
    this.#heap = heap;
    this.#random = random;
    this.#Record = declareRecord(heap);
    this.#map = root.get('map') as HeapMap<Shareable, Shareable>;
    this.#array = root.get('array') as HeapArray<Shareable>;
    this.#set = root.get('set') as HeapSet<Shareable>;
    this.#object = root.get('object') as HeapObject;
    this.#balance = root.get('balance') as HeapArray<number>;
    this.#queue = root.get('queue') as HeapQueue<Shareable>;
    this.#counter = root.get('counter') as HeapCounter;
    this.#mutex = root.get('mutex') as HeapMutex;
    this.#condition = root.get('condition') as HeapCondition;
    this.#semaphore = root.get('semaphore') as HeapSemaphore;
  }

  /** Releases what this thread keeps. */
  release(): void {
    for (const handle of this.#kept.splice(0)) handle.release();
  }

  /** Changes something, in any section. */
  meddle(): void {
    const random = this.#random;
    random.pick(this.#changes)();
  }

  /** Something that is an operation by itself, or waits, or collects. */
  play(): unknown {
    return this.#random.pick(this.#plays)();
  }

  /** Reads a little, in any section. */
  read(): void {
    this.#random.pick(this.#reads)();
  }

  #value(): Shareable {
    const random = this.#random;
    const n = random.int(KEYS);
    switch (random.int(9)) {
      case 0:
        return n;
      case 1:
        return `text ${n}`;
      case 2:
        return `a rather long text that is not stored once for all, number ${n}`;
      case 3:
        return this.#heap.array([n]);
      case 4:
        return this.#heap.map([[n, n]]);
      case 5:
        return this.#heap.from({ a: [1, 2, { b: 'x' }], d: new Map([[1, { z: n }]]) });
      case 6:
        return this.#heap.tuple(n, 'of', this.#heap.array());
      case 7:
        return this.#heap.bytes(8 * n);
      default:
        return this.#ring();
    }
  }

  /** Garbage that only the collector frees, once it is dropped. */
  #ring(): Shareable {
    const first = new this.#Record({ n: 1 });
    first.next = new this.#Record({ n: 2, next: first, any: this.#random.int(KEYS) });
    return first;
  }

  #keep(value: unknown): void {
    if (!(value instanceof Handle)) return;
    if (this.#kept.length >= KEPT_MAX) this.#kept.shift()?.release();
    this.#kept.push(value);
  }

  readonly #changes: readonly (() => void)[] = [
    () => this.#map.set(this.#random.int(KEYS), this.#value()),
    () => this.#map.set(`key ${this.#random.int(KEYS)}`, this.#value()),
    () => this.#map.delete(this.#random.int(KEYS)),
    () => {
      if (this.#map.size > ENTRIES_MAX) this.#map.clear();
    },
    () => {
      for (const [key] of this.#map) if (this.#random.chance(0.05)) this.#map.delete(key);
    },
    () => {
      if (this.#array.length > ENTRIES_MAX) this.#array.length = 100;
      this.#array.push(this.#value());
    },
    () => this.#array.splice(this.#random.int(20), this.#random.int(5), this.#value(), 7),
    () => this.#array.reverse(),
    () => this.#array.sort((a, b) => String(a).length - String(b).length),
    () => this.#array.pop(),
    () => this.#set.add(this.#value()),
    () => {
      if (this.#set.size > ENTRIES_MAX) this.#set.clear();
      else this.#set.delete(this.#random.int(KEYS));
    },
    () => this.#object.set(`p${this.#random.int(30)}`, this.#value()),
    () => this.#object.delete(`p${this.#random.int(30)}`),
    () => this.#queue.tryPush(this.#value()),
    () => void this.#queue.tryPop(),
    () => this.#counter.add(1),
  ];

  readonly #reads: readonly (() => void)[] = [
    () => [...this.#map.values()].length,
    () => this.#map.get(this.#random.int(KEYS)),
    () => this.#array.map((value) => value),
    () => this.#array.toString(),
    () => this.#set.has(this.#random.int(KEYS)),
    () => this.#object.get(`p${this.#random.int(30)}`),
    () => this.#counter.value,
  ];

  readonly #plays: readonly (() => unknown)[] = [
    () => this.meddle(),
    () => this.#heap.run(() => this.#several()),
    () => this.#heap.run(() => this.#several(), ATOMIC),
    () => this.#heap.read(() => this.read()),
    () => this.read(),
    () => this.#keep(this.#heap.read(() => this.#array.at(0))),
    () => this.#keep(this.#map.get(this.#random.int(KEYS))),
    () => this.#heap.run(() => this.#move(), ATOMIC),
    () => this.#tolerate(() => this.#queue.push(this.#value(), { timeoutMs: WAIT_MS })),
    () => this.#tolerate(() => this.#keep(this.#queue.pop({ timeoutMs: WAIT_MS }))),
    () => this.#queue.popAsync({ timeoutMs: WAIT_MS }).then((v) => this.#keep(v), tolerated),
    () => this.#lock(),
    () => this.#tolerate(() => this.#semaphore.acquire(1, { timeoutMs: WAIT_MS }).release()),
    () => this.#send(),
    () => void this.#heap.gc.collect(this.#random.int(3)),
    () => this.#heap.run(() => this.#makeGarbage()),
    () => this.#heap.runAsync(() => this.meddle(), { timeoutMs: LOCK_MS }).catch(tolerated),
    () => this.#heap.readAsync(() => this.read(), { timeoutMs: LOCK_MS }).catch(tolerated),
    () => this.release(),
  ];

  #several(): void {
    for (let n = this.#random.between(1, 5); n > 0; n--) this.meddle();
  }

  /** Both always add up to nothing. */
  #move(): void {
    const balance = this.#balance;
    const amount = this.#random.int(10);
    balance.set(0, (balance.at(0) as number) + amount);
    this.meddle();
    balance.set(1, (balance.at(1) as number) - amount);
  }

  #lock(): void {
    const token = this.#mutex.lockIfAvailable(WAIT_MS);
    if (token === null) return;
    this.#condition.waitFor(token, WAIT_MS);
    this.#condition.notify();
    token.unlock();
  }

  /** To this thread itself: if it dies, nobody else receives it. */
  #send(): void {
    const map = this.#heap.map<number, Shareable>([[1, this.#value()]]);
    const token = this.#heap.send(map, { to: threadId });
    map.release();
    if (this.#random.chance(0.5)) this.#keep(this.#heap.receive(token));
    else this.#heap.revoke(token);
  }

  #makeGarbage(): void {
    for (let i = 0; i < 300; i++) {
      this.#heap.scope(() => void this.#ring());
      if (i % 50 === 0) this.#heap.safepoint();
    }
  }

  #tolerate(body: () => void): void {
    try {
      body();
    } catch (error) {
      tolerated(error);
    }
  }
}

/** Waits may be in vain. */
function tolerated(error: unknown): void {
  if (!(error instanceof WaitTimeoutError) && !(error instanceof LockTimeoutError)) throw error;
}
