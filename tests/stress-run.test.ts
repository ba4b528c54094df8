/** A bounded share of what `npm run stress` does, and its command line. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { Heap } from '../src/index.ts';
import { createProgram, runProgram } from '../src/testing.ts';
import { COUNTS } from './support/with-heap.ts';

const run = promisify(execFile);
const MAIN = new URL('../dist/bench/stress/main.js', import.meta.url).pathname;
const FIRST = 101;
const PROGRAMS = 60;
const OPERATIONS = 600;
const GROUP = 15;

for (let first = FIRST; first < FIRST + PROGRAMS; first += GROUP) {
  const last = first + GROUP - 1;
  test(`random programs agree with the model (seeds ${first} to ${last})`, async () => {
    let operations = 0;
    for (let seed = first; seed <= last; seed++) {
      const program = createProgram(seed, { operations: OPERATIONS });
      const heap = Heap.create({ ...program.heap, counts: COUNTS });
      try {
        const result = runProgram(heap, program);
        expect(result.failure, `seed ${seed}`).toBeNull();
        expect(heap.verify()).toEqual([]);
        operations += result.operations;
      } finally {
        await heap.close();
      }
    }
    expect(operations).toBeGreaterThan((GROUP * OPERATIONS) / 2);
  });
}

test('the command prints what it promises, and finds nothing', async () => {
  const args = [MAIN, '--seconds', '0.5', '--threads', '2', '--seed', '7', '--json'];
  const { stdout } = await run(process.execPath, args);
  const { operations, collections, peakBytes, ...rest } = JSON.parse(stdout);
  expect(rest).toEqual({ verifyFailures: 0, leakedObjects: 0, modelDifferences: 0, seed: 7 });
  expect(Math.min(operations, collections, peakBytes)).toBeGreaterThan(0);
});

test('arguments that make no sense end with 2, and say what is allowed', async () => {
  const failure = await run(process.execPath, [MAIN, '--threads', '0']).catch((error) => error);
  expect(failure.code).toBe(2);
  expect(failure.stderr).toContain('It must be a number from 1 to 64.');
});

const REPEATED = '--times says how often to --replay a file or to play a --round';

/** What the command is given, the text of `FILE` there, and what it says. */
const WRONG: readonly [name: string, args: string[], text: string | null, says: string][] = [
  ['a file that is missing', ['--replay', 'FILE'], null, 'ENOENT: no such file'],
  ['an empty file', ['--replay', 'FILE'], '', 'there is no operation in it'],
  [
    'nothing but comments',
    ['--replay', 'FILE'],
    '# died\n# again\n',
    'there is no operation in it',
  ],
  ['an empty program', ['--replay', 'FILE'], 'seed 5\nheap {}\n', 'there is no operation in it'],
  ['an empty round', ['--replay', 'FILE'], 'round 5\nthread 0\n', 'there is no operation in it'],
  ['an unknown operation', ['--replay', 'FILE'], 'seed 5\nbreak 1\n', "no operation 'break'"],
  ['heap options that are no JSON', ['--replay', 'FILE'], 'heap {\n', 'JSON'],
  ['an unknown heap option', ['--replay', 'FILE'], 'heap {"x":1}\n', "unknown heap option 'x'"],
  ['an unknown hostile mode', ['--replay', 'FILE'], 'hostile {"x":1}\n', "unknown option 'x'"],
  ['a seed that is no number', ['--replay', 'FILE'], 'seed x\nfreeze\n', "'seed x': it takes"],
  ['a round and a file', ['--replay', 'FILE', '--round', '5'], 'freeze\n', 'leave out --round'],
  ['damage and a file', ['--replay', 'FILE', '--damage', 'slot'], 'freeze\n', 'out --damage'],
  ['times of nothing', ['--times', '3', '--seconds', '0.1'], null, REPEATED],
];

for (const [name, args, text, says] of WRONG) {
  test(`${name}: refused with one line, and 2`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sharc-stress-'));
    try {
      const file = join(folder, 'program.txt');
      if (text !== null) writeFileSync(file, text);
      const given = args.map((arg) => (arg === 'FILE' ? file : arg));
      const failure = await run(process.execPath, [MAIN, ...given]).catch((error) => error);
      expect(failure.code).toBe(2);
      expect(failure.stdout).toBe('');
      expect(failure.stderr.trimEnd().split('\n').length).toBe(1);
      expect(failure.stderr).toContain(says);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
