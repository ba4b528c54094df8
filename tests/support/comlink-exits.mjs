/** A program that passes handles through comlink, and ends when it is done. */

import { Worker } from 'node:worker_threads';

const [library, comlink, adapter] = process.argv.slice(2);
const { Heap } = await import(/** @type {string} */ (library));
await import(new URL('./comlink.js', library).href);
const { wrap } = await import(/** @type {string} */ (comlink));
const { default: nodeEndpoint } = await import(/** @type {string} */ (adapter));

const heap = Heap.create();
const worker = new Worker(new URL('./comlink-worker.mjs', import.meta.url), {
  workerData: { heap: heap.share(), library, comlink, adapter },
});
const api = wrap(nodeEndpoint(worker));
const map = heap.map().set('n', 4);
process.stdout.write(String(await api.size(map)));
void api.keep(map);
worker.unref();
