/** Runs of pages: taken and released at random, compared with a model after every step. */
import { expect, test } from 'vitest';
import { resolveOptions } from '../src/base/options.ts';
import {
  CONTROL_FREE_RUNS,
  CONTROL_TOP_PAGE,
  FREE_RUN_EXACT,
  FREE_RUN_LISTS,
  PAGE_BLOCKS,
  PAGE_FREE_RUN,
  PAGE_NEXT,
  PAGE_PREVIOUS,
  PAGE_RUN,
  PAGE_STATE,
  PAGE_TAIL,
} from '../src/memory/layout.ts';
import { createBuffer, Memory, pageOfRecord, pageRecordOf } from '../src/memory/memory.ts';
import { releaseRun, runListOf, takeRun, writeTails } from '../src/memory/page-runs.ts';
import { claimThread } from '../src/sync/thread-table.ts';
import { type Random, withRandom } from './support/random.ts';

const MIB = 2 ** 20;

function createMemory(maxBytes: number): Memory {
  const buffer = createBuffer(resolveOptions({ maxBytes }));
  return new Memory(buffer, claimThread(buffer));
}

/** Runs in use: first page to number of pages. */
type Runs = Map<number, number>;

function take(mem: Memory, runs: Runs, pages: number): number {
  const page = takeRun(mem, pages);
  if (page === 0) return 0;
  const record = pageRecordOf(mem, page);
  mem.i32[record + PAGE_RUN] = pages;
  writeTails(mem, page, pages);
  mem.i32[record + PAGE_STATE] = PAGE_BLOCKS;
  runs.set(page, pages);
  return page;
}

function release(mem: Memory, runs: Runs, page: number): void {
  releaseRun(mem, page as never, runs.get(page)!);
  runs.delete(page);
}

/** Gaps between the runs in use, up to the end of the heap. */
function gapsOf(mem: Memory, runs: Runs): [page: number, pages: number][] {
  const gaps: [number, number][] = [];
  let page: number = mem.firstPage;
  for (const [first, pages] of [...runs].sort(([a], [b]) => a - b)) {
    if (first > page) gaps.push([page, first - page]);
    page = first + pages;
  }
  if (page < mem.pages) gaps.push([page, mem.pages - page]);
  return gaps;
}

/** The page table says what the model says: neighbours are joined, every free run is listed. */
function check(mem: Memory, runs: Runs): void {
  const { i32 } = mem;
  const top = i32[CONTROL_TOP_PAGE]!;
  const expected: [number, number, number][] = [];
  for (const [page, pages] of runs) expected.push([page, pages, PAGE_BLOCKS]);
  for (const [page, pages] of gapsOf(mem, runs)) {
    const end = Math.min(page + pages, top);
    if (end > page) expected.push([page, end - page, PAGE_FREE_RUN]);
  }
  expected.sort(([a], [b]) => a - b);
  const found: [number, number, number][] = [];
  for (let page: number = mem.firstPage; page < top; ) {
    const record = pageRecordOf(mem, page);
    const pages = i32[record + PAGE_RUN]!;
    if (pages <= 0) throw new Error(`page ${page} begins a run of ${pages}`);
    found.push([page, pages, i32[record + PAGE_STATE]!]);
    page += pages;
  }
  expect(found).toEqual(expected);
  checkTails(mem, found);
  checkLists(mem, found);
}

function checkTails(mem: Memory, found: [number, number, number][]): void {
  for (const [page, pages, state] of found) {
    // Every page of a run in use knows its head, of a free run only the last one.
    const first = state === PAGE_BLOCKS ? 1 : Math.max(1, pages - 1);
    for (let i = first; i < pages; i++) {
      const record = pageRecordOf(mem, page + i);
      const isTail = mem.i32[record + PAGE_STATE] === PAGE_TAIL;
      if (!isTail || mem.i32[record + PAGE_RUN] !== i) throw new Error(`page ${page + i} is lost`);
    }
  }
}

function checkLists(mem: Memory, found: [number, number, number][]): void {
  const listed: [number, number, number][] = [];
  for (let list = 0; list < FREE_RUN_LISTS; list++) {
    let previous = 0;
    let record = mem.i32[CONTROL_FREE_RUNS + list]!;
    while (record !== 0) {
      const pages = mem.i32[record + PAGE_RUN]!;
      expect(mem.i32[record + PAGE_PREVIOUS]).toBe(previous);
      expect(runListOf(pages)).toBe(list);
      listed.push([pageOfRecord(mem, record), pages, PAGE_FREE_RUN]);
      if (listed.length > mem.pages) throw new Error(`list ${list} has a cycle`);
      previous = record;
      record = mem.i32[record + PAGE_NEXT]!;
    }
  }
  listed.sort(([a], [b]) => a - b);
  expect(listed).toEqual(found.filter(([, , state]) => state === PAGE_FREE_RUN));
}

function randomLength(random: Random): number {
  if (random.chance(0.6)) return random.between(1, 4);
  return random.chance(0.7) ? random.between(5, 40) : random.between(41, 200);
}

for (const [mebibytes, steps] of [
  [1, 2000],
  [8, 3000],
  [64, 2500],
] as const) {
  test(`runs of a heap of ${mebibytes} MiB agree with the model at every step`, () => {
    withRandom((random) => {
      const mem = createMemory(mebibytes * MIB);
      const runs: Runs = new Map();
      for (let step = 0; step < steps; step++) {
        const filling = Math.floor(step / 300) % 2 === 0;
        if (random.chance(filling ? 0.65 : 0.35)) {
          const pages = randomLength(random);
          const longest = Math.max(0, ...gapsOf(mem, runs).map(([, length]) => length));
          const page = take(mem, runs, pages);
          expect(page !== 0).toBe(longest >= pages);
        } else if (runs.size > 0) {
          release(mem, runs, random.pick([...runs.keys()]));
        }
        check(mem, runs);
      }
      for (const page of [...runs.keys()]) release(mem, runs, page);
      check(mem, runs);
      expect(take(mem, runs, mem.pages - mem.firstPage)).toBe(mem.firstPage);
      check(mem, runs);
    });
  });
}

test('pages that were never touched join a free run in front of them', () => {
  const mem = createMemory(4 * MIB);
  const runs: Runs = new Map();
  const all = mem.pages - mem.firstPage;
  const page = take(mem, runs, Math.floor(all * 0.6));
  release(mem, runs, page);
  expect(take(mem, runs, Math.floor(all * 0.9))).toBe(page);
  check(mem, runs);
  expect(take(mem, runs, all)).toBe(0);
});

test('a request for more pages than there are fails and changes nothing', () => {
  const mem = createMemory(MIB);
  const runs: Runs = new Map();
  const all = mem.pages - mem.firstPage;
  expect(take(mem, runs, all + 1)).toBe(0);
  expect(take(mem, runs, 2 ** 16)).toBe(0);
  check(mem, runs);
  expect(take(mem, runs, all)).toBe(mem.firstPage);
  expect(take(mem, runs, 1)).toBe(0);
  check(mem, runs);
});

test('every length has a list, longer lengths never an earlier one', () => {
  let last = 0;
  for (let pages = 1; pages <= 2 ** 17; pages++) {
    const list = runListOf(pages);
    if (list < last || list >= FREE_RUN_LISTS) throw new Error(`${pages} pages: list ${list}`);
    if (pages <= FREE_RUN_EXACT && list !== pages - 1) throw new Error(`${pages}: not exact`);
    last = list;
  }
  expect(last).toBeGreaterThan(FREE_RUN_EXACT);
});
