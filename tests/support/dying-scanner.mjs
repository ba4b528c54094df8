/** A scanner that dies in the first scan that it takes part in: see `scanner-thread.mjs`. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { dieAnywhere, dieHere } from './dying.mjs';

const { buffer, way, signals, isKiller } = workerData;
const JOB_STATE = 192;
const REACHING = 3;
const THERE = 0;

if (isKiller) {
  // Whoever collects is busy: this thread starts the scanner for it, and ends it.
  const data = { ...workerData, isKiller: false };
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  worker.on('message', (message) => parentPort?.postMessage(message));
  const looking = setInterval(() => {
    if (Atomics.load(new Int32Array(signals), THERE) === 1) void worker.terminate();
  }, 1);
  worker.on('exit', () => clearInterval(looking));
} else {
  const { load } = Atomics;
  const i32 = new Int32Array(buffer);
  dieAnywhere(
    () => load(i32, JOB_STATE) === REACHING,
    () => dieHere(new Int32Array(signals), way),
  );
  await import('./scanner-thread.mjs');
}
