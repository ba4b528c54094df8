/**
 * The examples of bench/examples, run as a user runs them. What they report must be what plain
 * JavaScript in one thread comes to, they end by themselves, and say nothing on stderr.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { parseSync } from 'oxc-parser';
import { expect, test } from 'vitest';
import { type Random, SEED, withRandom } from './support/random.ts';

const SOURCES = fileURLToPath(new URL('../bench/examples', import.meta.url));
const COMPILED = fileURLToPath(new URL('../dist/bench/examples', import.meta.url));
const LINES_MAX = 119;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(name: string, ...args: readonly string[]): Promise<Ended> {
  const command = [join(COMPILED, `${name}.js`), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { timeout: 50_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** What an example reports with `--json`, of a heap that it has found to be sound. */
// biome-ignore lint/suspicious/noExplicitAny: each example has a report of its own
async function report(name: string, ...args: readonly string[]): Promise<any> {
  const { stdout, ...ended } = await run(name, ...args, '--json');
  expect(ended).toEqual({ code: 0, stderr: '' });
  const { verify, ...rest } = JSON.parse(stdout);
  expect(verify).toEqual([]);
  return rest;
}

/** Runs `body` with a folder of these files. */
async function withFiles(
  files: Readonly<Record<string, string>>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sharc-examples-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const count = (counts: Map<string, number>, key: string) =>
  counts.set(key, (counts.get(key) ?? 0) + 1);
const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

/** The numbers from 0 to 1 that the examples draw. */
function* drawn(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

const NAMES = ['counter-board', 'lru-cache', 'parser-pool', 'work-queue'];

test('each example is one file of less than 120 lines', () => {
  const files = readdirSync(SOURCES).filter((name) => name.endsWith('.ts'));
  expect(files.sort()).toEqual(NAMES.map((name) => `${name}.ts`));
  for (const file of files) {
    const lines = readFileSync(join(SOURCES, file), 'utf8').trimEnd().split('\n');
    expect(lines.length, file).toBeLessThanOrEqual(LINES_MAX);
  }
});

/** The cache of lru-cache.ts in one thread, asked by one client. */
function simulateLru(seed: number, requests: number, threads: number) {
  const [PAGES, CAPACITY] = [1000, 200];
  const pages = new Map<string, { thread: number; moved: number }>();
  const counts = { hits: 0, hitsOfOthers: 0, misses: 0, evictions: 0, moves: 0 };
  const draw = drawn(seed);
  for (let i = 0; i < requests; i++) {
    const path = `/${Math.floor(PAGES ** draw.next().value)}`;
    const thread = i % threads;
    const page = pages.get(path);
    if (page === undefined) {
      counts.misses++;
      pages.set(path, { thread, moved: counts.moves++ });
      if (pages.size <= CAPACITY) continue;
      counts.evictions++;
      pages.delete(pages.keys().next().value as string);
      continue;
    }
    counts.hits++;
    if (page.thread !== thread) counts.hitsOfOthers++;
    if (counts.moves - page.moved <= CAPACITY / 4) continue;
    pages.delete(path);
    pages.set(path, { ...page, moved: counts.moves++ });
  }
  return { ...counts, pages: pages.size, capacity: CAPACITY };
}

/** Characters of a page of lru-cache.ts, without its path. */
const PAGE_LENGTH = 2 * 4096;

test('four HTTP threads serve one cache, which keeps the pages used last', async () => {
  const [seed, requests] = [SEED % 1000, 800];
  const args = ['--requests', requests, '--clients', 1, '--seed', seed].map(String);
  const { liveBytes, ...counts } = await report('lru-cache', ...args);
  const { capacity, ...expected } = simulateLru(seed, requests, 4);
  expect(counts, `seed ${seed}`).toEqual({ seed, requests, ...expected });
  expect(counts.pages).toBe(capacity);
  expect(counts.hitsOfOthers).toBeGreaterThan(0);
  expect(liveBytes).toBeGreaterThan(capacity * PAGE_LENGTH);
  expect(liveBytes).toBeLessThan(2 * capacity * PAGE_LENGTH); // each page is there once
});

test('requests at the same time are all counted', async () => {
  const { requests, hits, misses, evictions, pages } = await report(
    ...(['lru-cache', '--requests', '600', '--clients', '16', '--seed', '5'] as const),
  );
  expect(requests).toBe(600);
  expect(hits + misses).toBe(600);
  expect(pages).toBeLessThanOrEqual(200);
  expect(evictions + pages).toBeLessThanOrEqual(misses); // two may have made the same page
});

test('the work queue gives each file to one thread, and all words are counted', async () => {
  const words = new Map<string, number>();
  const files = withRandom((random) => textsOf(random, words));
  await withFiles(files, async (folder) => {
    const result = await report('work-queue', folder, '--threads', '3', '--top', '1000000');
    const { filesByThread, ...rest } = result;
    expect(rest).toEqual({
      files: Object.keys(files).length,
      words: sum([...words.values()]),
      top: Object.fromEntries(words),
    });
    expect(sum(Object.values(filesByThread))).toBe(rest.files);
    for (const thread of Object.keys(filesByThread)) expect(['1', '2', '3']).toContain(thread);
  });
});

/** Texts for the work queue, some of them in a folder; counts the words in them. */
function textsOf(random: Random, words: Map<string, number>): Record<string, string> {
  const files: Record<string, string> = {};
  for (let file = 0; file < 60; file++) {
    const text = Array.from({ length: random.int(400) }, () => {
      const letters = random.int(300).toString(26);
      const word = letters.replaceAll(/\d/g, (digit) => 'äöüæéèñçøå'[Number(digit)] as string);
      count(words, word);
      return random.chance(0.1) ? `${word[0]?.toLocaleUpperCase()}${word.slice(1)}` : word;
    });
    files[file % 3 === 0 ? `folder/${file}.txt` : `${file}.txt`] = text.join(' - ');
  }
  return files;
}

const KINDS = ['view', 'search', 'click', 'order', 'sign-up', 'failure'];

test('the board counts every event of every thread, and only grows', async () => {
  const [seed, threads, events] = [SEED % 1000, 3, 2000];
  const counts = new Map<string, number>();
  for (let thread = 0; thread < threads; thread++) {
    const draw = drawn(seed + thread);
    for (let i = 0; i < events; i++) {
      count(counts, KINDS[Math.floor(KINDS.length * draw.next().value ** 2)] as string);
    }
  }
  const args = ['--threads', threads, '--events', events, '--seed', seed].map(String);
  const { frames, ...result } = await report('counter-board', ...args);
  expect(result).toEqual({ seed, threads, events, counts: Object.fromEntries(counts) });
  expect(frames).toEqual(frames.toSorted((a: number, b: number) => a - b));
  expect(frames.at(-1)).toBe(threads * events);
});

/** What parser-pool.ts says of the files, by the same parser in one thread. */
function parseAll(paths: readonly string[]) {
  const [types, names] = [new Map<string, number>(), new Map<string, number>()];
  let cloneBytes = 0;
  for (const path of paths) {
    const { program } = parseSync(path, readFileSync(path, 'utf8'));
    cloneBytes += serialize(program).byteLength;
    JSON.parse(JSON.stringify(program), (key, value) => {
      if (key === 'type' && typeof value === 'string') count(types, value);
      if (key === 'name' && typeof value === 'string') count(names, value);
      return value;
    });
  }
  const nodes = sum([...types.values()]);
  return { nodes, types: Object.fromEntries(types), names: Object.fromEntries(names), cloneBytes };
}

test('trees that the pool has parsed have the nodes that the parser returns', async () => {
  const folder = 'src/sync';
  const paths = readdirSync(folder).map((name) => join(folder, name));
  const { liveBytes, ...result } = await report(
    ...(['parser-pool', folder, '--threads', '3', '--top', '1000000'] as const),
  );
  expect(result).toEqual({ files: paths.length, ...parseAll(paths) });
  expect(liveBytes).toBeGreaterThan(32 * result.nodes); // with type, start and end each
});

test.each([
  ['counter-board', ['--events', '100'], /^view +\d+ #+\n(.*\n)+200 events in all\n$/m],
  [
    'lru-cache',
    ['--requests', '50'],
    /^\{\n {2}seed: 1,\n {2}requests: 50,\n[\s\S]*verify: \[\]\n\}\n$/,
  ],
  ['parser-pool', ['src/sync'], /^\{\n {2}files: \d+,\n[\s\S]*verify: \[\]\n\}\n$/],
  ['work-queue', ['LICENSE'], /^thread [12]: \d+ words in LICENSE\n[\s\S]*verify: \[\]\n\}\n$/],
])('without --json %s says the same for people', async (name, args, says) => {
  const { stdout, ...ended } = await run(name, ...args);
  expect(ended).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(says);
});

test.runIf(process.platform === 'linux')(
  'a worker that fails ends the work queue, and nobody waits for it',
  async () => {
    const { code, stderr } = await run('work-queue', '/proc/self/mem', 'src');
    expect(code).toBe(1);
    expect(stderr).toContain('EIO: i/o error, read');
  },
);

test('a file that is missing or makes no sense ends an example with an error', async () => {
  await withFiles({ 'broken.js': 'const = ;' }, async (folder) => {
    const missing = await run('work-queue', join(folder, 'missing.txt'));
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain('ENOENT: no such file or directory');
    const broken = await run('parser-pool', folder);
    expect(broken).toMatchObject({ code: 1, stdout: '' });
    expect(broken.stderr).toContain(`SyntaxError: ${join(folder, 'broken.js')}: `);
  });
});
