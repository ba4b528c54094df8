/**
 * Programs that were built by bundlers run as they are meant to: with sharc left outside of the
 * bundle, with sharc in it, and also where nothing is installed beside it.
 */

import { cpSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type BuildOptions, build as buildByEsbuild, type Plugin } from 'esbuild';
import { build as buildByVite, type InlineConfig } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { VERSION } from '../src/worker-entry.ts';
import { ITEMS, mainProgram, type Report, WORKER_PROGRAM } from './support/bundled-program.ts';
import { Project } from './support/project.ts';

const PROGRAM = { main: 'src/main.js', worker: 'src/worker.js' };
const COLLECTOR = { 'sharc-collector': 'sharc/collector' };

/** Where programs are built, and where they can also be run. */
const project = new Project({ 'src/main.js': mainProgram(), 'src/worker.js': WORKER_PROGRAM });
/** Where nothing is installed. */
const elsewhere = new Project({});

beforeAll(() => project.installSharc());

afterAll(() => {
  project.remove();
  elsewhere.remove();
});

async function esbuild(outdir: string, options: BuildOptions = {}): Promise<void> {
  await buildByEsbuild({
    absWorkingDir: project.folder,
    entryPoints: PROGRAM,
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    ...options,
  });
}

/** Builds for Node: what Vite calls a build for server-side rendering. */
async function viteForNode(outDir: string, input: object, ssr: InlineConfig['ssr']): Promise<void> {
  await buildByVite({
    configFile: false,
    root: project.folder,
    logLevel: 'error',
    build: { ssr: true, outDir, emptyOutDir: false, rollupOptions: { input: { ...input } } },
    ...(ssr === undefined ? {} : { ssr }),
  });
}

async function run(where: Project, file: string): Promise<Report> {
  return JSON.parse(await where.run(file)) as Report;
}

/** What a program reports when everything works as without a bundler. */
const AS_EVER: Report = {
  value: 42,
  automatic: 1,
  isBeside: true,
  collected: 2 * ITEMS,
  scanners: 2,
  warnings: [],
  findings: [],
};

test('the program runs as it is', async () => {
  expect(await run(project, 'src/main.js')).toEqual(AS_EVER);
});

test('esbuild, sharc external', async () => {
  await esbuild('esbuild-external', { external: ['sharc'] });
  expect(await run(project, 'esbuild-external/main.js')).toEqual(AS_EVER);
});

test('esbuild, sharc in the bundle and installed: its threads run what is installed', async () => {
  await esbuild('esbuild');
  expect(await run(project, 'esbuild/main.js')).toEqual(AS_EVER);
});

test('esbuild, sharc in a minified chunk of both threads', async () => {
  await esbuild('esbuild-split', { splitting: true, minify: true });
  expect(await run(project, 'esbuild-split/main.js')).toEqual(AS_EVER);
});

test('esbuild, sharc in CommonJS bundles', async () => {
  project.write('src/main-cjs.js', mainProgram("__filename.replace('main-cjs', 'worker')"));
  await esbuild('esbuild-cjs', {
    entryPoints: { 'main-cjs': 'src/main-cjs.js', worker: 'src/worker.js' },
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
  });
  expect(await run(project, 'esbuild-cjs/main-cjs.cjs')).toEqual(AS_EVER);
});

test.each(['esm', 'cjs'] as const)(
  'esbuild, nothing installed, sharc/collector as an entry (%s): collections beside the program',
  async (format) => {
    const outdir = elsewhere.path(`entry-${format}`);
    const isModule = format === 'esm';
    const entryPoints = isModule ? PROGRAM : { main: 'src/main-cjs.js', worker: 'src/worker.js' };
    project.write('src/main-cjs.js', mainProgram("__filename.replace('main', 'worker')"));
    await esbuild(outdir, {
      entryPoints: { ...entryPoints, ...COLLECTOR },
      ...(isModule ? {} : { outExtension: { '.js': '.cjs' } }),
      format,
    });
    const report = await run(elsewhere, `entry-${format}/main.${isModule ? 'js' : 'cjs'}`);
    expect(report).toEqual({ ...AS_EVER, scanners: 1, warnings: [expect.any(String)] });
    expect(report.warnings[0]).toMatch(/^SHARC_COLLECTOR: the pool of scanners cannot be started/);
    expect(report.warnings[0]).toContain('create the heap with `scanners: 1`');
  },
);

test('esbuild, nothing else anywhere: the program collects by itself, and says why', async () => {
  await esbuild(elsewhere.path('alone'));
  const report = await run(elsewhere, 'alone/main.js');
  const warnings = [expect.stringContaining('bundle the entry sharc/collector')];
  expect(report).toEqual({ ...AS_EVER, isBeside: false, scanners: 1, warnings });
});

test('the built files, copied without the package', async () => {
  cpSync('dist/src', elsewhere.path('copy/sharc/src'), { recursive: true });
  cpSync('dist/workers', elsewhere.path('copy/sharc/workers'), { recursive: true });
  for (const [file, text] of Object.entries({ main: mainProgram(), worker: WORKER_PROGRAM })) {
    elsewhere.write(`copy/${file}.js`, text.replace("'sharc'", "'./sharc/src/index.js'"));
  }
  const report = await run(elsewhere, 'copy/main.js');
  expect(report).toEqual({ ...AS_EVER, scanners: 1, warnings: [expect.any(String)] });
  expect(report.warnings[0]).toContain("Cannot find package 'piscina'");
});

test('an entry of another version, left from an earlier build, is refused', async () => {
  await esbuild(elsewhere.path('old'), { entryPoints: { ...PROGRAM, ...COLLECTOR } });
  const nextVersion: Plugin = {
    name: 'next-version',
    setup: ({ onLoad }) =>
      onLoad({ filter: /core\.js$/ }, async ({ path }) => {
        return { contents: (await readFile(path, 'utf8')).replaceAll(VERSION, '99.0.0') };
      }),
  };
  await esbuild(elsewhere.path('old'), { plugins: [nextVersion] });
  const { warnings, ...report } = await run(elsewhere, 'old/main.js');
  expect({ ...AS_EVER, isBeside: false, scanners: 1 }).toMatchObject(report);
  expect(warnings[0]).toContain(`its entry is of sharc ${VERSION}, the program uses 99.0.0`);
});

test('Vite for Node, which leaves packages outside', async () => {
  await viteForNode('vite', PROGRAM, undefined);
  expect(await run(project, 'vite/main.js')).toEqual(AS_EVER);
});

test('Vite for Node, sharc in the bundle', async () => {
  await viteForNode('vite-inside', PROGRAM, { noExternal: true });
  expect(await run(project, 'vite-inside/main.js')).toEqual(AS_EVER);
});

test('Vite for Node, with sharc/collector as an entry, nothing installed', async () => {
  const input = { ...PROGRAM, ...COLLECTOR };
  await viteForNode(elsewhere.path('vite'), input, { noExternal: true });
  const report = await run(elsewhere, 'vite/main.js');
  expect(report).toEqual({ ...AS_EVER, scanners: 1, warnings: [expect.any(String)] });
});

test('Vite finds the worker by its URL, where it builds for the web', async () => {
  const external = [/^node:/];
  await buildByVite({
    configFile: false,
    root: project.folder,
    base: './',
    logLevel: 'error',
    build: {
      outDir: 'vite-web',
      target: 'es2022',
      rollupOptions: { input: PROGRAM.main, external, output: { entryFileNames: '[name].js' } },
    },
    worker: { format: 'es', rollupOptions: { external } },
  });
  expect(await run(project, 'vite-web/main.js')).toEqual(AS_EVER);
});
