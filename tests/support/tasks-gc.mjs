/** Tasks for threads that collect, disable, join and die. */

/** @typedef {import('./threads.ts').Context} Context */

const GO = 0;
const ARRIVED = 1;

/** @param {Context} context @param {number} signal */
function arrive({ signals }, signal = ARRIVED) {
  Atomics.add(signals, signal, 1);
  Atomics.notify(signals, signal);
}

/** Waits until the test gives the word. @param {Context} context */
function awaitGo({ signals }) {
  while (Atomics.load(signals, GO) === 0) Atomics.wait(signals, GO, 0, 100);
}

/** @param {import('../../src/index.ts').Heap} heap @param {number} length */
function dropRing(heap, length) {
  const Node = heap.struct('Node', { id: 'int32', left: 'ref', right: 'ref', any: 'any' });
  heap.run(() => {
    const first = new Node({ id: 0 });
    let last = first;
    for (let id = 1; id < length; id++) {
      const next = new Node({ id });
      last.left = next;
      last = next;
    }
    last.left = first;
  });
}

/** @type {Record<string, (context: Context, ...args: any[]) => unknown>} */
export const tasks = {
  dropRing: ({ heap }, length) => dropRing(heap, length),
  collect: ({ heap }, argument) => heap.gc.collect(argument),
  getCount: ({ heap }) => heap.gc.getCount(),
  getThreshold: ({ heap }) => heap.gc.getThreshold(),
  setThreshold: ({ heap }, ...thresholds) =>
    heap.gc.setThreshold(.../** @type {[number]} */ (thresholds)),
  isEnabled: ({ heap }) => heap.gc.isEnabled(),
  disable: ({ heap }) => heap.gc.disable(),
  garbageLength: ({ heap }) => heap.gc.garbage.length,
  collections: ({ heap }) => heap.gc.getStats().map((stats) => stats.collections),

  /** Opens a guard that ends with this thread. */
  guard(context) {
    context.kept.guard = context.heap.gc.disabled();
  },

  detach: ({ heap }) => heap.detach(),

  /** A collection whose callback of `phase` waits, without the lock, until the test says go. */
  collectAndWait(context, argument, phase = 'start') {
    const { heap } = context;
    heap.gc.callbacks.push((now) => {
      if (now !== phase) return;
      arrive(context);
      awaitGo(context);
    });
    try {
      return heap.gc.collect(argument);
    } finally {
      heap.gc.callbacks.length = 0;
    }
  },

  /** An automatic collection whose start callback waits until the test says go. */
  allocateAndWait(context) {
    const { heap } = context;
    heap.gc.callbacks.push((phase) => {
      if (phase !== 'start') return;
      arrive(context);
      awaitGo(context);
    });
    const before = heap.gc.getStats()[0].collections;
    heap.gc.setThreshold(10);
    dropRing(heap, 20);
    heap.gc.callbacks.length = 0;
    return heap.gc.getStats()[0].collections - before;
  },

  /** Which phases this thread's callbacks have been called with. */
  listen(context) {
    /** @type {string[]} */
    const phases = [];
    context.kept.phases = phases;
    context.heap.gc.callbacks.push((phase) => phases.push(phase));
  },
  heard: ({ kept }) => kept.phases,

  /** Drops `rounds` rings of 3 and collects every now and then. Returns how many it has found. */
  churn({ heap }, rounds, every) {
    let found = 0;
    for (let i = 1; i <= rounds; i++) {
      dropRing(heap, 3);
      if (i % every === 0) found += heap.gc.collect({ generation: i % 3 });
    }
    return found;
  },

  /** Reads statistics, lists objects, again and again. */
  read({ heap }, rounds) {
    for (let i = 0; i < rounds; i++) {
      const stats = heap.gc.getStats();
      if (stats.length !== 3) throw new Error('not three entries');
      for (const { collections, collected, candidates } of stats) {
        if (collected > candidates || collections < 0) throw new Error('torn figures');
      }
      heap.run(() => {
        for (const object of heap.gc.getObjects(0)) heap.refcount(object);
      });
      const pauses = heap.gc.getPauses();
      const inBuckets = pauses.buckets.reduce((sum, bucket) => sum + bucket.count, 0);
      if (inBuckets !== pauses.count) throw new Error('torn histogram');
    }
  },

  toggle({ heap }, rounds) {
    for (let i = 0; i < rounds; i++) {
      heap.gc.setDebug(0);
      heap.gc.setThreshold(10 + (i % 7));
      const guard = heap.gc.disabled();
      heap.gc.getCount();
      guard[Symbol.dispose]();
    }
  },
};
