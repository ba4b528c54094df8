/** How a thread ends: by the test, by an error, by `process.exit()`, by want of memory. */

/** Signals: the thread is where it is to die; it may; it has got further than that. */
const THERE = 0;
const GO = 1;
export const SURVIVED = 2;

/** @typedef {'terminate' | 'exception' | 'exit' | 'memory'} Way */

/** @param {Int32Array} signals @param {number} at */
export function raise(signals, at) {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

/** @type {Record<Way, (signals: Int32Array) => void>} */
const WAYS = {
  // By the test: here the thread waits for it.
  terminate(signals) {
    for (;;) Atomics.wait(signals, SURVIVED, 0, 1000);
  },
  exception() {
    throw new Error('on purpose');
  },
  exit: () => process.exit(3),
  memory() {
    const hoard = [];
    for (let i = 0; ; i++) hoard.push(new Array(1000).fill(i + 0.5));
  },
};

/** Says that this thread is where it is to die, waits for leave, and dies. */
export function dieHere(/** @type {Int32Array} */ signals, /** @type {Way} */ way) {
  raise(signals, THERE);
  while (Atomics.load(signals, GO) === 0) Atomics.wait(signals, GO, 0, 1000);
  WAYS[way](signals);
  raise(signals, SURVIVED);
}

/**
 * Has this thread die in a call of a function of `object`, the first for which `isTheTime`.
 * @param {any} object @param {string} name @param {(...args: any[]) => boolean} isTheTime
 * @param {() => void} die
 */
export function dieIn(object, name, isTheTime, die) {
  const original = object[name];
  /** @this {any} @param {any[]} args */
  object[name] = function (...args) {
    if (isTheTime(...args)) {
      object[name] = original;
      die();
    }
    return original.apply(this, args);
  };
}

/** As `dieIn`, in whatever the library calls often. */
export function dieAnywhere(/** @type {() => boolean} */ isTheTime, /** @type {() => void} */ die) {
  let isDying = false;
  const isFirst = () => !isDying && isTheTime();
  const dieOnce = () => {
    isDying = true;
    die();
  };
  for (const name of ['load', 'store', 'add', 'compareExchange']) {
    dieIn(Atomics, name, isFirst, dieOnce);
  }
  dieIn(performance, 'now', isFirst, dieOnce);
}
