/** What the benches of the collector ask of `heap.gc`, and waiting for its threads. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Heap } from '../../src/index.ts';

/** The collector of a heap, as users have it. */
export type Gc = Heap['gc'];

/** What has been collected since the heap was created, in all generations. */
export const collectedSoFar = (gc: Gc): number =>
  gc.getStats().reduce((sum, { collected }) => sum + collected, 0);

/** Processor time of all collections, in milliseconds. */
export const cpuSoFar = (gc: Gc): number =>
  gc.getStats().reduce((sum, { cpuMs }) => sum + cpuMs, 0);

/** Objects that each scanner has examined, in all generations. */
export function scannedSoFar(gc: Gc): number[] {
  const sums: number[] = [];
  for (const { scanned } of gc.getStats()) {
    for (const [scanner, objects] of scanned.entries()) {
      sums[scanner] = (sums[scanner] ?? 0) + objects;
    }
  }
  return sums;
}

const WARM_UPS = 5;
const WARM_UPS_MAX = 40;
const POOL_DELAY_MS = 50;

/**
 * Collects what `build` makes until the code is compiled and, where a second scanner is asked for,
 * until it takes part: threads of the pool start in the background, on first need.
 */
export async function warmUp(gc: Gc, scanners: number, build: () => void): Promise<void> {
  for (let round = 0; round < WARM_UPS_MAX; round++) {
    build();
    gc.collect();
    const working = scannedSoFar(gc).filter((objects) => objects > 0).length;
    if (round >= WARM_UPS && working >= scanners) return;
    if (working < scanners) await delay(POOL_DELAY_MS);
  }
}

/** An error for the report when the heap is damaged: its figures would be worth nothing. */
export function assertSound(heap: Heap): void {
  const [finding] = heap.verify();
  if (finding !== undefined) throw new Error(`the heap is damaged: ${finding.message}`);
}
