/**
 * A scanner as the pool has them, driven by a test: it takes part in a scan whenever the word
 * changes, and ends when that is negative.
 */
import { workerData } from 'node:worker_threads';

const { scanner, words } = workerData; // the scanner itself finds the heap's buffer there
const { default: scan } = await import(scanner);
const asked = new Int32Array(words);
for (let seen = 0; seen >= 0; seen = Atomics.load(asked, 0)) {
  scan();
  Atomics.wait(asked, 0, seen);
}
