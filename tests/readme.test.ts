/** README.md tells the truth: its examples run, its table of options is the code's. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MAX_HEAP_BYTES, MIN_HEAP_BYTES, OPTIONS } from '../src/base/options.ts';
import {
  type Example,
  isSingleFile,
  readExamples,
  withWorkerFile,
} from './support/readme-examples.ts';

const readme = readFileSync('README.md', 'utf8');
const examples = readExamples(readme);
// Inside the package, so that `import 'sharc'` finds it.
const folder = 'dist/readme';

/** Runs an example, and returns what it prints. Throws unless it ends with status 0. */
function run({ name, files, main }: Example): string {
  const own = `${folder}/${name.replaceAll(/\W+/g, '-')}`;
  mkdirSync(own, { recursive: true });
  for (const [file, code] of files) writeFileSync(`${own}/${file}`, code);
  return execFileSync(process.execPath, [`${own}/${main}`], { encoding: 'utf8', timeout: 30_000 });
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
  const printed = run(example);
  if (example.prints !== null) expect(printed).toBe(example.prints);
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
    ].join(''),
  );
  expect(found.map(({ prints }) => prints)).toEqual(['1 2\n', '3\n4\n', '5\n6\n', null]);
  expect(found.map(({ isFragment }) => isFragment)).toEqual([false, true, false, false]);
  expect(found.map(({ main }) => main)).toEqual(['main.js', 'main.js', 'main.js', 'main.js']);
  expect([...found[2]!.files.keys()]).toEqual(['main.js', 'worker.js']);
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
