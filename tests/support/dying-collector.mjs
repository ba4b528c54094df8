/**
 * The collector thread as it is compiled, but for when and how it dies: `workerData` says that.
 */
import { workerData } from 'node:worker_threads';
import { dieAnywhere, dieHere } from './dying.mjs';

const { library, buffer, way, moment, signals } = workerData;
const i32 = new Int32Array(buffer);
const { load } = Atomics;

/** Words of the heap, and states: see `src/memory/layout.ts`, `src/gc/`. */
const LOCK_WORD = 16;
const GC_BACKGROUND = 179;
const JOB_STATE = 192;
const SETTLING = 3;
const COUNTING = 2;
const REACHING = 3;
const COLLECTOR_THREAD = 129;
const OWNER_MASK = 0xff;

const ownsLock = () => (load(i32, LOCK_WORD) & OWNER_MASK) === COLLECTOR_THREAD;

/** @type {Record<string, () => boolean>} */
const MOMENTS = {
  'in a stop': () => ownsLock() && load(i32, GC_BACKGROUND) === SETTLING,
  'in its scan': () => !ownsLock() && [COUNTING, REACHING].includes(load(i32, JOB_STATE)),
};

const die = () => dieHere(new Int32Array(signals), way);
if (moment === 'between collections') setTimeout(die, 50);
else dieAnywhere(/** @type {() => boolean} */ (MOMENTS[moment]), die);
await import(new URL('../workers/collector.js', library).href);
