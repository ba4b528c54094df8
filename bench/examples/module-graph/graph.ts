/**
 * The module graph as objects of the shared heap, and the operations that change it. Each
 * operation is one exclusive section: no thread ever sees half of one.
 *
 *     modules ─── path ──▶ Module ◀──────────── Package ◀── directory ─── packages
 *                          │  ▲ └── package ───▶   │
 *                  imports │  │ importers          └── modules: path -> Module
 *                          ▼  │
 *                          Edge ── from, to ──▶ Module
 *
 * What always holds between two sections:
 * - `modules` and `packages` list the same modules, and every listed module's package is listed.
 * - An edge of a listed module is in its `imports`; if it has a `to`, that is a listed module which
 *   has the edge among its `importers`; if it has none, no module of that path is listed and the
 *   edge is in `waiting`, under the path.
 *
 * Almost everything here is in a cycle. A package that is dropped loses its last reference from
 * outside, but no count in it falls to zero: it is garbage that only the cycle collector can free.
 */
import type { Heap, HeapArray, HeapMap } from '../../../src/index.ts';
import type { PlainGraph, PlainModule, PlainPackage } from './compare.ts';
import type { ReadModule, ResolvedImport } from './read.ts';

export interface Module {
  path: string;
  bytes: number;
  /** The first 64 bits of the content's SHA-256. */
  hash: bigint;
  package: Package | null;
  /** In the order of the source. */
  imports: HeapArray<Edge>;
  /** The edges whose `to` is this module, in no order. */
  importers: HeapArray<Edge>;
  /** Requests that lead to no module. */
  unresolved: number;
}

export interface Package {
  directory: string;
  /** `name@version`. */
  label: string;
  modules: HeapMap<string, Module>;
}

export interface Edge {
  kind: string;
  /** Path of the module that is asked for, there or not. */
  path: string;
  from: Module | null;
  to: Module | null;
}

/** What identifies a package while it is not in the graph. */
export interface PackageName {
  readonly directory: string;
  readonly label: string;
}

type Structs = ReturnType<typeof declareStructs>;

export interface Graph extends Structs {
  readonly heap: Heap;
  readonly packages: HeapMap<string, Package>;
  readonly modules: HeapMap<string, Module>;
  /** Edges by the path of a module that is not in the graph: not yet, not now, or never. */
  readonly waiting: HeapMap<string, HeapArray<Edge>>;
}

const ROOT_NAMES = ['packages', 'modules', 'waiting'] as const;

function declareStructs(heap: Heap) {
  return {
    Module: heap.struct<Module>('Module', {
      path: 'string',
      bytes: 'uint32',
      hash: 'bigint64',
      package: 'ref',
      imports: 'ref',
      importers: 'ref',
      unresolved: 'uint32',
    }),
    Package: heap.struct<Package>('Package', {
      directory: 'string',
      label: 'string',
      modules: 'ref',
    }),
    Edge: heap.struct<Edge>('Edge', { kind: 'string', path: 'string', from: 'ref', to: 'ref' }),
  };
}

/** Puts an empty graph into the heap. */
export function createGraph(heap: Heap): Graph {
  heap.run(() => {
    for (const name of ROOT_NAMES) heap.root.set(name, heap.map());
  });
  return attachGraph(heap);
}

/** The graph that another thread has created. */
export function attachGraph(heap: Heap): Graph {
  return {
    heap,
    ...declareStructs(heap),
    packages: heap.root.get('packages') as HeapMap<string, Package>,
    modules: heap.root.get('modules') as HeapMap<string, Module>,
    waiting: heap.root.get('waiting') as HeapMap<string, HeapArray<Edge>>,
  };
}

/** Lets go of everything: the graph is unreachable afterwards, and `graph` must not be used. */
export function dropGraph(graph: Graph): void {
  graph.heap.run(() => {
    for (const name of ROOT_NAMES) graph.heap.root.delete(name);
  });
  graph.packages.release();
  graph.modules.release();
  graph.waiting.release();
}

/** Adds modules to a package, which appears with its first one. */
export function linkModules(graph: Graph, name: PackageName, reads: readonly ReadModule[]): void {
  if (reads.length === 0) return;
  const { heap } = graph;
  heap.run(() => {
    const owner = getOrAddPackage(graph, name);
    // All modules first: then only edges that leave the batch have to wait.
    for (const read of reads) heap.scope(() => addModule(graph, owner, read));
    for (const read of reads) heap.scope(() => addImports(graph, read));
  });
}

/** Takes a package out of the graph. Returns how many modules went with it. */
export function dropPackage(graph: Graph, directory: string): number {
  const { heap, packages, modules } = graph;
  return heap.run(() => {
    const dropped = packages.get(directory);
    if (dropped === undefined) return 0; // none of its files could be read
    for (const module of dropped.modules.values()) {
      heap.scope(() => unlinkModule(graph, dropped, module));
    }
    for (const path of dropped.modules.keys()) modules.delete(path);
    packages.delete(directory);
    return dropped.modules.size;
  });
}

function getOrAddPackage(graph: Graph, { directory, label }: PackageName): Package {
  const found = graph.packages.get(directory);
  if (found !== undefined) return found;
  const added = new graph.Package({ directory, label, modules: graph.heap.map() });
  graph.packages.set(directory, added);
  return added;
}

function addModule(graph: Graph, owner: Package, read: ReadModule): void {
  const { heap, modules, waiting } = graph;
  const { path, bytes, hash, unresolved } = read;
  const importers = heap.array<Edge>();
  const imports = heap.array<Edge>();
  const module = new graph.Module({
    path,
    bytes,
    hash,
    unresolved,
    package: owner,
    imports,
    importers,
  });
  modules.set(path, module);
  owner.modules.set(path, module);

  const edges = waiting.get(path);
  if (edges === undefined) return;
  for (const edge of edges) {
    edge.to = module;
    importers.push(edge);
  }
  waiting.delete(path);
}

function addImports(graph: Graph, { path, imports }: ReadModule): void {
  const module = graph.modules.get(path)!;
  for (const request of imports) {
    graph.heap.scope(() => module.imports.push(connect(graph, module, request)));
  }
}

function connect(graph: Graph, from: Module, { kind, path }: ResolvedImport): Edge {
  const to = graph.modules.get(path) ?? null;
  const edge = new graph.Edge({ kind, path, from, to });
  if (to === null) awaitModule(graph, edge);
  else to.importers.push(edge);
  return edge;
}

function awaitModule(graph: Graph, edge: Edge): void {
  let edges = graph.waiting.get(edge.path);
  if (edges === undefined) {
    edges = graph.heap.array<Edge>();
    graph.waiting.set(edge.path, edges);
  }
  edges.push(edge);
}

/**
 * Severs the edges between `module` of `owner` and the other packages, as those see it. The
 * module's own lists stay as they are: garbage that points at living objects.
 */
function unlinkModule(graph: Graph, owner: Package, module: Module): void {
  for (const edge of module.imports) {
    if (edge.to === null) stopAwaiting(graph, edge);
    else if (edge.to.package !== owner) remove(edge.to.importers, edge);
  }
  for (const edge of module.importers) {
    if (edge.from!.package === owner) continue;
    edge.to = null;
    awaitModule(graph, edge); // until the package is linked anew
  }
}

function stopAwaiting(graph: Graph, edge: Edge): void {
  const edges = graph.waiting.get(edge.path)!;
  remove(edges, edge);
  if (edges.length === 0) graph.waiting.delete(edge.path);
}

/** Takes out one element of an array without order: the last one moves to its place. */
function remove(edges: HeapArray<Edge>, edge: Edge): void {
  const index = edges.indexOf(edge);
  if (index < 0) throw new Error(`module graph: edge to ${edge.path} is not where it should be`);
  const last = edges.pop()!;
  if (index < edges.length) edges.set(index, last);
}

/** How many containers (structs, arrays, maps) are allocated to link each package anew, at most. */
export function countContainers(graph: Graph): Map<string, number> {
  const counts = new Map<string, number>();
  graph.heap.run(() => {
    for (const [directory, { modules }] of graph.packages) {
      let count = 2; // the package and its map
      for (const module of modules.values()) {
        count += graph.heap.scope(() => 3 + 2 * module.imports.length); // an edge may have to wait
      }
      counts.set(directory, count);
    }
  });
  return counts;
}

/** Copies the graph out of the heap. An edge without a module at its end is not an edge. */
export function snapshotGraph(graph: Graph): PlainGraph {
  const { heap } = graph;
  const packages = new Map<string, PlainPackage>();
  const modules = new Map<string, PlainModule>();
  heap.run(() => {
    for (const [directory, owner] of graph.packages) {
      packages.set(directory, snapshotPackage(owner));
    }
    for (const [path, module] of graph.modules) {
      modules.set(
        path,
        heap.scope(() => snapshotModule(module)),
      );
    }
  });
  return { packages, modules };
}

function snapshotPackage({ directory, label, modules }: Package): PlainPackage {
  return { directory, label, modules: [...modules.keys()].sort() };
}

function snapshotModule(module: Module): PlainModule {
  const { path, bytes, hash, unresolved } = module;
  const imports: string[] = [];
  for (const { kind, to } of module.imports) {
    if (to !== null) imports.push(`${kind} ${to.path}`);
  }
  const importers: string[] = [];
  for (const { kind, from } of module.importers) importers.push(`${kind} ${from!.path}`);
  importers.sort();
  const owner = module.package!.directory;
  return { path, bytes, hash, package: owner, imports, importers, unresolved };
}
