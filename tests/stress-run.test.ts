/** A bounded share of what `npm run stress` does, and its command line. */

import { execFile } from 'node:child_process';
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
