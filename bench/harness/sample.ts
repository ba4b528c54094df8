/**
 * Takes the samples of one bench, in the child process. The loop over samples is tinybench's; the
 * loop over operations is the bench's own, since a call per operation would cost more than most of
 * the operations measured.
 */

import { Bench as Tinybench } from 'tinybench';
import type { Bench, Cell, ChildReply, Clock, Sampling, TimedBench, Workload } from './types.ts';

/** Sums up the running stretches between `start` and `stop`. */
class Stopwatch implements Clock {
  #startedAt = 0;
  #elapsedMs = 0;

  start(): void {
    this.#elapsedMs = 0;
    this.resume();
  }

  stop(): number {
    this.pause();
    return this.#elapsedMs;
  }

  pause(): void {
    this.#elapsedMs += performance.now() - this.#startedAt;
  }

  resume(): void {
    this.#startedAt = performance.now();
  }
}

class WrongChecksumError extends Error {
  override readonly name = 'WrongChecksumError';
  constructor(expected: number, actual: number) {
    super(`wrong checksum: expected ${expected}, got ${actual}`);
  }
}

function assertChecksum(expected: number, actual: number): void {
  if (!Object.is(actual, expected)) throw new WrongChecksumError(expected, actual);
}

/** Runs tinybench over `bench` and returns the time of each sample in milliseconds. */
async function sampleTimes(bench: TimedBench, expected: number, sampling: Sampling) {
  const watch = new Stopwatch();
  let result = Number.NaN;

  const sampler = new Tinybench({
    time: sampling.timeMs,
    iterations: sampling.minSamples,
    warmup: sampling.warmupMs > 0,
    warmupTime: sampling.warmupMs,
    warmupIterations: 2,
    retainSamples: true,
    throws: true,
  });
  const runSync = () => {
    watch.start();
    result = bench.run(watch) as number;
    const overriddenDuration = watch.stop();
    return { overriddenDuration, overriddenIterationCost: overriddenDuration };
  };
  const runAsync = async () => {
    watch.start();
    result = await bench.run(watch);
    const overriddenDuration = watch.stop();
    return { overriddenDuration, overriddenIterationCost: overriddenDuration };
  };
  sampler.add('sample', bench.isAsync ? runAsync : runSync, {
    async: bench.isAsync === true,
    beforeEach: () => bench.before?.(),
    // Every sample is checked, warm-up included: no time counts beside a wrong answer.
    afterEach: () => assertChecksum(expected, bench.checksum?.(result) ?? result),
  });
  const [task] = await sampler.run();
  const taskResult = task!.result;
  if (taskResult.state !== 'completed') throw new Error(`sampling ended as ${taskResult.state}`);
  return taskResult.latency.samples!;
}

function unitsPerMillisecond(unit: Workload['unit']): number {
  if (unit === 'ns/op') return 1e6;
  if (unit === 'us/op') return 1e3;
  throw new Error(`a timed bench cannot report ${unit}`);
}

export async function measure(
  bench: Bench,
  workload: Workload,
  cell: Cell,
  sampling: Sampling,
): Promise<ChildReply> {
  const { metric, unit } = workload;
  const expected = workload.expected(cell);
  if ('measureAll' in bench) {
    const { figures, checksum } = await bench.measureAll();
    assertChecksum(expected, checksum);
    return { kind: 'measured', figures, checksum };
  }
  if ('measure' in bench) {
    const { value, checksum } = await bench.measure();
    assertChecksum(expected, checksum);
    return { kind: 'measured', figures: [{ metric, unit, samples: [value] }], checksum };
  }
  const perMillisecond = unitsPerMillisecond(unit) / cell.operations;
  try {
    const times = await sampleTimes(bench, expected, sampling);
    const samples = times.map((milliseconds) => milliseconds * perMillisecond);
    return { kind: 'measured', figures: [{ metric, unit, samples }], checksum: expected };
  } finally {
    await bench.close?.();
  }
}
