/**
 * Scanners count references modulo 16, each for itself, then rounds modulo 256, and visit chains
 * wherever they lead: so around every sixteenth reference, and from one scanner's pages to
 * another's, nothing may be lost.
 */
import { expect, test } from 'vitest';
import { JOB_READY } from '../src/gc/job.ts';
import {
  GC_PARALLEL_MIN,
  GC_SHARED_MIN,
  type ObjectRef,
  PAGE_RECORD_WORDS,
  PAGE_RUN,
  PAGE_SCRATCH,
  PAGE_STATE,
  type PageIndex,
} from '../src/memory/layout.ts';
import { pageRecordOf } from '../src/memory/memory.ts';
import { releaseRun, takeRun, writeTails } from '../src/memory/page-runs.ts';
import { decref } from '../src/object/dealloc.ts';
import { incref } from '../src/object/refcount.ts';
import { expectSound } from './support/bare-heap.ts';
import { Nodes } from './support/nodes.ts';
import { withScanners } from './support/scanners.ts';

const MIB = 2 ** 20;
/** Between neighbours of the chain; it shares no factor with the length. */
const STRIDE = 25_999;
const COUNTS = [1, 2, 14, 15, 16, 17, 30, 31, 32, 33, 47, 48, 49, 160, 4095, 4096, 4097, 20_000];

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

/** Takes pages for nothing. 0: there are not so many in a row. */
function takePages({ mem }: Nodes, pages: number): PageIndex {
  const page = takeRun(mem, pages);
  if (page === 0) return page;
  const record = pageRecordOf(mem, page);
  mem.i32.fill(0, record, record + PAGE_RECORD_WORDS);
  mem.i32[record + PAGE_RUN] = pages;
  writeTails(mem, page, pages);
  mem.i32[record + PAGE_STATE] = PAGE_SCRATCH;
  return page;
}

/** Leaves no more than `free` pages in a row; returns what gives the others back. */
function fragment(nodes: Nodes, free: number): () => void {
  const { mem } = nodes;
  const taken: PageIndex[] = [];
  const gaps: PageIndex[] = [];
  for (let page = takePages(nodes, 1); page !== 0; page = takePages(nodes, 1)) {
    taken.push(page);
    const gap = takePages(nodes, free);
    if (gap !== 0) gaps.push(gap);
  }
  for (const gap of gaps) releaseRun(mem, gap, free);
  return () => {
    for (const page of taken) releaseRun(mem, page, 1);
  };
}

for (const [free, scanners] of [
  [1, 1],
  [3, 3],
] as const) {
  const few = `with no more than ${free} free pages in a row`;
  test(`${few} a large heap is scanned page by page by ${scanners}`, () =>
    by(scanners, (nodes) => {
      const { mem } = nodes;
      const { first } = hub(nodes, 400_000);
      const restore = fragment(nodes, free);
      expect(takeRun(mem, free + 1)).toBe(0);
      mem.i32[JOB_READY] = 0;
      expect(nodes.collect(2)).toBe(0);
      expect(mem.i32[JOB_READY]).toBe(scanners); // else it has gone through a list
      decref(mem, first);
      expect(nodes.collect(2)).toBe(400_001);
      restore();
    }));
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

  test(`${who}: many chains beside each other are reached to their ends`, () =>
    by(scanners, (nodes) => {
      const [chains, length] = [200, 500];
      const made = Array.from({ length: chains * length }, () => nodes.create());
      const at = (i: number) => made[(i * STRIDE) % made.length] as ObjectRef;
      for (let i = 0; i < made.length; i++) {
        if (i % length !== 0) nodes.give(at(i - 1), 'left', at(i));
        else if (i > 0) nodes.give(at(i - length), 'right', at(i));
      }
      expect(nodes.collect(2)).toBe(0);
      for (let i = 0; i < made.length; i += length) nodes.link(at(i + length - 1), 'left', at(0));
      expect(nodes.collect(2)).toBe(0);
      decref(nodes.mem, at(0));
      expect(nodes.collect(2)).toBe(made.length);
    }));
}
