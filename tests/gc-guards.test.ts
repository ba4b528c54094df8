/** Guards of threads that are killed (semantics C8): `disabled()` is over when its thread is. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { type Heap, sessionOf } from '../src/heap.ts';
import { GC_DISABLES, GC_TRIGGER, THREAD_GUARDS } from '../src/memory/layout.ts';
import { threadRecordOf } from '../src/memory/memory.ts';
import { closeGuardsOfDead } from '../src/sync/thread-table.ts';
import { ring } from './support/shapes.ts';
import { LIBRARY } from './support/threads.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

const isLinux = process.platform === 'linux';

const HOLDER = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.library).then(({ Heap }) => {
    const heap = Heap.attach(workerData.token);
    for (let i = 0; i < workerData.guards; i++) heap.gc.disabled();
    const extra = heap.gc.disabled();
    extra[Symbol.dispose]();
    parentPort.on('message', () => process.exit());
    parentPort.postMessage('ready');
  });
`;

/** Starts a thread that holds so many guards open. */
async function startHolder(heap: Heap, guards: number): Promise<Worker> {
  const workerData = { library: LIBRARY, token: heap.share(), guards };
  const worker = new Worker(HOLDER, { eval: true, workerData });
  await once(worker, 'message');
  return worker;
}

const openGuards = (heap: Heap) => sessionOf(heap).mem.i32[GC_DISABLES];
const automatic = (heap: Heap) => heap.gc.getStats()[0].collections;

/** Makes garbage for so many objects. */
function makeGarbage(heap: Heap, objects: number): void {
  for (let made = 0; made < objects; made += 2) ring(heap, 2).release();
}

test.runIf(isLinux)(
  'guards of a killed thread are closed, those of living ones are not',
  async () => {
    await withHeapAsync({}, async (heap) => {
      const { mem } = sessionOf(heap);
      const victim = await startHolder(heap, 2);
      const other = await startHolder(heap, 1);
      const mine = heap.gc.disabled();
      expect(openGuards(heap)).toBe(4);
      heap.run(() => expect(closeGuardsOfDead(mem)).toBe(false));
      expect(openGuards(heap)).toBe(4);
      await victim.terminate();
      heap.run(() => expect(closeGuardsOfDead(mem)).toBe(false));
      expect(openGuards(heap)).toBe(2);
      heap.run(() => expect(closeGuardsOfDead(mem)).toBe(false)); // once only
      expect(openGuards(heap)).toBe(2);
      await other.terminate();
      heap.run(() => expect(closeGuardsOfDead(mem)).toBe(false));
      expect(openGuards(heap)).toBe(1);
      mine[Symbol.dispose]();
      heap.run(() => expect(closeGuardsOfDead(mem)).toBe(true));
      expect(openGuards(heap)).toBe(0);
    });
  },
);

test.runIf(isLinux)(
  'enable() after a thread was killed in disabled() lets collections run again',
  async () => {
    await withHeapAsync({}, async (heap) => {
      const victim = await startHolder(heap, 3);
      makeGarbage(heap, 1000);
      expect(automatic(heap)).toBe(0);
      await victim.terminate();
      heap.gc.enable();
      expect(openGuards(heap)).toBe(0);
      makeGarbage(heap, 1000);
      expect(automatic(heap)).toBeGreaterThan(0);
      heap.gc.collect();
    });
  },
);

test.runIf(isLinux)('a plain disable() of a killed thread stays, as in CPython', async () => {
  await withHeapAsync({}, async (heap) => {
    const victim = await startHolder(heap, 1);
    heap.gc.disable();
    await victim.terminate();
    heap.gc.setThreshold(700);
    expect(openGuards(heap)).toBe(0);
    expect(heap.gc.isEnabled()).toBe(false);
    makeGarbage(heap, 1000);
    expect(automatic(heap)).toBe(0);
    heap.gc.collect();
  });
});

test('a thread that leaves closes its guards, and its record starts anew', async () => {
  await withHeapAsync({}, async (heap) => {
    const { mem } = sessionOf(heap);
    const guardsOf = (id: number) => mem.i32[threadRecordOf(mem, id) + THREAD_GUARDS];
    for (let round = 0; round < 2; round++) {
      const holder = await startHolder(heap, 2);
      expect([openGuards(heap), guardsOf(2)]).toEqual([2, 2]);
      holder.postMessage('exit');
      await once(holder, 'exit');
      expect([openGuards(heap), guardsOf(2)]).toEqual([0, 0]);
      expect(mem.i32[GC_TRIGGER]).toBe(700);
    }
  });
});

test('guards that are disposed of in any order leave none open', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    const guards = [heap.gc.disabled(), heap.gc.disabled(), heap.gc.disabled()];
    expect(mem.i32[mem.thread + THREAD_GUARDS]).toBe(3);
    for (const index of [1, 0, 1, 2, 0]) guards[index]?.[Symbol.dispose]();
    expect(mem.i32[mem.thread + THREAD_GUARDS]).toBe(0);
    expect(openGuards(heap)).toBe(0);
  });
});
