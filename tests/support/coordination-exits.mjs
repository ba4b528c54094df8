/**
 * Processes that wait for something without blocking: `node coordination-exits.mjs LIBRARY CASE`.
 * The test looks at the exit code and the output.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const library = isMainThread ? process.argv[2] : workerData.library;
const { Heap } = await import(library);

const create = () => Heap.create({ maxBytes: 2 ** 22 });
/** @param {unknown} text */
const print = (text) => process.stdout.write(`${text}\n`);
/** Longer than a process would live that has nothing to do. @param {() => void} body */
const later = (body) => void setTimeout(body, 300).unref();
/** Says so when the process lives on without reason. */
const noteLife = () => void setTimeout(() => print('too long'), 5000).unref();

/** @type {Record<string, () => unknown>} */
const cases = {
  async waits() {
    const queue = create().queue({ capacity: 1 });
    later(() => queue.push(5)); // runs only if the wait keeps the process alive
    print(`popped ${await queue.popAsync()}`);
  },

  async 'waits for a thread'() {
    const heap = create();
    const queue = heap.queue({ capacity: 1 });
    heap.root.set('queue', queue);
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { library, token: heap.share() },
    });
    worker.unref();
    print(`popped ${await queue.popAsync()}`);
  },

  async 'waits no longer'() {
    const heap = create();
    const queue = heap.queue({ capacity: 1 });
    const abort = new AbortController();
    queue.popAsync({ signal: abort.signal }).catch(() => print('ended'));
    noteLife();
    setTimeout(() => abort.abort(), 10);
  },

  async 'gave up'() {
    const queue = create().queue({ capacity: 1 });
    const signal = AbortSignal.timeout(20);
    await queue.popAsync({ signal, timeoutMs: 1e9 }).catch(() => print('AbortError'));
    await queue.popAsync({ timeoutMs: 20 }).catch((/** @type {Error} */ { name }) => print(name));
    noteLife();
  },

  async 'was served'() {
    const heap = create();
    const mutex = heap.mutex();
    const token = await mutex.lockAsync({ timeoutMs: 1e9 });
    const next = mutex.lockAsync({ signal: new AbortController().signal });
    token.unlock();
    (await next).unlock();
    const barrier = heap.barrier(2);
    await Promise.all([barrier.waitAsync(), barrier.waitAsync({ timeoutMs: 1e9 })]);
    noteLife();
    print('served');
  },

  async 'closes the heap'() {
    const heap = create();
    const popped = heap.queue({ capacity: 1 }).popAsync();
    setTimeout(() => heap.close(), 10);
    await popped.catch((/** @type {Error} */ { name }) => print(name));
  },
};

if (isMainThread) {
  await cases[process.argv[3] ?? '']?.();
} else {
  const heap = Heap.attach(workerData.token);
  setTimeout(() => heap.root.get('queue').push(6), 300);
}
