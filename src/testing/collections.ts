/** How testing sees that collections have run. */

import { readGenerationStats } from '../gc/figures.ts';
import { GENERATIONS } from '../memory/layout.ts';
import type { Mutator } from '../object/mutator.ts';

/** How many collections of each generation have ended so far. Needs no lock, begins none. */
export function readCollections(mem: Mutator): number[] {
  return Array.from({ length: GENERATIONS }, (_, g) => readGenerationStats(mem, g).collections);
}
