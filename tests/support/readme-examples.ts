/**
 * The blocks of README.md. How it says what they are:
 *
 * - Every block of ```js or ```ts that imports sharc is a whole program.
 * - One that imports nothing is a fragment: it runs behind `FRAGMENT_START`.
 * - A block whose first line is a comment with a file's name (`// worker.js`) is that file. Such
 *   blocks in a row are the files of one program, and the first of them is run.
 * - One that names a file of `bench/` there is an excerpt: the lines of that file, with `// ...`
 *   for those that are left out. It is not run, but compared.
 * - What a program prints stands in the ```text block that follows it, or in a sentence that
 *   follows it at once (It prints `...`.), or in comments (`// prints: ...`), a line in each.
 *   Where it stands nowhere, the program may print what it likes.
 * - Every line of ```sh is a command, or several with `&&` between them.
 *
 * Every example ends with status 0. Nothing else is a block: see `uncheckedBlocks`.
 */

import { transformSync } from 'esbuild';

/** What fragments find when they begin. */
export const FRAGMENT_START = "import { Heap } from 'sharc';\nconst heap = Heap.create();\n";

const FENCES = /^```(\w*)\n([\s\S]*?)^```$/gm;
/** Whatever Markdown shows as code, if it stands outside of `FENCES`. */
const CODE_LINES = /^(?:[ >\t]*(?:(?:[-*+]|\d+\.) +)?(?:```|~~~|<(?:pre|code)\b)| {4}|\t).*/gm;
const FILE_LINE = /^\/\/ ([\w./-]+\.m?[jt]s)\n/;
const EXCERPT_FILE = /^bench\//;
const LEFT_OUT = /^ *\/\/ \.\.\.$/;
const IMPORTS_SHARC = /\bfrom 'sharc(?:\/\w+)?';|^import 'sharc/m;
const PRINTS_SENTENCE = /^\n+It prints `([^`\n]+)`/;
const PRINTS_COMMENT = /\/\/ prints: (.*)$/gm;
/** Programs that run their own file in their workers. */
const OWN_FILE = 'new URL(import.meta.url)';
const WORKER_FILE = 'worker.js';
const MAIN_FILE = 'main.js';
/** What the test runner's Node.js parses; Node 20 knows no `using`. */
const TARGET = 'node20';

export type Language = 'js' | 'ts';

/** A program. */
export interface Example {
  /** Where it stands, for people. */
  readonly name: string;
  readonly language: Language;
  /** The text of each file, by its name. */
  readonly files: ReadonlyMap<string, string>;
  /** The file to run. */
  readonly main: string;
  readonly isFragment: boolean;
  /** What it prints; null where nobody says. */
  readonly prints: string | null;
}

/** Lines of a file of the repository. */
export interface Excerpt {
  readonly name: string;
  readonly file: string;
  /** Runs of lines that stand together in the file. */
  readonly parts: readonly (readonly string[])[];
}

interface Block {
  readonly language: string;
  readonly code: string;
  /** Where it begins and ends in the document. */
  readonly index: number;
  readonly end: number;
}

/** A document, taken apart. */
interface Document {
  readonly examples: readonly Example[];
  readonly excerpts: readonly Excerpt[];
  /** Every command of the ```sh blocks. */
  readonly commands: readonly string[];
  readonly unchecked: readonly string[];
}

/** The examples in a document, in order. */
export const readExamples = (markdown: string): readonly Example[] => read(markdown).examples;

/** The excerpts of files in a document, in order. */
export const readExcerpts = (markdown: string): readonly Excerpt[] => read(markdown).excerpts;

/** The commands that a document shows, one by one. */
export const readCommands = (markdown: string): readonly string[] => read(markdown).commands;

/** Code in a document that is neither an example, nor what one prints, nor commands: where. */
export const uncheckedBlocks = (markdown: string): readonly string[] => read(markdown).unchecked;

function read(markdown: string): Document {
  const blocks = [...markdown.matchAll(FENCES)].map(
    ({ 0: all, 1: language, 2: code, index }): Block => {
      return { language: language!, code: code!, index, end: index + all.length };
    },
  );
  const examples: Example[] = [];
  const excerpts: Excerpt[] = [];
  const commands: string[] = [];
  const unchecked: string[] = [];
  for (let i = 0; i < blocks.length; i++) {
    const first = blocks[i]!;
    if (isExcerpt(first)) {
      excerpts.push(excerptOf(first, markdown));
    } else if (isProgram(first)) {
      const group = [first];
      while (continues(group, blocks[i + 1])) group.push(blocks[++i]!);
      examples.push(exampleOf(group, blocks[i + 1], markdown));
      if (blocks[i + 1]?.language === 'text') i++;
    } else if (first.language === 'sh') {
      commands.push(...commandsOf(first));
    } else {
      unchecked.push(`${lineOf(markdown, first.index)}: a block of '${first.language}'`);
    }
  }
  // The same document without its blocks, in the same lines.
  const rest = markdown.replaceAll(FENCES, (all) => all.replaceAll(/[^\n]/g, ''));
  for (const { 0: text, index } of rest.matchAll(CODE_LINES)) {
    unchecked.push(`${lineOf(rest, index)}: ${text.trim()}`);
  }
  return { examples, excerpts, commands, unchecked };
}

const isProgram = ({ language }: Block) => language === 'js' || language === 'ts';

const lineOf = (markdown: string, index: number): string =>
  `line ${markdown.slice(0, index).split('\n').length}`;

const commandsOf = ({ code }: Block): string[] =>
  code
    .split('\n')
    .flatMap((line) => line.replace(/(?:^|\s)#.*/, '').split('&&'))
    .map((command) => command.trim())
    .filter((command) => command !== '');

const fileOf = ({ code }: Block) => FILE_LINE.exec(code)?.[1];

const isExcerpt = (block: Block): boolean =>
  isProgram(block) && EXCERPT_FILE.test(fileOf(block) ?? '');

function excerptOf(block: Block, markdown: string): Excerpt {
  const parts: string[][] = [[]];
  for (const line of block.code.replace(FILE_LINE, '').trimEnd().split('\n')) {
    if (LEFT_OUT.test(line)) parts.push([]);
    else parts.at(-1)!.push(line);
  }
  const used = parts.filter((part) => part.length > 0);
  return { name: lineOf(markdown, block.index), file: fileOf(block)!, parts: used };
}

/** The parts of an excerpt that are not in the text of its file, one behind the other. */
export function missingParts({ parts }: Excerpt, text: string): readonly string[] {
  const lines = text.split('\n');
  let from = 0;
  const missing: string[] = [];
  for (const part of parts) {
    const at = lines.findIndex(
      (_, i) => i >= from && part.every((line, k) => lines[i + k] === line),
    );
    if (at < 0) missing.push(part.join('\n'));
    else from = at + part.length;
  }
  return missing;
}

/** Whether a block is another file of the program that the blocks of `group` are. */
function continues(group: readonly Block[], next: Block | undefined): boolean {
  if (next === undefined || isExcerpt(next)) return false;
  const file = next.language === group[0]!.language ? fileOf(next) : undefined;
  const files = group.map(fileOf);
  return file !== undefined && !files.includes(file) && !files.includes(undefined);
}

function exampleOf(group: readonly Block[], next: Block | undefined, markdown: string): Example {
  const text = group.map(({ code }) => code).join('');
  const isFragment = !IMPORTS_SHARC.test(text);
  const before = isFragment ? FRAGMENT_START : '';
  const language = group[0]!.language as Language;
  const only = MAIN_FILE.replace('js', language);
  const files = new Map(group.map((block) => [fileOf(block) ?? only, before + block.code]));
  return {
    name: lineOf(markdown, group[0]!.index),
    language,
    files,
    main: [...files.keys()][0]!,
    isFragment,
    prints: printsOf(text, markdown.slice(group.at(-1)!.end), next),
  };
}

function printsOf(text: string, rest: string, next: Block | undefined): string | null {
  if (next?.language === 'text') return next.code;
  const sentence = PRINTS_SENTENCE.exec(rest)?.[1];
  if (sentence !== undefined) return `${sentence}\n`;
  const lines = [...text.matchAll(PRINTS_COMMENT)].map(([, line]) => `${line}\n`);
  return lines.length === 0 ? null : lines.join('');
}

/** Whether the program runs its own file in its workers. */
export const isSingleFile = ({ files, main }: Example): boolean =>
  files.size === 1 && files.get(main)!.includes(OWN_FILE);

/** The same program with a file of its own for its workers. */
export function withWorkerFile(example: Example): Example {
  const code = example.files.get(example.main)!;
  const main = code.replaceAll(OWN_FILE, `new URL('./${WORKER_FILE}', import.meta.url)`);
  const files = new Map([
    [MAIN_FILE, main],
    [WORKER_FILE, code],
  ]);
  return { ...example, name: `${example.name}, with a worker file`, files, main: MAIN_FILE };
}

/** The same program in JavaScript that the oldest supported Node.js runs. */
export function compiled(example: Example): Example {
  if (example.language === 'js') return example;
  const toScript = (file: string) => file.replace(/ts$/, 'js');
  const files = [...example.files].map(([file, code]): [string, string] => {
    return [toScript(file), transformSync(code, { loader: 'ts', target: TARGET }).code];
  });
  return { ...example, language: 'js', files: new Map(files), main: toScript(example.main) };
}
