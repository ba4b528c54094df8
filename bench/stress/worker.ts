/** A thread of the stress: see `programs.ts`. */

import { parentPort, workerData } from 'node:worker_threads';
import { runPrograms } from './programs.ts';

const { seed, step, seconds } = workerData as { seed: number; step: number; seconds: number };

const outcome = await runPrograms(seed, step, seconds, (soFar) => parentPort?.postMessage(soFar));
parentPort?.postMessage(outcome);
