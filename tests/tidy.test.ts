/**
 * The project's habits as tests, after TigerBeetle's `tidy`: what a reviewer would otherwise have
 * to say again. Every rule reads the files as text and needs no package. A rule that cannot be kept
 * somewhere gets a listed exception with its reason, here, where it is reviewed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { isCalm } from './support/calm.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SELF = 'tests/tidy.test.ts';

/** What the top level may hold, besides names that start with a dot. */
const TOP_LEVEL = [
  ...['src', 'workers', 'bench', 'tests'],
  ...['package.json', 'package-lock.json', 'tsconfig.json'],
  ...['README.md', 'CHANGELOG.md', 'LICENSE'],
];

/** Each layer and what it may import besides itself. Files directly in src/ are the facade. */
const LAYERS: Record<string, readonly string[]> = {
  base: [],
  memory: ['base'],
  sync: ['base', 'memory'],
  object: ['base', 'memory', 'sync'],
  gc: ['base', 'memory', 'sync', 'object', 'protocol'],
  facade: ['base', 'memory', 'sync', 'object', 'gc', 'protocol'],
  inspector: ['base', 'facade'],
  cli: ['base', 'facade', 'inspector'],
  // For the suites of users: it looks at everything, and nothing looks at it.
  testing: ['base', 'memory', 'sync', 'object', 'gc', 'facade'],
  // Only message types: whoever starts a thread and the thread itself agree on them here.
  protocol: ['base', 'memory', 'sync', 'object', 'gc', 'facade'],
  workers: ['base', 'memory', 'sync', 'object', 'gc', 'facade', 'protocol'],
};
const BARREL_FREE = ['base', 'memory', 'sync', 'object', 'gc'];
const PROTOCOL = 'workers/protocol.ts';

/** Where `Atomics` may be used, and why; a folder ends in a slash. */
const ATOMICS_ALLOWED: Record<string, string> = {
  'src/sync/': 'the lock, parking and the thread table are made of atomic words',
  'src/object/refcount.ts': 'counts change atomically where two threads can race',
  'src/gc/': 'scanners share progress and termination words with the collector thread',
};

/** The one file that owns offsets, and the only one that may write them as numbers. */
const LAYOUT = 'src/memory/layout.ts';
const HEAP_VIEW = /\b(?:i16|u16|i32|u32|f32|f64|i64|u64)\[/g;
const ENDS_IN_LITERAL = /[+-]\s*(?:0x[\da-f_]+|[\d_]+)\s*$/i;
const STARTS_WITH_LITERAL = /^\s*(?:0x[\da-f_]+|[\d_]+)\s*[+]/i;

const LINE_COLUMNS = 100;
const FILE_LINES = 400;
/** Files that may be longer than FILE_LINES, and why they are not two files. */
const LONG_FILES: Record<string, string> = {
  'src/memory/layout.ts': 'the memory map is one file, so that every offset is found in one place',
};

/** Below this many files src/ has only begun, and its documents may still be missing. */
const DOCUMENTED_FROM = 6;

// Files

/** Every file that is not ignored, as a path from the top. Understands `name/` and `*.ending`. */
function listFiles(): string[] {
  const ignored = read('.gitignore').split('\n').filter(Boolean);
  const folders = ['.git', ...ignored.filter((p) => p.endsWith('/')).map((p) => p.slice(0, -1))];
  const endings = ignored.filter((p) => p.startsWith('*')).map((p) => p.slice(1));
  const files: string[] = [];
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (folders.includes(entry.name) || endings.some((end) => path.endsWith(end))) continue;
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isFile()) files.push(path);
    }
  }
  return files.sort();
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The text of a document, empty while it is missing, or undefined while it need not exist. */
function readDocument(path: string): string | undefined {
  if (existsSync(join(ROOT, path))) return read(path);
  return SOURCES.length < DOCUMENTED_FROM ? undefined : '';
}

const FILES = listFiles();
const CODE = FILES.filter((path) => /\.(ts|mts|js|mjs)$/.test(path));
const SOURCES = CODE.filter((path) => path.startsWith('src/'));
const LIBRARY = CODE.filter((path) => /^(src|workers)\//.test(path));

const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/.*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g;

/** The text with comments, and if asked also strings, blanked; lines keep their numbers. */
function codeOf(text: string, blankStrings = false): string {
  return text.replace(TOKENS, (token) =>
    token.startsWith('/') || blankStrings ? token.replace(/[^\n]/g, ' ') : token,
  );
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function matches(path: string, text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((m) => `${path}:${lineAt(text, m.index)} ${m[0].trim()}`);
}

/** Fails with what to do instead, and lists every place. */
function expectNone(places: string[], instead: string): void {
  expect(places, `${instead}\n  ${places.join('\n  ')}\n`).toEqual([]);
}

// Imports

type Import = { from: string; to: string; line: number; isType: boolean };

const IMPORT =
  /\b(?:import|export)\b(\s+type\b)?(?:[\w\s{},*$]*?\bfrom\b)?\s*\(?\s*['"](\.[^'"]*)['"]/g;

function importsOf(path: string): Import[] {
  const code = codeOf(read(path));
  return [...code.matchAll(IMPORT)].map((m) => ({
    from: path,
    to: join(dirname(path), m[2]!),
    line: lineAt(code, m.index),
    isType: m[1] !== undefined,
  }));
}

function layerOf(path: string): string | undefined {
  if (path === PROTOCOL) return 'protocol';
  if (path.startsWith('workers/')) return 'workers';
  if (!path.startsWith('src/')) return undefined;
  const [first, ...rest] = path.slice('src/'.length).split('/');
  const name = rest.length > 0 ? first! : first!.replace(/\.ts$/, '');
  const isEntry = name === 'cli' || name === 'inspector' || name === 'testing';
  if (rest.length === 0 && !isEntry) return 'facade';
  return name in LAYERS ? name : undefined;
}

/** A cycle that starts and ends at `start`, shortest first, or undefined. */
function findCycle(start: string, graph: Map<string, string[]>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const path of queue) {
    for (const next of graph.get(path) ?? []) {
      if (next === start) {
        const cycle = [start];
        for (let at = path; at !== start; at = cameFrom.get(at)!) cycle.unshift(at);
        return [start, ...cycle];
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, path);
      queue.push(next);
    }
  }
  return undefined;
}

// Rules

test('the top level holds only the agreed folders and files', () => {
  const names = [...new Set(FILES.map((path) => path.split('/')[0]!))];
  const strangers = names.filter((name) => !name.startsWith('.') && !TOP_LEVEL.includes(name));
  expectNone(strangers, 'Move it into src, workers, bench or tests.');
});

test('every source file belongs to a layer, and every import points to a lower one', () => {
  const lost = LIBRARY.filter((path) => layerOf(path) === undefined);
  expectNone(lost, `Put the file into a known layer, or add the layer to LAYERS in ${SELF}.`);
  const upward = LIBRARY.flatMap(importsOf).filter(({ from, to }) => {
    const layer = layerOf(from)!;
    const target = layerOf(to);
    return target === undefined || (target !== layer && !LAYERS[layer]!.includes(target));
  });
  expectNone(
    upward.map(({ from, to, line }) => `${from}:${line} imports ${to}`),
    'Move what is shared down a layer, or have the upper layer pass it in as an argument.',
  );
});

test('the protocol of the worker threads holds types only', () => {
  if (!CODE.includes(PROTOCOL)) return;
  const values = /^export\s+(?!type\b|interface\b|declare\b).*$/gm;
  expectNone(matches(PROTOCOL, codeOf(read(PROTOCOL)), values), 'Export types; code goes to src/.');
});

test('no layer has a barrel', () => {
  const barrels = BARREL_FREE.map((layer) => `src/${layer}/index.ts`);
  expectNone(
    barrels.filter((path) => SOURCES.includes(path)),
    'Import from the file that defines the name.',
  );
});

test('no source file imports itself through others', () => {
  // `import type` is erased and runs nothing, so a cycle through it is harmless.
  const graph = new Map(
    SOURCES.map((path) => [
      path,
      importsOf(path)
        .filter(({ isType }) => !isType)
        .map(({ to }) => to),
    ]),
  );
  const cycles = new Map<string, string>();
  for (const path of SOURCES) {
    const cycle = findCycle(path, graph);
    if (cycle) cycles.set([...new Set(cycle)].sort().join(), cycle.join(' -> '));
  }
  expectNone([...cycles.values()], 'Move the shared part to a third file, or use `import type`.');
});

test('Atomics are used only where the memory map calls for them', () => {
  const isAllowed = (path: string) =>
    Object.keys(ATOMICS_ALLOWED).some((allowed) =>
      allowed.endsWith('/') ? path.startsWith(allowed) : path === allowed,
    );
  const places = LIBRARY.filter((path) => !isAllowed(path)).flatMap((path) =>
    matches(path, codeOf(read(path), true), /\bAtomics\b.*/g),
  );
  expectNone(
    places,
    'Call a named transition from src/sync/ or src/object/refcount.ts; a word that the lock ' +
      'guards needs no Atomics at all.',
  );
});

test('offsets into shared words have names', () => {
  const places: string[] = [];
  for (const path of SOURCES.filter((source) => source !== LAYOUT)) {
    const code = codeOf(read(path), true);
    for (const match of code.matchAll(HEAP_VIEW)) {
      const index = bracketed(code, match.index + match[0].length);
      if (ENDS_IN_LITERAL.test(index) || STARTS_WITH_LITERAL.test(index)) {
        places.push(`${path}:${lineAt(code, match.index)} ${match[0]}${index}]`);
      }
    }
    places.push(...matches(path, code, /\bAtomics\.\w+\([^,()]*,[^,()]*[+]\s*\d+\s*[,)]/g));
  }
  expectNone(places, `Give the offset a name in ${LAYOUT}, where the record is drawn, and use it.`);
});

/** The text from `start` to the bracket that closes what was opened just before it. */
function bracketed(code: string, start: number): string {
  let depth = 1;
  let end = start;
  for (; end < code.length && depth > 0; end++) {
    if (code[end] === '[') depth++;
    if (code[end] === ']') depth--;
  }
  return code.slice(start, end - 1);
}

test(`no line is longer than ${LINE_COLUMNS} columns`, () => {
  const places = CODE.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, i) => ([...line].length > LINE_COLUMNS ? [`${path}:${i + 1}`] : [])),
  );
  expectNone(places, 'Run `npm run format`, and break comments and strings by hand.');
});

test(`no file is longer than ${FILE_LINES} lines without a listed reason`, () => {
  const long = CODE.filter((path) => read(path).trimEnd().split('\n').length > FILE_LINES);
  expectNone(
    long.filter((path) => !LONG_FILES[path]),
    `Ask whether it is two files. If it is one, add it with the reason to LONG_FILES in ${SELF}.`,
  );
  expectNone(
    Object.keys(LONG_FILES).filter((path) => !long.includes(path)),
    `It is short now or gone: remove it from LONG_FILES in ${SELF}.`,
  );
});

test('nothing that was meant for a moment is left in the code', () => {
  const others = CODE.filter((path) => path !== SELF);
  const printers = others.filter((path) => path.startsWith('bench/'));
  const texts = (paths: string[], pattern: RegExp, blank: boolean) =>
    paths.flatMap((path) => matches(path, blank ? codeOf(read(path), true) : read(path), pattern));
  expectNone(
    texts(others, /\b(?:FIXME|XXX|HACK)\b.*/g, false).concat(
      texts(others, /\bTODO\b(?!\(#\d+\)).*/g, false),
    ),
    'Do it now, or open an issue and write TODO(#its number).',
  );
  expectNone(
    texts(others, /\bdebugger\b|\bconsole\.(?:log|debug|dir|trace)\b.*/g, true).filter(
      (place) => !printers.some((path) => place.startsWith(`${path}:`)),
    ),
    'Remove it. What a program prints goes to process.stdout; what a test needs is an expectation.',
  );
  expectNone(
    texts(others, /\b(?:it|test|describe)(?:\.\w+)*\.only\b.*/g, true),
    'Run one test with `npx vitest run --config tests/vitest.config.ts -t <name>`.',
  );
});

test('src/README.md mentions every source file, and no other', () => {
  const readme = readDocument('src/README.md');
  if (readme === undefined) return;
  const names = SOURCES.filter((path) => path.endsWith('.ts')).map((path) => path.slice(4));
  const isMentioned = (name: string) =>
    new RegExp(`(?<![\\w/-])(?:src/)?${name.replaceAll('.', '\\.')}\\b`).test(readme);
  expectNone(
    names.filter((name) => !isMentioned(name)),
    'Write its path, like `memory/layout.ts`, and its purpose into src/README.md.',
  );
  const layers = Object.keys(LAYERS).join('|');
  const inLayers = new RegExp(`(?<![\\w/-])(?:${layers})/[\\w/-]+\\.ts\\b`, 'g');
  const inTable = /(?<=`)[\w-]+\.ts(?=`.*\|$)/gm; // of `src` itself, or of the folder at hand
  const mentioned = [...readme.matchAll(inLayers), ...readme.matchAll(inTable)];
  const paths = [...new Set(mentioned.map(([path]) => path))];
  expectNone(
    paths.filter((path) => !CODE.some((file) => `/${file}`.endsWith(`/${path}`))),
    'The file is gone or renamed: say so in src/README.md.',
  );
});

test('README.md mentions every option', async () => {
  const path = 'src/base/options.ts';
  const readme = readDocument('README.md');
  if (!SOURCES.includes(path) || readme === undefined) return;
  const { OPTIONS } = await import(pathToFileURL(join(ROOT, path)).href);
  expect(OPTIONS, `${path} exports the table of options as OPTIONS`).toBeTypeOf('object');
  const names: string[] = Array.isArray(OPTIONS)
    ? OPTIONS.map((option) => option.name)
    : Object.keys(OPTIONS);
  expectNone(
    names.filter((name) => !new RegExp(`\\b${name}\\b`).test(readme)),
    'Describe the option in README.md.',
  );
});

test('boot.mjs is the only file of the library that loads tsx', () => {
  const others = CODE.filter((path) => /^(src|workers|bench)\//.test(path)).filter(
    (path) => path !== 'workers/boot.mjs',
  );
  const pattern = /(?:from\s*|import\s*\(?\s*|--import[\s=',"]+)['"]?tsx\b.*|['"]tsx\/.*/g;
  expectNone(
    others.flatMap((path) => matches(path, codeOf(read(path)), pattern)),
    'Start the entry through workers/boot.mjs.',
  );
});

test('no file names a path of one machine or the host of a registry', () => {
  const patterns = [
    /(?<![\w.:/-])\/(?:work|root|home|Users)\/.*/g,
    /https?:\/\/[\w.-]*(?:registry|artifactory|nexus|verdaccio|mirror)[\w.-]*/g,
    /^\s*(?:@[\w-]+:)?registry\s*=.*/gm,
    /"resolved": "https?:.*/g,
  ];
  const others = FILES.filter((path) => path !== SELF && !/\.(png|ico|gz|wasm|bin)$/.test(path));
  const places = others.flatMap((path) => {
    const text = read(path);
    return patterns.flatMap((pattern) => matches(path, text, pattern));
  });
  expectNone(
    places,
    'Use a path relative to the file, `os.tmpdir()`, or the reader’s own setting.',
  );
});

test('the compiled output has no `using`, which Node 20 cannot parse', () => {
  if (!existsSync(join(ROOT, 'dist'))) return;
  const compiled = readdirSync(join(ROOT, 'dist'), { recursive: true, encoding: 'utf8' })
    .map((path) => `dist/${path.replaceAll('\\', '/')}`)
    .filter((path) => /\.m?js$/.test(path));
  const pattern = /(?:^|[;{(])\s*(?:await\s+)?using\s+[\w$]+\s*(?:=|of\b).*/gm;
  expectNone(
    compiled.flatMap((path) => matches(path, codeOf(read(path), true), pattern)),
    'Keep the compiler target at es2022 in tsconfig.json.',
  );
});

test('test files that run beside others start nothing and do not look at the clock', () => {
  const calm = CODE.filter(isCalm);
  expect(calm.length).toBeGreaterThan(60);
  const pattern =
    /\b(?:Worker|withStage|start(?:Thread|Task)|withScanners|spawn\w*|execFile\w*|performance)\b/g;
  expectNone(
    calm.flatMap((path) => matches(path, codeOf(read(path)), pattern)),
    'Take the file out of CALM in tests/support/calm.ts.',
  );
});
