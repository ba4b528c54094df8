/**
 * The benchmark program works: its figures have the documented shape and its answers are right.
 * Speeds are not looked at. Runs the compiled program, as `npm run bench` does.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/bench/main.js', import.meta.url));

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

function bench(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Written out rather than computed by the code that the benchmarks use themselves. */
const CHECKSUMS = {
  'alloc-drop': '2000',
  'alloc-keep': '1000',
  'store-ref': '5307776',
  'load-field': '2287360',
  'store-field': '5888384',
  'get-ref': '29574912',
  'string-get': '134280',
  'string-set': '1725034',
  'map-set': '101000',
  'map-get': '999000',
  'bytes-per-object': '10000',
};

test('every workload of plain objects comes to its checksum', async () => {
  const names = Object.keys(CHECKSUMS);
  const { code, stdout } = await bench(
    ...['--smoke', '--subjects', 'plain', '--only', names.join(','), '--json'],
  );
  const { results } = JSON.parse(stdout);
  const found = results.map((row: { workload: string; checksum: string }) => {
    return [row.workload, row.checksum];
  });
  expect(Object.fromEntries(found)).toEqual(CHECKSUMS);
  expect(code).toBe(0);
});

test('rows and header of the JSON are those that were promised', async () => {
  const { code, stdout } = await bench('--quick', '--smoke', '--only', 'cas-store', '--json');
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    date: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    commit: expect.any(String),
    node: process.version,
    cpu: expect.any(String),
    cores: expect.any(Number),
    versions: { calibration: expect.stringContaining('Node'), plain: expect.any(String) },
    missing: expect.any(Array),
  });
  expect(report.results).toEqual([
    {
      workload: 'cas-store',
      subject: 'calibration',
      size: null,
      threads: 1,
      metric: 'time',
      unit: 'ns/op',
      value: expect.any(Number),
      min: expect.any(Number),
      max: expect.any(Number),
      samples: 2,
      checksum: '2000',
    },
  ]);
  const [{ value, min, max }] = report.results;
  expect(min).toBeGreaterThan(0);
  expect(value).toBeGreaterThanOrEqual(min);
  expect(max).toBeGreaterThanOrEqual(value);
  expect(code).toBe(0);
});

test('two threads on one lock count every turn', async () => {
  const { code, stdout } = await bench('--smoke', '--only', 'lock-contended', '--json');
  const { results } = JSON.parse(stdout);
  expect(results.length).toBeGreaterThan(0);
  for (const row of results) expect(row).toMatchObject({ threads: 2, checksum: '2000' });
  expect(code).toBe(0);
});

test('--json FILE writes the figures there and the table to stdout', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    const file = join(folder, 'figures.json');
    const { code, stdout } = await bench('--smoke', '--only', 'plain-store', '--json', file);
    expect(JSON.parse(readFileSync(file, 'utf8')).results).toHaveLength(1);
    expect(stdout).toContain('plain-store');
    expect(code).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an unknown workload or subject ends with 2 and the allowed names', async () => {
  const workload = await bench('--only', 'alloc-dorp');
  expect(workload).toMatchObject({ code: 2, stdout: '' });
  expect(workload.stderr).toContain('unknown workload: alloc-dorp');
  expect(workload.stderr).toContain('alloc-drop');

  const subject = await bench('--subjects', 'plain,nobody');
  expect(subject).toMatchObject({ code: 2, stdout: '' });
  expect(subject.stderr).toContain('unknown subject: nobody');
  expect(subject.stderr).toContain('v8-shared-struct');
});

test('an unknown option ends with 2', async () => {
  expect(await bench('--slow')).toMatchObject({ code: 2, stdout: '' });
});

test('--list names what there is', async () => {
  const { code, stdout } = await bench('--list');
  for (const name of [...Object.keys(CHECKSUMS), 'v8-shared-struct', 'plain', 'calibration']) {
    expect(stdout).toContain(name);
  }
  expect(code).toBe(0);
});
