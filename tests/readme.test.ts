/** README.md tells the truth: its examples run, its table of options is the code's. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MAX_HEAP_BYTES, MIN_HEAP_BYTES, OPTIONS } from '../src/base/options.ts';

const readme = readFileSync('README.md', 'utf8');
const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code as string);
// Inside the package, so that `import 'sharc'` finds it.
const folder = 'dist/readme';

function run(name: string, code: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${name}.mjs`, code);
  return execFileSync(process.execPath, [`${folder}/${name}.mjs`], {
    encoding: 'utf8',
    timeout: 30_000,
  });
}

test('the first example has two threads, at most 20 lines, and prints what README says', () => {
  const [code] = examples;
  const lines = code?.split('\n').filter((line) => line.trim() !== '') ?? [];
  expect(lines.length).toBeLessThanOrEqual(20);
  expect(run('first', code ?? '')).toBe('Bob 32\n');
  expect(readme).toContain('It prints `Bob 32`');
});

test('the example of a subclass runs', () => {
  const code = examples[1] ?? '';
  const before = "import { Heap } from 'sharc';\nconst heap = Heap.create();\n";
  const after = 'console.log(new Circle({ radius: 1 }).area() === Math.PI);\n';
  expect(run('subclass', before + code + after)).toBe('true\n');
});

test('there are no further examples that nobody runs', () => {
  expect(examples.length).toBe(2);
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
