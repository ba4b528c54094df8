/** Tasks of the tests on bytes that threads share: `threads-bytes`. */

/** The bytes in a named root. @param {any} heap @param {string} name */
const shared = (heap, name) => heap.root.get(name);

/** @type {Record<string, (context: import('./threads.ts').Context, ...args: any[]) => unknown>} */
export const tasks = {
  verify: ({ heap }) => heap.verify().length,

  /** Keeps a view on shared bytes, and nothing else of them. */
  hold({ heap, kept }, name) {
    const bytes = shared(heap, name);
    kept.view = bytes.view(Int32Array);
    bytes.release();
    return /** @type {Int32Array} */ (kept.view).length;
  },

  /** Elements of the view that is held. */
  read: ({ kept }, from, to) => [.../** @type {Int32Array} */ (kept.view).slice(from, to)],

  fill({ kept }, value) {
    /** @type {Int32Array} */ (kept.view).fill(value);
  },

  drop({ kept }) {
    kept.view = undefined;
  },

  /** Adds 1 to an element so many times, while other threads do, without a lock. */
  count({ kept }, times) {
    const view = /** @type {Int32Array} */ (kept.view);
    for (let i = 0; i < times; i++) Atomics.add(view, 0, 1);
  },

  /** Waits for a number in element 1, and answers with the next one in element 2. */
  answer({ kept }) {
    const view = /** @type {Int32Array} */ (kept.view);
    const result = Atomics.wait(view, 1, 0, 10_000);
    Atomics.store(view, 2, view[1] + 1);
    Atomics.notify(view, 2);
    return result;
  },

  /** Makes bytes that this thread fills and leaves in a named root. */
  make({ heap }, name, length, value) {
    heap.run(() => {
      const bytes = heap.bytes(length);
      bytes.view().fill(value);
      heap.root.set(name, bytes);
    });
  },

  /** Makes, fills, checks and drops bytes of all sizes, some of them by other threads' hands. */
  churn({ heap }, name, rounds, seed) {
    const array = shared(heap, name);
    let state = seed;
    let wrong = 0;
    for (let i = 0; i < rounds; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const length = (state >>> 8) % (i % 16 === 0 ? 100_000 : 300);
      const at = (state >>> 4) % array.length;
      heap.run(() => {
        const old = array.at(at);
        if (old !== null) {
          const view = old.view();
          if (view.some((/** @type {number} */ byte) => byte !== view[0])) wrong++;
        }
        const bytes = heap.bytes(length);
        const view = bytes.view();
        if (view.some((/** @type {number} */ byte) => byte !== 0)) wrong++;
        view.fill(state & 0xff);
        array.set(at, bytes);
      });
    }
    array.release();
    return wrong;
  },
};
