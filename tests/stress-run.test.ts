/** A bounded share of what `npm run stress` does, and its command line. */

import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { Heap } from '../src/index.ts';
import { createProgram, leakCheck, ring, runProgram } from '../src/testing.ts';
import { COUNTS } from './support/with-heap.ts';

const run = promisify(execFile);
const MAIN = new URL('../dist/bench/stress/main.js', import.meta.url).pathname;
const PROGRAMS = 60;
const OPERATIONS = 600;
const GROUP = 15;

for (let first = 1; first <= PROGRAMS; first += GROUP) {
  const last = first + GROUP - 1;
  test(`random programs agree with the model (seeds ${first} to ${last})`, async () => {
    let operations = 0;
    for (let seed = first; seed <= last; seed++) {
      const program = createProgram(seed, { operations: OPERATIONS });
      const heap = Heap.create(program.heap);
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

test('threads that share a heap hand parts of it to each other, as their models do', async () => {
  const args = [MAIN, '--seconds', '2', '--threads', '3', '--seed', '11'];
  const { stdout } = await run(process.execPath, args);
  const figure = (name: string) => {
    const text = new RegExp(`^${name} +([\\d,]+)$`, 'm').exec(stdout)?.[1] ?? '';
    return Number(text.replaceAll(',', ''));
  };
  expect(['verifyFailures', 'leakedObjects', 'modelDifferences'].map(figure)).toEqual([0, 0, 0]);
  expect(Math.min(figure('rounds'), figure('parcels'))).toBeGreaterThan(0);
});

test('damage to a count is found, and what is printed fails again', async () => {
  const args = [MAIN, '--seconds', '20', '--threads', '2', '--seed', '3', '--damage', 'count'];
  const failure = await run(process.execPath, [...args, '--json']).catch((error) => error);
  expect(failure.code).toBe(1);
  const { verifyFailures, leakedObjects, modelDifferences } = JSON.parse(failure.stdout);
  expect(verifyFailures + leakedObjects + modelDifferences).toBe(1);
  const [, ...program] = failure.stderr.split('\n');
  expect(program.join('\n')).toContain('is spoiled on purpose');
  const file = join(await mkdtemp(join(tmpdir(), 'sharc-')), 'round.txt');
  await writeFile(file, program.join('\n'));
  const again = await run(process.execPath, [MAIN, '--replay', file]).catch((error) => error);
  expect(again.code).toBe(1);
});

test('a round that hangs ends with 1, and says who holds the lock', async () => {
  const args = [MAIN, '--threads', '2', '--seed', '3', '--damage', 'lock', '--patience', '1'];
  const failure = await run(process.execPath, args).catch((error) => error);
  expect(failure.code).toBe(1);
  expect(failure.stderr).toContain('round 4 of 2 threads has stopped for 1 s');
  expect(failure.stderr).toMatch(/^lock: held by thread \d+$/m);
});

test('arguments that make no sense end with 2, and say what is allowed', async () => {
  const failure = await run(process.execPath, [MAIN, '--threads', '0']).catch((error) => error);
  expect(failure.code).toBe(2);
  expect(failure.stderr).toContain('It must be a number from 1 to 64.');
});

test('a leak check counts what a body leaves behind, cycles not included', async () => {
  const heap = Heap.create({ counts: COUNTS });
  const root = heap.root;
  const kept = leakCheck(heap, () => heap.run(() => void root.set('kept', heap.array())));
  expect(kept).toContainEqual({ kind: 'array', objects: 1 });
  expect(leakCheck(heap, () => ring(heap, 10).release())).toEqual([]);
  root.clear();
  expect(heap.verify()).toEqual([]);
  await heap.close();
});
