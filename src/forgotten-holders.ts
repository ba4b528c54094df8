/**
 * Tokens and permits that a program forgets while they stand for something: what they hold is let
 * go of when JavaScript collects them. Nothing is unlocked or given back, since that would happen
 * at some time that nobody can tell: a mutex that others find stays locked until its thread ends.
 *
 * As with handles, only those that have lived for a while are watched: that costs more than a lock.
 */

import { Watcher } from './base/watcher.ts';
import type { Held, Holder } from './held.ts';
import { runSoon } from './run-soon.ts';

/** Holders that may be young at a time. */
const YOUNG_MAX = 1024;

/** The tokens and permits of one thread in one heap. */
export class ForgottenHolders {
  /** Held strongly. */
  #young: Holder[] = [];
  #agingScheduled = false;
  readonly #forgotten: Held[] = [];
  readonly #watcher = new Watcher<Held>((held) => {
    this.#forgotten.push(held);
    if (this.#forgotten.length === 1) this.#releaseSoon(held);
  });

  /** A holder has begun to hold something. */
  add(holder: Holder): void {
    if (holder.$isYoung) return;
    holder.$isYoung = true;
    this.#young.push(holder);
    if (this.#young.length >= YOUNG_MAX) this.#age();
    else if (!this.#agingScheduled) this.#scheduleAging();
  }

  /** What is held by a holder that is watched is let go of. */
  unwatch(held: Held): void {
    this.#watcher.unregister(held);
  }

  #scheduleAging(): void {
    this.#agingScheduled = true;
    setImmediate(() => {
      this.#agingScheduled = false;
      this.#age();
    }).unref();
  }

  #age(): void {
    for (const holder of this.#young.splice(0)) {
      holder.$isYoung = false;
      const held = holder.$held;
      if (held === null || held.isWatched) continue;
      held.isWatched = true;
      this.#watcher.register(holder, held, held);
    }
  }

  #releaseSoon({ session }: Held): void {
    const release = () => {
      for (const held of this.#forgotten.splice(0)) held.release();
    };
    // If this thread leaves the heap, that releases it.
    runSoon(session, release).catch(() => this.#forgotten.splice(0));
  }
}
