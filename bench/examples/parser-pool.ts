/**
 * A pool of threads parses source files. The syntax trees are in the heap: a task returns a
 * reference to its tree, and the main thread and other tasks walk through it without a copy.
 *
 *     node dist/bench/examples/parser-pool.js [FILE|FOLDER...] [--threads N] [--top N] [--json]
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serialize } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import { type Program, parseSync } from 'oxc-parser';
import { Heap, HeapArray, type HeapMap, HeapObject } from 'sharc';
import { createPool, task } from 'sharc/piscina';

interface Parsed {
  tree: HeapObject<Program>;
  /** Bytes of a message with a copy of the tree. This one has a reference, whatever its size. */
  cloneBytes: number;
}

/** A task: parses a file. */
export const parse = task((path: string, heap): Parsed => {
  const { program, errors } = parseSync(path, readFileSync(path, 'utf8'));
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message}`);
  const tree = heap.from(program);
  return { tree, cloneBytes: serialize(program).byteLength };
});

/** Another task, which any thread of the pool does: how often each name is written in a tree. */
export const countNames = task((tree: HeapObject<Program>, heap) => {
  return heap.map(heap.read(() => tally([tree], 'name')));
});

/** How often a property has which text. For sections: there handles cost little, and end. */
function tally(trees: Iterable<unknown>, property: string): Map<string, number> {
  const counts = new Map<string, number>();
  const pending: unknown[] = [...trees];
  while (pending.length > 0) {
    const value = pending.pop();
    if (value instanceof HeapArray) for (const element of value) pending.push(element);
    if (!(value instanceof HeapObject)) continue;
    const text = value.get(property);
    if (typeof text === 'string') counts.set(text, (counts.get(text) ?? 0) + 1);
    pending.push(...value.values());
  }
  return counts;
}

function* filesOf(paths: readonly string[]): Generator<string> {
  for (const path of paths) {
    if (statSync(path).isDirectory()) yield* filesOf(readdirSync(path).map((n) => join(path, n)));
    else if (/\.[cm]?[jt]sx?$/.test(path)) yield path;
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      threads: { type: 'string', default: '2' },
      top: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  const heap = Heap.create();
  const pool = createPool(heap, { filename: import.meta.url, maxThreads: Number(values.threads) });
  const files = [...filesOf(positionals.length > 0 ? positionals : ['src'])];
  const parsing = files.map((path): Promise<Parsed> => pool.run(path, { name: 'parse' }));
  const parsed = await Promise.all(parsing);
  const trees = parsed.map(({ tree }) => tree);
  const types = await heap.readAsync(() => tally(trees, 'type')); // a walk through all trees
  const counting = trees.map((tree) => pool.run(tree, { name: 'countNames' }));
  const names = new Map<string, number>();
  for (const counts of (await Promise.all(counting)) as HeapMap<string, number>[]) {
    for (const [name, count] of heap.toJS(counts)) names.set(name, (names.get(name) ?? 0) + count);
  }
  await pool.close();

  const nodes = [...types.values()].reduce((sum, count) => sum + count, 0);
  const cloneBytes = parsed.reduce((sum, { cloneBytes }) => sum + cloneBytes, 0);
  const top = (counts: Map<string, number>) =>
    Object.fromEntries([...counts].sort(([, a], [, b]) => b - a).slice(0, Number(values.top)));
  const result = {
    ...{ files: files.length, nodes, types: top(types), names: top(names) },
    ...{ cloneBytes, liveBytes: heap.stats().liveBytes, verify: heap.verify() },
  };
  await heap.close();
  console.log(values.json ? JSON.stringify(result) : result);
}

if (isMainThread) await main(); // threads of the pool call the tasks
