/** The thread of `watchdog.ts`. */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const { buffer, seconds, cancel, threadTable, words, record, recordWords, maxThreads } = workerData;
const i32 = new Int32Array(buffer);

/** How long the test's thread has to notice that it failed. */
const GRACE_MS = 2000;

/** @param {Record<string, number>} offsets @param {number} base */
function describe(offsets, base) {
  const parts = Object.entries(offsets).map(([name, at]) => `${name} ${i32[base + at]}`);
  return parts.join(', ');
}

if (Atomics.wait(cancel, 0, 0, seconds * 1000) === 'timed-out') {
  const lines = [`control: ${describe(words, 0)}`];
  for (let id = 1; id <= maxThreads; id++) {
    const base = threadTable + (id - 1) * recordWords;
    if (i32[base + record.state] !== 0) lines.push(`thread ${id}: ${describe(record, base)}`);
  }
  const report = lines.join('\n');
  parentPort?.postMessage(report);
  if (Atomics.wait(cancel, 0, 0, GRACE_MS) === 'timed-out') {
    writeSync(2, `watchdog: the test's thread hangs\n${report}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}
