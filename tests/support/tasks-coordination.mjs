/** Tasks of the tests on mutexes, conditions, queues, semaphores, barriers and counters. */

import { readlinkSync } from 'node:fs';

/** @param {Int32Array} signals @param {number} at */
function raise(signals, at) {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

/** What is left of a result on its way to the test. @param {unknown} result */
const plain = (result) => (typeof result === 'object' && result !== null ? 'object' : result);

/** @type {Record<string, (context: import('./threads.ts').Context, ...args: any[]) => any>} */
export const tasks = {
  /** The system's number of this thread. */
  osThread: () => Number(readlinkSync('/proc/thread-self').split('/').at(-1)),

  /** Calls a method of a named root. */
  async call({ heap }, name, method, ...args) {
    const object = /** @type {any} */ (heap.root.get(name));
    return plain(await object[method](...args));
  },

  /** As `call`, in the outermost section. */
  callInSection({ heap }, name, method, ...args) {
    return heap.run(() => plain(/** @type {any} */ (heap.root.get(name))[method](...args)));
  },

  /** Waits in its outermost section, and looks whether its handles are what they were. */
  popBetweenLocals({ heap }, name) {
    return heap.run(() => {
      const before = heap.array();
      before.push('mine');
      const value = /** @type {any} */ (heap.root.get(name)).pop();
      return [before.at(0), value.at(0), heap.refcount(before)];
    });
  },

  /** A property of a named root. */
  read: ({ heap }, name, property) => /** @type {any} */ (heap.root.get(name))[property],

  /** Pushes the numbers from `first` on, some of them by other ways. */
  async produce({ heap }, name, first, count) {
    const queue = /** @type {any} */ (heap.root.get(name));
    for (let i = first; i < first + count; i++) {
      if (i % 10 === 3) await queue.pushAsync(i);
      else if (i % 10 !== 7 || !queue.tryPush(i)) queue.push(i);
    }
  },

  /** Pops until the queue is closed and empty. Whether each producer's numbers came in order. */
  consume({ heap }, name, perProducer) {
    const last = new Map();
    let [count, sum, isOrdered] = [0, 0, true];
    for (const value of /** @type {any} */ (heap.root.get(name))) {
      const producer = Math.floor(value / perProducer);
      if (value <= (last.get(producer) ?? -1)) isOrdered = false;
      last.set(producer, value);
      count++;
      sum += value;
    }
    return { count, sum, isOrdered };
  },

  async consumeAsync({ heap }, name) {
    let [count, sum] = [0, 0];
    for await (const value of /** @type {any} */ (heap.root.get(name))) {
      count++;
      sum += value;
    }
    return { count, sum, isOrdered: true };
  },

  /** Pushes arrays of the heap, each of which holds its number. */
  produceObjects({ heap }, name, count) {
    const queue = /** @type {any} */ (heap.root.get(name));
    for (let i = 0; i < count; i++) {
      heap.scope(() => {
        const array = heap.array();
        array.push(i);
        queue.push(array);
      });
    }
  },

  consumeObjects({ heap }, name) {
    let sum = 0;
    for (const array of /** @type {any} */ (heap.root.get(name))) {
      sum += array.at(0);
      array.release();
    }
    return sum;
  },

  /** Locks a mutex and leaves it locked. */
  lock({ heap, kept }, name) {
    const token = /** @type {any} */ (heap.root.get(name)).lock();
    kept.token = token;
    return token.ownerDied;
  },

  unlock: ({ kept }) => /** @type {any} */ (kept.token).unlock(),

  /** Locks, raises a signal, and ends or detaches without unlocking. */
  detach({ heap }) {
    heap.detach();
  },

  /** Adds to two numbers of a map, many times, each time under a mutex but not in one section. */
  async addUnderMutex({ heap }, times, isAsync) {
    const mutex = /** @type {any} */ (heap.root.get('mutex'));
    const pair = /** @type {any} */ (heap.root.get('pair'));
    const token = new mutex.constructor.UnlockToken();
    let broken = 0;
    for (let i = 0; i < times; i++) {
      if (isAsync) await mutex.lockAsync({ token });
      else mutex.lock(token);
      const left = pair.get('left');
      if (pair.get('right') !== -left) broken++;
      pair.set('left', left + 1);
      pair.set('right', -left - 1);
      token.unlock();
    }
    return broken;
  },

  /** Takes a mutex in a loop without a pause, until a signal. */
  hog({ heap, signals }, name, started, stop) {
    const mutex = /** @type {any} */ (heap.root.get(name));
    let times = 0;
    while (Atomics.load(signals, stop) === 0) {
      const token = mutex.lock();
      const end = performance.now() + 0.3;
      while (performance.now() < end);
      if (times++ === 0) raise(signals, started);
      token.unlock();
    }
    return times;
  },

  /** Waits for a condition until the map `state` says that it is done. */
  waitUntilDone({ heap }, isAsync) {
    const mutex = /** @type {any} */ (heap.root.get('mutex'));
    const condition = /** @type {any} */ (heap.root.get('condition'));
    const state = /** @type {any} */ (heap.root.get('state'));
    const token = mutex.lock();
    const finish = () => {
      state.set('awake', state.get('awake') + 1);
      return token.unlock();
    };
    if (isAsync) {
      return (async () => {
        while (!state.get('done')) await condition.waitAsync(token);
        return finish();
      })();
    }
    while (!state.get('done')) condition.wait(token);
    return finish();
  },

  /** Waits once for a condition, at most for a time. Whether it was notified, and had the lock. */
  waitOnce({ heap }, timeoutMs) {
    const mutex = /** @type {any} */ (heap.root.get('mutex'));
    const condition = /** @type {any} */ (heap.root.get('condition'));
    const token = mutex.lock();
    const isNotified = condition.waitFor(token, timeoutMs);
    return [isNotified, token.unlock()];
  },

  /** Notifies one in a section, at a signal. */
  notifyInSection: ({ heap, signals }, name, started, go) =>
    heap.run(() => {
      raise(signals, started);
      Atomics.wait(signals, go, 0);
      return /** @type {any} */ (heap.root.get(name)).notify(1);
    }),

  /** Comes to a barrier again and again. How often it was the last; what it saw of the others. */
  meet({ heap }, name, phases, count) {
    const barrier = /** @type {any} */ (heap.root.get(name));
    const counter = /** @type {any} */ (heap.root.get('counter'));
    let [last, wrong] = [0, 0];
    for (let phase = 1; phase <= phases; phase++) {
      counter.add(1);
      if (barrier.wait()) last++;
      if (counter.value < phase * count) wrong++;
      barrier.wait();
    }
    return { last, wrong };
  },

  /** Comes to a barrier, and has no eye for it until a signal. How that ended. */
  async sleepThrough({ heap, signals }, name, come, stop) {
    const barrier = /** @type {any} */ (heap.root.get(name));
    const passed = barrier.waitAsync();
    while (barrier.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    raise(signals, come);
    Atomics.wait(signals, stop, 0);
    return passed.catch((/** @type {Error} */ { name: error }) => error);
  },

  /** Adds to a counter in several ways. */
  count({ heap }, name, times) {
    const counter = /** @type {any} */ (heap.root.get(name));
    for (let i = 0; i < times; i++) {
      if (i % 3 === 0) heap.run(() => counter.add(3));
      else if (i % 3 === 1) counter.sub(1);
      else {
        for (;;) {
          const known = counter.value;
          if (counter.compareExchange(known, known + 1) === known) break;
        }
      }
    }
  },

  /** Works with permits, and says how many held some at a time. */
  work({ heap, signals }, name, times, inside, most) {
    const semaphore = /** @type {any} */ (heap.root.get(name));
    for (let i = 0; i < times; i++) {
      const permit = semaphore.acquire(1 + (i % 2));
      const now = Atomics.add(signals, inside, permit.count) + permit.count;
      for (let seen = Atomics.load(signals, most); now > seen; ) {
        const known = Atomics.compareExchange(signals, most, seen, now);
        if (known === seen) break;
        seen = known;
      }
      Atomics.sub(signals, inside, permit.count);
      permit.release();
    }
  },

  /** Collects, makes garbage and uses the lock until a signal. */
  collect({ heap, signals }, started, stop) {
    let times = 0;
    while (Atomics.load(signals, stop) === 0) {
      heap.run(() => {
        for (let i = 0; i < 100; i++) {
          const ring = heap.array();
          ring.push(ring);
        }
      });
      heap.gc.collect();
      if (times++ === 0) raise(signals, started);
    }
    return times;
  },
};
