/**
 * The whole suite runs twice: with plain and with atomic counts. Files that start threads or
 * processes, or look at the clock, run one after the other, because they measure how those get on
 * together. Before them come the files of CALM, each of one thread, on two cores at a time.
 */
import { defineConfig } from 'vitest/config';
import { CALM } from './support/calm.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const TESTS = ['tests/*.test.ts'];
// Once is enough: some read files and run no heap, in others programs of their own make the heaps
// or draw the counts, or words are counted and not references, or deaths by the ten thousand.
const PLAIN_ONLY = [
  'tests/atomic-full.test.ts',
  'tests/bench-{collections,smoke}.test.ts',
  'tests/examples.test.ts',
  'tests/from-depth.test.ts',
  'tests/limits-jumps.test.ts',
  'tests/memory-{blocks,hoarding,page-runs,size-classes}.test.ts',
  'tests/model.test.ts',
  'tests/module-graph-{allowance,compare,options,parse,walk}.test.ts',
  'tests/object-large.test.ts',
  'tests/package*.test.ts',
  'tests/readme.test.ts',
  'tests/recovery-{atomic,collections,containers,objects}.test.ts',
  'tests/storm.test.ts',
  'tests/stress-{commands,run}.test.ts',
  'tests/threads-{collector-exit,collector-pool,storm}.test.ts',
  'tests/threads-deaths-{collector,many,table}.test.ts',
  'tests/tidy.test.ts',
];

/** The calm files with one kind of counts, and all others. */
function projects(counts: 'plain' | 'atomic', exclude: string[]) {
  const env = { SHARC_COUNTS: counts };
  const calm = { include: CALM, exclude, maxWorkers: 2, sequence: { groupOrder: 0 } };
  const alone = {
    ...{ include: TESTS, exclude: [...exclude, ...CALM], fileParallelism: false },
    sequence: { groupOrder: 1 },
  };
  return [
    { extends: true, test: { name: `${counts} calm`, env, ...calm } },
    { extends: true, test: { name: counts, env, ...alone } },
  ] as const;
}

export default defineConfig({
  root: ROOT,
  // Node 20 has no `using`: it is lowered for the tests as it is for the published package.
  oxc: { target: 'es2022' },
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    execArgv: ['--expose-gc'],
    reporters: ['default', './tests/support/reporter.ts'],
    projects: [...projects('plain', []), ...projects('atomic', PLAIN_ONLY)],
  },
});
