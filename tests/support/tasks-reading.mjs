/** Tasks of the tests on read sections and on sections that wait asynchronously. */

/** @param {Int32Array} signals @param {number} at @param {number} value */
function raise(signals, at, value = 1) {
  Atomics.store(signals, at, value);
  Atomics.notify(signals, at);
}

/** Blocks until a signal is raised. @param {Int32Array} signals @param {number} at */
function waitFor(signals, at) {
  while (Atomics.load(signals, at) === 0) Atomics.wait(signals, at, 0, 1000);
}

/** @param {number} ms */
function spin(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** @type {Record<string, (context: import('./threads.ts').Context, ...args: any[]) => unknown>} */
export const tasks = {
  /** Reads until `release` is raised; says so by adding to `held`. */
  holdReading({ heap, signals }, held, release) {
    heap.read(() => {
      Atomics.add(signals, held, 1);
      waitFor(signals, release);
    });
  },

  /** Holds the lock from `held` until `release`. */
  hold({ heap, signals }, held, release) {
    heap.run(() => {
      raise(signals, held);
      waitFor(signals, release);
    });
  },

  /** One section of a kind; returns how long it had to wait for it. */
  section({ heap }, kind, options) {
    const start = performance.now();
    heap[/** @type {'run' | 'read'} */ (kind)](() => {}, options);
    return performance.now() - start;
  },

  /** Changes both halves of a pair in each of many sections. */
  change({ heap }, name, times) {
    const pair = /** @type {any} */ (heap.root.get(name));
    for (let i = 0; i < times; i++) {
      heap.run(() => {
        pair.set('left', pair.get('left') + 1);
        pair.set('right', pair.get('right') - 1);
      });
    }
  },

  /** Reads pairs in read sections; returns how many halves did not fit each other. */
  compare({ heap }, name, times) {
    const pair = /** @type {any} */ (heap.root.get(name));
    let broken = 0;
    for (let i = 0; i < times; i++) {
      heap.read(() => {
        const left = pair.get('left');
        if (pair.get('right') !== -left) broken++;
      });
    }
    return broken;
  },

  /** Sections of a kind without a pause until `stop`; adds to `begun`. Returns how many. */
  loop({ heap, signals }, kind, stop, workMs, begun) {
    let sections = 0;
    while (Atomics.load(signals, stop) === 0) {
      heap[/** @type {'run' | 'read'} */ (kind)](() => spin(workMs));
      if (sections++ === 0) Atomics.add(signals, begun, 1);
    }
    return sections;
  },

  /** Begins a section of a kind asynchronously and returns how long it waited. */
  async later({ heap, signals }, kind, begun) {
    const start = performance.now();
    if (begun !== undefined) raise(signals, begun);
    await heap[/** @type {'runAsync' | 'readAsync'} */ (`${kind}Async`)](() => {});
    return performance.now() - start;
  },

  /** Asynchronous sections, one after the other, until `stop`; returns how many. */
  async loopLater({ heap, signals }, kind, stop) {
    const enter = /** @type {'runAsync' | 'readAsync'} */ (`${kind}Async`);
    let sections = 0;
    while (Atomics.load(signals, stop) === 0) {
      await heap[enter](() => sections++);
    }
    return sections;
  },

  /** Keeps what many read sections return, at once. */
  keepMany({ heap, kept }, name, count) {
    const array = /** @type {any} */ (heap.root.get(name));
    kept.handles = Array.from({ length: count }, (_, i) => heap.read(() => array.at(i)));
  },

  /** Releases all that `keepMany` has kept, in one read section. */
  releaseMany({ heap, kept }) {
    const handles = /** @type {any[]} */ (kept.handles);
    heap.read(() => {
      for (const handle of handles) handle.release();
    });
  },

  /** Listens to deaths. */
  listen({ heap }) {
    heap.on('threaddeath', () => {});
    return 'listens';
  },

  /** Changes named roots in an atomic section, and does not end it before `release`. */
  changeAtomically({ heap, signals }, held, release) {
    const map = /** @type {any} */ (heap.root.get('map'));
    const array = /** @type {any} */ (heap.root.get('array'));
    heap.run(
      () => {
        for (let i = 0; i < 300; i++) map.set(`key ${i}`, heap.array([i]));
        map.set('a', 2).delete('a');
        array.reverse();
        array.splice(1, 1, 'x', map);
        heap.root.set('other', array);
        raise(signals, held);
        waitFor(signals, release);
      },
      { atomic: true },
    );
  },
};
