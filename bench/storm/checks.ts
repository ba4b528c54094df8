/** What must hold while all threads of the storm rest. */

import type { Heap, HeapArray, HeapQueue, SentToken } from '../../src/index.ts';
import { Random, unreachableObjects } from '../../src/testing.ts';
import { Cells } from './cells.ts';
import {
  CELL_CONSUMED,
  CELL_CONSUMED_SUM,
  CELL_PRODUCED,
  CELL_PRODUCED_SUM,
  CELL_TOKEN,
  type Slot,
} from './ledger.ts';
import { checkSlot, type Report, type Tools } from './transactions.ts';

/** What was found, in words. */
export interface Found {
  /** Findings of `verify()`. */
  readonly unsound: readonly string[];
  /** Objects that nothing reaches, though everything was collected. */
  readonly leaked: readonly string[];
  /** What was committed and is not there, or is there and was not committed. */
  readonly lost: readonly string[];
}

/** Looks at all of the heap. No other thread is in a section. */
export function checkHeap(heap: Heap, slots: readonly Slot[], token: SentToken): Found {
  const lost: string[] = [];
  const report = (what: string) => void lost.push(what);
  heap.gc.collect();
  // In a section: the handles end with it.
  heap.run(() => {
    for (const slot of slots) checkSlot(toolsOf(heap, slot, token, report), slot);
    checkSums(heap, slots, report);
  });
  return {
    unsound: heap.verify().map((finding) => finding.message),
    leaked: unreachableObjects(heap).map(({ kind, id }) => `nothing reaches ${kind} ${id}`),
    lost,
  };
}

/** Takes back what is in transit. No other thread is there any more. */
export function dropSent(heap: Heap, slots: readonly Slot[], token: SentToken): void {
  for (const slot of slots) {
    const key = slot.committed(CELL_TOKEN);
    if (key !== 0) heap.revoke({ ...token, key });
  }
}

/** What is right for all slots together. */
function checkSums(heap: Heap, slots: readonly Slot[], report: Report): void {
  const sum = (cell: number) => slots.reduce((total, slot) => total + slot.committed(cell), 0);
  const expect = (what: string, is: number, shouldBe: number) => {
    if (is !== shouldBe) report(`${what}: ${is}, and should be ${shouldBe}`);
  };
  const items = heap.root.get('items') as HeapQueue<number>;
  const left = sum(CELL_PRODUCED) - sum(CELL_CONSUMED);
  const value = sum(CELL_PRODUCED_SUM) - sum(CELL_CONSUMED_SUM);
  expect('items in the queue', items.size, left);
  let found = 0;
  for (let i = items.size; i > 0; i--) {
    const item = items.tryPop() as number;
    found += item;
    items.tryPush(item);
  }
  expect('sum of the items in the queue', found, value);
  const balance = heap.root.get('balance') as HeapArray<number>;
  expect('the balance', (balance.at(0) as number) + (balance.at(1) as number), 0);
  const sent = slots.filter((slot) => slot.committed(CELL_TOKEN) !== 0).length;
  expect('references in transit', heap.stats().inTransit, sent);
}

/** A token of a heap by which nothing is in transit. */
export function tokenOf(heap: Heap): SentToken {
  const token = heap.send(null);
  heap.revoke(token);
  return token;
}

function toolsOf(heap: Heap, slot: Slot, token: SentToken, report: Report): Tools {
  const items = heap.root.get('items') as HeapQueue<number>;
  const random = new Random(0);
  return { heap, cells: new Cells(heap), slot, random, items, token, meddle: () => {}, report };
}
