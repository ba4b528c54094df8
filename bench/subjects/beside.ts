/**
 * A mutator beside a collection: it works in a loop, first alone, then while another thread
 * collects, and notes the time after each operation. What keeps it from the next one is a pause.
 */

import { type Beside, processCpuMs, threadCpuMs } from '../harness/collection-figures.ts';
import { createLogMemory, PauseLog } from '../harness/pauses.ts';

// What the mutator reports, one number each.
const TALLY_ALONE_OPERATIONS = 0;
const TALLY_ALONE_MS = 1;
const TALLY_BESIDE_OPERATIONS = 2;
const TALLY_BESIDE_MS = 3;
const TALLY_CPU_MS = 4; // of the mutator's thread beside the collection; NaN: not known
const TALLY_LENGTH = 5;

/** What the mutator's thread writes and the one that reports it reads. */
export interface BesideMemory {
  readonly alone: Float64Array;
  readonly beside: Float64Array;
  readonly tally: Float64Array;
}

export const createBeside = (): BesideMemory => ({
  alone: createLogMemory(),
  beside: createLogMemory(),
  tally: new Float64Array(new SharedArrayBuffer(TALLY_LENGTH * Float64Array.BYTES_PER_ELEMENT)),
});

/** Milliseconds for which the mutator works alone, after as many in which it warms up. */
export const aloneMs = (objects: number): number =>
  Math.min(200, Math.max(20, Math.floor(objects / 2000)));

function workUntil(isOver: () => boolean, log: PauseLog, work: () => void): number {
  let operations = 0;
  log.start(performance.now());
  do {
    work();
    log.tick(performance.now());
    operations++;
  } while (!isOver());
  return operations;
}

function clockOf(milliseconds: number): () => boolean {
  const end = performance.now() + milliseconds;
  return () => performance.now() >= end;
}

/** The mutator at work before the collection: first to warm up, then to be measured. */
export function workAlone({ alone, tally }: BesideMemory, milliseconds: number, work: () => void) {
  const log = new PauseLog(alone);
  workUntil(clockOf(milliseconds), log, work);
  const begin = performance.now();
  tally[TALLY_ALONE_OPERATIONS] = workUntil(clockOf(milliseconds), log, work);
  tally[TALLY_ALONE_MS] = performance.now() - begin;
}

/** How the mutator learns of the collection. Both are asked after each operation. */
export interface Progress {
  /** May be what makes it begin. */
  hasBegun(): boolean;
  isOver(): boolean;
}

/**
 * The mutator at work until the collection is over. Its operations count from that on during which
 * the collection began: there is one at least.
 */
export function workBeside(memory: BesideMemory, progress: Progress, work: () => void) {
  const { hasBegun, isOver } = progress;
  const { tally } = memory;
  const log = new PauseLog(memory.beside);
  const cpu = threadCpuMs();
  let last = performance.now();
  let begin = Number.NaN;
  let operations = 0;
  log.start(last);
  do {
    work();
    const now = performance.now();
    log.tick(now);
    if (!hasBegun()) log.start(now);
    else if (operations++ === 0) begin = last;
    last = now;
  } while (operations === 0 || !isOver());
  tally[TALLY_BESIDE_OPERATIONS] = operations;
  tally[TALLY_BESIDE_MS] = last - begin;
  tally[TALLY_CPU_MS] = cpu === undefined ? Number.NaN : threadCpuMs()! - cpu;
}

/** The time that the collection has taken, in milliseconds. */
interface Taken {
  readonly objects: number;
  readonly wall: number;
  /** Of the whole process. */
  readonly cpu: number;
}

/** What the mutator has written down. */
export function readBeside({ alone, beside, tally }: BesideMemory, taken: Taken): Beside {
  const mutatorCpu = tally[TALLY_CPU_MS];
  return {
    ...taken,
    cpu: Number.isNaN(mutatorCpu) ? undefined : Math.max(0, taken.cpu - mutatorCpu),
    pauses: new PauseLog(beside).figures,
    jitter: new PauseLog(alone).longest,
    before: tally[TALLY_ALONE_OPERATIONS] / tally[TALLY_ALONE_MS],
    during: tally[TALLY_BESIDE_OPERATIONS] / tally[TALLY_BESIDE_MS],
  };
}

/** Starts a clock for wall time and for the CPU of the process. */
export function startTaking(): (objects: number) => Taken {
  const cpu = processCpuMs();
  const begin = performance.now();
  return (objects) => ({
    objects,
    wall: performance.now() - begin,
    cpu: processCpuMs() - cpu,
  });
}
