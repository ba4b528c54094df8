/** Guards of killed threads and automatic collections: nobody has to ask (semantics C8). */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { GUARDED_TRIGGER } from '../src/gc/generations.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { GC_DISABLES } from '../src/memory/layout.ts';
import { ring } from './support/shapes.ts';
import { LIBRARY } from './support/threads.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

const HOLDER = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.library).then(({ Heap }) => {
    Heap.attach(workerData.token).gc.disabled();
    parentPort.on('message', () => {});
    parentPort.postMessage('ready');
  });
`;

const collections = (heap: Heap) => heap.gc.getStats()[0].collections;
const openGuards = (heap: Heap) => sessionOf(heap).mem.i32[GC_DISABLES];

/** Makes cycles of so many objects, which only a collection frees. */
function makeGarbage(heap: Heap, objects: number): void {
  for (let made = 0; made < objects; made += 2) ring(heap, 2).release();
}

test.runIf(process.platform === 'linux')(
  'automatic collections run again some allocations after a thread was killed in disabled()',
  async () => {
    await withHeapAsync({}, async (heap) => {
      const workerData = { library: LIBRARY, token: heap.share() };
      const victim = new Worker(HOLDER, { eval: true, workerData });
      await once(victim, 'message');
      makeGarbage(heap, GUARDED_TRIGGER - 100);
      expect([collections(heap), openGuards(heap)]).toEqual([0, 1]);
      expect(heap.verify()).toEqual([]);
      await victim.terminate();
      makeGarbage(heap, 200);
      expect([collections(heap), openGuards(heap)]).toEqual([1, 0]);
      makeGarbage(heap, 702);
      expect(collections(heap)).toBe(2);
      expect(heap.gc.isEnabled()).toBe(true);
      heap.gc.collect();
    });
  },
);

test('no automatic collection runs while a living thread holds a guard', () => {
  withHeap({}, (heap) => {
    const guard = heap.gc.disabled();
    makeGarbage(heap, GUARDED_TRIGGER + 2000); // beyond a look, and fewer than go to the background
    expect(heap.verify()).toEqual([]);
    expect([collections(heap), openGuards(heap)]).toEqual([0, 1]);
    guard[Symbol.dispose]();
    expect([collections(heap), openGuards(heap)]).toEqual([1, 0]);
    heap.gc.collect();
  });
});
