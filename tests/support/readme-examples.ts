/**
 * The examples of README.md. How it says what they are:
 *
 * - Every block of ```js that imports sharc is a whole program.
 * - One that imports nothing is a fragment: it runs behind `FRAGMENT_START`.
 * - A block whose first line is a comment with a file's name (`// worker.js`) is that file. Such
 *   blocks in a row are the files of one program, and the first of them is run.
 * - What a program prints stands in the ```text block that follows it, or in a sentence that
 *   follows it at once (It prints `...`.), or in comments (`// prints: ...`), a line in each.
 *   Where it stands nowhere, the program may print what it likes.
 *
 * Every example ends with status 0.
 */

/** What fragments find when they begin. */
export const FRAGMENT_START = "import { Heap } from 'sharc';\nconst heap = Heap.create();\n";

const FENCES = /^```(\w*)\n([\s\S]*?)^```$/gm;
const FILE_LINE = /^\/\/ ([\w./-]+\.m?js)\n/;
const IMPORTS_SHARC = /\bfrom 'sharc(?:\/\w+)?';|^import 'sharc/m;
const PRINTS_SENTENCE = /^\n+It prints `([^`\n]+)`/;
const PRINTS_COMMENT = /\/\/ prints: (.*)$/gm;
/** Programs that run their own file in their workers. */
const OWN_FILE = 'new URL(import.meta.url)';
const WORKER_FILE = 'worker.js';
const MAIN_FILE = 'main.js';

/** A program. */
export interface Example {
  /** Where it stands, for people. */
  readonly name: string;
  /** The text of each file, by its name. */
  readonly files: ReadonlyMap<string, string>;
  /** The file to run. */
  readonly main: string;
  readonly isFragment: boolean;
  /** What it prints; null where nobody says. */
  readonly prints: string | null;
}

interface Block {
  readonly language: string;
  readonly code: string;
  /** Where it begins and ends in the document. */
  readonly index: number;
  readonly end: number;
}

/** The examples in a document, in order. */
export function readExamples(markdown: string): Example[] {
  const blocks = [...markdown.matchAll(FENCES)].map(
    ({ 0: all, 1: language, 2: code, index }): Block => {
      return { language: language!, code: code!, index, end: index + all.length };
    },
  );
  const examples: Example[] = [];
  for (let i = 0; i < blocks.length; i++) {
    if (blocks[i]!.language !== 'js') continue;
    const group = [blocks[i]!];
    while (continues(group, blocks[i + 1])) group.push(blocks[++i]!);
    examples.push(exampleOf(group, blocks[i + 1], markdown));
  }
  return examples;
}

const fileOf = ({ code }: Block) => FILE_LINE.exec(code)?.[1];

/** Whether a block is another file of the program that the blocks of `group` are. */
function continues(group: readonly Block[], next: Block | undefined): boolean {
  const file = next?.language === 'js' ? fileOf(next) : undefined;
  const files = group.map(fileOf);
  return file !== undefined && !files.includes(file) && !files.includes(undefined);
}

function exampleOf(group: readonly Block[], next: Block | undefined, markdown: string): Example {
  const text = group.map(({ code }) => code).join('');
  const isFragment = !IMPORTS_SHARC.test(text);
  const before = isFragment ? FRAGMENT_START : '';
  const files = new Map(group.map((block) => [fileOf(block) ?? MAIN_FILE, before + block.code]));
  return {
    name: `line ${markdown.slice(0, group[0]!.index).split('\n').length}`,
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
