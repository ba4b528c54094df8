/** Leak checks: what a piece of code leaves behind in a heap. */

import { type Heap, sessionOf } from '../heap.ts';
import { kindName } from '../kind-names.ts';
import { visitBlocks } from '../memory/blocks.ts';
import { KIND_SHIFT } from '../memory/layout.ts';
import { visitRuns } from '../memory/pages.ts';
import { isBackingKind } from '../object/header.ts';
import { isImmortal } from '../object/refcount.ts';

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
  heap.gc.collect({ wait: true });
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
