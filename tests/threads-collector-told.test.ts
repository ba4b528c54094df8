/**
 * What is counted and told of collections beside the mutators: those that are given up, and those
 * whose end nobody waits for.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { beginCollection, noteBackground, readBackground } from '../src/gc/figures.ts';
import type { Heap } from '../src/heap.ts';
import { sessionOf } from '../src/heap.ts';
import { type CollectionInfo, type CollectionStop, DEBUG_SAVEALL } from '../src/index.ts';
import {
  BACKGROUND_RECORDS,
  GC_BACKGROUND,
  GC_BACKGROUND_NO,
  GC_BACKGROUND_SERIAL,
} from '../src/memory/layout.ts';
import { ring } from '../src/testing.ts';
import { until } from './support/threads.ts';
import { withHeap, withHeapAsync } from './support/with-heap.ts';

const SIZE = 20;
const RINGS = 2000;
const GARBAGE = RINGS * SIZE;
const OPTIONS = { thresholds: [0, 10, 10], growthFactor: 0 } as const;

/** Makes garbage, and lets a collection of it begin beside this thread. */
function beginInBackground(heap: Heap): void {
  heap.run(() => {
    for (let i = 0; i < RINGS; i++) ring(heap, SIZE);
  });
  heap.gc.setThreshold(700, 10, 10);
  heap.run(() => {});
  heap.gc.setThreshold(2 ** 30);
}

const collectedOf = (heap: Heap) =>
  heap.gc.getStats().reduce((sum, { collected }) => sum + collected, 0);

const isIdle = (heap: Heap) => heap.run(() => sessionOf(heap).mem.i32[GC_BACKGROUND]) === 0;

test('what a given up collection has found is counted by the one that takes over', async () => {
  await withHeapAsync(OPTIONS, async (heap) => {
    for (let delay = 0; delay < 40; delay += 2) {
      const before = collectedOf(heap);
      beginInBackground(heap);
      await sleep(delay);
      heap.run(() => {
        const ended = collectedOf(heap) - before; // by the one beside this thread, if it was done
        expect(heap.gc.collect()).toBe(GARBAGE - ended);
      });
      expect(collectedOf(heap) - before).toBe(GARBAGE);
    }
  });
});

test('the end of a collection is told to a thread that is not in the heap', async () => {
  await withHeapAsync(OPTIONS, async (heap) => {
    const phases: string[] = [];
    heap.gc.callbacks.push((phase, { id, collected }) =>
      phases.push(`${phase} ${id}: ${collected}`),
    );
    beginInBackground(heap);
    await until(() => phases.length === 2, 40);
    expect(phases).toEqual(['start 1: 0', `stop 1: ${GARBAGE}`]);
  });
});

test('a collection that begins and ends while another runs has a number of its own', async () => {
  await withHeapAsync(OPTIONS, async (heap) => {
    const told: [phase: string, info: CollectionInfo][] = [];
    heap.gc.callbacks.push((phase, info) => told.push([phase, info]));
    beginInBackground(heap);
    heap.gc.collect(0); // which another one may have under way
    await until(() => isIdle(heap) && told.length === 4, 40);
    for (const id of [1, 2]) {
      expect(told.filter(([, info]) => info.id === id).map(([phase]) => phase)).toEqual([
        'start',
        'stop',
      ]);
    }
    expect(told.reduce((sum, [, { collected }]) => sum + collected, 0)).toBe(GARBAGE);
  });
});

test('the channels tell the same numbers', async () => {
  await withHeapAsync(OPTIONS, async (heap) => {
    const ids: number[] = [];
    const listen = (message: unknown) => ids.push((message as CollectionStop).id);
    subscribe('sharc:gc:start', listen);
    subscribe('sharc:gc:stop', listen);
    heap.gc.collect();
    heap.gc.collect();
    unsubscribe('sharc:gc:start', listen);
    unsubscribe('sharc:gc:stop', listen);
    expect(ids).toEqual([1, 1, 2, 2]);
  });
});

test('from DEBUG_SAVEALL on nothing is freed that was not found before', async () => {
  await withHeapAsync(OPTIONS, async (heap) => {
    beginInBackground(heap);
    heap.gc.setDebug(DEBUG_SAVEALL);
    expect(isIdle(heap)).toBe(true);
    const live = heap.stats().liveObjects;
    await sleep(50);
    expect(heap.stats().liveObjects).toBe(live);
    const freed = GARBAGE - heap.gc.countObjects(); // found, and swept, before the flag was set
    expect(heap.gc.collect()).toBe(GARBAGE);
    expect(heap.gc.garbage.length).toBe(GARBAGE - freed);
    heap.gc.setDebug(0);
    heap.gc.garbage.length = 0;
    heap.gc.collect();
  });
});

test('each of the last collections beside the mutators is remembered by its number', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    for (let serial = 1; serial <= BACKGROUND_RECORDS + 1; serial++) {
      mem.i32[GC_BACKGROUND_SERIAL] = serial;
      noteBackground(mem, { ...beginCollection(2), collected: 100 * serial });
    }
    expect(readBackground(mem, 1)).toBeNull(); // forgotten
    expect(readBackground(mem, 2)?.collected).toBe(200);
    expect(readBackground(mem, BACKGROUND_RECORDS + 1)?.collected).toBe(
      100 * (BACKGROUND_RECORDS + 1),
    );
    expect(readBackground(mem, BACKGROUND_RECORDS + 2)).toBeNull(); // yet to come
    expect(mem.i32[GC_BACKGROUND_NO]).toBe(BACKGROUND_RECORDS + 1);
  });
});
