import { expect, test } from 'vitest';
import { MAP_ITERATORS } from '../src/memory/layout.ts';
import { abandonRuns } from '../src/memory/pages.ts';
import { decref } from '../src/object/dealloc.ts';
import { clearMap, deleteEntry } from '../src/object/map.ts';
import { closeIterator, firstEntry, openIterator } from '../src/object/map-chunks.ts';
import { releaseRows } from '../src/object/rows.ts';
import { releaseThread } from '../src/sync/thread-table.ts';
import { createBareHeap, expectSound } from './support/bare-heap.ts';
import { createSample } from './support/sample-heap.ts';

test('a new heap is sound', () => {
  expectSound(createBareHeap(), []);
});

test('a heap with something of every kind is sound', () => {
  const { mem, locals } = createSample();
  expectSound(mem, locals);
});

test('a heap is sound when its locals are released, though they leave a cycle of garbage', () => {
  const { mem, locals } = createSample();
  for (const local of locals) decref(mem, local);
  expectSound(mem, []);
});

test('a heap is sound when a thread has left it', () => {
  const { mem, other, locals } = createSample();
  releaseRows(other);
  abandonRuns(other, other.threadId);
  releaseThread(other, other.threadId);
  expectSound(mem, locals);
});

test('a map is sound while iterators hold its empty chunks, and when the last one closes', () => {
  const { mem, locals, tableMap } = createSample();
  openIterator(mem, tableMap);
  for (let i = 0; i < 150; i++) deleteEntry(mem, tableMap, firstEntry(mem, tableMap));
  expectSound(mem, locals);
  clearMap(mem, tableMap);
  expectSound(mem, locals);
  closeIterator(mem, tableMap);
  expectSound(mem, locals);
  expect(mem.i32[tableMap + MAP_ITERATORS]).toBe(0);
});
