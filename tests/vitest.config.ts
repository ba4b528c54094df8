/**
 * The whole suite runs twice, as two projects: with plain and with atomic counts. Files run one
 * after the other, because many of them start threads and measure how those get on together.
 */
import { defineConfig } from 'vitest/config';

const ROOT = new URL('..', import.meta.url).pathname;
const TESTS = ['tests/*.test.ts'];
// Once is enough: some read files and run no heap, in others programs draw their counts, or words
// are counted and not references, or deaths by the ten thousand.
const PLAIN_ONLY = [
  'tests/bench-collections.test.ts',
  'tests/bench-smoke.test.ts',
  'tests/examples.test.ts',
  'tests/from-depth.test.ts',
  'tests/limits-jumps.test.ts',
  'tests/recovery-atomic.test.ts',
  'tests/recovery-collections.test.ts',
  'tests/recovery-containers.test.ts',
  'tests/recovery-objects.test.ts',
  'tests/model.test.ts',
  'tests/storm.test.ts',
  'tests/tidy.test.ts',
  'tests/stress-run.test.ts',
  'tests/package.test.ts',
  'tests/package-bundlers.test.ts',
  'tests/package-docs.test.ts',
  'tests/package-try.test.ts',
];

function project(counts: 'plain' | 'atomic', exclude: string[]) {
  return {
    extends: true,
    test: { name: counts, env: { SHARC_COUNTS: counts }, include: TESTS, exclude },
  } as const;
}

export default defineConfig({
  root: ROOT,
  // Node 20 has no `using`: it is lowered for the tests as it is for the published package.
  oxc: { target: 'es2022' },
  test: {
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    execArgv: ['--expose-gc'],
    reporters: ['default', './tests/support/reporter.ts'],
    projects: [project('plain', []), project('atomic', PLAIN_ONLY)],
  },
});
