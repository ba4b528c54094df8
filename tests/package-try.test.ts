/** The arguments of `npm run package:try`. What it tries needs a registry: nothing is, here. */

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Runs the command. Returns its status, and what it says. */
function tryPackage(...args: string[]): [status: number | null, output: string] {
  const command = ['node_modules/tsx/dist/cli.mjs', 'tests/package/try.ts', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  return [status, stdout + stderr];
}

test('--help explains every option', () => {
  const [status, output] = tryPackage('--help');
  expect(status).toBe(0);
  for (const option of ['--nodes', '--only', '--json']) expect(output).toContain(option);
});

test.each([['--bogus'], ['extra'], ['--only', '21'], ['--only', ''], ['--nodes']])(
  'arguments that make no sense end with 2: %s %s',
  (...args) => {
    const [status, output] = tryPackage(...args);
    expect(output).toMatch(/^error: /);
    expect(status).toBe(2);
  },
);
