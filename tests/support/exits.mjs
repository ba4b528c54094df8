/**
 * Processes that end in ways that must not hang: `node exits.mjs LIBRARY CASE`. The test looks
 * at the exit code, the output, and how long it took.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const library = isMainThread ? process.argv[2] : workerData.library;
const { Heap } = await import(library);

/** Starts this file as a worker, attached, in a way of its own. @param {any} heap */
async function start(heap, way = 'wait') {
  const signals = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { library, token: heap.share(), way, signals },
  });
  await new Promise((resolve) => worker.once('message', resolve));
  return { worker, signals };
}

const create = () => Heap.create({ maxBytes: 2 ** 22 });

/** @type {Record<string, () => unknown>} */
const cases = {
  'heap not closed': () => void create().root.set('a', 1),

  'kept handles and open iterators'() {
    const heap = create();
    const map = heap.map().set('a', 1).set('b', heap.map());
    const iterator = map.entries();
    iterator.next();
    heap.run(() => heap.array().keep());
    Reflect.set(globalThis, 'leftovers', [heap, map, iterator, heap.root.keys().next()]);
  },

  async 'worker still attached, unreferenced'() {
    const { worker } = await start(create());
    worker.unref();
  },

  async 'process.exit while a worker holds the lock'() {
    const { worker, signals } = await start(create(), 'hold');
    Atomics.wait(signals, 0, 0);
    worker.unref();
    process.exit(0);
  },

  async 'end while an unreferenced worker holds the lock'() {
    const { worker, signals } = await start(create(), 'hold');
    Atomics.wait(signals, 0, 0);
    worker.unref();
  },

  'process.exit in a section': () => create().run(() => process.exit(0)),

  async 'end with a recovered heap'() {
    const heap = create();
    const { worker, signals } = await start(heap, 'hold');
    Atomics.wait(signals, 0, 0);
    await worker.terminate();
    process.stdout.write(`${heap.run(() => 'recovered')}\n`);
  },

  async 'end with a death unnoticed'() {
    const { worker, signals } = await start(create(), 'hold');
    Atomics.wait(signals, 0, 0);
    await worker.terminate();
  },

  async 'uncaught error with heaps open'() {
    const heap = create();
    await start(heap);
    throw new Error('on purpose');
  },

  'many heaps'() {
    const heaps = Array.from({ length: 20 }, create);
    for (const heap of heaps) heap.root.set('a', heap.map());
  },

  'many heaps closed again'() {
    for (let i = 0; i < 300; i++) create().close();
  },
};

if (isMainThread) {
  const name = process.argv[3] ?? '';
  await cases[name]?.();
} else {
  const heap = Heap.attach(workerData.token);
  const { way, signals } = workerData;
  parentPort?.postMessage('ready');
  if (way === 'hold') {
    setImmediate(() =>
      heap.run(() => {
        Atomics.store(signals, 0, 1);
        Atomics.notify(signals, 0);
        for (;;) Atomics.wait(signals, 1, 0);
      }),
    );
  } else {
    setInterval(() => heap.run(() => {}), 1);
  }
}
