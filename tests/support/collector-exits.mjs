/**
 * Processes that end, or go on, with a collector thread: `node collector-exits.mjs LIBRARY CASE`.
 * The test looks at the exit code, at the output, and at how long it took.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const library = isMainThread ? process.argv[2] : workerData.library;
const { Heap } = await import(library);

const OBJECTS = 120_000; // enough for a scan in parallel

/** @param {unknown} line */
const print = (line) => process.stdout.write(`${line}\n`);
const sleep = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Makes a ring of objects and lets go of it: for `collect()` to find. @param {any} heap */
function dropRing(heap) {
  heap.gc.disable();
  const Node = heap.struct('Node', { next: 'ref' });
  heap.run(() => {
    const first = new Node({ next: null });
    let last = first;
    for (let i = 1; i < OBJECTS; i++) last = new Node({ next: last });
    first.next = last;
  });
}

/** Collects until the pool has taken part: the collector thread runs, and its workers. */
async function usePool(heap = Heap.create({ maxBytes: 2 ** 26 })) {
  for (let rounds = 0; ; rounds++) {
    dropRing(heap);
    if (heap.gc.collect() !== OBJECTS) throw new Error('not everything was found');
    if (heap.gc.getStats()[2].scanned.length > 1) return heap;
    if (rounds > 500) throw new Error('the pool does not take part');
    await sleep();
  }
}

/** @type {Record<string, () => unknown>} */
const cases = {
  'heap left open': () => usePool(),

  async 'heap closed'() {
    const heap = await usePool();
    await heap.close();
  },

  async 'many heaps left open'() {
    for (let i = 0; i < 5; i++) await usePool();
  },

  async 'process.exit'() {
    await usePool();
    process.exit(0);
  },

  async 'process.exit in a section'() {
    const heap = await usePool();
    heap.run(() => process.exit(0));
  },

  'while it starts'() {
    const heap = Heap.create({ maxBytes: 2 ** 26 });
    dropRing(heap);
    heap.gc.collect();
  },

  async 'uncaught error'() {
    await usePool();
    throw new Error('on purpose');
  },

  async 'in a worker that ends'() {
    const heap = Heap.create({ maxBytes: 2 ** 26 });
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { library, token: heap.share() },
      });
      const code = await new Promise((resolve) => worker.once('exit', resolve));
      if (code !== 0) print(`the worker ended with ${code}`);
      await usePool(heap);
      const findings = heap.verify();
      if (findings.length > 0) print(JSON.stringify(findings));
    }
    await heap.close();
  },

  async 'no permission to start threads'() {
    process.on('warning', ({ name, message }) => {
      if (name === 'SharcWarning') print(message);
    });
    const heap = Heap.create({ maxBytes: 2 ** 26 });
    for (let i = 0; i < 3; i++) {
      dropRing(heap);
      print(heap.gc.collect());
      await sleep();
    }
    await heap.close();
  },
};

if (isMainThread) await cases[process.argv[3] ?? '']?.();
else await usePool(Heap.attach(workerData.token));
