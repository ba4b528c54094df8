/**
 * Collections beside the mutators, as a mutator starts them: whether it is worth it, whether there
 * is a collector thread, and what becomes of a collection that has lost its thread.
 */

import type { Background } from './collections.ts';
import { ensureCollectorThread } from './collector-thread.ts';
import {
  abandonBackground,
  BACKGROUND_IDLE,
  backgroundState,
  wantBackground,
} from './gc/background-state.ts';
import type { Collector } from './gc/collector.ts';
import {
  beginCollection,
  type Collection,
  noteLostInCollection,
  readBackground,
} from './gc/figures.ts';
import { expectedMembers } from './gc/generations.ts';
import { isCollectorLost, REQUEST_SCANNERS, request } from './gc/requests.ts';
import {
  BACKGROUND_WANTED,
  GC_BACKGROUND_MIN,
  GC_BACKGROUND_OF,
  GC_BACKGROUND_SERIAL,
  GC_DEBUG,
} from './memory/layout.ts';
import type { Mutator } from './object/mutator.ts';
import type { Session } from './session.ts';
import { describeLoss } from './worker-entry.ts';

/** How often a thread looks whether the collector thread of an open collection lives. */
const LOOK_MS = 20;

/** The collections in the background that one thread starts. */
export class BackgroundLink implements Background {
  /** The number of the last one that this thread has started. */
  #serial = 0;
  #lookedAt = 0;

  /** Starts a collection of `generation` beside the mutators, if it is large. Under the lock. */
  start(session: Session, generation: number): boolean {
    const { mem } = session;
    if (mem.i32[GC_DEBUG] !== 0) return false; // what it finds is to be told object by object
    if (backgroundState(mem) !== BACKGROUND_IDLE) return false;
    if (expectedMembers(mem, generation) < mem.i32[GC_BACKGROUND_MIN]) return false;
    if (!ensureCollectorThread(mem)) return false;
    wantBackground(mem, generation);
    this.#serial = mem.i32[GC_BACKGROUND_SERIAL];
    return true;
  }

  /** The figures of the last one started here, when it has ended; empty ones if it was given up. */
  takeEnded({ mem }: Session): Collection | null {
    const isLast = mem.i32[GC_BACKGROUND_SERIAL] === this.#serial;
    if (isLast && backgroundState(mem) !== BACKGROUND_IDLE) return null;
    return readBackground(mem, this.#serial) ?? beginCollection(mem.i32[GC_BACKGROUND_OF]);
  }

  /**
   * Looks, now and then, whether the open collection has lost its thread. If so it is given up, and
   * its generation returned: it is to be collected here. Else -1. Under the lock.
   */
  takeLost(mem: Mutator): number {
    const state = backgroundState(mem);
    if (state === BACKGROUND_IDLE || performance.now() - this.#lookedAt < LOOK_MS) return -1;
    this.#lookedAt = performance.now();
    const isLost = state === BACKGROUND_WANTED ? !ensureCollectorThread(mem) : isCollectorLost(mem);
    if (!isLost) return -1;
    abandonBackground(mem);
    if (state !== BACKGROUND_WANTED) noteLostInCollection(mem, 1);
    process.emitWarning(
      'the collector thread of a heap has ended in the middle of a collection, which is done by ' +
        'another thread instead',
      { code: 'SHARC_COLLECTOR_LOST' },
    );
    return mem.i32[GC_BACKGROUND_OF];
  }
}

/** Lets a thread's collector ask the pool for help. */
export function linkToPool(collector: Collector): void {
  const { mem } = collector;
  collector.summon = () => {
    if (ensureCollectorThread(mem)) request(mem, REQUEST_SCANNERS);
  };
  collector.onLost = (scanners, cause) => {
    process.emitWarning(describeLoss(scanners, cause), { code: 'SHARC_SCANNER_LOST' });
  };
}
