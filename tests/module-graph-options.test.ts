/** The main job's command line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseOptions, UsageError } from '../bench/examples/module-graph/options.ts';

const directory = mkdtempSync(join(tmpdir(), 'sharc-options-'));
let stderr = '';

beforeEach(() => {
  stderr = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(directory, { recursive: true }));

test('all options and directories are read, in any order', () => {
  const args = ['--seed', '7', directory, '--json', '--threads', '3', directory, '--edits', '0'];
  expect(parseOptions(args)).toEqual({
    directories: [directory, directory],
    threads: 3,
    edits: 0,
    seed: 7,
    json: true,
  });
});

test('without options there are two threads or more, 50 edits and a seed', () => {
  const { threads, edits, seed, json } = parseOptions([directory]);
  expect(threads).toBeGreaterThanOrEqual(2);
  expect([edits, json, Number.isInteger(seed)]).toEqual([50, false, true]);
});

test('without directories there are the node_modules of the project, and npm', () => {
  const { directories } = parseOptions([]);
  expect(directories[0]).toBe(join(import.meta.dirname, '../node_modules'));
  expect(directories[1]).toMatch(/npm$/);
});

test.each([
  ['--threads', '0'],
  ['--threads', '128'],
  ['--threads', 'NaN'],
  ['--threads', '1.5'],
  ['--edits', '-1'],
  ['--edits', ''],
  ['--seed', '4294967296'],
])('%s %s is refused, naming the option', (option, value) => {
  expect(() => parseOptions([directory, `${option}=${value}`])).toThrow(CommanderError);
  expect(stderr).toContain(`option '${option} `);
});

test('an option that does not exist is refused', () => {
  expect(() => parseOptions(['--heap', directory])).toThrow("unknown option '--heap'");
});

test('a directory that does not exist, and a file, are refused by name', () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const missing = join(directory, 'missing');
  expect(() => parseOptions([missing])).toThrow(new UsageError(`no such directory: ${missing}`));
  expect(() => parseOptions([file])).toThrow(new UsageError(`not a directory: ${file}`));
});
