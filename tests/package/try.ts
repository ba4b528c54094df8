/**
 * `npm run package:try`: what users get, tried as they would. Packs the tarball, installs it with
 * its dependencies in an empty project, runs the examples of README.md and some more programs there
 * with plain `node` of several versions, and checks a program in TypeScript against its types.
 *
 * Exit code 0: everything works; 1: something does not; 2: the arguments make no sense.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { fetchNode, MAJORS, type Major } from './nodes.ts';
import { type Program, readPrograms, readTyped, TYPED_PROGRAM } from './programs.ts';
import { run } from './run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const PACK_MS = 120_000;
const INSTALL_MS = 300_000;
const PROGRAM_MS = 60_000;
const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];
/** How projects of users find modules. */
const RESOLUTIONS = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
] as const;

interface Options {
  readonly nodes?: string;
  readonly only: readonly Major[];
  readonly json?: true;
}

/** Something that was tried. */
interface Trial {
  readonly name: string;
  /** The version of Node.js, where programs are run. */
  readonly node?: string;
  readonly ms: number;
  /** What went wrong, or null. */
  readonly failure: string | null;
}

function majors(text: string): Major[] {
  return text.split(',').map((word) => {
    const major = MAJORS.find((each) => String(each) === word.trim());
    if (major === undefined) {
      throw new InvalidArgumentError(`It must be versions out of ${MAJORS.join(', ')}.`);
    }
    return major;
  });
}

function parse(args: readonly string[]): Options {
  return new Command('package:try')
    .description('Installs the packed library in an empty project, and runs its examples there.')
    .option('--nodes <folder>', 'where binaries of Node.js are kept, and fetched to if missing')
    .option('--only <versions>', 'only these versions, like 20,22', majors, [...MAJORS])
    .option('--json', 'print the result as JSON')
    .allowExcessArguments(false)
    .exitOverride()
    .parse(args, { from: 'user' })
    .opts<Options>();
}

const say = (text: string) => process.stderr.write(`${text}\n`);

/** Does something, and tells of it as soon as it is done. */
async function attempt(trial: Pick<Trial, 'name' | 'node'>, body: () => unknown): Promise<Trial> {
  const start = performance.now();
  let failure: string | null = null;
  try {
    await body();
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const ms = Math.round(performance.now() - start);
  const node = trial.node === undefined ? '' : `Node ${trial.node}: `;
  say(`${failure === null ? 'ok    ' : 'FAILED'} ${node}${trial.name} (${ms} ms)`);
  if (failure !== null) say(failure.replaceAll(/^/gm, '       '));
  return { ...trial, ms, failure };
}

/** Packs the library, and returns the tarball's path. */
async function pack(folder: string): Promise<string> {
  const command = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(await run('npm', command, { cwd: ROOT, timeoutMs: PACK_MS }));
  return join(folder, filename);
}

async function install(project: string, packages: readonly string[]): Promise<void> {
  const command = ['install', ...QUIET, ...packages];
  await run('npm', command, { cwd: project, timeoutMs: INSTALL_MS });
}

/** Runs a program in a folder of its own. Throws unless it prints what it should, and ends well. */
async function runProgram(node: string, folder: string, program: Program): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const [file, code] of program.files) writeFileSync(join(folder, file), code);
  const printed = await run(node, [program.main], { cwd: folder, timeoutMs: PROGRAM_MS });
  if (program.prints === null || printed === program.prints) return;
  throw new Error(`it prints\n${printed}and not\n${program.prints}`);
}

async function tryPrograms(major: Major, project: string, nodes: string): Promise<Trial[]> {
  let node = '';
  const fetched = await attempt({ name: `finding Node ${major}` }, async () => {
    node = await fetchNode(major, nodes);
  });
  if (fetched.failure !== null) return [fetched];
  const version = await run(node, ['--version'], { cwd: project, timeoutMs: PROGRAM_MS });
  const trials: Trial[] = [];
  for (const [i, program] of readPrograms(join(ROOT, 'README.md')).entries()) {
    const trial = { name: program.name, node: version.trim().slice(1) };
    const folder = join(project, `node-${major}`, String(i));
    trials.push(await attempt(trial, () => runProgram(node, folder, program)));
  }
  return trials;
}

async function tryTypes(project: string): Promise<Trial[]> {
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const packages = ['typescript', '@types/node'].map((name) => `${name}@${devDependencies[name]}`);
  const trials = [
    await attempt({ name: 'installing TypeScript' }, () =>
      install(project, ['--save-dev', ...packages]),
    ),
  ];
  const sources = readTyped(join(ROOT, 'README.md')).set('typed.ts', TYPED_PROGRAM);
  for (const [file, code] of sources) writeFileSync(join(project, file), code);
  const files = [...sources.keys()];
  for (const resolution of RESOLUTIONS) {
    const name = `types, moduleResolution ${resolution.moduleResolution}`;
    const options = { ...resolution, strict: true, noEmit: true, target: 'es2022' };
    const lib = ['es2023', 'esnext.disposable'];
    const config = { compilerOptions: { ...options, lib, types: ['node'] }, files };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
    const tsc = ['node_modules/typescript/bin/tsc'];
    const check = () => run(process.execPath, tsc, { cwd: project, timeoutMs: PROGRAM_MS });
    trials.push(await attempt({ name }, check));
  }
  return trials;
}

async function tryAll(folder: string, { only, nodes }: Options): Promise<Trial[]> {
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  const trials = [
    await attempt({ name: 'packing, and installing in an empty project' }, async () => {
      await install(project, [await pack(folder)]);
    }),
  ];
  if (trials[0]!.failure !== null) return trials;
  const binaries = nodes === undefined ? join(folder, 'nodes') : resolve(nodes);
  for (const major of only) trials.push(...(await tryPrograms(major, project, binaries)));
  return [...trials, ...(await tryTypes(project))];
}

async function main(options: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sharc-try-'));
  try {
    const trials = await tryAll(folder, options);
    const failed = trials.filter(({ failure }) => failure !== null).length;
    if (options.json) process.stdout.write(`${JSON.stringify({ failed, trials })}\n`);
    else process.stdout.write(`${trials.length - failed} of ${trials.length} trials succeeded\n`);
    if (failed > 0) process.exitCode = EXIT_FAILED;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main(parse(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
