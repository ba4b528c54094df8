/** Tasks for threads that sleep, wait or want the lock while others stop the world. */

/** @param {Int32Array} signals @param {number} at */
function raise(signals, at) {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

/** Sleeps, without an event loop, until a signal is raised. */
function sleepUntil(/** @type {Int32Array} */ signals, /** @type {number} */ at) {
  while (Atomics.load(signals, at) === 0) Atomics.wait(signals, at, 0);
}

/** What is left of a result on its way to the test. @param {unknown} result */
const plain = (result) => (typeof result === 'object' && result !== null ? 'object' : result);

/** @typedef {import('./threads.ts').Context} Context */

/**
 * What a thread can wait for.
 * @type {Record<string, (context: Context, object: any, suffix: '' | 'Async') => any>}
 */
const WAITS = {
  'mutex.lock': (_, mutex, suffix) => mutex[`lock${suffix}`](),
  'condition.wait'({ heap }, condition, suffix) {
    const mutex = /** @type {any} */ (heap.root.get('mutex'));
    const token = mutex.lock();
    const waited = condition[`wait${suffix}`](token);
    const unlock = () => void token.unlock();
    return suffix === '' ? unlock() : waited.then(unlock);
  },
  'queue.push': (_, queue, suffix) => queue[`push${suffix}`](7),
  'queue.pop': (_, queue, suffix) => queue[`pop${suffix}`](),
  'semaphore.acquire': (_, semaphore, suffix) => semaphore[`acquire${suffix}`](),
  'barrier.wait': (_, barrier, suffix) => barrier[`wait${suffix}`](),
};

/** @type {Record<string, (context: Context, ...args: any[]) => any>} */
export const tasks = {
  attach(context, token) {
    context.heap = context.sharc.Heap.attach(token);
    return context.heap.run(() => 'attached');
  },

  /** Sleeps outside of sections; says that it will. Then it goes on with a section. */
  sleep({ heap, signals }, sleeping, stop) {
    raise(signals, sleeping);
    sleepUntil(signals, stop);
    return heap.run(() => 'awake');
  },

  /** Drops rings of three and collects them, one collection each. Returns what was collected. */
  collect({ heap }, times) {
    let collected = 0;
    for (let i = 0; i < times; i++) {
      heap.run(() =>
        heap.scope(() => {
          const lists = [0, 1, 2].map(() => heap.array());
          lists.forEach((list, k) => void list.push(lists[(k + 1) % 3]));
        }),
      );
      collected += heap.gc.collect({ wait: true });
    }
    return collected;
  },

  /** As `collect`, inside of one section. */
  collectInSection({ heap, signals }, held, release, times) {
    return heap.run(() => {
      raise(signals, held);
      sleepUntil(signals, release);
      return tasks.collect?.(/** @type {any} */ ({ heap }), times);
    });
  },

  /** Collects in a tight loop until the signal `stop`, at most so often. Returns how often. */
  collectTightly({ heap, signals }, begun, stop, most) {
    let collections = 0;
    while (collections < most && Atomics.load(signals, stop) === 0) {
      heap.gc.collect();
      if (collections++ === 0) raise(signals, begun);
    }
    return collections;
  },

  /** So many operations, between which it sleeps. */
  async operate({ heap, signals }, way, times, sleepMs, nothing) {
    const map = /** @type {any} */ (heap.root.get('map'));
    for (let i = 0; i < times; i++) {
      if (sleepMs > 0) Atomics.wait(signals, nothing, 0, sleepMs);
      if (way === 'run') heap.run(() => map.set('n', map.get('n') + 1));
      else if (way === 'runAsync') await heap.runAsync(() => map.set('n', map.get('n') + 1));
      else if (way === 'read') heap.read(() => map.get('n'));
      else map.set('n', i);
    }
  },

  /** Waits for something, outside of sections or in the outermost; then goes on. */
  async block({ heap, ...rest }, name, how) {
    const context = /** @type {Context} */ ({ heap, ...rest });
    const object = /** @type {any} */ (heap.root.get('object'));
    const wait = /** @type {any} */ (WAITS[name]);
    if (how === 'async') return plain(await wait(context, object, 'Async'));
    if (how === 'outside') return plain(wait(context, object, ''));
    return heap.run(() => {
      const local = heap.array(['mine', heap.array([1])]);
      const result = wait(context, object, '');
      if (local.at(0) !== 'mine' || heap.refcount(local) !== 1) throw new Error('a local is lost');
      return plain(result);
    });
  },

  /** Waits for a section of its own. */
  section: ({ heap }, way) => heap[/** @type {'run'} */ (way)](() => 'ran'),
};
