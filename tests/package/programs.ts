/** What is run with the installed package: the examples of README.md, and programs of our own. */

import { readFileSync } from 'node:fs';
import { ITEMS, mainProgram, WORKER_PROGRAM } from '../support/bundled-program.ts';
import {
  compiled,
  type Example,
  isSingleFile,
  readExamples,
  withWorkerFile,
} from '../support/readme-examples.ts';

export type Program = Pick<Example, 'name' | 'files' | 'main' | 'prints'>;

/** Two threads, the collector thread and the pool, from the files in the package. */
const THREADS: Program = {
  name: 'collections beside the program and by the pool',
  files: new Map([
    ['main.js', mainProgram()],
    ['worker.js', WORKER_PROGRAM],
  ]),
  main: 'main.js',
  prints: `${JSON.stringify({
    value: 42,
    automatic: 1,
    isBeside: true,
    collected: 2 * ITEMS,
    scanners: 2,
    warnings: [],
    findings: [],
  })}\n`,
};

const ENTRIES: Program = {
  name: 'the entries sharc/raw and sharc/testing',
  files: new Map([
    [
      'main.js',
      `
import { Heap } from 'sharc';
import { raw } from 'sharc/raw';
import { createProgram, expectNoLeaks, runProgram } from 'sharc/testing';

const heap = Heap.create();
const Point = heap.struct('Point', { x: 'int32' });
expectNoLeaks(heap, () => {
  heap.run(() => {
    const { kindOf, alloc, decref } = raw(heap);
    decref(alloc(kindOf(Point)));
  });
});
const findings = heap.verify();
const { failure } = runProgram(heap, createProgram(1));
console.log(findings.length, failure);
`,
    ],
  ]),
  main: 'main.js',
  prints: '0 null\n',
};

/** All that is run with each version of Node.js. */
export function readPrograms(readme: string): Program[] {
  const examples = readExamples(readFileSync(readme, 'utf8')).map(compiled);
  return [...examples, ...examples.filter(isSingleFile).map(withWorkerFile), THREADS, ENTRIES];
}

/** The examples in TypeScript, by the names of files for them. */
export function readTyped(readme: string): Map<string, string> {
  const examples = readExamples(readFileSync(readme, 'utf8'));
  const typed = examples.filter(({ language }) => language === 'ts');
  return new Map(
    typed.map(({ name, files, main }) => [`${name.replaceAll(/\W+/g, '-')}.ts`, files.get(main)!]),
  );
}

/** A program in TypeScript that uses types of every entry. */
export const TYPED_PROGRAM = `
import { Worker, workerData } from 'node:worker_threads';
import { type Finding, Heap, type HeapMap, type HeapOptions } from 'sharc';
import { type ObjectRef, raw } from 'sharc/raw';
import { type Program, createProgram, runProgram } from 'sharc/testing';

const options: HeapOptions = { maxBytes: 2 ** 26, scanners: 1 };
const heap = Heap.create(options);
const Person = heap.struct('Person', { name: 'string', age: 'int32', friend: 'ref' });
const alice = new Person({ name: 'Alice', age: 30 });
const age: number = alice.age;
const name: string | null | undefined = alice.name;
const map: HeapMap<string, number> = heap.map<string, number>();
map.set('age', age);
const findings: readonly Finding[] = heap.verify();
const ref: ObjectRef = heap.run(() => raw(heap).fromHandle(alice));
const program: Program = createProgram(1);
// @ts-expect-error a number is no text
alice.name = 1;
export { Heap, Worker, findings, name, program, ref, runProgram, workerData };
`;
