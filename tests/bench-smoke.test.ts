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

const bench = (...args: string[]): Promise<Run> => benchIn({}, ...args);

function benchIn(variables: Record<string, string>, ...args: string[]): Promise<Run> {
  const env = { ...process.env, ...variables };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (error, stdout, stderr) => {
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
  'map-bytes': '10000',
  'array-bytes-integers': '10000',
  'array-bytes-doubles': '10000',
  'from-records': '845472064',
  'to-records': '845472064',
};
const STORED = ['string-get', 'string-set', 'map-set', 'map-get'] as const;

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

interface Row {
  workload: string;
  subject: string;
  threads: number;
  metric: string;
  checksum: string;
  value: number;
}

test('stores of strings come to the checksums of plain objects', async () => {
  const { code, stdout } = await bench(
    ...['--smoke', '--subjects', 'sharc,lmdb,sharedmap', '--only', STORED.join(','), '--json'],
  );
  const { results, missing, versions } = JSON.parse(stdout);
  // The binary of lmdb is not there for every platform; all else is.
  const present = missing.length === 0 ? ['sharc', 'lmdb', 'sharedmap'] : ['sharc', 'sharedmap'];
  expect(Object.keys(versions)).toEqual(present);
  const found = results.map((row: Row) => [row.subject, row.workload, row.checksum]);
  const expected = present.flatMap((subject) =>
    STORED.map((workload) => [subject, workload, CHECKSUMS[workload]]),
  );
  expect(found).toHaveLength(expected.length);
  expect(found).toEqual(expect.arrayContaining(expected));
  expect(code).toBe(0);
});

test('a store whose package cannot be loaded is missing, and no failure', async () => {
  const { code, stdout } = await benchIn(
    { npm_config_arch: 'none' }, // what its loader looks for a binary of
    ...['--smoke', '--subjects', 'lmdb', '--only', 'map-get', '--json'],
  );
  expect(JSON.parse(stdout)).toMatchObject({
    results: [],
    missing: [
      {
        subject: 'lmdb',
        reason: expect.stringMatching(/^Error: No native build.*$/),
        isFailure: false,
      },
    ],
  });
  expect(code).toBe(0);
});

test('memory of the heap is told with its pages and without', async () => {
  const { code, stdout } = await bench(
    ...['--smoke', '--subjects', 'sharc', '--only', 'map-bytes,array-bytes-doubles', '--json'],
  );
  const rows: Row[] = JSON.parse(stdout).results;
  expect(rows.map(({ metric }) => metric)).toEqual([
    ...['bytes-per-object', 'live-bytes'],
    ...['bytes-per-object', 'live-bytes'],
  ]);
  for (const { value } of rows) expect(value).toBeGreaterThanOrEqual(8);
  expect(rows[0]!.value).toBeGreaterThanOrEqual(rows[1]!.value);
  expect(code).toBe(0);
});

test('copies of records are the same, or said to be missing', async () => {
  const { code, stdout } = await bench(
    ...['--smoke', '--subjects', 'sharc', '--only', 'from-records,to-records', '--json'],
  );
  const { results, missing } = JSON.parse(stdout);
  expect(results.length + missing.length).toBe(2);
  for (const { checksum } of results) expect(checksum).toBe(CHECKSUMS['from-records']);
  for (const { isFailure } of missing) expect(isFailure).toBe(false);
  expect(code).toBe(0);
});

/** In the order of the subjects; the binary of lmdb is not there for every platform. */
const subjectsIn = (missing: readonly { subject: string; isFailure: boolean }[], all: string[]) => {
  for (const { isFailure } of missing) expect(isFailure).toBe(false);
  return all.filter((name) => missing.every(({ subject }) => subject !== name));
};

test('threads that read one list come to its sum, and their scaling is told', async () => {
  const { code, stdout } = await bench('--smoke', '--only', 'parallel-read', '--json');
  const { results, missing } = JSON.parse(stdout);
  const readers = subjectsIn(missing, [
    ...['sharc-raw', 'sharc', 'v8-shared-struct', 'plain', 'lmdb', 'calibration'],
  ]);
  for (const threads of [1, 2]) {
    const rows: Row[] = results.filter((row: Row) => row.threads === threads);
    const metrics = threads === 1 ? ['throughput'] : ['throughput', 'scaling'];
    const found = rows.filter(({ metric }) => metric !== 'cpu'); // which not every system tells
    expect(found.map(({ subject, metric }) => [subject, metric])).toEqual(
      readers.flatMap((subject) => metrics.map((metric) => [subject, metric])),
    );
    for (const { checksum } of rows) expect(checksum).toBe('499500');
    for (const { value } of found) expect(value).toBeGreaterThan(0);
  }
  expect(code).toBe(0);
});

test('caches answer every request rightly, and most of them by themselves', async () => {
  const { code, stdout } = await bench('--smoke', '--only', 'lru,lru-second-chance', '--json');
  const { results, missing } = JSON.parse(stdout);
  const throughputs: Row[] = results.filter((row: Row) => row.metric === 'throughput');
  expect(throughputs.map(({ workload, subject }) => [workload, subject])).toEqual([
    ...subjectsIn(missing, ['sharc', 'plain', 'lmdb']).map((name) => ['lru', name]),
    ...subjectsIn(missing, ['sharc', 'lmdb']).map((name) => ['lru-second-chance', name]),
  ]);
  for (const { checksum, threads } of results) {
    expect({ checksum, threads }).toEqual({ checksum: '6185747', threads: 2 });
  }
  const hits: Row[] = results.filter((row: Row) => row.metric === 'hits');
  expect(hits).toHaveLength(throughputs.length);
  // With a cache in each thread nothing depends on how they meet.
  expect(hits.find(({ subject }) => subject === 'plain')!.value).toBeCloseTo(82.05);
  for (const { value } of hits) expect(Math.abs(value - 82.05)).toBeLessThan(5);
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
