/**
 * Records of threads that have died: the last few, in a ring in shared memory. Written under the
 * GIL by whoever has recovered what the thread left; each record's number comes last.
 */

import {
  CONTROL_DEATHS,
  DEATH_BLOCKS,
  DEATH_NUMBER,
  DEATH_OS_ID,
  DEATH_PAGES,
  DEATH_RECORDS,
  DEATH_ROWS,
  DEATH_THREAD,
  DEATH_US,
  DEATH_WHERE,
  DEATH_WORDS,
  DEATHS,
  DIED_COLLECTING,
  DIED_HOLDING,
  DIED_OUTSIDE,
  DIED_READING,
  DIED_RECOVERING,
  DIED_WAITING,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** Where a thread was when it died. */
export type DeathPlace =
  | 'outside'
  | 'waiting'
  | 'holding'
  | 'reading'
  | 'collecting'
  | 'recovering';

const PLACES: Record<number, DeathPlace> = {
  [DIED_OUTSIDE]: 'outside',
  [DIED_WAITING]: 'waiting',
  [DIED_HOLDING]: 'holding',
  [DIED_READING]: 'reading',
  [DIED_COLLECTING]: 'collecting',
  [DIED_RECOVERING]: 'recovering',
};

/** What was recovered of a thread that died. */
export interface DeathRecord {
  /** Deaths of this heap are numbered from 1. */
  readonly number: number;
  /** Its number in the heap (129: the collector thread), and in the system (0: unknown). */
  readonly thread: number;
  readonly osThread: number;
  readonly where: DeathPlace;
  /** Rows of its root table, and copies half made, that were released. */
  readonly rows: number;
  /** Blocks that became free by that: objects and the backing of containers. */
  readonly blocks: number;
  /** Pages that it owned. */
  readonly pages: number;
  /** How long the heap was closed for it, in milliseconds. */
  readonly durationMs: number;
}

const recordAt = (number: number): number =>
  DEATHS + (((number - 1) >>> 0) % DEATH_RECORDS) * DEATH_WORDS;

/** Writes a death down. The caller holds the GIL. */
export function noteDeath(
  mem: Memory,
  death: Omit<DeathRecord, 'number' | 'where'> & { readonly where: number },
): DeathRecord {
  const { i32 } = mem;
  const number = i32[CONTROL_DEATHS] + 1;
  const at = recordAt(number);
  i32[at + DEATH_NUMBER] = 0;
  i32[at + DEATH_THREAD] = death.thread;
  i32[at + DEATH_OS_ID] = death.osThread;
  i32[at + DEATH_WHERE] = death.where;
  i32[at + DEATH_ROWS] = death.rows;
  i32[at + DEATH_BLOCKS] = death.blocks;
  i32[at + DEATH_PAGES] = death.pages;
  i32[at + DEATH_US] = Math.round(death.durationMs * 1000);
  i32[at + DEATH_NUMBER] = number;
  i32[CONTROL_DEATHS] = number;
  return { ...death, number, where: PLACES[death.where] };
}

/** How many deaths were written down so far. A plain read: whoever wants them takes the lock. */
export const countDeaths = (mem: Memory): number => mem.i32[CONTROL_DEATHS];

/** The deaths after number `since` that are still remembered. The caller holds the GIL. */
export function readDeaths(mem: Memory, since: number): DeathRecord[] {
  const { i32 } = mem;
  const last = i32[CONTROL_DEATHS];
  const deaths: DeathRecord[] = [];
  for (let number = Math.max(since + 1, last - DEATH_RECORDS + 1, 1); number <= last; number++) {
    const at = recordAt(number);
    if (i32[at + DEATH_NUMBER] !== number) continue;
    deaths.push({
      number,
      thread: i32[at + DEATH_THREAD],
      osThread: i32[at + DEATH_OS_ID],
      where: PLACES[i32[at + DEATH_WHERE]],
      rows: i32[at + DEATH_ROWS],
      blocks: i32[at + DEATH_BLOCKS],
      pages: i32[at + DEATH_PAGES],
      durationMs: i32[at + DEATH_US] / 1000,
    });
  }
  return deaths;
}
