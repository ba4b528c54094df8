/**
 * No operation on a container jumps: how many words one moves, clears or frees is bounded by a
 * constant, whatever the size of the container. The constants stand in the names.
 *
 * Moving and clearing are counted where they happen: by the methods of the heap's typed array. One
 * bucket at most is split by an insertion, and two merged by a deletion.
 */

import { expect, test } from 'vitest';
import { type Heap, sessionOf } from '../src/heap.ts';
import {
  CONTROL_INTERN_BUCKETS,
  CONTROL_INTERN_COUNT,
  MAP_BUCKET_COUNT,
  type WordIndex,
} from '../src/memory/layout.ts';
import { withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

const MIB = 2 ** 20;
const SMALL = 10_000;
const LARGE = 300_000;
const TABLE_MIN = 16;

/** The most that one operation has done. */
interface Most {
  moved: number;
  cleared: number;
  /** Buckets added to, or taken from, the table that is watched. */
  buckets: number;
}

/** Counts what operations move in a heap. */
class Meter {
  readonly most: Most = { moved: 0, cleared: 0, buckets: 0 };
  readonly #i32: Int32Array;
  #moved = 0;
  #cleared = 0;

  constructor(heap: Heap) {
    const { i32 } = sessionOf(heap).mem;
    this.#i32 = i32;
    const { copyWithin, fill, set } = Int32Array.prototype;
    i32.copyWithin = (target, from, to = i32.length) => {
      this.#moved += to - from;
      return copyWithin.call(i32, target, from, to) as typeof i32;
    };
    i32.fill = (value, from = 0, to = i32.length) => {
      this.#cleared += to - from;
      return fill.call(i32, value, from, to) as typeof i32;
    };
    i32.set = (words, at) => {
      this.#moved += words.length;
      set.call(i32, words, at);
    };
  }

  /** Does one operation; `buckets` is the word that counts those of its table. */
  measure(body: () => unknown, buckets = 0): void {
    this.#moved = 0;
    this.#cleared = 0;
    const before = this.#i32[buckets] as number;
    body();
    const { most } = this;
    most.moved = Math.max(most.moved, this.#moved);
    most.cleared = Math.max(most.cleared, this.#cleared);
    const after = this.#i32[buckets] as number;
    // The first buckets come, and go, all at once.
    const isFirst = before === 0 || after === 0;
    most.buckets = Math.max(most.buckets, isFirst ? 0 : Math.abs(after - before));
    if (isFirst && buckets !== 0) expect(before + after).toBeLessThanOrEqual(TABLE_MIN);
  }

  /** What was the most so far, from here on anew. */
  take(): Most {
    const most = { ...this.most };
    Object.assign(this.most, { moved: 0, cleared: 0, buckets: 0 });
    return most;
  }
}

/** The words of a leaf, and of a root on top, which are made at once now and then. */
const CLEARED_MAX = 2048;

/** Measures `step` for all numbers below LARGE. It moves 512 words once, and never more. */
function grow(meter: Meter, step: (i: number) => void, buckets: number): void {
  for (let i = 0; i < SMALL; i++) step(i);
  const first = meter.take();
  expect(first).toMatchObject({ moved: 512, buckets }); // half a leaf: it is doubled
  for (let i = SMALL; i < LARGE; i++) step(i);
  const later = meter.take();
  expect(later.moved).toBeLessThanOrEqual(first.moved);
  expect(Math.max(first.cleared, later.cleared)).toBeLessThanOrEqual(CLEARED_MAX);
  expect(later.buckets).toBe(buckets);
}

const options = { maxBytes: 256 * MIB, thresholds: [0, 0, 0] as const };

test('push moves 512 words at most, and clears 2,048; pop none', () => {
  withHeap(options, (heap) => {
    const meter = new Meter(heap);
    const array = heap.array<number>();
    heap.run(() => {
      const push = (i: number) => meter.measure(() => array.push(i + 0.5));
      grow(meter, push, 0);
      const before = heap.stats().liveBytes;
      for (let i = LARGE - 1; i >= 0; i--) meter.measure(() => array.pop());
      expect(meter.take()).toEqual({ moved: 0, cleared: 0, buckets: 0 });
      expect(before - heap.stats().liveBytes).toBeGreaterThan(LARGE * 8 - 20_000);
    });
  });
});

for (const isSet of [false, true]) {
  const words = isSet ? 244 : 508;
  const name = isSet ? 'set' : 'map';
  test(`an entry added to a ${name} moves 512 words at most and splits one bucket`, () => {
    withHeap(options, (heap) => {
      const meter = new Meter(heap);
      const [set, map] = [heap.set<number>(), heap.map<number, number>()];
      const buckets = ((isSet ? set : map).$ref + MAP_BUCKET_COUNT) as WordIndex;
      heap.run(() => {
        const add = (i: number) =>
          meter.measure(() => (isSet ? set.add(i) : map.set(i, i)), buckets);
        grow(meter, add, 1);
      });
    });
  });

  test.each(['from the front', 'from the end', 'at random', 'every second'])(
    `one deleted from a ${name} moves ${words} words at most, merges two buckets: %s`,
    (order) => {
      withHeap(options, (heap) => {
        withRandom((random) => {
          for (const size of [SMALL, LARGE]) {
            const container = isSet ? heap.set<number>() : heap.map<number, number>();
            const buckets = (container.$ref + MAP_BUCKET_COUNT) as WordIndex;
            heap.run(() => {
              for (let i = 0; i < size; i++) {
                if ('add' in container) container.add(i);
                else container.set(i, i);
              }
              const meter = new Meter(heap);
              const keys = Array.from({ length: size }, (_, i) => i);
              if (order === 'from the end') keys.reverse();
              if (order === 'at random') {
                for (let i = size - 1; i > 0; i--) {
                  const k = random.int(i + 1);
                  [keys[i], keys[k]] = [keys[k] as number, keys[i] as number];
                }
              }
              if (order === 'every second') keys.sort((a, b) => (a & 1) - (b & 1) || a - b);
              const last = keys.pop() as number;
              for (const key of keys) meter.measure(() => container.delete(key), buckets);
              const { moved, cleared, buckets: merged } = meter.take();
              expect(moved).toBeLessThanOrEqual(words);
              expect(cleared).toBeLessThanOrEqual(32); // two buckets behind others
              expect(merged).toBeGreaterThanOrEqual(1);
              expect(merged).toBeLessThanOrEqual(2);
              const before = heap.stats().liveBytes;
              meter.measure(() => container.delete(last), buckets);
              // A chunk, which the last one stays, and what is left of the table: its root.
              expect(before - heap.stats().liveBytes).toBeLessThan(20_000);
            });
            container.release();
          }
        });
      });
    },
  );
}

test('a short string moves 512 words at most and splits one bucket; its death merges one', () => {
  withHeap(options, (heap) => {
    const meter = new Meter(heap);
    const array = heap.array<string>();
    heap.run(() => {
      array.length = LARGE; // what is measured is the strings
      const text = (i: number) => `string number ${i}`;
      meter.take();
      const buckets = CONTROL_INTERN_BUCKETS as WordIndex;
      const set = (i: number) => meter.measure(() => array.set(i, text(i)), buckets);
      grow(meter, set, 1);
      for (let i = 0; i < LARGE; i++) {
        meter.measure(() => array.set((i * 7919) % LARGE, null as never), buckets);
      }
      expect(meter.take()).toEqual({ moved: 0, cleared: 0, buckets: 1 });
      const { i32 } = sessionOf(heap).mem;
      expect(i32[buckets]).toBeLessThanOrEqual(
        Math.max(TABLE_MIN, 2 * (i32[CONTROL_INTERN_COUNT] as number)),
      );
    });
  });
});

test('a handle that is kept moves 512 words at most of the table of rows', {
  timeout: 60_000,
}, () => {
  withHeap(options, (heap) => {
    const P = heap.struct<{ id: number }>('P', { id: 'int32' });
    const meter = new Meter(heap);
    const handles: { release(): void }[] = [];
    grow(meter, (i) => meter.measure(() => handles.push(new P({ id: i }))), 0);
    for (const handle of handles) meter.measure(() => handle.release());
    expect(meter.take()).toEqual({ moved: 0, cleared: 0, buckets: 0 });
  });
});
