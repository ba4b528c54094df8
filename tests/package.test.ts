/** What is published: which files, how large, in which language, with which types. */

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';
import { parseSync } from 'oxc-parser';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { VERSION } from '../src/worker-entry.ts';

const PACKED_MAX = 550_000;
const COMPRESSED_MAX = 102_000;
const MINIFIED_MAX = 290_000;

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'sharc-pack-'));

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

let packed: Packed;
let paths: readonly string[];

const run = promisify(execFile);

/** Of what was built before the tests: the scripts of the package do not run. */
beforeAll(async () => {
  const command = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', command, { timeout: 60_000 });
  [packed] = JSON.parse(stdout);
  paths = packed.files.map(({ path }) => path);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tarball = () => join(folder, readdirSync(folder)[0]);
const code = () => paths.filter((path) => /\.[cm]?js$/.test(path));

test('the package holds what programs load, its types, and three documents', () => {
  const others = paths.filter((path) => !/^dist\/(?:src|workers)\/[\w/-]+\.d\.ts$/.test(path));
  expect(others.sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist/src/comlink.js',
    'dist/src/core.js',
    'dist/src/index.js',
    'dist/src/passing.js',
    'dist/src/piscina.js',
    'dist/src/raw.js',
    'dist/src/testing.js',
    'dist/workers/collector.js',
    'dist/workers/pool-entry.cjs',
    'dist/workers/scanner.js',
    'package.json',
  ]);
});

test('nothing of bench, of the tests or of development is in it', () => {
  const pattern = /bench|boot|tests?\/|\.test\.|\.map$|(?<!\.d)\.ts$|tsconfig|(?:^|\/)\.\w/;
  expect(paths.filter((path) => pattern.test(path))).toEqual([]);
  const urls = code().filter((path) => readFileSync(path, 'utf8').includes('sourceMappingURL='));
  expect(urls, 'no file names a source map: none is published').toEqual([]);
});

test(`the package takes less than ${PACKED_MAX / 1000} kB packed`, () => {
  expect(packed.size).toBeLessThan(PACKED_MAX);
});

const limits = `${COMPRESSED_MAX / 1000} kB compressed, ${MINIFIED_MAX / 1000} kB not`;

test(`what \`import 'sharc'\` loads takes, minified, less than ${limits}`, async () => {
  const { outputFiles } = await build({
    entryPoints: ['dist/src/index.js'],
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const [{ contents }] = outputFiles;
  expect(contents.length).toBeLessThan(MINIFIED_MAX);
  expect(gzipSync(contents, { level: 9 }).length).toBeLessThan(COMPRESSED_MAX);
});

test('every entry has its code and its types in the package', () => {
  const { './package.json': own, ...entries } = manifest.exports;
  expect(own).toBe('./package.json');
  const names = ['.', './raw', './testing', './comlink', './piscina', './collector'];
  expect(Object.keys(entries)).toEqual(names);
  for (const [entry, conditions] of Object.entries<Record<string, string>>(entries)) {
    expect(Object.keys(conditions), `${entry}: types come first`).toEqual(['types', 'default']);
    for (const path of Object.values(conditions)) expect(paths).toContain(path.slice(2));
  }
});

test('what the entries export is what their types declare', async () => {
  for (const name of ['index', 'raw', 'testing', 'comlink', 'piscina']) {
    const { program } = parseSync('entry.d.ts', readFileSync(`dist/src/${name}.d.ts`, 'utf8'));
    const declared = program.body.flatMap((node) =>
      node.type === 'ExportNamedDeclaration' && node.exportKind === 'value'
        ? node.specifiers.flatMap((one) =>
            one.exportKind === 'type' || one.exported.type !== 'Identifier'
              ? []
              : one.exported.name,
          )
        : [],
    );
    const exported = Object.keys(await import(`../dist/src/${name}.js`));
    expect(exported.sort(), name).toEqual(declared.sort());
  }
});

test('the code says which version it is', () => {
  expect(VERSION).toBe(manifest.version);
});

test('Node 20 parses every published file: it has ES2022 syntax', async () => {
  const different: string[] = [];
  for (const path of code()) {
    const text = readFileSync(path, 'utf8');
    const { errors } = parseSync(path, text);
    expect(errors, path).toEqual([]);
    // What is newer than the target comes out otherwise than for a target that has everything.
    const print = async (target: string) => (await transform(text, { target })).code;
    if ((await print('es2022')) !== (await print('esnext'))) different.push(path);
  }
  expect(different, 'keep the compiler target at es2022 in tsconfig.json').toEqual([]);
});

test('the check of the syntax finds what Node 20 lacks', async () => {
  for (const text of ['{ using x = y(); }', 'a = /[a&&b]/v;', 'class A { @b c; }']) {
    const print = async (target: string) => (await transform(text, { target })).code;
    expect(await print('es2022'), text).not.toBe(await print('esnext'));
  }
});

test('publint finds nothing', async () => {
  const { messages } = await publint({
    strict: true,
    pack: { tarball: new Uint8Array(readFileSync(tarball())).buffer },
  });
  expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
});

test('the types are right for importers of ES modules, say attw and its rules', async () => {
  const attw = 'node_modules/@arethetypeswrong/cli/dist/index.js';
  const command = [attw, tarball(), '--profile', 'esm-only', '--format', 'ascii', '--no-color'];
  // Fails with a status of its own when it finds something; what a profile leaves out is no find.
  const { stdout } = await run(process.execPath, command, { timeout: 60_000 });
  for (const entry of Object.keys(manifest.exports)) {
    expect(stdout).toContain(entry === '.' ? '"sharc"' : `"sharc${entry.slice(1)}"`);
  }
  const problems = stdout.split('\n').filter((line) => /failed|❌|⚠|💀/iu.test(line));
  expect(problems.filter((line) => !line.includes('(ignored'))).toEqual([]);
});
