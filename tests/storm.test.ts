/** A bounded share of what `npm run storm` does, and its command line. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const MAIN = new URL('../dist/bench/storm/main.js', import.meta.url).pathname;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function storm(...args: string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await run(process.execPath, [MAIN, ...args])) };
  } catch (error) {
    return error as Ended;
  }
}

test('twenty threads are killed: nothing is lost, nothing leaks, all is sound', async () => {
  const { code, stdout, stderr } = await storm('--kills', '20', '--seed', '11', '--json');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const { killsByState, operations, maxRecoveryMs, ...rest } = JSON.parse(stdout);
  expect(rest).toEqual({
    kills: 20,
    verifyFailures: 0,
    leakedObjects: 0,
    lostCommits: 0,
    seed: 11,
  });
  const states = ['outside', 'waiting', 'holding', 'reading', 'collecting', 'recovering'];
  expect(Object.keys(killsByState)).toEqual(states);
  expect(states.reduce((sum, state) => sum + killsByState[state], 0)).toBe(20);
  expect(Math.min(operations, maxRecoveryMs)).toBeGreaterThan(0);
});

/** What is spoiled on purpose, and what is found of it. */
const DAMAGES: readonly [damage: string, figure: string, says: RegExp][] = [
  ['commit', 'lostCommits', /^cell 0:0 holds \d+; committed was \d+$/m],
  ['count', 'verifyFailures', /^REFCOUNT_TOO_HIGH at word \d+/m],
];

for (const [damage, figure, says] of DAMAGES) {
  test(`damage is found, told and ends with 1: ${damage}`, async () => {
    const args = ['--kills', '2', '--threads', '2', '--seed', '12', '--json', '--damage', damage];
    const { code, stdout, stderr } = await storm(...args);
    expect(stderr).toMatch(says);
    expect(stderr).toContain('again: npm run storm -- --kills 2 --threads 2 --seed 12\n');
    expect(code).toBe(1);
    const figures = JSON.parse(stdout);
    expect(figures).toMatchObject({ verifyFailures: 0, lostCommits: 0, [figure]: 1 });
  });
}

test('arguments that make no sense end with 2, and say what is allowed', async () => {
  const { code, stdout, stderr } = await storm('--threads', '1');
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr.trimEnd().split('\n').length).toBe(1);
  expect(stderr).toContain('It must be a number from 2 to 64.');
});
