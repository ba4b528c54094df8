/** Leak checks: what a piece of code leaves behind in a heap. */

import { type Heap, sessionOf } from '../heap.ts';
import { kindName } from '../kind-names.ts';
import { visitBlocks } from '../memory/blocks.ts';
import { KIND_SHIFT } from '../memory/layout.ts';
import { visitRuns } from '../memory/pages.ts';
import { isBackingKind } from '../object/header.ts';
import { isImmortal } from '../object/refcount.ts';
import { readCollections } from './collections.ts';

/** Objects of one kind that are there and were not. */
export interface Leak {
  /** 'string', 'bigint', 'array', 'map', or the name of a struct. */
  readonly kind: string;
  /** How many more there are than before. */
  readonly objects: number;
}

/**
 * Runs `body`, collects everything, and says what there is more of than before, by kind: nothing
 * when `body` has left nothing behind. Handles that it has kept and not released, entries in named
 * roots, and anything added to older objects count as left behind; immortal objects do not.
 *
 * `body` may be asynchronous; then so is the answer. Other threads should be idle meanwhile.
 *
 * @throws what `body` throws; TypeError in a callback of the collector, where nothing is collected.
 */
export function leakCheck(heap: Heap, body: () => Promise<unknown>): Promise<Leak[]>;
export function leakCheck(heap: Heap, body: () => unknown): Leak[];
export function leakCheck(heap: Heap, body: () => unknown): Leak[] | Promise<Leak[]> {
  const before = countKinds(heap);
  const compare = (): Leak[] => {
    const leaks: Leak[] = [];
    for (const [kind, objects] of countKinds(heap)) {
      const more = objects - (before.get(kind) ?? 0);
      if (more > 0) leaks.push({ kind, objects: more });
    }
    return leaks.sort((a, b) => b.objects - a.objects || (a.kind < b.kind ? -1 : 1));
  };
  const result = body();
  return result instanceof Promise ? result.then(compare) : compare();
}

/**
 * As `leakCheck`, but throws an `Error` that names what was left behind, if anything was.
 */
export function expectNoLeaks(heap: Heap, body: () => Promise<unknown>): Promise<void>;
export function expectNoLeaks(heap: Heap, body: () => unknown): void;
export function expectNoLeaks(heap: Heap, body: () => unknown): void | Promise<void> {
  const leaks = leakCheck(heap, body) as Leak[] | Promise<Leak[]>;
  return leaks instanceof Promise ? leaks.then(refuse) : refuse(leaks);
}

function refuse(leaks: readonly Leak[]): void {
  if (leaks.length === 0) return;
  const list = leaks.map(({ kind, objects }) => `${objects} of ${kind}`).join(', ');
  throw new Error(`objects were left behind: ${list}`);
}

/** How many objects that can die there are of each kind, when everything is collected. */
function countKinds(heap: Heap): Map<string, number> {
  collectAll(heap);
  const { mem } = sessionOf(heap);
  return heap.run(() => {
    const counts = new Map<string, number>();
    visitRuns(mem, (record) => {
      visitBlocks(mem, record, (block, info) => {
        const kind = info >>> KIND_SHIFT;
        if (isBackingKind(kind) || isImmortal(mem, block)) return;
        const name = kindName(mem, kind);
        counts.set(name, (counts.get(name) ?? 0) + 1);
      });
    });
    return counts;
  });
}

/** @throws TypeError when nothing is collected: in a callback of the collector */
function collectAll(heap: Heap): void {
  const { mem } = sessionOf(heap);
  const before = sumOf(readCollections(mem));
  // The first may have waited for one of another thread that was as good as over, and did nothing.
  for (let attempt = 0; attempt < 2; attempt++) {
    heap.gc.collect({ wait: true });
    if (sumOf(readCollections(mem)) !== before) return;
  }
  throw new TypeError(
    'a leak check needs a collection, and in a callback of the collector there is none; ' +
      'check outside of it',
  );
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, n) => sum + n, 0);
