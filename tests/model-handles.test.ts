/**
 * Handles against a model of their acquisitions: in random nests of sections and scopes every
 * handle is valid exactly while somebody has acquired it, and its object's count is exact.
 */

import { expect, test } from 'vitest';
import type { HeapArray } from '../src/array.ts';
import { StaleHandleError } from '../src/base/errors.ts';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

const OBJECTS = 8;
type Item = { id: number } & Handle;

/** What is known of one object's handle. */
interface Known {
  handle: Item | null;
  /** Keeps, which no scope undoes, by the level they were made in or have come down to. */
  keeps: number[];
  /** Acquisitions by level of nesting: those of sections, and those of scopes outside of them. */
  levels: number[];
}

class Model {
  readonly heap: Heap;
  readonly random: Random;
  readonly array: HeapArray<Item>;
  readonly known: Known[] = [];
  inSection = false;
  steps = 0;

  constructor(heap: Heap, random: Random) {
    this.heap = heap;
    this.random = random;
    this.array = heap.array<Item>();
    const Struct = heap.struct<{ id: number }>('Item', { id: 'int32' });
    heap.run(() => {
      for (let id = 0; id < OBJECTS; id++) this.array.push(new Struct({ id }) as Item);
    });
    for (let id = 0; id < OBJECTS; id++) this.known.push({ handle: null, keeps: [0], levels: [0] });
  }

  acquisitions({ keeps, levels }: Known): number {
    return [...keeps, ...levels].reduce((sum, count) => sum + count, 0);
  }

  check(): void {
    for (const [id, known] of this.known.entries()) {
      const { handle } = known;
      if (handle === null) continue;
      if (this.acquisitions(known) === 0) {
        expect(() => handle.id).toThrow(StaleHandleError);
        known.handle = null;
      } else {
        expect(handle.id).toBe(id);
        expect(this.heap.refcount(handle)).toBe(2); // the array, and this thread
      }
    }
  }

  /** An access: the same handle as before if that lives on. */
  acquire(id: number): void {
    const known = this.known[id] as Known;
    const handle = this.array.at(id) as Item;
    if (known.handle !== null) expect(handle).toBe(known.handle);
    known.handle = handle;
    known.levels[known.levels.length - 1]++;
  }

  /** Undoes the last acquisition at this level. */
  dispose(id: number): void {
    const known = this.known[id] as Known;
    const last = known.levels.length - 1;
    if (known.handle === null || known.levels[last] === 0) return;
    known.handle[Symbol.dispose]();
    known.levels[last]--;
  }

  keep(id: number): void {
    const known = this.known[id] as Known;
    if (known.handle === null) return;
    known.handle.keep();
    known.keeps[known.keeps.length - 1]++;
  }

  /** Undoes a keep of this level: elsewhere it is not told apart from others. */
  release(id: number): void {
    const known = this.known[id] as Known;
    const last = known.keeps.length - 1;
    if (known.keeps[last] === 0) return;
    known.handle?.release();
    known.keeps[last]--;
  }

  /** A level of nesting, which may hand one of its handles to the level around it. */
  nest(open: (body: () => Item | undefined) => unknown, depth: number): void {
    for (const { levels, keeps } of this.known) {
      levels.push(0);
      keeps.push(0);
    }
    let result = -1;
    open(() => {
      this.script(this.random.between(1, 12), depth);
      const id = this.random.int(OBJECTS);
      const known = this.known[id] as Known;
      if (!this.random.chance(0.3) || (known.levels.at(-1) ?? 0) === 0) return undefined;
      result = id;
      return known.handle as Item;
    });
    for (const [id, { levels, keeps }] of this.known.entries()) {
      levels.pop();
      const kept = keeps.pop() as number;
      keeps[keeps.length - 1] += kept;
      if (id === result) levels[levels.length - 1]++;
    }
  }

  section(depth: number): void {
    const { heap, inSection } = this;
    if (inSection) {
      heap.run(() => this.script(this.random.int(5), depth)); // opens no level
      return;
    }
    this.inSection = true;
    this.nest((body) => {
      try {
        return heap.run(body);
      } finally {
        this.inSection = false;
      }
    }, depth);
  }

  script(steps: number, depth: number): void {
    for (let i = 0; i < steps; i++) {
      this.steps++;
      const id = this.random.int(OBJECTS);
      const dice = this.random.int(20);
      if (dice < 7) this.acquire(id);
      else if (dice < 11) this.dispose(id);
      else if (dice < 13) this.keep(id);
      else if (dice < 15) this.release(id);
      else if (dice < 16) this.array.indexOf(this.known[id]?.handle as Item);
      else if (depth > 0 && dice < 18) this.nest((body) => this.heap.scope(body), depth - 1);
      else if (depth > 0) this.section(depth - 1);
      this.check();
    }
  }
}

test.each([0, 1, 2, 3, 4, 5])('random nests of sections and scopes, script %i', (number) => {
  withHeap({}, (heap) => {
    withRandom((random) => {
      const model = new Model(heap, random);
      while (model.steps < 3000) model.script(5, 4);
      for (const known of model.known) {
        while (known.handle !== null && model.acquisitions(known) > 0) {
          known.handle.release();
          if ((known.keeps[0] as number) > 0) known.keeps[0]--;
          else known.levels[0]--;
        }
      }
      model.check();
      expect(heap.verify()).toEqual([]);
    }, SEED + number);
  });
});
