/**
 * Where the entries of worker threads are: in the sources, in the package, or, when sharc was
 * bundled into a program, beside that bundle or in the package that is installed for it.
 *
 * Nothing is looked up from the current directory: whoever fills that must not choose the code.
 */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** The version of the package. Threads of one heap must all run the same. */
export const VERSION = '0.1.0';

const PACKAGE = 'sharc';
/** Modules that need workers, as they are built: their folder may be copied without the rest. */
const BUILT = /\/(?:src\/core|workers\/collector)\.js$/;
/** What the collector's entry is called beside a bundle, and how far up it is looked for. */
const BESIDE = ['js', 'mjs', 'cjs'].flatMap((ending) =>
  ['./', '../'].map((folder) => `${folder}${PACKAGE}-collector.${ending}`),
);

/** The file that a new thread runs, and what of its `workerData` says so. */
export interface WorkerEntry {
  readonly file: URL;
  /** In development: `boot.mjs` is the file, and this names the entry that it loads. */
  readonly data: { readonly entry?: string };
}

/**
 * The entry `name`. It is looked for when a thread is to be started, and no sooner.
 *
 * @throws Error when it is nowhere, and says what to do.
 */
export function findWorkerEntry(name: 'collector' | 'scanner'): WorkerEntry {
  const here = ownUrl();
  if (!here.endsWith('.ts')) return { file: findFile(`${name}.js`, here), data: {} };
  return { file: new URL('../workers/boot.mjs', here), data: { entry: `${name}.ts` } };
}

/** The file for Piscina to load, in the sources as in the package: it must be no ES module. */
export function findPoolEntry(): URL {
  const here = ownUrl();
  if (!here.endsWith('.ts')) return findFile('pool-entry.cjs', here);
  return new URL('../workers/pool-entry.cjs', here);
}

/**
 * The module that this code is in. A bundle may be CommonJS, which has no `import.meta`. (The
 * `URL`s are not in the form that bundlers replace: they would copy the files to other names.)
 */
function ownUrl(): string {
  const { url } = import.meta as Partial<ImportMeta>;
  if (url !== undefined) return url;
  return pathToFileURL(typeof __filename === 'string' ? __filename : process.execPath).href;
}

function findFile(name: string, here: string): URL {
  const own = new URL('../../package.json', here);
  if (isThisPackage(own)) return new URL(`dist/workers/${name}`, own);
  const sibling = new URL(`../workers/${name}`, here);
  if (BUILT.test(here) && !existsSync(own) && existsSync(sibling)) return sibling;
  const beside = name === 'collector.js' ? BESIDE.map((path) => new URL(path, here)) : [];
  const installed = findInstalled(here);
  const found = beside.find((file) => existsSync(file)) ?? installed;
  if (found === undefined) throw new Error(describeMissing(name));
  return found === installed ? new URL(`dist/workers/${name}`, installed) : found;
}

/** The `package.json` of the package that is installed where a bundle is, if it is this version. */
function findInstalled(here: string): URL | undefined {
  try {
    const file = pathToFileURL(createRequire(here).resolve(`${PACKAGE}/package.json`));
    return isThisPackage(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

function isThisPackage(file: URL): boolean {
  try {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8'));
    return name === PACKAGE && version === VERSION;
  } catch {
    return false;
  }
}

const describeMissing = (name: string) =>
  `${PACKAGE} is part of a bundle, and its ${name} was not found. Keep ${PACKAGE} out of the ` +
  `bundle (as external), or install ${PACKAGE} ${VERSION} where the bundle runs, or ${
    name === 'collector.js'
      ? `bundle the entry ${PACKAGE}/collector, too, as ${PACKAGE}-collector.js in the same folder`
      : 'create the heap with `scanners: 1`'
  }`;

/** Tells of scanners that have died, or failed by `cause`. */
export const describeLoss = (scanners: number, cause?: unknown): string =>
  cause === undefined
    ? `${scanners} of the threads that shared a scan have ended; it was repeated by one thread`
    : `a scan has failed, and was repeated by other means: ${describeError(cause)}`;

/** What is printed of an error that is reported and not thrown. */
export const describeError = (error: unknown) =>
  error instanceof Error ? error.message : String(error);
