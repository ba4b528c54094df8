/** The main job's comparison with its oracle, its search for cycles, and its seeded choices. */
import { expect, test } from 'vitest';
import {
  compareGraphs,
  edgeCountOf,
  type PlainGraph,
  type PlainModule,
  type PlainPackage,
} from '../bench/examples/module-graph/compare.ts';
import { componentSizes, importCycles } from '../bench/examples/module-graph/cycles.ts';
import { batchesOf } from '../bench/examples/module-graph/job.ts';
import { createIndexes, packageOfRound } from '../bench/examples/module-graph/random.ts';

/** A graph of one package. Each module is listed with the modules that it imports. */
function graphOf(imports: Record<string, string[]>): PlainGraph {
  const paths = Object.keys(imports);
  const modules = paths.map((path): [string, PlainModule] => {
    const lines = imports[path].map((target) => `import ${target}`);
    const importers = paths.flatMap((other) => {
      return imports[other].filter((target) => target === path).map(() => `import ${other}`);
    });
    const content = { bytes: 10, hash: 1n, unresolved: 0 };
    return [path, { path, package: '/p', imports: lines, importers, ...content }];
  });
  const owner: PlainPackage = { directory: '/p', label: 'p@1.0.0', modules: paths };
  return { packages: new Map([['/p', owner]]), modules: new Map(modules) };
}

function withModule(graph: PlainGraph, path: string, change: Partial<PlainModule>): PlainGraph {
  const modules = new Map(graph.modules);
  modules.set(path, { ...modules.get(path)!, ...change });
  return { ...graph, modules };
}

const TRIANGLE = graphOf({ a: ['b', 'b'], b: ['c'], c: ['a'] });

test('two graphs that were built apart and are equal have no difference', () => {
  expect(compareGraphs(graphOf({ a: ['b', 'b'], b: ['c'], c: ['a'] }), TRIANGLE)).toEqual([]);
});

test('an edge that is missing once is a difference at both its ends', () => {
  expect(compareGraphs(graphOf({ a: ['b'], b: ['c'], c: ['a'] }), TRIANGLE)).toEqual([
    'module a: imports are 1, expected 2',
    'module b: importers are 1, expected 2',
  ]);
});

test('an edge of another kind, and one to another module, are differences', () => {
  const shared = withModule(TRIANGLE, 'a', { imports: ['import b', 'require b'] });
  expect(compareGraphs(withModule(shared, 'c', { importers: ['import a'] }), TRIANGLE)).toEqual([
    'module a: imports[1] is require b, expected import b',
    'module c: importers[0] is import a, expected import b',
  ]);
});

test('every field of a module is compared', () => {
  const change = { path: 'x', bytes: 11, hash: 2n, package: '/q', unresolved: 1 };
  expect(compareGraphs(withModule(TRIANGLE, 'a', change), TRIANGLE)).toEqual([
    'module a: path is x, expected a',
    'module a: bytes is 11, expected 10',
    'module a: hash is 2, expected 1',
    'module a: package is /q, expected /p',
    'module a: unresolved is 1, expected 0',
  ]);
});

test('modules and packages that only one graph has are differences', () => {
  const empty: PlainGraph = { packages: new Map(), modules: new Map() };
  const one = graphOf({ a: [] });
  expect(compareGraphs(empty, one)).toEqual([
    'package /p: only in the oracle',
    'module a: only in the oracle',
  ]);
  expect(compareGraphs(one, empty)).toEqual([
    'package /p: only in the heap',
    'module a: only in the heap',
  ]);
});

test('a module that a package should not own is a difference of the package', () => {
  const owner: PlainPackage = { directory: '/p', label: 'p@1.0.0', modules: ['a', 'b', 'x'] };
  const shared = { ...TRIANGLE, packages: new Map([['/p', owner]]) };
  expect(compareGraphs(shared, TRIANGLE)).toEqual(['package /p: modules[2] is x, expected c']);
});

test('edges are counted with their multiplicity', () => {
  expect(edgeCountOf(TRIANGLE)).toBe(4);
});

test('two rings that touch in one direction are two components', () => {
  // 0 -> 1 -> 2 -> 0, 2 -> 3 -> 4 -> 3, and 5 alone
  expect(componentSizes([[1], [2], [0, 3], [4], [3], []])).toEqual([2, 3, 1]);
});

test('a vertex that points at itself is a component of one', () => {
  expect(componentSizes([[0]])).toEqual([1]);
});

test('two rings that share a vertex are one component', () => {
  expect(componentSizes([[1], [0, 2], [1]])).toEqual([3]);
});

test('a ring of 1,000,000 vertices is one component, found without recursion', () => {
  const size = 1_000_000;
  const ring = Array.from({ length: size }, (_, v) => [(v + 1) % size]);
  expect(componentSizes(ring)).toEqual([size]);
});

test('import cycles are the components of more than one module, largest first', () => {
  const graph = graphOf({ a: ['b'], b: ['a'], c: ['d'], d: ['e'], e: ['c', 'a'], f: ['f'] });
  expect(importCycles(graph)).toEqual([3, 2]);
});

test('a round has the same package for the same seed, and 1,000 rounds reach all of 50', () => {
  const packagesOf = (seed: number) => {
    return Array.from({ length: 1000 }, (_, round) => packageOfRound(seed, round, 50));
  };
  expect(packagesOf(1)).toEqual(packagesOf(1));
  expect(packagesOf(1)).not.toEqual(packagesOf(2));
  expect(new Set(packagesOf(1)).size).toBe(50);
  expect(Math.max(...packagesOf(1))).toBe(49);
});

test('each thread has its own sequence of indexes, the same for the same seed', () => {
  const sequenceOf = (thread: number) => {
    const next = createIndexes(7, thread);
    return Array.from({ length: 100 }, () => next(1000));
  };
  expect(sequenceOf(0)).toEqual(sequenceOf(0));
  expect(sequenceOf(0)).not.toEqual(sequenceOf(1));
});

test('a batch ends after 16 files, or with the file that brings it to 256 KiB', () => {
  const files = Array.from({ length: 40 }, (_, i) => ({ path: `${i}`, bytes: i === 20 ? 1e6 : 1 }));
  expect(batchesOf(files)).toEqual([
    { first: 0, count: 16, bytes: 16 },
    { first: 16, count: 5, bytes: 1_000_004 },
    { first: 21, count: 16, bytes: 16 },
    { first: 37, count: 3, bytes: 3 },
  ]);
});
