/**
 * Prints `N passed, N failed` (and `, N skipped` if any were) alone on the last line of a run, for
 * whoever reads the log by machine. A test that runs in both projects counts twice. A file that
 * cannot be loaded, a broken hook and an unhandled error each count as one failure: a run with
 * nothing to count may not look like a success.
 */
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

type Counts = { passed: number; failed: number; skipped: number };

export default class CountReporter implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) countModule(module, counts);
    if (reason !== 'passed' && counts.failed === 0) counts.failed = 1;

    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    // At exit and not now: the other reporters are not done yet.
    process.once('exit', () => {
      process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
    });
  }
}

function countModule(module: TestModule, counts: Counts): void {
  counts.failed += module.errors().length;
  for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    // A test that never ended (its thread died, or the run was cut short) has not passed.
    counts[state === 'pending' ? 'failed' : state]++;
  }
}
