/**
 * The lock word (CONTROL_GIL, atomic): its fields. Who moves it stands at the top of `gil.ts`.
 *
 *      31     12 11        10        9          8           7     0
 *     ┌─────────┬─────────┬─────────┬──────────┬───────────┬────────┐
 *     │    0    │ OFFERED │ READERS │ HANDOVER │ CONTENDED │ owner  │
 *     └─────────┴─────────┴─────────┴──────────┴───────────┴────────┘
 */

import { assert } from '../base/assert.ts';
import { COLLECTOR_THREAD, CONTROL_GIL } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** The thread that owns the lock or, when OFFERED, the one that may take it next; 0: it is free. */
export const OWNER_MASK = 0xff;
/** Somebody may be parked. */
export const CONTENDED = 1 << 8;
/** A waiter has asked for the lock. */
export const HANDOVER = 1 << 9;
/** Threads have begun read sections: whoever takes the lock looks for them. Stays for ever. */
export const READERS = 1 << 10;
/** The lock is free, and kept for a while for the thread that it names. */
export const OFFERED = 1 << 11;

assert(COLLECTOR_THREAD < OWNER_MASK, 'gil: every owner has a name in the lock word');

/** The thread that owns the lock by this word; 0: none. */
export const ownerIn = (word: number): number => ((word & OFFERED) !== 0 ? 0 : word & OWNER_MASK);

/** The thread that the lock is offered to by this word; 0: none. */
export const heirIn = (word: number): number => ((word & OFFERED) !== 0 ? word & OWNER_MASK : 0);

/** The lock word as it is now. */
export const lockWord = (mem: Memory): number => Atomics.load(mem.i32, CONTROL_GIL);

/** Changes the lock word if it is still `from`. Returns whether it was. */
export const moveLock = (mem: Memory, from: number, to: number): boolean =>
  Atomics.compareExchange(mem.i32, CONTROL_GIL, from, to) === from;
