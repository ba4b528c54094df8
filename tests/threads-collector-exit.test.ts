/** Processes with a collector thread and a pool, from the compiled library: how they end. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LIBRARY } from './support/threads.ts';

interface Exit {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

const SCRIPT = fileURLToPath(new URL('./support/collector-exits.mjs', import.meta.url));

/** Runs a case of `collector-exits.mjs`; a process that hangs is killed and has code null. */
function runCase(name: string, flags: readonly string[] = []): Promise<Exit> {
  const child = spawn(process.execPath, [...flags, SCRIPT, LIBRARY, name], { timeout: 30_000 });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, output, errors }));
  });
}

for (const name of [
  'heap left open',
  'heap closed',
  'many heaps left open',
  'process.exit',
  'process.exit in a section',
  'while it starts',
]) {
  test(`a process with a collector thread and its pool ends by itself: ${name}`, async () => {
    expect(await runCase(name)).toEqual({ code: 0, output: '', errors: '' });
  });
}

test('an uncaught error ends a process that has a collector thread', async () => {
  const { code, errors } = await runCase('uncaught error');
  expect(code).toBe(1);
  expect(errors).toContain('on purpose');
});

test('workers that end with a collector thread of theirs leave the heap sound', async () => {
  expect(await runCase('in a worker that ends')).toEqual({ code: 0, output: '', errors: '' });
});

const PERMISSION = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);

test('a process that may start no threads collects without, and is told so once', async () => {
  const { code, output } = await runCase('no permission to start threads', [
    ...(PERMISSION === undefined ? [] : [PERMISSION]),
    '--allow-fs-read=*',
  ]);
  const [found, warning, ...more] = output.trimEnd().split('\n');
  expect([code, found, more]).toEqual([0, '120000', ['120000', '120000']]);
  expect(warning).toContain('no collector thread can be started, so collections stop the world: ');
});
