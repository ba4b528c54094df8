/**
 * Directories -> the module files below them, by package. A file is known by its real path, so one
 * that is reached twice (a symbolic link, a DIR inside a DIR) counts once, and a link that leads
 * back up is walked once. Same disk, same result: packages and files come sorted.
 */
import {
  type Dirent,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { Unreadable } from './read.ts';
import { isModulePath } from './resolve.ts';

export interface SourceFile {
  /** Real path. */
  readonly path: string;
  readonly bytes: number;
}

/** A package as it lies on disk. */
export interface PackageSource {
  /** Real path, and the package's identity: one version may be installed in several places. */
  readonly directory: string;
  /** `name@version`, or the directory if nothing names it. */
  readonly label: string;
  readonly files: readonly SourceFile[];
}

export interface Survey {
  readonly packages: readonly PackageSource[];
  /** Directories that cannot be listed, and links to modules that are not there. */
  readonly unreadable: readonly Unreadable[];
}

interface Walk {
  readonly worklist: string[];
  readonly seen: Set<string>;
  readonly files: SourceFile[];
  readonly unreadable: Unreadable[];
}

/** Every module below `directories`, which must exist. */
export function surveyDirectories(directories: readonly string[]): Survey {
  const roots = directories.map((directory) => realpathSync(directory));
  const walk: Walk = { worklist: [...roots], seen: new Set(), files: [], unreadable: [] };
  while (walk.worklist.length > 0) visitDirectory(walk, walk.worklist.pop()!);

  const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
  walk.files.sort(byPath);
  walk.unreadable.sort(byPath);
  return { packages: groupByPackage(walk.files, roots), unreadable: walk.unreadable };
}

function visitDirectory(walk: Walk, directory: string): void {
  if (!isFirstVisit(walk, directory)) return;
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    walk.unreadable.push({ path: directory, reason: (error as Error).message });
    return;
  }
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) walk.worklist.push(path);
    else if (entry.isSymbolicLink()) visitLink(walk, path);
    else if (entry.isFile() && isModulePath(path)) visitFile(walk, path);
  }
}

function visitLink(walk: Walk, link: string): void {
  let target: string;
  let stats: Stats;
  try {
    target = realpathSync(link);
    stats = statSync(target);
  } catch (error) {
    // A link to nowhere is only missed where a module was promised.
    if (!isModulePath(link)) return;
    walk.unreadable.push({ path: link, reason: (error as Error).message });
    return;
  }
  if (stats.isDirectory()) walk.worklist.push(target);
  else if (stats.isFile() && isModulePath(target)) visitFile(walk, target);
}

function visitFile(walk: Walk, path: string): void {
  if (!isFirstVisit(walk, path)) return;
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0; // reading it will tell why
  walk.files.push({ path, bytes });
}

function isFirstVisit(walk: Walk, path: string): boolean {
  if (walk.seen.has(path)) return false;
  walk.seen.add(path);
  return true;
}

type PackageName = Omit<PackageSource, 'files'>;
/** Per directory: the package that it is part of, null where no package.json gives a name. */
type PackageNames = Map<string, PackageName | null>;

function groupByPackage(files: readonly SourceFile[], roots: readonly string[]): PackageSource[] {
  const names: PackageNames = new Map();
  const packages = new Map<string, PackageSource & { files: SourceFile[] }>();
  for (const file of files) {
    const start = dirname(file.path);
    const { directory, label } = packageOf(start, names) ?? unnamedPackageOf(start, roots);
    const found = packages.get(directory);
    if (found) found.files.push(file);
    else packages.set(directory, { directory, label, files: [file] });
  }
  return [...packages.values()].sort((a, b) => (a.directory < b.directory ? -1 : 1));
}

/**
 * The nearest directory at or above `start` whose package.json gives a name; one without a name
 * only sets options for the files below it.
 */
function packageOf(start: string, names: PackageNames): PackageName | null {
  const passed: string[] = [];
  let found: PackageName | null | undefined;
  for (let directory = start; found === undefined; directory = dirname(directory)) {
    passed.push(directory);
    found = names.has(directory) ? names.get(directory) : readPackageName(directory);
    const isTop = directory === dirname(directory);
    if (isTop) found ??= null;
  }
  for (const directory of passed) names.set(directory, found);
  return found;
}

function readPackageName(directory: string): PackageName | undefined {
  try {
    const json = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    if (typeof json?.name !== 'string' || json.name === '') return undefined;
    const hasVersion = typeof json.version === 'string';
    return { directory, label: hasVersion ? `${json.name}@${json.version}` : json.name };
  } catch {
    return undefined; // none here, or not one that Node could read either
  }
}

/** Files that no package.json names belong to the DIR that they were found in. */
function unnamedPackageOf(start: string, roots: readonly string[]): PackageName {
  const isAbove = (root: string) => start === root || start.startsWith(join(root, sep));
  const directory = roots.find(isAbove) ?? start;
  return { directory, label: directory };
}
