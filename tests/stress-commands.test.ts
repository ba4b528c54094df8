/** The command of `npm run stress`: what it finds in rounds, what it prints, what it replays. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  createRound,
  formatProgram,
  formatRound,
  type Operation,
  type Round,
} from '../src/testing.ts';

const MAIN = new URL('../dist/bench/stress/main.js', import.meta.url).pathname;

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command. */
function stress(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Writes `text` to a file for as long as `body` runs. */
async function withFile<T>(text: string, body: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sharc-stress-'));
  const file = join(folder, 'round.txt');
  writeFileSync(file, text);
  try {
    return await body(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [damage, kinds] of [
  ['count', ['verifyFailures', 'modelDifferences', 'leakedObjects']],
  ['slot', ['verifyFailures', 'modelDifferences']],
  ['death', ['verifyFailures', 'modelDifferences']],
] as const) {
  test(`damage to a ${damage} is found, and a shorter round printed that finds it`, async () => {
    const args = ['--seconds', '600', '--seed', '4', '--shrink', '20']; // it ends much earlier
    const found = await stress(...args, '--damage', damage, '--json');
    expect(found.code).toBe(1);
    const figures = JSON.parse(found.stdout) as Record<string, number>;
    expect(kinds.some((kind) => (figures[kind] as number) > 0)).toBe(true);
    expect(found.stderr).toMatch(/^# round \d+, thread \d, step -?\d+: [a-z]+: .*\nround \d+\n/);
    expect(found.stderr).toContain('is spoiled on purpose');
    expect(found.stderr.split('\n').length).toBeLessThan(2000); // of 4,000
    const again = await withFile(found.stderr, (file) =>
      stress('--replay', file, '--times', '20', '--shrink', '0', '--patience', '10'),
    );
    expect(again.code).toBe(1);
  });
}

test('what a round prints that fails is replayed when it is put in a file as it is', async () => {
  const found = await stress('--round', '4', '--damage', 'count', '--shrink', '0');
  expect(found.code).toBe(1);
  expect(found.stderr).toMatch(/^# round 4, thread 0, step -1: verify: .*\nround 4\nheap \{/);
  const again = await withFile(found.stderr, (file) =>
    stress('--replay', file, '--shrink', '0', '--json'),
  );
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/^# round 4, thread 0, /);
  const [, ...text] = found.stderr.split('\n');
  const [, ...sameText] = again.stderr.split('\n');
  expect(sameText).toEqual(text);
  expect(JSON.parse(again.stdout)).toMatchObject({ verifyFailures: 1, seed: 4 });
});

test('a round in a file is replayed, by all of its threads', async () => {
  const send: Operation[] = [
    ['new', 0, 5],
    ['push', 0, 0],
    ['send', 0, 0, 2],
  ];
  const damaged: Operation[] = [
    ['receive', 0, 0],
    ['receive', 0, 0],
    ['damage', 0, 0],
  ];
  const round: Round = {
    ...createRound(1, { threads: 2 }),
    every: 3,
    programs: [{ operations: [...send, ...send] }, { operations: [...send, ...damaged] }],
  };
  const sound = { ...round, programs: round.programs.slice(0, 1) };
  const replay = (text: string) => withFile(text, (file) => stress('--replay', file));
  const { code, stdout, stderr } = await replay(formatRound(sound));
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^operations +6\n/);
  expect(stdout).toMatch(/\nnothing found\n$/);
  const found = await replay(formatRound(round));
  expect(found.code).toBe(1);
  expect(found.stderr).toContain('the count of an object');
});

test('a round that hangs ends with 1, and says what the threads do', async () => {
  const args = ['--round', '5', '--damage', 'lock', '--patience', '3', '--threads', '3'];
  const { code, stdout, stderr } = await stress(...args, '--json');
  expect(code).toBe(1);
  expect(stderr).toContain('# round 5 of 3 threads has stopped for 3 s');
  expect(stderr).toMatch(/# lock: held by thread \d/);
  expect(stderr).toMatch(/# thread 4 \(\d+\): \d+ sections, \d+ waits/);
  expect(stderr).toContain('# again: npm run stress -- --threads 3 --round 5 --damage lock');
  expect(JSON.parse(stdout)).toMatchObject({ modelDifferences: 1, seed: 5 });
});

test('a program in a file is replayed as often as it should be, and made shorter', async () => {
  const operations: Operation[] = Array.from({ length: 10 }, (_, i) => ['new', i, i % 3]);
  const sound = formatProgram({ seed: 1, heap: {}, operations });
  const spoiled = formatProgram({
    seed: 2,
    heap: {},
    operations: [...operations, ['damage', 7, 0]],
  });
  const replay = (text: string) =>
    withFile(text, (file) => stress('--replay', file, '--times', '3', '--json'));
  const passed = await replay(sound);
  expect(passed.code).toBe(0);
  expect(JSON.parse(passed.stdout)).toMatchObject({ operations: 30, seed: 1 });
  const failed = await replay(spoiled);
  expect(failed.code).toBe(1);
  const lines = failed.stderr
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ +#.*$/, ''));
  expect(lines.slice(1)).toEqual(['seed 2', 'heap {}', 'new 8 2', 'damage 8 0']);
});
