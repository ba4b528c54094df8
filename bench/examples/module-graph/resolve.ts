/**
 * Specifier + importing file -> the real path of the module it names, as Node resolves it, with
 * TypeScript's and the bundlers' liberties (a missing extension, `./x.js` that is `./x.ts`) so that
 * sources resolve as well as builds. One resolver per thread: it caches what it finds on disk.
 */
import { dirname } from 'node:path';
import { ResolverFactory } from 'oxc-resolver';
import type { RequestKind } from './parse.ts';

/**
 * - `module`: a file that can be a module of the graph.
 * - `builtin`: a module of Node itself.
 * - `other`: a file that is no module: `.json`, `.node`, `.wasm`, a declaration. JSON has no
 *   imports, and so no part in a graph of them.
 * - `missing`: nothing there, or a URL.
 */
export type Resolution =
  | { readonly type: 'module'; readonly path: string }
  | { readonly type: 'builtin' | 'other' | 'missing' };

export interface Resolver {
  resolve(importer: string, specifier: string, kind: RequestKind): Resolution;
}

const MODULE_FILE = /\.(?:[cm]?[jt]s|[jt]sx)$/;
const DECLARATION_FILE = /\.d\.[cm]?ts$/;

/**
 * Whether a file of this name is a module. A declaration (`.d.ts`) is not: it describes a module
 * that has its own file, no thread ever runs it, and its specifiers resolve by other rules.
 */
export function isModulePath(path: string): boolean {
  return MODULE_FILE.test(path) && !DECLARATION_FILE.test(path);
}

const COMMON_OPTIONS = {
  builtinModules: true,
  nodePath: false, // the graph is a function of the disk, not of the environment
  extensions: ['.js', '.json', '.node', '.mjs', '.cjs', '.ts', '.tsx', '.jsx', '.mts', '.cts'],
  extensionAlias: {
    '.js': ['.js', '.ts', '.tsx'],
    '.mjs': ['.mjs', '.mts'],
    '.cjs': ['.cjs', '.cts'],
    '.jsx': ['.jsx', '.tsx'],
  },
};

export function createResolver(): Resolver {
  const importing = new ResolverFactory({ ...COMMON_OPTIONS, conditionNames: ['node', 'import'] });
  const requiring = importing.cloneWithOptions({
    ...COMMON_OPTIONS,
    conditionNames: ['node', 'require'],
  });
  return {
    resolve(importer, specifier, kind) {
      const factory = kind === 'require' ? requiring : importing;
      const { path, builtin } = factory.sync(dirname(importer), specifier);
      if (builtin) return { type: 'builtin' };
      if (path === undefined) return { type: 'missing' };
      const file = withoutQuery(path);
      return isModulePath(file) ? { type: 'module', path: file } : { type: 'other' };
    },
  };
}

/** `./x.js?raw` resolves to a path that still carries the query. */
function withoutQuery(path: string): string {
  return path.replace(/[?#][^/\\]*$/, '');
}
