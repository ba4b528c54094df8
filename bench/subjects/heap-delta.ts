/** Bytes per object for subjects that live in V8's own heaps. */

import { getHeapStatistics } from 'node:v8';

/** Of a child started with `--expose-gc`. */
export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('the process runs without --expose-gc');
  globalThis.gc();
}

function usedHeapBytes(): number {
  collectGarbage();
  collectGarbage(); // what the first one only found to be dead
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory; // the shared space counts in
}

/** Growth of V8's used heap per object while what `build` returns is live. */
export function heapBytesPerObject<T>(
  count: number,
  build: () => T,
  countLive: (built: T) => number,
): { value: number; checksum: number } {
  const before = usedHeapBytes();
  const built = build();
  const after = usedHeapBytes();
  return { value: (after - before) / count, checksum: countLive(built) };
}
