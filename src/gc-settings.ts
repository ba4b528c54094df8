/** What `heap.gc` reads and writes in the control words of a heap. The lock is held. */

import { abandonBackground, backgroundState } from './gc/background-state.ts';
import { finishSweep } from './gc/collector.ts';
import { type GenerationStats, readGenerationStats } from './gc/figures.ts';
import { garbageArrayOf } from './gc/garbage.ts';
import { type freezeAll, readCounts, resetTrigger } from './gc/generations.ts';
import { readDurations } from './gc/histogram.ts';
import { DEBUG_SAVEALL } from './gc-debug.ts';
import type { Handle } from './handle.ts';
import {
  BACKGROUND_WANTED,
  GC_DEBUG,
  GC_DISABLES,
  GC_ENABLED,
  GC_NOT_BEFORE,
  GC_SHARE,
  GC_THRESHOLDS,
  GENERATIONS,
  THREAD_GUARDS,
} from './memory/layout.ts';
import type { Memory } from './memory/memory.ts';
import type { Session } from './session.ts';
import { closeGuardsOfDead } from './sync/thread-table.ts';

/** The share of time is stored in thousandths. */
export const SHARE_UNIT = 1000;

/** A control word. */
export const readWord = (session: Session, word: number): number => session.mem.i32[word];

/** Switches automatic collections on (1) or off (0). */
export function setEnabled(session: Session, flag: number): void {
  session.mem.i32[GC_ENABLED] = flag;
  if (flag === 0) withdraw(session.mem);
  resetSwitches(session.mem);
}

/** Opens (1) or closes (-1) a guard of this thread against automatic collections. */
export function changeGuards(session: Session, change: number): void {
  const { mem, collections } = session;
  mem.i32[GC_DISABLES] += change;
  mem.i32[mem.thread + THREAD_GUARDS] += change; // for others, should this thread be killed
  collections.openGuards += change;
  if (change > 0) withdraw(mem);
  resetTrigger(mem);
}

/** Automatic collections are to stop: one that has not begun is not to begin. */
function withdraw(mem: Memory): void {
  if (backgroundState(mem) === BACKGROUND_WANTED) abandonBackground(mem);
}

/** Somebody wants other collections, or none: that guards of the dead are open is noticed here. */
function resetSwitches(mem: Memory): void {
  closeGuardsOfDead(mem);
  resetTrigger(mem);
}

/** The thresholds of all generations. */
export function readThresholds({ mem }: Session): [number, number, number] {
  const at = (generation: number) => mem.i32[GC_THRESHOLDS + generation];
  return [at(0), at(1), at(2)];
}

/** Sets thresholds; those that are undefined stay as they are. */
export function setThresholds({ mem }: Session, thresholds: readonly (number | undefined)[]): void {
  for (let generation = 0; generation < GENERATIONS; generation++) {
    const threshold = thresholds[generation];
    if (threshold !== undefined) mem.i32[GC_THRESHOLDS + generation] = threshold;
  }
  if (mem.i32[GC_THRESHOLDS] === 0) withdraw(mem);
  resetSwitches(mem);
}

/** The counts of all generations. */
export const readCountsOperation = ({ mem }: Session) => readCounts(mem);

/** Sets the share of the time that automatic collections may take. */
export function setShare({ mem }: Session, share: number): void {
  mem.i32[GC_SHARE] = Math.max(1, Math.round(share * SHARE_UNIT));
  mem.i32[GC_NOT_BEFORE] = 0;
}

/** The figures of all generations. */
export function readStatsOperation({
  mem,
}: Session): [GenerationStats, GenerationStats, GenerationStats] {
  const of = (generation: number) => readGenerationStats(mem, generation);
  return [of(0), of(1), of(2)];
}

/** The histogram at a word. */
export const readDurationsOperation = ({ mem }: Session, at: number) => readDurations(mem, at);

/**
 * Moves all tracked objects. Garbage that is being swept has left its generation: it is to be gone
 * before others move.
 */
export function freezeOperation({ mem }: Session, move: typeof freezeAll): void {
  finishSweep(mem);
  move(mem);
}

/**
 * Sets the debug flags. A collection beside the mutators, which knows none, is given up: what it
 * has not found by now, another one finds.
 */
export function setDebugFlags({ mem }: Session, flags: number): void {
  if (flags !== 0) {
    abandonBackground(mem);
    finishSweep(mem);
  }
  if ((flags & DEBUG_SAVEALL) !== 0) garbageArrayOf(mem); // there is room for it now
  mem.i32[GC_DEBUG] = flags;
}

/** The array of what collections have left alone, kept for this thread. */
export function garbageOperation(session: Session): Handle {
  const garbage = session.handles.wrap(garbageArrayOf(session.mem));
  session.handles.keep(garbage); // for as long as this thread is in the heap
  return garbage;
}
