/**
 * Starts a worker thread from a TypeScript entry, in development. Node 20 cannot load one, not even
 * under `--import tsx`, so this file registers tsx in the new thread and then imports the entry.
 * It is the only file that mentions tsx; the published package leaves it out and starts the
 * compiled entries directly.
 *
 * `workerData.entry` names the entry: a URL, or a path relative to this folder. (Not a query of
 * this file's own URL: Node 20 drops it when it starts a worker.) Everything else in `workerData`
 * is the entry's business.
 *
 *   new Worker(new URL('boot.mjs', workers), { workerData: { entry: 'collector.ts', … } });
 *   new Piscina({ filename: poolFile, workerData: { module: boot, entry: 'scanner.ts', … } });
 *
 * What `pool-entry.cjs` imports has its task as default, therefore the entry's default is passed
 * on.
 */
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

const entry = workerData?.entry;
if (typeof entry !== 'string') {
  throw new TypeError('boot.mjs: workerData.entry must name the file to run');
}

register();
const { default: task } = await import(new URL(entry, import.meta.url).href);

export default task;
