/**
 * The graph as plain data, and the differences between two of them. The threads' graph is copied
 * out of the heap into this form, the oracle builds its own in it; neither knows the other.
 */

export interface PlainModule {
  readonly path: string;
  readonly bytes: number;
  readonly hash: bigint;
  /** Directory of the package that owns it. */
  readonly package: string;
  /** `kind path` per edge, in the order of the source: one line each time the module asks. */
  readonly imports: readonly string[];
  /** `kind path` per edge that ends here, sorted: in a graph made by threads they have no order. */
  readonly importers: readonly string[];
  readonly unresolved: number;
}

export interface PlainPackage {
  readonly directory: string;
  readonly label: string;
  /** Paths of its modules, sorted. */
  readonly modules: readonly string[];
}

export interface PlainGraph {
  readonly packages: ReadonlyMap<string, PlainPackage>;
  readonly modules: ReadonlyMap<string, PlainModule>;
}

/** One sentence per difference, none if the graphs are equal, edge by edge. */
export function compareGraphs(shared: PlainGraph, oracle: PlainGraph): string[] {
  return [
    ...compareMaps('package', shared.packages, oracle.packages, comparePackages),
    ...compareMaps('module', shared.modules, oracle.modules, compareModules),
  ];
}

export function edgeCountOf(graph: PlainGraph): number {
  let count = 0;
  for (const module of graph.modules.values()) count += module.imports.length;
  return count;
}

function compareMaps<T>(
  noun: string,
  shared: ReadonlyMap<string, T>,
  oracle: ReadonlyMap<string, T>,
  compare: (shared: T, oracle: T) => string[],
): string[] {
  const differences: string[] = [];
  for (const [key, expected] of oracle) {
    const found = shared.get(key);
    if (found === undefined) differences.push(`${noun} ${key}: only in the oracle`);
    else differences.push(...compare(found, expected).map((d) => `${noun} ${key}: ${d}`));
  }
  for (const key of shared.keys()) {
    if (!oracle.has(key)) differences.push(`${noun} ${key}: only in the heap`);
  }
  return differences;
}

function comparePackages(shared: PlainPackage, oracle: PlainPackage): string[] {
  return [
    ...compareValues('label', shared.label, oracle.label),
    ...compareValues('directory', shared.directory, oracle.directory),
    ...compareLists('modules', shared.modules, oracle.modules),
  ];
}

function compareModules(shared: PlainModule, oracle: PlainModule): string[] {
  return [
    ...compareValues('path', shared.path, oracle.path),
    ...compareValues('bytes', shared.bytes, oracle.bytes),
    ...compareValues('hash', shared.hash, oracle.hash),
    ...compareValues('package', shared.package, oracle.package),
    ...compareValues('unresolved', shared.unresolved, oracle.unresolved),
    ...compareLists('imports', shared.imports, oracle.imports),
    ...compareLists('importers', shared.importers, oracle.importers),
  ];
}

function compareValues<T>(field: string, shared: T, oracle: T): string[] {
  return shared === oracle ? [] : [`${field} is ${shared}, expected ${oracle}`];
}

function compareLists(
  field: string,
  shared: readonly string[],
  oracle: readonly string[],
): string[] {
  if (shared.length !== oracle.length) {
    return [`${field} are ${shared.length}, expected ${oracle.length}`];
  }
  const index = shared.findIndex((line, i) => line !== oracle[i]);
  return index < 0 ? [] : [`${field}[${index}] is ${shared[index]}, expected ${oracle[index]}`];
}
