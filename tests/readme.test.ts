/**
 * README.md tells the truth: its examples run, its commands exist, and its tables say what the code
 * and the figures say. A block that nothing here looks at is an error.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MAX_HEAP_BYTES, MIN_HEAP_BYTES, OPTIONS } from '../src/base/options.ts';
import { FIRST_STRUCT_KIND, MAX_KINDS, MAX_THREADS } from '../src/memory/layout.ts';
import { SHAPE_PROPERTIES_MAX, SHAPES_END } from '../src/object/shape.ts';
import { TUPLE_LENGTH_MAX } from '../src/object/tuple.ts';
import {
  compiled,
  type Example,
  isSingleFile,
  missingParts,
  readCommands,
  readExamples,
  readExcerpts,
  uncheckedBlocks,
  withWorkerFile,
} from './support/readme-examples.ts';

const readme = readFileSync('README.md', 'utf8');
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const examples = readExamples(readme);
// Inside the package, so that `import 'sharc'` finds it.
const folder = 'dist/readme';

/** Writes the files of an example, and returns the path of the one to run. */
function write({ name, language, files, main }: Example): string {
  const own = `${folder}/${language}-${name.replaceAll(/\W+/g, '-')}`;
  mkdirSync(own, { recursive: true });
  for (const [file, code] of files) writeFileSync(`${own}/${file}`, code);
  return `${own}/${main}`;
}

/** Runs an example, and returns what it prints. Throws unless it ends with status 0. */
function run(example: Example): string {
  const main = write(compiled(example));
  return execFileSync(process.execPath, [main], { encoding: 'utf8', timeout: 30_000 });
}

test('the first example has two threads, and at most 20 lines', () => {
  const [first] = examples;
  const lines = first!.files.get(first!.main)!.split('\n');
  expect(isSingleFile(first!)).toBe(true);
  expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(20);
  expect(first!.prints).toBe('Bob 32\n');
});

const programs = [...examples, ...examples.filter(isSingleFile).map(withWorkerFile)];

test.each(programs)('the example of $name runs, and prints what README says', (example) => {
  expect(example.prints, 'README says what it prints').not.toBeNull();
  expect(run(example)).toBe(example.prints);
});

const TSC = ['node_modules/typescript/bin/tsc', '--ignoreConfig', '--noEmit', '--strict'];
const TARGET = ['--target', 'es2022', '--lib', 'es2023,esnext.disposable', '--types', 'node'];

test('the types of examples in TypeScript are those of the package', () => {
  const typed = examples.filter(({ language }) => language === 'ts');
  const wrong = { name: 'wrong', language: 'ts', main: 'main.ts' } as const;
  const start = "import { Heap } from 'sharc';\nconst text: string = Heap.create().verify();\n";
  const control: Example = {
    ...wrong,
    files: new Map([['main.ts', start]]),
    isFragment: false,
    prints: null,
  };
  const paths = [...typed, control].map(write);
  const args = [...TSC, ...TARGET, '--module', 'nodenext', ...paths];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stdout).toMatch(/^dist\/readme\/ts-wrong\/main\.ts\(2,7\): error TS2322: .*\n$/);
});

const excerpts = readExcerpts(readme);

test('each example of bench/examples has an excerpt', () => {
  const files = readdirSync('bench/examples', { withFileTypes: true }).filter((e) => e.isFile());
  const paths = files.map(({ name }) => `bench/examples/${name}`);
  expect(excerpts.map(({ file }) => file).sort()).toEqual(paths.sort());
});

test.each(excerpts)('the lines of $file are in that file', (excerpt) => {
  expect(missingParts(excerpt, readFileSync(excerpt.file, 'utf8'))).toEqual([]);
});

test('there is no code that nothing checks', () => {
  expect(uncheckedBlocks(readme)).toEqual([]);
});

/** Commands of npm itself. */
const OF_NPM = ['npm ci', 'npm cit', `npm install ${manifest.name}`];

test('commands are those of npm, and of the scripts of the package', () => {
  const prose = [...readme.matchAll(/npm (?:run [\w:]+|start|test)\b/g)].map(([all]) => all);
  const commands = [...readCommands(readme), ...prose];
  expect(commands.length).toBeGreaterThan(prose.length);
  for (const command of commands) {
    const script = /^npm (?:run )?([\w:]+)/.exec(command)?.[1] ?? '';
    const isKnown = OF_NPM.includes(command) || Object.hasOwn(manifest.scripts, script);
    expect(isKnown, `${command}: no such script`).toBe(true);
  }
});

test('programs, fragments, files and what they print are told apart', () => {
  const fence = (language: string, code: string) => `\`\`\`${language}\n${code}\`\`\`\n`;
  const found = readExamples(
    [
      fence('js', "import { Heap } from 'sharc';\n"),
      '\nIt prints `1 2`.\n',
      fence('sh', 'npm ci\n'),
      fence('js', 'heap.gc.collect(); // prints: 3\n// prints: 4\n'),
      fence('js', "// main.js\nimport { Heap } from 'sharc';\n"),
      'and\n',
      fence('js', "// worker.js\nimport { raw } from 'sharc/raw';\n"),
      fence('text', '5\n6\n'),
      fence('js', "import 'sharc/testing';\n"),
      fence('ts', 'const wrong: string = 1;\n'),
    ].join(''),
  );
  expect(found.map(({ prints }) => prints)).toEqual(['1 2\n', '3\n4\n', '5\n6\n', null, null]);
  expect(found.map(({ isFragment }) => isFragment)).toEqual([false, true, false, false, true]);
  const [js, ts] = ['main.js', 'main.ts'];
  expect(found.map(({ main }) => main)).toEqual([js, js, js, js, ts]);
  expect([...found[2]!.files.keys()]).toEqual(['main.js', 'worker.js']);
  expect(compiled(found[4]!).files.get('main.js')).toContain('const wrong = 1;');
});

test('lines of a file are compared with it, in order', () => {
  const lines = ['1;', '  2;', '  3;', '4;'];
  const excerpt = (...shown: string[]) => {
    const block = ['```ts', '// bench/file.ts', ...shown, '```', ''].join('\n');
    const program = "```ts\n// main.ts\nimport 'sharc';\n```\n";
    const markdown = `${program}${block}`;
    expect([readExamples(markdown).length, uncheckedBlocks(markdown)]).toEqual([1, []]);
    const [found, ...more] = readExcerpts(markdown);
    expect([found?.file, more]).toEqual(['bench/file.ts', []]);
    return missingParts(found!, lines.join('\n'));
  };
  expect(excerpt(...lines)).toEqual([]);
  expect(excerpt('1;', '// ...', '  3;', '4;')).toEqual([]);
  expect(excerpt('// ...', '  2;', '  // ...', '4;', '// ...')).toEqual([]);
  expect(excerpt('1;', '  3;')).toEqual(['1;\n  3;']);
  expect(excerpt('4;', '// ...', '1;')).toEqual(['1;']);
  expect(excerpt('2;')).toEqual(['2;']);
});

test('links lead to headings that are there', () => {
  const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...readme.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor);
  expect(links.length).toBeGreaterThan(0);
  expect(links.filter((link) => !anchors.includes(link!))).toEqual([]);
});

test.each([
  ['```text\n0\n```', [1]],
  ['```js\n1;\n```\n```text\n0\n```\n```text\n0\n```', [7]],
  ['text\n```json\n{}\n```', [2]],
  ['```\n1;\n```', [1]],
  ['```js twoslash\n1;\n```\n', [1, 3]],
  ['~~~\ncode\n~~~', [1, 3]],
  ['text\n\n    indented\n', [3]],
  ['- ```js\n  1;\n  ```', [1, 3]],
  ['1. text\n   ```js\n   1;\n   ```', [2, 4]],
  ['> ```js\n> 1;\n> ```', [1, 3]],
  ['<pre>\n1;\n</pre>', [1]],
  ['```js\n    1;\n```\n- item\n  goes on\n', []],
])('code that is neither run nor compared is found: %j', (text, lines) => {
  const found = uncheckedBlocks(text).map((where) => where.split(':')[0]);
  expect(found).toEqual(lines.map((line) => `line ${line}`));
});

test('commands stand alone, or with others in a line', () => {
  const text = '```sh\nnpm ci && npm start # and more\n\n# nothing\nnpm cit\n```\n';
  expect(readCommands(text)).toEqual(['npm ci', 'npm start', 'npm cit']);
  expect(uncheckedBlocks(text)).toEqual([]);
});

/** The row of a table whose first cell is `name`: its other cells. */
function cells(name: string): string[] {
  const row = readme.split('\n').find((line) => line.startsWith(`| ${name} |`));
  expect(row, `a row for ${name}`).toBeDefined();
  return row!
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim());
}

test('the table of limits says what the code says', () => {
  const number = (n: number) => n.toLocaleString('en-GB');
  expect(cells('plain objects')[0]).toContain(`${number(SHAPES_END)} shapes`);
  expect(cells('plain objects')[0]).toContain(`${SHAPE_PROPERTIES_MAX} properties`);
  expect(cells('tuples')[0]).toBe(`${number(TUPLE_LENGTH_MAX)} values`);
  expect(cells('structs')[0]).toContain(`${number(MAX_KINDS - FIRST_STRUCT_KIND)} kinds`);
  expect(cells('threads')[0]).toBe(`${MAX_THREADS} attached at a time`);
});

/** How far a row may be from the baseline: runs drift by a fifth and more. */
const DRIFT = 1.3;
const SUBJECTS = ['sharc-raw', 'sharc', 'sharc-op', 'v8-shared-struct', 'plain'];
const ROWS = {
  'allocate and drop 4 references': 'alloc-drop',
  'store a reference': 'store-ref',
  'read an int32 field': 'load-field',
  'follow a reference (a handle is made)': 'get-ref',
  'empty section, or lock and unlock': 'section-enter-leave',
  'bytes of an object with 4 references': 'bytes-per-object',
};

test('the table of speeds has the figures of the baseline', () => {
  const { results } = JSON.parse(readFileSync('bench/baseline.json', 'utf8')) as {
    results: readonly { workload: string; subject: string; value: number }[];
  };
  for (const [name, workload] of Object.entries(ROWS)) {
    for (const [i, figure] of cells(name).entries()) {
      if (figure === '') continue;
      const row = results.find((one) => one.workload === workload && one.subject === SUBJECTS[i]);
      const ratio = Number(figure) / row!.value;
      expect(ratio, `${name}, ${SUBJECTS[i]}: ${figure}, not ${row!.value}`).toBeLessThan(DRIFT);
      expect(ratio, `${name}, ${SUBJECTS[i]}: ${figure}, not ${row!.value}`).toBeGreaterThan(
        1 / DRIFT,
      );
    }
  }
});

test('the table of look-ups has the figures of the baseline', () => {
  const { results } = JSON.parse(readFileSync('bench/baseline.json', 'utf8')) as {
    results: readonly { workload: string; subject: string; size: number; value: number }[];
  };
  for (const size of [1000, 100_000, 1_000_000]) {
    for (const [i, subject] of ['sharc', 'plain', 'lmdb', 'sharedmap'].entries()) {
      const row = results.find(
        (one) => one.workload === 'map-get' && one.subject === subject && one.size === size,
      );
      const figure = cells(`among ${size.toLocaleString('en')}`)[i] as string;
      expect(figure).toBe(Math.round(row!.value).toLocaleString('en'));
    }
  }
});

test('the table of options says what the code says', () => {
  for (const [name, spec] of Object.entries(OPTIONS)) {
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\``));
    expect(row, `a row for ${name}`).toBeDefined();
    expect(row?.endsWith(`| ${spec.help} |`), `${name}: ${spec.help}`).toBe(true);
  }
  expect([MIN_HEAP_BYTES, MAX_HEAP_BYTES, OPTIONS.maxBytes.default]).toEqual([
    2 ** 20,
    2 ** 33,
    2 ** 30,
  ]);
});
