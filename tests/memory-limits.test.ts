/** The smallest heap, the default one, and the largest, with objects beyond 4 GiB. */
import { expect, test } from 'vitest';
import { Heap, HeapExhaustedError } from '../src/index.ts';
import { allocateWords, freeBlock } from '../src/memory/blocks.ts';
import { HEADER_INFO } from '../src/memory/layout.ts';
import { Memory } from '../src/memory/memory.ts';
import { claimThread, releaseThread } from '../src/sync/thread-table.ts';
import { heapOptions } from './support/threads.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

test('a heap of 1 MiB works, and says when it is full', () => {
  using heap = Heap.create(heapOptions({ maxBytes: MIB }));
  const Point = heap.struct<{ x: number; y: number }>('Point', { x: 'float64', y: 'float64' });
  const before = heap.stats();
  expect(before.maxBytes).toBe(MIB);
  expect(before.freeBytes).toBeGreaterThan(MIB / 2);
  const array = heap.array<object>();
  let count = 0;
  const fill = () => {
    for (; ; count++) {
      heap.run(() => void array.push(new Point({ x: count, y: -count })));
    }
  };
  expect(fill).toThrow(HeapExhaustedError);
  // A point has 24 bytes, its place in the array 8.
  expect(count * 32).toBeGreaterThan(before.freeBytes * 0.85);
  expect(heap.verify()).toEqual([]);
  expect(heap.stats().freeBytes).toBeLessThan(before.freeBytes * 0.1);
  array.release();
  expect(heap.stats().liveObjects).toBe(before.liveObjects);
  expect(heap.verify()).toEqual([]);
});

test('the default heap has 1 GiB and commits little of it', () => {
  using heap = Heap.create();
  const { maxBytes, committedBytes } = heap.stats();
  expect(maxBytes).toBe(GIB);
  expect(committedBytes).toBeLessThan(10 * MIB);
  expect(heap.verify()).toEqual([]);
});

test('sizes between are rounded down to whole pages', () => {
  using heap = Heap.create(heapOptions({ maxBytes: 3 * MIB + 12345 }));
  expect(heap.stats().maxBytes).toBe(3 * MIB);
});

interface Fields {
  x: number;
  n: bigint;
  name: string;
  any: unknown;
  next: object | null;
  a: number;
  b: number;
  c: number;
  d: number;
  e: number;
}

/** Reserves the lower part of a heap as one block that is never touched. */
function reserve(heap: Heap, bytes: number): () => void {
  const { buffer } = heap.share();
  const mem = new Memory(buffer, claimThread(buffer));
  const block = heap.run(() => allocateWords(mem, bytes / 4));
  mem.i32[block + HEADER_INFO] = 0;
  return () => {
    heap.run(() => freeBlock(mem, block));
    releaseThread(mem, mem.threadId);
  };
}

test('in a heap of 8 GiB objects beyond 4 GiB work like any other', () => {
  using heap = Heap.create(heapOptions({ maxBytes: 8 * GIB }));
  expect(heap.stats().maxBytes).toBe(8 * GIB);
  const before = process.memoryUsage.rss();
  const giveBack = reserve(heap, 7.9 * GIB);
  // Large enough to share no page with what was there before.
  const Record = heap.struct<Fields>('Record', {
    ...{ x: 'float64', n: 'bigint64', name: 'string', any: 'any', next: 'ref' },
    ...{ a: 'float64', b: 'float64', c: 'float64', d: 'float64', e: 'float64' },
  });
  const text = `${'long enough to be stored apart, '.repeat(40)}ö\u{1f600}`;
  heap.run(() => {
    const first = new Record({ x: Math.PI, n: -(2n ** 63n), name: text, any: 2 ** 53 });
    const second = new Record({ x: -0, n: 1n, name: 'short', any: 'value', next: first });
    expect(heap.id(first)).toBeGreaterThan(2 ** 30);
    expect(heap.id(second)).toBeGreaterThan(2 ** 30);
    const map = heap.map<unknown, unknown>();
    for (let i = 0; i < 3000; i++) map.set(i % 2 === 0 ? i : `key ${i}`, i * 1.5);
    map.set(first, second).set('text', text);
    const array = heap.array<unknown>();
    for (let i = 0; i < 3000; i++) array.push(i % 3 === 0 ? `item ${i}` : i / 7);
    heap.root.set('all', heap.map().set('map', map).set('array', array).set('second', second));
  });
  const checkAll = () => {
    const all = heap.root.get('all') as unknown as Map<string, never>;
    const second = all.get('second')! as InstanceType<typeof Record>;
    const first = second.next as InstanceType<typeof Record>;
    expect([first.x, first.n, first.name, first.any]).toEqual([
      Math.PI,
      -(2n ** 63n),
      text,
      2 ** 53,
    ]);
    expect([second.x, second.n, second.name, second.any]).toEqual([-0, 1n, 'short', 'value']);
    const map = all.get('map')! as Map<unknown, unknown>;
    expect(map.size).toBe(3002);
    expect(map.get('key 999')).toBe(999 * 1.5);
    expect(map.get(first)).toBe(second);
    expect(map.get('text')).toBe(text);
    const array = all.get('array')! as unknown as { at(i: number): unknown; length: number };
    expect([array.length, array.at(2997), array.at(2998)]).toEqual([3000, 'item 2997', 2998 / 7]);
  };
  heap.run(checkAll);
  const { liveBytes, freeBytes, overheadBytes, maxBytes } = heap.stats();
  expect(liveBytes + freeBytes + overheadBytes).toBe(maxBytes);
  heap.root.delete('all');
  giveBack();
  expect(heap.verify()).toEqual([]);
  expect(process.memoryUsage.rss() - before).toBeLessThan(1.5 * GIB);
});
