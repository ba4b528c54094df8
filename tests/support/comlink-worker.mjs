/** The other side of the tests of `sharc/comlink`: functions that take and return handles. */

import { parentPort, workerData } from 'node:worker_threads';

const { library, comlink, adapter } = workerData;
const { Heap } = await import(library);
const { withHandles } = await import(new URL('./comlink.js', library).href);
const { expose, proxy } = await import(comlink);
const { default: nodeEndpoint } = await import(adapter);

/** @type {any[]} */
const kept = [];

const heap = () => Heap.attach(workerData.heap);

expose(
  {
    size: (/** @type {any} */ map) => map.size,
    /** Reads, and lets go. */
    take(/** @type {any} */ map) {
      const n = map.get('n');
      map.release();
      return n;
    },
    same: (/** @type {any} */ a, /** @type {any} */ b) => a === b,
    keep(/** @type {any} */ map) {
      kept.push(map);
    },
    forget() {
      for (const handle of kept.splice(0)) handle.release();
    },
    /** Makes one and returns it: the result is all that holds it. */
    make(/** @type {number} */ n) {
      const map = heap().map().set('n', n);
      setImmediate(() => map.release());
      return map;
    },
    identity: (/** @type {any} */ value) => value,
    returnNested(/** @type {any} */ map) {
      return withHandles({ map, list: [map, 1] });
    },
    /** Looks at what is nested in an argument. */
    nested(/** @type {any} */ { maps, options }) {
      const sum = maps.reduce((/** @type {number} */ n, /** @type {any} */ map) => {
        return n + map.get('n');
      }, 0);
      for (const map of maps) map.release();
      return sum * options.factor;
    },
    viewed: (/** @type {any} */ view) => view.n,
    /** Calls back with a handle, and takes the handle that comes back. */
    async callBack(/** @type {any} */ callback, /** @type {number} */ n) {
      const map = heap().map().set('n', n);
      const result = await callback(map);
      map.release();
      const answer = result.get('n');
      result.release();
      return answer;
    },
    exposed: () => proxy({ size: (/** @type {any} */ map) => map.size }),
    /** Reads no messages before the signal. */
    waitFor(/** @type {SharedArrayBuffer} */ signal) {
      Atomics.wait(new Int32Array(signal), 0, 0);
    },
    /** As `make`; raises the signal when the result is on its way. */
    makeAndSay(/** @type {number} */ n, /** @type {SharedArrayBuffer} */ signal) {
      setImmediate(() => {
        Atomics.store(new Int32Array(signal), 0, 1);
        Atomics.notify(new Int32Array(signal), 0);
      });
      return heap().map().set('n', n);
    },
    detach: () => heap().detach(),
    /** Never returns to its event loop again. */
    block() {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    },
  },
  nodeEndpoint(/** @type {any} */ (parentPort)),
);
