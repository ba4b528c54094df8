/**
 * The body of every thread that `threads.ts` starts: joins the heap it was given and runs the
 * tasks it is called for, one after the other.
 */
import { parentPort, workerData } from 'node:worker_threads';

const { library, tasks, token, isDetached, signals } = workerData;
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);

/** @param {number} id @param {any} error */
function report(id, error) {
  const { name, code, message, stack, field } = error;
  port.postMessage({ id, error: { name, code, message, stack, field } });
}

try {
  const sharc = await import(library);
  const { raw } = await import(new URL('./raw.js', library).href);
  const jobs = (await import(new URL(`./${tasks}.mjs`, import.meta.url).href)).tasks;
  /** @type {import('./threads.ts').Context} */
  const context = {
    sharc,
    raw,
    token,
    heap: token === undefined || isDetached ? undefined : sharc.Heap.attach(token),
    signals: new Int32Array(signals),
    kept: {},
  };
  port.on('message', async ({ id, task, args }) => {
    if (task === 'finish') {
      port.close();
      return;
    }
    try {
      port.postMessage({ id, result: await jobs[task](context, ...args) });
    } catch (error) {
      report(id, error);
    }
  });
  port.postMessage({ id: 0 });
} catch (error) {
  report(0, error);
  port.close();
}
