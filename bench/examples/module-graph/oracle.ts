/**
 * The plain single-threaded program that the threads' graph is compared with: ordinary objects,
 * one loop to read the modules, one to link them. It imports nothing of the heap, and nothing that
 * does; the resolution of a request is shared, the parsing of a text and the graph are its own.
 */
import type { PlainGraph, PlainModule, PlainPackage } from './compare.ts';
import { parseModule } from './parse.ts';
import { readModules } from './read.ts';
import { createResolver } from './resolve.ts';
import type { PackageSource } from './walk.ts';

interface OracleModule extends Omit<PlainModule, 'imports' | 'importers'> {
  readonly requests: readonly { readonly kind: string; readonly path: string }[];
  readonly imports: string[];
  readonly importers: string[];
}

export function buildOracle(sources: readonly PackageSource[]): PlainGraph {
  const packages = new Map<string, PlainPackage>();
  const modules = new Map<string, OracleModule>();
  const resolver = createResolver();
  for (const { directory, label, files } of sources) {
    const paths = files.map((file) => file.path);
    // What cannot be read, the threads have reported.
    const reads = readModules(paths, parseModule, resolver, () => {});
    for (const { path, bytes, hash, unresolved, imports: requests } of reads) {
      const links = { requests, imports: [], importers: [] };
      modules.set(path, { path, bytes, hash, package: directory, unresolved, ...links });
    }
    const names = reads.map((read) => read.path).sort();
    if (names.length > 0) packages.set(directory, { directory, label, modules: names });
  }
  for (const module of modules.values()) linkModule(module, modules);
  for (const module of modules.values()) module.importers.sort();
  return { packages, modules };
}

/** An edge is a request whose target is a module of the graph. */
function linkModule(module: OracleModule, modules: ReadonlyMap<string, OracleModule>): void {
  for (const { kind, path } of module.requests) {
    const target = modules.get(path);
    if (target === undefined) continue;
    module.imports.push(`${kind} ${path}`);
    target.importers.push(`${kind} ${module.path}`);
  }
}
