/** `mmu` with V8's objects: a list of rings, of which every second step replaces one. */

import { Random } from '../graphs.ts';
import type { Cell, FiguresBench } from '../harness/types.ts';
import { measureChurn } from './pushes.ts';
import { buildRing, type Make, ringLength } from './v8-graphs.ts';

export function mmu(make: Make, { operations: milliseconds, size }: Cell): FiguresBench {
  const rings = Array.from({ length: size! / 2 }, () => buildRing(make, 2));
  const random = new Random(1);
  let steps = 0;
  // Outlives the step, so that the compiler has to allocate it; dropped by the next one.
  let newest = rings[0]!;
  const step = () => {
    newest = buildRing(make, 2);
    if ((steps++ & 1) === 0) rings[random.below(rings.length)] = newest;
  };
  const countLive = () => rings.reduce((sum, ring) => sum + ringLength(ring), 0);
  return { measureAll: async () => measureChurn({ step, countLive }, milliseconds) };
}
