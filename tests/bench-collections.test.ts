/**
 * The parts of the benchmarks that turn times into figures, and the collection workloads on every
 * subject that this machine has: the answers are looked at, never the speed.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { edgesOf, Random, walkOf, youngEdgesOf } from '../bench/graphs.ts';
import {
  createLogMemory,
  minimumUtilisation,
  PauseLog,
  pauseFigures,
} from '../bench/harness/pauses.ts';
import { writePlots } from '../bench/harness/plots.ts';
import type { Metric, Result } from '../bench/harness/types.ts';
import { describeTarget, judge } from '../bench/targets.ts';

const MAIN = fileURLToPath(new URL('../dist/bench/main.js', import.meta.url));

function row(workload: string, subject: string, value: number, more: Partial<Result> = {}): Result {
  return {
    ...{ workload, subject, size: 4_000_000, threads: 2, metric: 'pause-max', unit: 'ms' },
    ...{ value, min: value, max: value, samples: 5, checksum: '0' },
    ...more,
  } as Result;
}

describe('pauses', () => {
  test('gaps from a twentieth of a millisecond on are pauses, and the longest gap is known', () => {
    const log = new PauseLog(createLogMemory());
    log.start(100);
    for (const end of [100.25, 100.28125, 103.28125, 103.3125]) log.tick(end);
    expect(log.pauses).toEqual([
      { start: 100, length: 0.25 },
      { start: 100.28125, length: 3 },
    ]);
    expect(log.figures).toEqual({ max: 3, p99: 3, p50: 0.25 });
  });

  test('without a pause the figures are those of the longest gap', () => {
    const log = new PauseLog(createLogMemory());
    log.start(0);
    for (const end of [0.0078125, 0.0234375]) log.tick(end);
    expect(log.figures).toEqual({ max: 0.015625, p99: 0.015625, p50: 0.015625 });
  });

  test('a log begins anew', () => {
    const log = new PauseLog(createLogMemory());
    log.start(0);
    log.tick(7);
    log.start(10);
    expect(log.pauses).toEqual([]);
    expect(log.longest).toBe(0);
  });

  test('percentiles are by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(pauseFigures(hundred)).toEqual({ max: 100, p99: 99, p50: 50 });
    expect(pauseFigures([4])).toEqual({ max: 4, p99: 4, p50: 4 });
  });

  test('the worst window decides the utilisation', () => {
    const pauses = [
      { start: 20, length: 2 },
      { start: 25, length: 3 },
      { start: 60, length: 4 },
    ];
    expect(minimumUtilisation(pauses, [0, 100], 4)).toBe(0);
    expect(minimumUtilisation(pauses, [0, 100], 8)).toBeCloseTo(37.5, 10); // from 20 to 28
    expect(minimumUtilisation(pauses, [0, 100], 10)).toBeCloseTo(50, 10);
    expect(minimumUtilisation(pauses, [0, 100], 100)).toBeCloseTo(91, 10);
    expect(minimumUtilisation([], [0, 100], 10)).toBe(100);
  });

  test('a window does not reach beyond the run', () => {
    const pauses = [{ start: 98, length: 2 }];
    expect(minimumUtilisation(pauses, [0, 100], 10)).toBeCloseTo(80, 10);
    expect(minimumUtilisation(pauses, [90, 100], 1000)).toBeCloseTo(80, 10);
  });
});

describe('graphs', () => {
  test('are the same every time', () => {
    const random = new Random(1);
    // The first numbers of xorshift32 from seed 1, as Marsaglia's paper defines it.
    expect([random.below(2 ** 32), random.below(2 ** 32)]).toEqual([270369, 67634689]);
    expect(edgesOf(1000)).toEqual(edgesOf(1000));
    expect(walkOf(edgesOf(1000))).toBe(82);
  });

  test('chains of young objects have no cycle', () => {
    const edges = youngEdgesOf(1000);
    for (let i = 1; i < 1000; i++) expect(edges[2 * i]).toBeLessThan(i);
  });
});

describe('targets', () => {
  test('the better of several rivals counts', () => {
    const [verdict] = judge([
      row('full-live-automatic', 'sharc', 4),
      row('full-live-automatic', 'cpython', 3000),
      row('full-live-automatic', 'v8-shared-struct', 500),
    ]);
    expect(verdict).toMatchObject({ reached: 4 / 500, isMet: true });
    expect(describeTarget(verdict!.target)).toBe(
      'full-live-automatic sharc pause-max 4,000,000 / best rival',
    );
  });

  test('only rows of the size named are judged', () => {
    const small = { size: 20_000 };
    expect(
      judge([
        row('full-live-automatic', 'sharc', 400, small),
        row('full-live-automatic', 'cpython', 3, small),
      ]),
    ).toEqual([]);
  });

  test('where more is better the limit is a lower one', () => {
    const share = (value: number) =>
      judge([row('mutator-beside-scan', 'sharc', value, { metric: 'mutator-share', unit: '%' })]);
    expect(share(70)[0]).toMatchObject({ reached: 70, isMet: true });
    expect(share(69)[0]).toMatchObject({ reached: 69, isMet: false });
  });
});

describe('plots', () => {
  const sizes = [10_000, 100_000, 1_000_000];
  const lines = (subject: string, metric: Metric): Result[] =>
    sizes.map((size) => row('full-live', subject, size / 5000, { size, metric }));

  test('a workload with several sizes becomes one file with a panel per metric', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plots-'));
    try {
      const results = [
        ...lines('sharc', 'cpu'),
        ...lines('cpython', 'cpu'),
        ...lines('sharc', 'pause-max'),
        row('gc_collect', 'sharc', 1, { size: null }),
      ];
      expect(writePlots(folder, results)).toEqual(['full-live.svg']);
      expect(readdirSync(folder)).toEqual(['full-live.svg']);
      const svg = readFileSync(join(folder, 'full-live.svg'), 'utf8');
      expect(svg.match(/<circle[^>]*r="3.5"/g)).toHaveLength(9);
      expect(svg.match(/font-weight="bold">[^<]*, ms</g)).toEqual([
        'font-weight="bold">CPU, ms<',
        'font-weight="bold">longest pause, ms<',
      ]);
      expect(svg).toContain('cpython, 1,000,000: 200 ms');
      expect(svg).not.toContain('NaN');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Written out rather than computed by the code that the benchmarks use themselves. */
const EXPLICIT = {
  gc_collect: '2100',
  gc_traversal: '3496500', // 7 * 499,500
  'full-live': '9542', // 31 * 82 + 7 * 1000
  'full-garbage': '3542',
  'half-garbage': '12401',
  'ring-garbage': '1000',
  'rings-garbage': '1000',
  mmu: '7000',
};
const AUTOMATIC = {
  'full-live-automatic': '9542',
  'full-garbage-automatic': '3542',
  'half-garbage-automatic': '12401',
  'ring-garbage-automatic': '1000',
  'rings-garbage-automatic': '1000',
};
const YOUNG = { 'young-live': '4900' };
const LATENCY = { latency: '13115623', 'latency-cycles': '13115623' };

/** What each subject performs of these. */
const CHECKSUMS: Record<string, Record<string, string>> = {
  sharc: { ...EXPLICIT, ...AUTOMATIC, ...YOUNG, ...LATENCY },
  'v8-shared-struct': { ...EXPLICIT, ...AUTOMATIC },
  plain: { ...EXPLICIT, ...LATENCY },
  cpython: { ...EXPLICIT, ...AUTOMATIC, ...YOUNG, ...LATENCY },
};

interface Run {
  code: number;
  results: Result[];
  missing: { subject: string; workload?: string; reason: string; isFailure: boolean }[];
}

function bench(...args: string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MAIN, ...args, '--json'], (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(stderr));
      else resolve({ code: error === null ? 0 : Number(error.code), ...JSON.parse(stdout) });
    });
  });
}

describe('the benchmark program', () => {
  const checksumsOf = ({ results }: Run, subject: string): Record<string, string> =>
    Object.fromEntries(
      results.filter((r) => r.subject === subject).map((r) => [r.workload, r.checksum]),
    );

  test('every subject comes to the checksums of the collection workloads', {
    timeout: 600_000, // sixty processes, one after the other
  }, async () => {
    const subjects = Object.keys(CHECKSUMS);
    const names = Object.keys(CHECKSUMS.cpython!);
    const run = await bench('--smoke', '--only', names.join(), '--subjects', subjects.join());
    // V8's shared structs are an experiment: where a mutator runs beside `gc()`, Node 24 may crash.
    const crashed = run.missing.filter(
      ({ subject, reason }) => subject === 'v8-shared-struct' && reason.includes('SIGSEGV'),
    );
    expect(run.missing.filter((m) => m.isFailure && !crashed.includes(m))).toEqual([]);
    for (const subject of subjects) {
      // Absent as a whole, with the reason: there is no python3, or Node has no shared structs.
      if (run.missing.some((m) => m.subject === subject && m.workload === undefined)) continue;
      const expected = { ...CHECKSUMS[subject] };
      for (const m of crashed) if (m.subject === subject) delete expected[m.workload as string];
      expect([subject, checksumsOf(run, subject)]).toEqual([subject, expected]);
    }
    expect(run.code).toBe(crashed.length === 0 ? 0 : 1);
  });

  test('a collection reports what it cost and whom it kept, one row per metric', async () => {
    const { results } = await bench('--smoke', '--only', 'full-garbage', '--subjects', 'plain');
    expect(results.map(({ metric, unit }) => `${metric} ${unit}`)).toEqual([
      'time ms',
      'cpu ms',
      'pause-max ms',
      'pause-p99 ms',
      'pause-p50 ms',
      'throughput objects/s',
    ]);
    for (const result of results) expect(result).toMatchObject({ size: 1000, threads: 1 });
  });

  test('--plots DIR makes the folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plots-'));
    try {
      const plots = join(folder, 'new');
      const { code } = await bench('--smoke', '--only', 'cas-store', '--plots', plots);
      expect(existsSync(plots)).toBe(true);
      expect(code).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
