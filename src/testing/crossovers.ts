/** The sizes at which collections change their ways: from serial to shared to concurrent. */

import { type Heap, sessionOf } from '../heap.ts';
import { GC_BACKGROUND_MIN, GC_PARALLEL_MIN, GC_SHARED_MIN } from '../memory/layout.ts';
import { NEVER } from '../memory/memory.ts';

/** In the order in which they take effect. */
const WORDS = [GC_SHARED_MIN, GC_PARALLEL_MIN, GC_BACKGROUND_MIN];

/** Objects from which on scans go page by page, in parallel, and beside the mutators. */
export function readCrossovers(heap: Heap): readonly number[] {
  const { i32 } = sessionOf(heap).mem;
  return WORDS.map((word) => i32[word] as number);
}

/** Sets them, for all threads. */
export function writeCrossovers(heap: Heap, sizes: readonly number[]): void {
  const { i32 } = sessionOf(heap).mem;
  heap.run(() => {
    WORDS.forEach((word, i) => {
      i32[word] = Math.min(sizes[i] as number, NEVER);
    });
  });
}
