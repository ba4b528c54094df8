/** The main job's view of a disk: which files are modules, of which package, and what they name. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildOracle } from '../bench/examples/module-graph/oracle.ts';
import { parseModule } from '../bench/examples/module-graph/parse.ts';
import { readModule } from '../bench/examples/module-graph/read.ts';
import { createResolver } from '../bench/examples/module-graph/resolve.ts';
import { surveyDirectories } from '../bench/examples/module-graph/walk.ts';

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sharc-module-graph-')));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}

/** `package: file file`, with paths relative to the root. */
function surveyed(...directories: string[]): string[] {
  const { packages } = surveyDirectories(directories.map((directory) => join(root, directory)));
  return packages.map(({ label, files }) => {
    const names = files.map(({ path }) => path.slice(root.length + 1));
    return `${label.replace(root, '.')}: ${names.join(' ')}`;
  });
}

function resolved(importer: string, specifier: string, kind: 'import' | 'require'): string {
  const resolution = createResolver().resolve(join(root, importer), specifier, kind);
  return resolution.type === 'module' ? resolution.path.slice(root.length + 1) : resolution.type;
}

test('module files are found by package, sorted, and nothing else is', () => {
  write({
    'b/package.json': '{"name":"b","version":"2.0.0"}',
    'b/lib/z.cjs': '',
    'b/lib/a.mts': '',
    'b/lib/data.json': '{}',
    'b/lib/types.d.ts': '',
    'b/lib/types.d.mts': '',
    'b/README.md': '',
    'a/package.json': '{"name":"@scope/a"}',
    'a/index.tsx': '',
    'a/esm/package.json': '{"type":"module"}',
    'a/esm/index.js': '',
    'a/node_modules/b/package.json': '{"name":"b","version":"1.0.0"}',
    'a/node_modules/b/index.jsx': '',
  });
  expect(surveyed('.')).toEqual([
    '@scope/a: a/esm/index.js a/index.tsx',
    'b@1.0.0: a/node_modules/b/index.jsx',
    'b@2.0.0: b/lib/a.mts b/lib/z.cjs',
  ]);
});

test('files that no package.json names belong to the directory that was asked for', () => {
  write({ 'x/deep/a.js': '', 'y/b.js': '', 'y/package.json': 'not JSON' });
  expect(surveyed('x', 'y')).toEqual(['./x: x/deep/a.js', './y: y/b.js']);
});

test('a file that is reached by three ways counts once, under its real path', () => {
  write({ 'p/package.json': '{"name":"p"}', 'p/a.js': '', 'q/b.txt': '' });
  symlinkSync(join(root, 'p/a.js'), join(root, 'q/link.js'));
  symlinkSync(join(root, 'p'), join(root, 'q/directory'));
  expect(surveyed('.', 'p', 'q')).toEqual(['p: p/a.js']);
});

test('a link that leads back up ends the walk there', () => {
  write({ 'p/package.json': '{"name":"p"}', 'p/in/a.js': '' });
  symlinkSync(join(root, 'p'), join(root, 'p/in/up'));
  symlinkSync(join(root, 'p/in/self'), join(root, 'p/in/self'));
  expect(surveyed('p')).toEqual(['p: p/in/a.js']);
});

test('a link to a module that is not there is reported as unreadable', () => {
  write({ 'p/a.js': '' });
  symlinkSync(join(root, 'p/nowhere.js'), join(root, 'p/broken.js'));
  symlinkSync(join(root, 'p/nowhere'), join(root, 'p/broken'));
  const { unreadable } = surveyDirectories([root]);
  expect(unreadable.map(({ path }) => path)).toEqual([join(root, 'p/broken.js')]);
});

test('import and require of one package resolve by their own conditions', () => {
  write({
    'node_modules/d/package.json':
      '{"name":"d","exports":{"import":"./esm.js","require":"./cjs.cjs"}}',
    'node_modules/d/esm.js': '',
    'node_modules/d/cjs.cjs': '',
    'a.js': '',
  });
  expect(resolved('a.js', 'd', 'import')).toBe('node_modules/d/esm.js');
  expect(resolved('a.js', 'd', 'require')).toBe('node_modules/d/cjs.cjs');
});

test('a specifier finds its file without extension, as an index, and as a source', () => {
  write({ 'a.ts': '', 'b.ts': '', 'c/index.js': '', 'd.js': '' });
  expect(resolved('a.ts', './b', 'import')).toBe('b.ts');
  expect(resolved('a.ts', './b.js', 'import')).toBe('b.ts');
  expect(resolved('a.ts', './c', 'require')).toBe('c/index.js');
  expect(resolved('a.ts', './d.js?raw', 'import')).toBe('d.js');
});

test('builtins, data, declarations and missing files are no modules', () => {
  write({ 'a.ts': '', 'data.json': '{}', 'types.d.ts': '' });
  expect(resolved('a.ts', 'node:fs', 'import')).toBe('builtin');
  expect(resolved('a.ts', 'fs', 'require')).toBe('builtin');
  expect(resolved('a.ts', './data.json', 'require')).toBe('other');
  expect(resolved('a.ts', './types.d.ts', 'import')).toBe('other');
  expect(resolved('a.ts', './missing.js', 'import')).toBe('missing');
  expect(resolved('a.ts', 'https://example.org/x.js', 'import')).toBe('missing');
});

test('a module is read with its size, its hash, its imports and what leads nowhere', () => {
  const text = "import fs from 'fs'; import './b.js'; require('./b.js'); import('./none.js');";
  write({ 'a.js': text, 'b.js': '' });
  expect(readModule(join(root, 'a.js'), parseModule, createResolver())).toEqual({
    path: join(root, 'a.js'),
    bytes: text.length,
    hash: -5500467711082033480n,
    imports: [
      { kind: 'import', path: join(root, 'b.js') },
      { kind: 'require', path: join(root, 'b.js') },
    ],
    unresolved: 2,
  });
});

test('the oracle links both ways, with multiplicity, and leaves out what it cannot read', () => {
  write({
    'p/package.json': '{"name":"p","version":"1.0.0"}',
    'p/a.js': "require('./b.js'); require('./b.js'); import('./broken.js');",
    'p/b.js': "import './a.js'; import './b.js';",
    'p/broken.js': 'const = ;',
  });
  const { packages, modules } = buildOracle(surveyDirectories([root]).packages);
  const [a, b] = [join(root, 'p/a.js'), join(root, 'p/b.js')];
  expect([...packages.values()]).toEqual([
    { directory: join(root, 'p'), label: 'p@1.0.0', modules: [a, b] },
  ]);
  expect([...modules.keys()]).toEqual([a, b]);
  expect(modules.get(a)!.imports).toEqual([`require ${b}`, `require ${b}`]);
  expect(modules.get(a)!.importers).toEqual([`import ${b}`]);
  expect(modules.get(b)!.imports).toEqual([`import ${a}`, `import ${b}`]);
  expect(modules.get(b)!.importers).toEqual([`import ${b}`, `require ${a}`, `require ${a}`]);
});
