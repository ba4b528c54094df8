/** A thread that holds damaged objects has left when it fails to release them: its lock is free. */
import { expect, test } from 'vitest';
import { Heap, sessionOf } from '../src/heap.ts';
import { HeapClosedError, type HeapMap } from '../src/index.ts';
import { HEADER_COUNT } from '../src/memory/layout.ts';
import { gilOwner } from '../src/sync/gil.ts';
import { COUNTS } from './support/with-heap.ts';

const DAMAGE = 'refcount: decref of a living object';

/** Makes a heap in which this thread holds a map that looks dead. */
function createDamaged(prepare: (map: HeapMap) => void = () => {}) {
  const heap = Heap.create({ maxBytes: 8 * 2 ** 20, counts: COUNTS });
  const map = heap.map().set('key', 'value');
  prepare(map);
  const { mem } = sessionOf(heap);
  mem.i32[map.$ref + HEADER_COUNT] = 0;
  return { heap, mem, token: heap.share() };
}

test('a thread that cannot release a handle leaves, and others go on', () => {
  const { heap, mem, token } = createDamaged();
  expect(() => heap.detach()).toThrow(DAMAGE);
  expect([gilOwner(mem), mem.depth]).toEqual([0, 0]);
  expect(() => heap.run(() => {})).toThrow(HeapClosedError);
  heap.detach(); // once is enough
  const again = Heap.attach(token);
  expect(again.run(() => 'open', { timeoutMs: 0 })).toBe('open');
  // What could not be released stays with the record, which nobody else may get.
  expect(again.stats().threads.map(({ id }) => id)).toEqual([1, 2]);
  again.detach();
});

test('a thread that cannot close an iterator leaves, and others go on', () => {
  const { heap, mem, token } = createDamaged((map) => map.keys().next());
  expect(() => heap.detach()).toThrow(DAMAGE);
  expect([gilOwner(mem), mem.depth]).toEqual([0, 0]);
  const again = Heap.attach(token);
  expect(again.run(() => 'open', { timeoutMs: 0 })).toBe('open');
  again.detach();
});

test('a creator that cannot release a handle closes its heap all the same', async () => {
  const { heap, mem, token } = createDamaged();
  await expect(heap.close()).rejects.toThrow(DAMAGE);
  expect([gilOwner(mem), mem.depth]).toEqual([0, 0]);
  expect(() => Heap.attach(token)).toThrow(HeapClosedError);
  await heap.close();
});
