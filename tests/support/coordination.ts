/** What tests on coordination look at behind the surface: who waits. */

import type { Handle, Heap } from '../../src/index.ts';
import {
  BARRIER_LINE,
  CONDITION_LINE,
  MUTEX_LINE,
  QUEUE_POPPERS,
  QUEUE_PUSHERS,
  SEMAPHORE_LINE,
} from '../../src/object/coordination.ts';
import { LINE_FIELDS } from '../../src/sync/line.ts';
import { until } from './threads.ts';

/** Where in an object the line is. */
export const LINES = {
  mutex: MUTEX_LINE,
  condition: CONDITION_LINE,
  pushers: QUEUE_PUSHERS,
  poppers: QUEUE_POPPERS,
  semaphore: SEMAPHORE_LINE,
  barrier: BARRIER_LINE,
} as const;

/** A word of a line. */
export function lineWord(
  heap: Heap,
  object: Handle,
  line: keyof typeof LINES,
  field: (typeof LINE_FIELDS)[number],
): number {
  const i32 = new Int32Array(heap.share().buffer);
  return Atomics.load(i32, object.$ref + LINES[line] + LINE_FIELDS.indexOf(field));
}

/** Waits until so many wait in a line. */
export const untilWaiting = (
  heap: Heap,
  object: Handle,
  line: keyof typeof LINES,
  count: number,
): Promise<void> => until(() => lineWord(heap, object, line, 'waiters') === count);

/** What `body` throws. */
export function caught(body: () => unknown): Error {
  try {
    body();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

/** One of each. */
export function oneOfEach(heap: Heap): readonly Handle[] {
  return [
    heap.mutex(),
    heap.condition(),
    heap.queue({ capacity: 2 }),
    heap.semaphore(1),
    heap.barrier(2),
    heap.counter(7),
  ];
}
