/** A program of two threads that makes much garbage, as text for bundlers. */

/** What the program prints, as JSON. */
export interface Report {
  /** A number that the worker has increased to 42. */
  readonly value: number;
  /** Objects left after an automatic collection of `ITEMS`: one lives. */
  readonly automatic: number;
  /** Whether there was a collector thread. */
  readonly isBeside: boolean;
  /** Objects found by two explicit collections of `ITEMS` each. */
  readonly collected: number;
  /** Threads that scanned in the explicit ones, at the most. */
  readonly scanners: number;
  readonly warnings: readonly string[];
  readonly findings: readonly unknown[];
}

/** More than GC_PARALLEL_MIN: collections of so many ask the pool. */
export const ITEMS = 120_000;

/** The main thread. `worker` is the expression that says which file the other one runs. */
export const mainProgram = (worker = "new URL('./worker.js', import.meta.url)") => `
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Heap } from 'sharc';

const warnings = [];
process.on('warning', ({ code, message }) => warnings.push(\`\${code}: \${message}\`));

const heap = Heap.create({ maxBytes: 2 ** 28 });
const Item = heap.struct('Item', { next: 'ref', value: 'int32' });
const first = new Item({ value: 41 });
heap.root.set('first', first);

const dropItems = () =>
  heap.run(() => {
    for (let i = 0; i < ${ITEMS}; i++) {
      heap.scope(() => {
        const item = new Item();
        item.next = item;
      });
    }
  });
const countItems = () => heap.stats().objectsByKind.Item;
const until = async (isDone) => {
  for (let i = 0; i < 1000 && !isDone(); i++) await wait(10);
};

async function main() {
  const worker = new Worker(${worker}, { type: 'module', workerData: heap.share() });
  await once(worker, 'exit');

  dropItems();
  await until(() => countItems() === 1);
  const automatic = countItems();

  heap.gc.disable();
  dropItems();
  let collected = heap.gc.collect(); // asks for the pool, and does not wait for it to come
  await until(() => warnings.length !== 0 || heap.stats().collector?.scanners === 1);
  dropItems();
  collected += heap.gc.collect();

  console.log(JSON.stringify({
    value: first.value,
    automatic,
    isBeside: heap.stats().collector !== null,
    collected,
    scanners: heap.gc.getStats()[2].scanned.length,
    warnings,
    findings: heap.verify(),
  }));
  await heap.close();
}

main();
`;

/** The other thread. */
export const WORKER_PROGRAM = `
import { workerData } from 'node:worker_threads';
import { Heap } from 'sharc';

const heap = Heap.attach(workerData);
heap.run(() => {
  heap.root.get('first').value += 1;
});
`;
