/** The main job as it is run: a small tree, real threads, and what the last line of stdout says. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/bench/examples/module-graph/main.js', import.meta.url));
const EDITS = 60;
const SEED = 42;

/**
 *     main.ts ──▶ alpha ◀──▶ beta    alpha/index, alpha/util and all of beta are one cycle,
 *       │           ▼                gamma/one and gamma/two another
 *       └────────▶ gamma
 */
const TREE = {
  'main.ts': "import 'alpha'; import type { T } from './types.js'; import g = require('gamma');",
  'types.d.ts': 'export type T = 1;',
  'node_modules/alpha/package.json':
    '{"name":"alpha","version":"1.0.0","type":"module","exports":"./index.js"}',
  'node_modules/alpha/index.js':
    "import './util.js'; export * from 'beta'; export const late = () => import('./late.js');",
  'node_modules/alpha/util.js': "import { late } from './index.js'; import fs from 'node:fs';",
  'node_modules/alpha/late.js': "import 'gamma'; import('./' + name + '.js');",
  'node_modules/beta/package.json': '{"name":"@scope/beta","main":"index.mjs"}',
  'node_modules/beta/index.mjs': "export { a } from './a.mjs'; export * as b from './b.mjs';",
  'node_modules/beta/a.mjs': "import './b.mjs';",
  'node_modules/beta/b.mjs': "import './a.mjs'; import 'alpha';",
  'node_modules/gamma/package.json': '{"name":"gamma","version":"3.0.0"}',
  'node_modules/gamma/index.js':
    "// require('./two')\nrequire('./one'); require('./broken'); require('./data.json');",
  'node_modules/gamma/one.js': "exports.two = require('./two'); if (done) return;",
  'node_modules/gamma/two.js': "exports.one = require('./one'); require(exports.one);",
  'node_modules/gamma/broken.js': 'const = ;',
  'node_modules/gamma/data.json': '{}',
};

const EXPECTED = {
  files: 12,
  unreadable: 2,
  modules: 10,
  edges: 15,
  packages: 4,
  cycles: 2,
  edits: EDITS,
  threads: expect.any(Number),
  operationsPerThread: expect.any(Array),
  elapsedMs: expect.any(Number),
  oracle: 'match',
  verify: 'clean',
  liveBytes: expect.any(Number),
  liveObjects: expect.any(Number),
  collections: [expect.any(Number), 0, 0], // young ones: 11 of them are due before a middle one
  collected: expect.any(Number),
  pauses: expect.any(Object),
  timeToStop: { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 }, // a section that ends has the lock
  garbageBytes: expect.any(Number),
  garbageBytesAllowed: expect.any(Number),
  final: {
    collected: expect.any(Number),
    collectMs: expect.any(Number),
    timeToStopMs: expect.any(Number),
    liveObjects: 9, // the map of named roots, and 8 declarations of structs
    immortalObjects: 9,
    verify: 'clean',
  },
  seed: SEED,
};
/** Module, its two arrays, its package and the map in it, edges: what is left to the collector. */
const CONTAINERS = 10 * 3 + 4 * 2 + 15;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let root: string;

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sharc-module-graph-job-')));
  for (const [name, content] of Object.entries(TREE)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  symlinkSync('nowhere.js', join(root, 'broken-link.js'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** Runs the job as a process of its own, which has to end by itself. */
function runJob(args: readonly string[], nodeArgs: readonly string[] = []): Promise<Ended> {
  const child = spawn(process.execPath, [...nodeArgs, MAIN, ...args], { timeout: 30_000 });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test.each([1, 2, 3])(
  '%i threads build the graph, edit it, and agree with the oracle',
  async (n) => {
    const args = ['--threads', String(n), '--edits', String(EDITS), '--seed', String(SEED)];
    const { code, stdout, stderr } = await runJob([root, ...args, '--json']);

    const result = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect(result).toEqual({ ...EXPECTED, threads: n });
    expect(Object.keys(result)).toEqual(Object.keys(EXPECTED));
    expect(code).toBe(0);

    const operations: number[] = result.operationsPerThread;
    expect(operations).toHaveLength(n);
    const fairShare = operations.reduce((sum, count) => sum + count, 0) / n;
    expect(fairShare * n).toBeGreaterThanOrEqual(2 * EDITS); // every edit is a drop and a link
    expect(Math.min(...operations)).toBeGreaterThanOrEqual(fairShare / 2);

    const { collections, collected, pauses, final } = result;
    expect(pauses.count).toBe(collections[0]);
    expect(pauses.maxMs).toBeGreaterThanOrEqual(pauses.p50Ms);
    expect(final.collected).toBeGreaterThanOrEqual(CONTAINERS);
    expect(collected + final.collected).toBeGreaterThanOrEqual(CONTAINERS + 3 * EDITS);
    expect(result.garbageBytes).toBeLessThanOrEqual(result.garbageBytesAllowed);

    // Nobody looks at a pipe: no progress, only what could not be read.
    const [title, ...lines] = stderr.trimEnd().split('\n');
    expect(title).toBe('unreadable:');
    expect(lines.map((line) => line.slice(`  ${root}/`.length).split(':')[0])).toEqual([
      'broken-link.js',
      'node_modules/gamma/broken.js',
    ]);
  },
);

test('a directory without modules is an empty graph, with nothing to edit', async () => {
  const empty = join(root, 'empty');
  mkdirSync(empty);
  const { code, stdout, stderr } = await runJob([empty, '--threads', '2', '--json']);
  const { files, modules, edges, packages, cycles, edits, oracle, final } = JSON.parse(
    stdout.trimEnd().split('\n').at(-1)!,
  );
  expect([files, modules, edges, packages, cycles, edits]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([oracle, code, stderr]).toEqual(['match', 0, '']);
  expect([final.liveObjects, final.immortalObjects, final.verify]).toEqual([9, 9, 'clean']);
});

test('6,920 edits of one thread end just before the first full collection', async () => {
  const args = ['--threads', '1', '--edits', '6920', '--seed', '1', '--json'];
  const { code, stdout } = await runJob([root, ...args]);
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
  expect(code).toBe(0);
  expect(result.collections).toEqual([121, 11, 0]); // the next is a full one
  expect(result.pauses.count).toBe(132);
  expect([result.collected, result.final.collected]).toEqual([37_855, 53_882]);
  expect([result.final.liveObjects, result.final.immortalObjects]).toEqual([9, 9]);
});

test('without --json the report ends stdout', async () => {
  const { code, stdout } = await runJob([root, '--threads', '2', '--edits', '4']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/│ collections +│ +\d+ 0 0 │ \d+ of \d+ objects examined were garbage/);
  expect(stdout).toMatch(/│ garbage +│ +[\d.]+ KiB │ not collected yet; [\d.]+ KiB may wait/);
  expect(stdout).toMatch(/│ oracle +│ +match │/);
  expect(stdout).toMatch(/│ left +│ +9 │ objects; immortal are 9 /);
  expect(stdout).not.toContain('{');
});

test.each([
  [['/no/such/directory'], 'error: no such directory: /no/such/directory\n'],
  [[MAIN], `error: not a directory: ${MAIN}\n`],
  [['--threads', '0'], /^error: option '--threads <N>' argument '0' is invalid/],
  [['--edits', 'many'], /^error: option '--edits <N>' argument 'many' is invalid/],
  [['--bogus'], /^error: unknown option '--bogus'/],
])('%j ends with a clear error and exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await runJob(args);
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([2, '']);
});

test('a worker that is killed among its edits ends the job with an error', async () => {
  const killer = `data:text/javascript,
    let count = 0;
    process.on('worker', (worker) => {
      if (count++ === 1) worker.once('message', () => setTimeout(() => worker.terminate(), 100));
    });`;
  const args = [root, '--threads', '3', '--edits', '1000000', '--json'];
  const { code, stdout, stderr } = await runJob(args, ['--import', killer]);
  expect(stderr).toContain('worker 1 ended early');
  expect(code).toBe(1);
  expect(stdout).not.toContain('{');
});
