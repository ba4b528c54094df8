/** Tables of maps whose keys fall into one bucket, as no user's keys should but some will. */

import { describe, expect, test } from 'vitest';
import { type Heap, sessionOf } from '../src/heap.ts';
import type { HeapMap } from '../src/map.ts';
import {
  BUCKET_CAPACITY,
  BUCKET_LOAD,
  BUCKET_NEXT,
  BUCKET_SLOTS,
  BUCKET_WORDS,
  FIRST_MAP_BUCKETS,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_ROOT,
  MAP_SMALL,
  TAG_INT32,
} from '../src/memory/layout.ts';
import { hashValue } from '../src/object/value.ts';
import { wordAt } from '../src/object/vector.ts';
import { withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

const memOf = (heap: Heap) => sessionOf(heap).mem;

const bucketsOf = (heap: Heap, map: HeapMap<number, number>): number =>
  memOf(heap).i32[map.$ref + MAP_BUCKET_COUNT] as number;

/** How many further buckets each bucket of a map has. */
function furtherOf(heap: Heap, map: HeapMap<number, number>): number[] {
  const mem = memOf(heap);
  return Array.from({ length: bucketsOf(heap, map) }, (_, number) => {
    let further = -1;
    let at: number = wordAt(mem, map.$ref + MAP_BUCKETS_ROOT, number * BUCKET_WORDS);
    for (; at !== 0; at = mem.i32[at + BUCKET_NEXT] as number) further++;
    return further;
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Whole numbers whose hashes agree in their low ten bits and, with `tag`, in their tag. */
function colliding(heap: Heap, count: number, tag?: number): number[] {
  const mem = memOf(heap);
  const keys: number[] = [];
  for (let key = 0; keys.length < count; key++) {
    const hash = hashValue(mem, key, TAG_INT32);
    if ((hash & 0x3ff) === 5 && (tag === undefined || hash >>> 24 === tag)) keys.push(key);
  }
  return keys;
}

describe.each([
  ['equal tags', 77],
  ['the tag 0, which means another', 0],
  ['any tags', undefined],
])('a hundred keys of one bucket with %s', (_, tag) => {
  test('are each found, replaced and deleted, in any order', () => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const keys = colliding(heap, 100, tag);
        const map = heap.map<number, number>();
        const model = new Map<number, number>();
        for (let step = 0; step < 3000; step++) {
          const key = keys[random.int(keys.length)] as number;
          if (random.int(5) < 2) expect(map.delete(key)).toBe(model.delete(key));
          else {
            map.set(key, step);
            model.set(key, step);
          }
          if (step % 100 === 0) expect(heap.verify()).toEqual([]);
        }
        expect([...map.entries()]).toEqual([...model]);
        for (const key of keys) expect(map.get(key)).toBe(model.get(key));
      });
    });
  });
});

test('forty-eight keys of one bucket take three further ones, and give them back', () => {
  withHeap({}, (heap) => {
    const keys = colliding(heap, 4 * BUCKET_CAPACITY);
    const map = heap.map<number, number>();
    for (const key of keys) map.set(key, key);
    expect(bucketsOf(heap, map)).toBe((4 * BUCKET_CAPACITY) / BUCKET_LOAD);
    expect(furtherOf(heap, map)).toEqual([0, 0, 0, 0, 0, 3]);
    for (const key of keys.slice(BUCKET_CAPACITY)) map.delete(key);
    expect(sum(furtherOf(heap, map))).toBe(0);
    expect(keys.slice(0, BUCKET_CAPACITY).every((key) => map.get(key) === key)).toBe(true);
  });
});

test('what is left of many keys of one bucket stands in as few buckets as can hold it', () => {
  withHeap({}, (heap) => {
    const map = heap.map<number, number>();
    const keys = colliding(heap, 600);
    for (const key of keys) map.set(key, key);
    const isKept = (_: number, i: number) => i % BUCKET_CAPACITY === 5;
    for (const key of keys.filter((key, i) => !isKept(key, i))) map.delete(key);
    const kept = keys.filter(isKept);
    expect(sum(furtherOf(heap, map))).toBe(Math.ceil(kept.length / BUCKET_CAPACITY) - 1);
    expect(kept.every((key) => map.get(key) === key)).toBe(true);
  });
});

test('a split takes as many further buckets along as its keys need', () => {
  withHeap({}, (heap) => {
    const keys = colliding(heap, 40);
    const others = Array.from({ length: 20_000 }, (_, i) => -1 - i);
    const map = heap.map<number, number>();
    for (const key of [...keys, ...others]) map.set(key, key);
    expect([...keys, ...others].every((key) => map.get(key) === key)).toBe(true);
    expect(Math.max(...furtherOf(heap, map))).toBe(3);
    for (const key of others) map.delete(key);
    expect(keys.every((key) => map.get(key) === key)).toBe(true);
    expect(bucketsOf(heap, map)).toBe(20); // two entries for each
  });
});

test('a table that shrinks links buckets whose keys do not fit one, or else stays', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    const map = heap.map<number, number>();
    const keys = colliding(heap, 40);
    const others = Array.from({ length: 20_000 }, (_, i) => -1 - i);
    for (const key of [...keys, ...others]) map.set(key, key);
    mem.hostile = { shouldFail: () => true };
    try {
      for (const key of others) expect(map.delete(key)).toBe(true);
    } finally {
      mem.hostile = null;
    }
    expect(heap.verify()).toEqual([]);
    expect(bucketsOf(heap, map)).toBe(2054); // the last two and their partners are full of keys
    map.set(-1, -1);
    map.delete(-1);
    expect(bucketsOf(heap, map)).toBe(2052); // two for each deletion
    expect(keys.every((key) => map.get(key) === key)).toBe(true);
  });
});

test('the ninth entry brings a table, and with eight for each its buckets grow one by one', () => {
  withHeap({}, (heap) => {
    const map = heap.map<number, number>();
    const seen: number[] = [];
    for (let key = 0; key < 40; key++) {
      map.set(key, key);
      seen.push(bucketsOf(heap, map));
    }
    const wanted = Array.from({ length: 40 }, (_, i) =>
      i < MAP_SMALL ? 0 : Math.max(FIRST_MAP_BUCKETS, Math.ceil((i + 1) / BUCKET_LOAD)),
    );
    expect(seen).toEqual(wanted);
  });
});

test('of 100,000 keys 5,855 stand in further buckets', () => {
  withHeap({}, (heap) => {
    const mem = memOf(heap);
    const map = heap.map<number, number>();
    heap.run(() => {
      for (let key = 0; key < 100_000; key++) map.set(key, key);
    });
    const buckets = bucketsOf(heap, map);
    expect(buckets).toBe(100_000 / BUCKET_LOAD);
    let first = 0;
    for (let number = 0; number < buckets; number++) {
      const at = wordAt(mem, map.$ref + MAP_BUCKETS_ROOT, number * BUCKET_WORDS);
      for (let slot = BUCKET_SLOTS; slot < BUCKET_NEXT; slot++) {
        if (mem.i32[at + slot] !== 0) first++;
      }
    }
    expect(100_000 - first).toBe(5855);
  });
});
