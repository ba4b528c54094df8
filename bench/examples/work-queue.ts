/**
 * Threads count the words of files. A queue in the heap gives each of them its next file, a map
 * gathers the counts, and a second queue tells the main thread what is done.
 *
 *     node dist/bench/examples/work-queue.js [FILE|FOLDER...] [--threads N] [--top N] [--json]
 */
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads';
import { Heap, type HeapMap, type HeapQueue } from 'sharc';

// Each thread runs this file.
const heap = isMainThread ? Heap.create() : Heap.attach(workerData);
const Task = heap.struct('Task', { path: 'string', thread: 'uint32', words: 'uint32' });
type Task = InstanceType<typeof Task>;

/** Does one task after the other, and waits for more until there will be none. */
function work(): void {
  const tasks = heap.root.get('tasks') as HeapQueue<Task>;
  const done = heap.root.get('done') as HeapQueue<Task>;
  const totals = heap.root.get('totals') as HeapMap<string, number>;
  for (using task of tasks) {
    const text = readFileSync(task.path, 'utf8').toLowerCase();
    const words = text.match(/\p{Letter}+/gu) ?? [];
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    heap.run(() => {
      for (const [word, count] of counts) totals.set(word, (totals.get(word) ?? 0) + count);
      task.thread = threadId;
      task.words = words.length;
    });
    done.push(task);
  }
  heap.detach();
}

/** Puts tasks into the queue, and waits without blocking while it is full. */
async function produce(tasks: HeapQueue<Task>, files: Iterable<string>): Promise<void> {
  for (const path of files) {
    using task = new Task({ path });
    await tasks.pushAsync(task);
  }
  tasks.close(); // whoever waits for a task gets none
}

function* filesOf(paths: readonly string[]): Generator<string> {
  for (const path of paths) {
    if (!statSync(path).isDirectory()) yield path;
    else yield* filesOf(readdirSync(path).map((name) => join(path, name)));
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      threads: { type: 'string', default: '2' },
      top: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  const tasks = heap.queue<Task>({ capacity: 16 });
  const done = heap.queue<Task>({ capacity: 16 });
  const totals = heap.map<string, number>();
  heap.root.set('tasks', tasks).set('done', done).set('totals', totals);
  const start = () => new Worker(new URL(import.meta.url), { workerData: heap.share() });
  const workers = Array.from({ length: Number(values.threads) }, start);
  const ended = Promise.all(workers.map((worker) => once(worker, 'exit'))).finally(() => {
    done.close(); // ends the loop below
    tasks.close(); // and the other one, if the threads have failed
  });
  const producing = produce(tasks, filesOf(positionals.length > 0 ? positionals : ['src']));

  const filesByThread: Record<number, number> = {};
  let [files, words] = [0, 0];
  for await (using task of done) {
    files += 1;
    words += task.words;
    filesByThread[task.thread] = (filesByThread[task.thread] ?? 0) + 1;
    if (!values.json) console.log(`thread ${task.thread}: ${task.words} words in ${task.path}`);
  }
  await Promise.all([producing, ended]);
  const counts = heap.read(() => [...totals]).sort(([, a], [, b]) => b - a);
  const top = Object.fromEntries(counts.slice(0, Number(values.top)));
  const result = { files, words, filesByThread, top, verify: heap.verify() };
  await heap.close();
  console.log(values.json ? JSON.stringify(result) : result);
}

await (isMainThread ? main() : work());
