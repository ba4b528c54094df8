/** The tasks of the tests of `sharc/piscina`: each export is one, by its name. */

import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId, workerData } from 'node:worker_threads';
import { Piscina } from 'piscina';

const library = process.env.SHARC_LIBRARY ?? new URL('../../dist/src/index.js', import.meta.url);
const { task, retain, unretain, workerHeap } = await import(new URL('./piscina.js', library).href);

/** @typedef {any} Any */

export const echo = task((/** @type {Any} */ input) => input);
export const size = task((/** @type {Any} */ map) => map.size);
export const data = task(() => workerData);
export const id = task(() => threadId);
export const heapId = task(
  (/** @type {Any} */ _, /** @type {Any} */ heap) => heap === workerHeap(),
);

export const make = task((/** @type {number} */ n, /** @type {Any} */ heap) => ({
  maps: Array.from({ length: n }, (_, i) => heap.map().set('n', i)),
}));

/** Acquires handles in every way there is, and releases none. */
export const forget = task((/** @type {Any} */ { map, maps }, /** @type {Any} */ heap) => {
  map.get('child');
  map.get('child').keep();
  heap.run(() => map.get('child').keep());
  heap.scope(() => map.get('child').keep());
  heap.scope(() => map.get('child'));
  heap.map().set('x', heap.array([1]));
  maps[0].keys().next(); // an iterator that is left open
  for (const child of maps) for (const _ of child) break;
  heap.root.get('nothing');
  const released = heap.map();
  released.release();
  using(heap.map());
  return maps.length;
});

function using(/** @type {Any} */ handle) {
  handle.get('a');
  handle[Symbol.dispose]();
}

export const forgetAsync = task(async (/** @type {Any} */ { map, ms }, /** @type {Any} */ heap) => {
  map.get('child').keep();
  await wait(ms);
  const child = map.get('child');
  await wait(ms);
  heap.map().set('late', child);
  return heap.map().set('child', child);
});

export const fail = task((/** @type {Any} */ { map }, /** @type {Any} */ heap) => {
  map.get('child').keep();
  heap.map();
  throw new RangeError('on purpose');
});

export const failAsync = task(async (/** @type {Any} */ { map }) => {
  map.get('child').keep();
  await wait(1);
  throw new RangeError('on purpose');
});

/** @type {Any} */
let cache;

export const retainIt = task((/** @type {Any} */ map) => {
  cache = retain(map);
});
export const readRetained = task(() => cache.get('n'));
export const unretainIt = task(() => {
  unretain(cache);
  try {
    unretain(cache);
    return 'twice';
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
});

export const moved = task((/** @type {ArrayBuffer} */ buffer) => Piscina.move(buffer.slice(0, 4)));

/** Waits until the signal is set; outside of sections, and its event loop is free. */
export const waitFor = task(async (/** @type {Any} */ { signals, map, result }) => {
  Atomics.add(signals, 1, 1);
  Atomics.notify(signals, 1);
  const isSet = () => Atomics.load(/** @type {Int32Array} */ (signals), 0) !== 0;
  while (!isSet()) await wait(2);
  return result ? map : map.size;
});

/** Blocks the thread for ever; outside of sections. */
export const block = task((/** @type {Any} */ { signals }) => {
  Atomics.add(signals, 1, 1);
  Atomics.wait(signals, 2, 0);
});

export const crash = task((/** @type {Any} */ { map }) => {
  map.get('child');
  queueMicrotask(() => {
    throw new Error('crashed');
  });
  return new Promise(() => {});
});

export const exit = task(() => process.exit(3));

export const notMadeByTask = (/** @type {Any} */ message) => message;
export const uncloneable = task(() => Symbol('nothing can clone it'));

/** Leaves a view of bytes to JavaScript's collector. */
export const forgetView = task((/** @type {number} */ size, /** @type {Any} */ heap) => {
  heap.bytes(size).view(Uint8Array)[0] = 1;
});

export const collectViews = task(() => {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
});

/** Acquires handles in read sections, and in sections that wait without blocking. */
export const forgetInSections = task(
  async (/** @type {Any} */ { map }, /** @type {Any} */ heap) => {
    heap.read(() => map.get('child').keep());
    heap.read(() => map.get('child'));
    await heap.runAsync(() => map.get('child').keep());
    await heap.readAsync(() => map.get('child'));
    return await heap.runAsync(() => heap.map().set('child', map.get('child')));
  },
);

/** Pops a handle without blocking, and reads it when the signal is high enough. */
export const popAndRead = task(async (/** @type {Any} */ { queue, signals, at }) => {
  const popped = queue.popAsync();
  Atomics.add(signals, 1, 1);
  const array = await popped;
  Atomics.add(signals, 2, 1);
  while (Atomics.load(signals, 0) < at) await wait(2);
  return array.at(0);
});

/** Ends while it waits for a value. */
export const popAndForget = task((/** @type {Any} */ { queue }) => {
  queue.popAsync();
});

/** Lets the event loop run, and collects what JavaScript does not need. */
export const turn = task(async () => {
  setFlagsFromString('--expose-gc');
  await wait(2);
  runInNewContext('gc')();
  await wait(2);
});
