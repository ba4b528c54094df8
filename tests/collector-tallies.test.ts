/**
 * Scanners count references modulo 16, each for itself, and visit chains wherever they lead: so
 * around every sixteenth reference, and from one scanner's pages to another's, nothing may be lost.
 */
import { expect, test } from 'vitest';
import { GC_PARALLEL_MIN, GC_SHARED_MIN, type ObjectRef } from '../src/memory/layout.ts';
import { decref } from '../src/object/dealloc.ts';
import { incref } from '../src/object/refcount.ts';
import { expectSound } from './support/bare-heap.ts';
import { Nodes } from './support/nodes.ts';
import { withScanners } from './support/scanners.ts';

const MIB = 2 ** 20;
/** Between neighbours of the chain; it shares no factor with the length. */
const STRIDE = 25_999;
const COUNTS = [1, 2, 14, 15, 16, 17, 30, 31, 32, 33, 47, 48, 49, 160, 4095, 4096, 4097];

/** A ring of `holders` nodes that all refer to a hub, which refers to one of them. */
function hub(nodes: Nodes, holders: number): { first: ObjectRef; hub: ObjectRef } {
  const centre = nodes.create();
  const ring = nodes.ring(holders);
  for (const node of ring) nodes.link(node, 'right', centre);
  const first = ring[0] as ObjectRef;
  nodes.link(centre, 'left', first);
  decref(nodes.mem, centre);
  return { first, hub: centre };
}

/** Runs `body` on an empty heap, whose collections are shared by so many scanners. */
async function by(scanners: number, body: (nodes: Nodes) => void): Promise<void> {
  const nodes = new Nodes(64 * MIB);
  if (scanners === 1) {
    nodes.mem.i32[GC_SHARED_MIN] = 1;
    nodes.mem.i32[GC_PARALLEL_MIN] = 2 ** 30;
    body(nodes);
  } else {
    await withScanners(nodes.collector, scanners - 1, () => body(nodes));
  }
  expectSound(nodes.mem, []);
}

for (const scanners of [1, 2, 3]) {
  const who = scanners === 1 ? 'one scanner' : `${scanners} scanners`;

  test(`${who}: whatever its number of references, a hub that only garbage holds is garbage`, () =>
    by(scanners, (nodes) => {
      for (const holders of COUNTS) {
        const { first } = hub(nodes, holders);
        expect(nodes.collect(2)).toBe(0);
        decref(nodes.mem, first);
        expect(nodes.collect(2)).toBe(holders + 1);
      }
    }));

  test(`${who}: a hub with one reference more is kept, and what it holds`, () =>
    by(scanners, (nodes) => {
      for (const holders of COUNTS) {
        const { first, hub: centre } = hub(nodes, holders);
        incref(nodes.mem, centre);
        decref(nodes.mem, first);
        expect(nodes.collect(2)).toBe(0);
        decref(nodes.mem, centre);
        expect(nodes.collect(2)).toBe(holders + 1);
      }
    }));

  test(`${who}: of a chain to and fro over all pages, what is cut off is garbage`, () =>
    by(scanners, (nodes) => {
      const length = 60_000;
      const made = Array.from({ length }, () => nodes.create());
      const chain = made.map((_, i) => made[(i * STRIDE) % length] as ObjectRef);
      for (let i = 1; i < length; i++) {
        const [from, to] = [chain[i - 1] as ObjectRef, chain[i] as ObjectRef];
        nodes.give(from, 'left', to);
        nodes.link(to, 'right', from);
      }
      expect(nodes.collect(2)).toBe(0);
      const cut = length / 3;
      nodes.link(chain[cut - 1] as ObjectRef, 'left', 0); // the next one has but its successor
      nodes.link(chain[cut] as ObjectRef, 'right', 0);
      expect(nodes.collect(2)).toBe(length - cut);
      decref(nodes.mem, chain[0] as ObjectRef);
      expect(nodes.collect(2)).toBe(cut);
    }));
}
