/** Tasks of the tests on the lock: `threads-lock`, `threads-death`, `threads-storm` and others. */

import { readlinkSync } from 'node:fs';

/** The lock word, its owner and the flag of a requested hand-over: see `src/sync/gil.ts`. */
const LOCK_WORD = 16;
const OWNER_MASK = 0xff;
const HANDOVER = 1 << 9;

/** Signal in which the sections of `countAfterRequest` leave their thread's number. */
const LAST_OWNER = 200;

/** @param {number} ms */
function spin(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** @param {Int32Array} signals @param {number} at @param {number} value */
function raise(signals, at, value = 1) {
  Atomics.store(signals, at, value);
  Atomics.notify(signals, at);
}

/** Blocks until a signal is raised. @param {Int32Array} signals @param {number} at */
function waitFor(signals, at) {
  while (Atomics.load(signals, at) === 0) Atomics.wait(signals, at, 0, 1000);
}

/** @type {Record<string, (context: import('./threads.ts').Context, ...args: any[]) => unknown>} */
export const tasks = {
  /** The system's number of this thread. */
  osThread: () => Number(readlinkSync('/proc/thread-self').split('/').at(-1)),

  attach(context, token) {
    context.heap = context.sharc.Heap.attach(token);
  },

  /** One empty section. */
  run: ({ heap }, options) => heap.run(() => 'ran', options),

  /** Holds the lock from the signal `held` until the signal `release`. */
  hold({ heap, signals }, held, release) {
    heap.run(() => {
      raise(signals, held);
      waitFor(signals, release);
    });
    return performance.timeOrigin + performance.now();
  },

  /** Waits for the lock; says before that it will. Returns how long it took. */
  wait({ heap, signals }, waiting, options) {
    const start = performance.now();
    raise(signals, waiting);
    heap.run(() => {}, options);
    return performance.now() - start;
  },

  /**
   * Waits for the lock and returns how many of `waiters` had it before. Does not give it up before
   * another one has asked for it, so that the lock is handed over.
   */
  queue({ heap, raw, signals }, waiting, counter, waiters) {
    const { i32 } = raw(heap);
    raise(signals, waiting);
    return heap.run(() => {
      const place = Atomics.add(signals, counter, 1);
      while (place < waiters - 1 && (Atomics.load(i32, LOCK_WORD) & HANDOVER) === 0);
      return place;
    });
  },

  /** Adds to a number in a map, one section each, and reports how many broken pairs it saw. */
  increment({ heap }, name, times) {
    const map = /** @type {any} */ (heap.root.get(name));
    let broken = 0;
    for (let i = 0; i < times; i++) {
      heap.run(() => {
        const left = map.get('left');
        if (map.get('right') !== -left) broken++;
        map.set('left', left + 1);
        map.set('right', -left - 1);
      });
    }
    map.release();
    return broken;
  },

  /**
   * Sections of `sectionUs` one after the other until the signal `stop`. Returns how many, and
   * how long the lock was held in them; the number stands in the signal `own` meanwhile.
   */
  contend({ heap, signals }, start, stop, sectionUs, own) {
    waitFor(signals, start);
    let sections = 0;
    let heldMs = 0;
    while (Atomics.load(signals, stop) === 0) {
      heap.run(() => {
        const begun = performance.now();
        if (sectionUs > 0) spin(sectionUs / 1000);
        heldMs += performance.now() - begun;
      });
      sections++;
      if (own !== undefined) Atomics.store(signals, own, sections);
    }
    return { sections, heldMs };
  },

  /** Operations that lock for themselves; the last one of each thread stays. */
  setAndDelete({ heap }, name, own, times) {
    const map = /** @type {any} */ (heap.root.get(name));
    for (let i = 0; i < times; i++) {
      map.set(`${own}/${i}`, own);
      if (i > 0) map.delete(`${own}/${i - 1}`);
    }
    map.release();
  },

  /** Runs out of JavaScript's own memory in a section. */
  gorge({ heap }, name) {
    const map = /** @type {any} */ (heap.root.get(name));
    const hoard = [];
    heap.run(() => {
      for (let i = 0; ; i++) {
        map.set(`gorge ${i % 500}`, heap.array([i]));
        for (let k = 0; k < 100; k++) hoard.push(new Array(1000).fill(i + k / 2));
      }
    });
  },

  /** Changes containers of all kinds in one section after the other, until it is killed. */
  churn({ heap }, name, seed) {
    const work = /** @type {any} */ (heap.root.get(name));
    for (let i = 0; ; i++) {
      heap.run(() => {
        const key = `key ${(i * 7 + seed) % 300}`;
        if (i % 3 === 0) work.delete(key);
        else if (i % 3 === 1) work.set(key, heap.array([`text ${i}`, i, work]));
        else work.set(key, heap.from({ i, list: [i, { name: `name ${i % 50}` }] }));
        const list = heap.array();
        for (let k = 0; k < 20; k++) list.push(`element ${k + i}`);
        list.sort();
        list.splice(3, 5, heap.map([[i, list]]));
      });
      if (i % 100 === 0) heap.gc.collect(i % 300 === 0 ? 2 : 0);
    }
  },

  /**
   * Counts how often a section ended with a hand-over requested, and how often the next section
   * of this thread then began before anybody else's.
   */
  countAfterRequest({ heap, raw, signals }, start, stop) {
    const { i32 } = raw(heap);
    let requests = 0;
    let begunAfter = 0;
    let wasRequested = false;
    waitFor(signals, start);
    while (Atomics.load(signals, stop) === 0) {
      heap.run(() => {
        const me = i32[LOCK_WORD] & OWNER_MASK;
        if (wasRequested && signals[LAST_OWNER] === me) begunAfter++;
        signals[LAST_OWNER] = me;
        spin(0.02);
        wasRequested = (Atomics.load(i32, LOCK_WORD) & HANDOVER) !== 0;
        if (wasRequested) requests++;
      });
    }
    return [requests, begunAfter];
  },

  /** Sections and pauses until the signal `stop`, or until the heap is broken. */
  storm({ heap, sharc, signals }, stop, sectionUs) {
    let sections = 0;
    try {
      while (Atomics.load(signals, stop) === 0) {
        heap.run(() => {
          const count = /** @type {number} */ (heap.root.get('count'));
          spin(sectionUs / 1000);
          heap.root.set('count', count + 1);
        });
        sections++;
        if (sections % 50 === 0) spin(0.5);
      }
    } catch (error) {
      if (!(error instanceof sharc.HeapCorruptionError)) throw error;
      return { sections, broken: true };
    }
    return { sections, broken: false };
  },

  /** Many sections with random timeouts and random lengths. Counts what came of them. */
  hurry({ heap, sharc, signals }, seed, rounds, counter) {
    let state = seed;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return (state >>> 8) / 2 ** 24;
    };
    let ran = 0;
    let late = 0;
    for (let i = 0; i < rounds; i++) {
      const timeoutMs = random() < 0.1 ? 1000 : random() * 1.5;
      try {
        heap.run(
          () => {
            // Plain on purpose: two threads in here at a time would lose counts.
            signals[counter]++;
            if (random() < 0.3) spin(random() * 0.6);
            ran++;
          },
          { timeoutMs },
        );
      } catch (error) {
        if (!(error instanceof sharc.LockTimeoutError)) throw error;
        late++;
      }
    }
    return { ran, late };
  },

  /** One long section that lets others in at safepoints until the signal `stop`. */
  long({ heap, signals }, held, stop) {
    return heap.run(() => {
      const kept = heap.map();
      kept.set('mine', 'untouched');
      const shared = /** @type {any} */ (heap.root.get('shared'));
      raise(signals, held);
      let safepoints = 0;
      while (Atomics.load(signals, stop) === 0) {
        heap.safepoint();
        safepoints++;
        if (kept.get('mine') !== 'untouched') throw new Error('a local was lost at a safepoint');
      }
      return { safepoints, seen: shared.get('value') };
    });
  },

  /** Dies in the middle of a section, by an error nobody catches. */
  crash({ heap }) {
    setImmediate(() => {
      heap.run(() => {
        heap.root.set('crash', 1);
        throw new Error('on purpose');
      });
    });
  },
};
