/**
 * A process that runs out of file descriptors while its threads contend for a heap's lock: the
 * look at `/proc` fails then, which says nothing about the life of the lock's holder.
 * Usage: no-descriptors.mjs LIBRARY
 */
import { closeSync, openSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const library = isMainThread ? process.argv[2] : workerData.library;
const { Heap } = await import(library);

if (isMainThread) {
  const heap = Heap.create({ maxBytes: 2 ** 20 });
  const held = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { library, token: heap.share(), held };
  const worker = new Worker(new URL(import.meta.url), { workerData });
  await new Promise((resolve) => worker.once('message', resolve));
  worker.postMessage('hold');
  /** @type {number[]} */
  const open = [];
  try {
    for (;;) open.push(openSync('/dev/null', 'r'));
  } catch {
    // Now there are none left.
  }
  let outcome = 'sound';
  try {
    Atomics.wait(held, 0, 0, 5000);
    heap.run(() => {}); // waits for half a second
  } catch (error) {
    outcome = String(error);
  }
  for (const descriptor of open) closeSync(descriptor);
  process.stdout.write(`${outcome}\n`);
  await worker.terminate();
  process.exit(0);
} else {
  const heap = Heap.attach(workerData.token);
  const { parentPort } = await import('node:worker_threads');
  parentPort?.once('message', () => {
    heap.run(() => {
      Atomics.store(workerData.held, 0, 1);
      Atomics.notify(workerData.held, 0);
      Atomics.wait(workerData.held, 0, 1, 500);
    });
  });
  parentPort?.postMessage('ready');
}
