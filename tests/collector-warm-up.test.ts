/** What the collector thread does before its first collection. */

import { expect, test } from 'vitest';
import { warmUpCollector } from '../src/collector-warm-up.ts';
import { sessionOf } from '../src/heap.ts';
import { NEVER } from '../src/memory/memory.ts';
import { writeCrossovers } from '../src/testing/crossovers.ts';
import { withHeap } from './support/with-heap.ts';

/** 3,000 rings of 20, a ring of 24,000, and 500 pairs of a map and an array. */
const OBJECTS_OF_A_ROUND = 3000 * 20 + 24_000 + 500 * 2;

test('a warm-up collects all of its own garbage, in whole rounds', () => {
  withHeap({}, (heap) => {
    const collected = warmUpCollector(sessionOf(heap).mem, () => false);
    expect(collected).toBeGreaterThan(0);
    expect(collected % OBJECTS_OF_A_ROUND).toBe(0);
    expect(collected).toBeLessThanOrEqual(6 * OBJECTS_OF_A_ROUND);
  });
});

test('a warm-up changes nothing in the heap that it is for', () => {
  withHeap({}, (heap) => {
    const figures = () => ({ ...heap.stats(), threads: [], lock: null }); // asking takes the lock
    const before = figures();
    warmUpCollector(sessionOf(heap).mem, () => false);
    expect(figures()).toEqual(before);
    expect(heap.gc.getStats().map(({ collections }) => collections)).toEqual([0, 0, 0]);
  });
});

test('a warm-up does not begin when the thread is to end', () => {
  withHeap({}, (heap) => {
    expect(warmUpCollector(sessionOf(heap).mem, () => true)).toBe(0);
  });
});

test('there is no warm-up where small collections are to run beside the mutators', () => {
  withHeap({}, (heap) => {
    writeCrossovers(heap, [NEVER, NEVER, 100]);
    expect(warmUpCollector(sessionOf(heap).mem, () => false)).toBe(0);
  });
});
