/**
 * What a collection is going to cost: the objects it will examine, at the price that collections
 * of its generation have had per object so far. Told from counts alone, whatever there is to
 * collect: what is asked for within a time must not take it for the estimate.
 */

import type { Memory } from '../memory/memory.ts';
import { readGenerationStats } from './figures.ts';
import { expectedMembers } from './generations.ts';

/** Microseconds per object while there are no figures: several times what it takes here. */
const DEFAULT_US = 0.5;
/** Milliseconds that every collection may take, whatever it examines. */
const FIXED_MS = 0.1;
/** Objects that the collections so far must have examined for their price to be believed. */
const ENOUGH_OBJECTS = 1000;

/** Milliseconds that a collection of `generation` is expected to take. The caller holds the GIL. */
export function estimateMs(mem: Memory, generation: number): number {
  const { candidates, durationMs } = readGenerationStats(mem, generation);
  const isKnown = candidates >= ENOUGH_OBJECTS;
  const perObjectMs = isKnown ? durationMs / candidates : DEFAULT_US / 1000;
  return FIXED_MS + expectedMembers(mem, generation) * perObjectMs;
}
