/**
 * The frame of the layout experiments. Each compares a few ways to do the same thing, in miniature
 * and on memory of its own; nothing of `src` is used, so an experiment outlives what it decided.
 */

import { performance } from 'node:perf_hooks';

/** Performs so many operations and returns a checksum, which must be that of the other variants. */
export type Run = (operations: number) => number;

/** One way to do it. */
export interface Variant {
  readonly name: string;
  /** By name of the operation. Called once: what it closes over is constant to V8. */
  prepare(): Readonly<Record<string, Run>>;
}

export interface Experiment {
  readonly name: string;
  readonly question: string;
  readonly variants: readonly Variant[];
}

/** What one process finds out about one operation of one variant. */
export interface Samples {
  readonly operation: string;
  readonly checksum: number;
  /** Nanoseconds per operation. */
  readonly times: readonly number[];
}

/** A multiple of every pool and batch, and a millisecond or so. */
const OPERATIONS = 1024 * 100;
const WARMUP_RUNS = 30;

/** Words that every variant works on: shared memory, as in a heap. */
export const sharedWords = (count: number): Int32Array =>
  new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));

/** An order unlike that of the addresses. `count` is a power of two. */
export const shuffled = (count: number, at: (index: number) => number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => at((i * 1_640_531) & (count - 1)));

/** Samples all operations of a variant. A variant has its process to itself. */
export function sampleVariant({ prepare }: Variant, sampleCount: number): Samples[] {
  return Object.entries(prepare()).map(([operation, run]) => {
    let checksum = 0;
    for (let i = 0; i < WARMUP_RUNS; i++) checksum = run(OPERATIONS);
    const times: number[] = [];
    for (let i = 0; i < sampleCount; i++) {
      const start = performance.now();
      run(OPERATIONS);
      times.push(((performance.now() - start) * 1e6) / OPERATIONS);
    }
    return { operation, checksum, times };
  });
}
