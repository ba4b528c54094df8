/**
 * What the threads do between edits: follow imports through the graph, and check on the way that
 * they see what graph.ts promises. One walk is one section; while it lasts nothing changes.
 */
import type { Graph, Module } from './graph.ts';

/** Modules that one walk visits at most: sections stay short, and edits get their turn. */
const WALK_MODULES_MAX = 64;

/** Follows the imports of the module at `path`. Returns the modules seen, 0 if it is not there. */
export function exploreImports(graph: Graph, path: string): number {
  return graph.heap.run(() => {
    const start = graph.modules.get(path);
    if (start === undefined) return 0;
    const seen = new Set<Module>([start]);
    for (const module of seen) {
      checkModule(graph, module);
      // A set that grows while it is iterated is a worklist without duplicates.
      for (const { to } of module.imports) {
        if (to !== null && seen.size < WALK_MODULES_MAX) seen.add(to);
      }
    }
    return seen.size;
  });
}

function checkModule(graph: Graph, module: Module): void {
  const { path, package: owner } = module;
  check(graph.modules.get(path) === module, path, 'it is not the module listed under its path');
  check(owner !== null, path, 'it has no package');
  check(graph.packages.get(owner.directory) === owner, path, 'its package is not listed');
  check(owner.modules.get(path) === module, path, 'its package does not own it');
  for (const edge of module.imports) {
    check(edge.from === module, path, 'it imports through an edge of another module');
    const isThere = graph.modules.has(edge.path);
    check(isThere === (edge.to !== null), path, `its edge to ${edge.path} contradicts the list`);
  }
}

function check(condition: boolean, path: string, finding: string): asserts condition {
  if (!condition) throw new Error(`module graph: inconsistent at ${path}: ${finding}`);
}
