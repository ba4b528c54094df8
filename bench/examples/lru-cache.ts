/**
 * A cache of pages, shared by the threads of an HTTP server: what one has rendered all serve.
 *
 *     node dist/bench/examples/lru-cache.js [--requests N] [--clients N] [--seed N] [--json]
 */
import { pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, threadId, Worker, workerData } from 'node:worker_threads';
import { Heap, type HeapCounter, type HeapMap } from 'sharc';

const [THREADS, PAGES, CAPACITY] = [4, 1000, 200];
const COUNTERS = ['hits', 'hitsOfOthers', 'misses', 'evictions', 'moves'];

// Each thread runs this file.
const heap = isMainThread ? Heap.create() : Heap.attach(workerData);
const Page = heap.struct('Page', { text: 'string', thread: 'uint32', moved: 'float64' });
type Page = InstanceType<typeof Page>;

/**
 * The pages used last, in the order of use, the oldest first. To move a page to the end at each use
 * would be a change each time, and threads take turns to change things. So it stays where it is
 * while it is among the newest quarter: most uses only read, in all threads at the same time.
 */
class SharedLru {
  readonly pages = heap.root.get('pages') as HeapMap<string, Page>;
  readonly counters = heap.root.get('counters') as HeapMap<string, HeapCounter>;

  get(path: string): string | undefined {
    const found = heap.read(() => {
      const page = this.pages.get(path);
      this.#count(page ? 'hits' : 'misses');
      if (!page) return undefined;
      if (page.thread !== threadId) this.#count('hitsOfOthers');
      const isOld = this.counters.get('moves')!.value - page.moved > CAPACITY / 4;
      return { text: page.text, isOld };
    });
    if (found?.isOld) {
      heap.run(() => {
        const page = this.pages.get(path);
        if (page) this.#moveToEnd(path, page); // else another thread has dropped it meanwhile
      });
    }
    return found?.text;
  }

  set(path: string, text: string): void {
    heap.run(() => {
      this.#moveToEnd(path, new Page({ text, thread: threadId }));
      if (this.pages.size <= CAPACITY) return;
      const [oldest] = this.pages.keys();
      this.pages.delete(oldest);
      this.#count('evictions');
    });
  }

  #moveToEnd(path: string, page: Page): void {
    page.moved = this.#count('moves');
    this.pages.delete(path);
    this.pages.set(path, page);
  }

  /** Counts, also in a read section: counters allow that. Returns the count before. */
  #count(name: string): number {
    return this.counters.get(name)!.add(1);
  }
}

async function serve(): Promise<void> {
  const cache = new SharedLru();
  const server = createServer(({ url: path = '/' }, response) => {
    let text = cache.get(path);
    if (text === undefined) {
      const hash = pbkdf2Sync(path, 'salt', 20, 4096, 'sha512'); // takes long: not in a section
      text = `<h1>${path}</h1><pre>${hash.toString('hex')}</pre>`;
      cache.set(path, text);
    }
    response.end(text);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  parentPort!.postMessage(server.address());
  await once(parentPort!, 'message');
  server.close();
  heap.detach();
}

async function main(): Promise<void> {
  const number = (value: string) => ({ type: 'string', default: value }) as const;
  const options = { requests: number('2000'), clients: number('8'), seed: number('1') };
  const { values } = parseArgs({ options: { ...options, json: { type: 'boolean' } } });
  const [requests, clients, seed] = [values.requests, values.clients, values.seed].map(Number);
  heap.root.set('pages', heap.map());
  heap.root.set('counters', heap.map(COUNTERS.map((name) => [name, heap.counter()])));
  const cache = new SharedLru();
  const start = () => new Worker(new URL(import.meta.url), { workerData: heap.share() });
  const workers = Array.from({ length: THREADS }, start);
  const listening = await Promise.all(workers.map((worker) => once(worker, 'message')));
  let [random, sent] = [seed, 0];
  const ask = async () => {
    while (sent < requests) {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      const path = `/${Math.floor(PAGES ** (random / 2 ** 32))}`; // page n n times as rarely as 1
      const [{ port }] = listening[sent++ % THREADS];
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      if (!(await response.text()).includes(`<h1>${path}</h1>`)) throw new Error(`not ${path}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, ask));
  for (const worker of workers) worker.postMessage('stop');
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  const memory = { pages: cache.pages.size, liveBytes: heap.stats().liveBytes };
  const counts = Object.fromEntries(heap.toJS(cache.counters));
  const result = { seed, requests, ...counts, ...memory, verify: heap.verify() };
  await heap.close();
  console.log(values.json ? JSON.stringify(result) : result);
}

await (isMainThread ? main() : serve());
