/**
 * What the threads of the storm do to their cells. The ledger knows what is about to be committed
 * before it is, and that it was once it is; the heap has to agree whenever the thread dies.
 */

import { type Heap, type HeapQueue, type SentToken, SpentTokenError } from '../../src/index.ts';
import type { Random } from '../../src/testing.ts';
import type { Cells } from './cells.ts';
import {
  CELL_CONSUMED,
  CELL_PRODUCED,
  CELL_SENT,
  CELL_TOKEN,
  CELLS,
  type Changes,
  COUNTS,
  type Slot,
} from './ledger.ts';

/** Cells that one section changes at most. */
const CHANGES_MAX = 5;
const VALUES = 1000;
const ATOMIC = { atomic: true } as const;

/** Thrown to have a section undone. */
class Undo extends Error {
  override readonly name = 'Undo';
}

/** What was found to be wrong with what was committed. */
export type Report = (what: string) => void;

/** What a thread works with. */
export interface Tools {
  readonly heap: Heap;
  readonly cells: Cells;
  readonly slot: Slot;
  readonly random: Random;
  readonly items: HeapQueue<number>;
  /** Any token of the heap: with another key it is another one. */
  readonly token: SentToken;
  /** Something else that is done in a section, of which the ledger knows nothing. */
  readonly meddle: () => void;
  readonly report: Report;
}

function pickChanges({ random }: Tools, most: number): Changes {
  const changes = new Map<number, number>();
  const count = random.between(1, most);
  while (changes.size < count) {
    const value = random.chance(0.2) ? 0 : random.between(1, VALUES);
    changes.set(random.int(CELLS), value);
  }
  return changes;
}

function writeAll({ cells, slot, random, meddle }: Tools, changes: Changes): void {
  for (const [cell, value] of changes) {
    if (random.chance(0.3)) cells.write(slot.number, cell, random.between(1, VALUES)); // at first
    if (random.chance(0.3)) meddle();
    cells.write(slot.number, cell, value);
  }
}

/** Several cells at once. */
export function commit(tools: Tools): void {
  const { heap, slot } = tools;
  const changes = pickChanges(tools, CHANGES_MAX);
  slot.intend(changes);
  heap.run(() => writeAll(tools, changes), ATOMIC);
  slot.commit();
}

/** The same without blocking the event loop. */
async function commitAsync(tools: Tools): Promise<void> {
  const { heap, slot } = tools;
  const changes = pickChanges(tools, CHANGES_MAX);
  slot.intend(changes);
  await heap.runAsync(() => writeAll(tools, changes), ATOMIC);
  slot.commit();
}

/** Of two sections, one inside the other, the inner one is undone. */
function commitOuter(tools: Tools): void {
  const { heap, slot } = tools;
  const changes = pickChanges(tools, CHANGES_MAX);
  slot.intend(changes);
  heap.run(() => {
    writeAll(tools, changes);
    undone(() => heap.run(() => failAfter(tools), ATOMIC));
  }, ATOMIC);
  slot.commit();
}

/** A section that throws. */
export function undo(tools: Tools): void {
  const { heap, slot } = tools;
  slot.intend(new Map(), true);
  undone(() => heap.run(() => failAfter(tools), ATOMIC));
  slot.withdraw();
}

function failAfter(tools: Tools): never {
  writeAll(tools, pickChanges(tools, CHANGES_MAX));
  throw new Undo();
}

/** Runs what throws `Undo`. */
function undone(body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!(error instanceof Undo)) throw error;
  }
}

/** One cell, in a section that is not atomic, or outside of any: one operation is whole. */
function writeOne(tools: Tools): void {
  const { heap, cells, slot, random } = tools;
  const changes = pickChanges(tools, 1);
  const write = () => {
    for (const [cell, value] of changes) cells.write(slot.number, cell, value);
  };
  slot.intend(changes);
  if (random.chance(0.5)) heap.run(write);
  else write();
  slot.commit();
}

/** Puts an item into the queue that all share. */
function produce(tools: Tools): void {
  const { heap, random, items } = tools;
  const item = random.between(1, VALUES);
  heap.run(() => {
    if (items.tryPush(item)) tally(tools, CELL_PRODUCED, item);
  }, ATOMIC);
  commitIntention(tools);
}

/** Takes an item out of it. */
function consume(tools: Tools): void {
  const { heap, items } = tools;
  heap.run(() => {
    const item = items.tryPop();
    if (item !== undefined) tally(tools, CELL_CONSUMED, item);
  }, ATOMIC);
  commitIntention(tools);
}

/** Counts an item, and adds it up: in the heap, and as what is about to be committed. */
function tally({ cells, slot }: Tools, count: number, item: number): void {
  const changes = new Map([
    [count, slot.committed(count) + 1],
    [count + 1, slot.committed(count + 1) + item],
  ]);
  slot.intend(changes);
  for (const [cell, value] of changes) cells.write(slot.number, cell, value);
}

function commitIntention({ slot }: Tools): void {
  if (slot.intention() !== null) slot.commit();
}

/** Sends a value, or receives the one that was sent, and changes a cell with it. */
function pass(tools: Tools): void {
  const { heap, cells, slot, token } = tools;
  const changes = new Map(pickChanges(tools, 2));
  const key = slot.committed(CELL_TOKEN);
  heap.run(() => {
    if (key === 0) {
      const value = tools.random.between(1, VALUES);
      const { key } = heap.send(cells.valueOf(value));
      changes.set(CELL_TOKEN, key).set(CELL_SENT, value);
    } else {
      const value = cells.numberOf(heap.receive({ ...token, key }));
      if (value !== slot.committed(CELL_SENT)) tools.report(`received ${value}, not what was sent`);
      changes.set(CELL_TOKEN, 0).set(CELL_SENT, 0);
    }
    slot.intend(changes);
    for (const [cell, value] of changes) if (cell < CELLS) cells.write(slot.number, cell, value);
  }, ATOMIC);
  slot.commit();
}

/** What is in transit by this key; 0: nothing. It stays there. */
function sentAs({ heap, cells, token }: Tools, key: number): number {
  let value = 0;
  undone(() =>
    heap.run(() => {
      try {
        value = cells.numberOf(heap.receive({ ...token, key }));
      } catch (error) {
        if (!(error instanceof SpentTokenError)) throw error;
      }
      throw new Undo();
    }, ATOMIC),
  );
  return value;
}

/** Looks whether the own cells hold what was committed, without the lock. */
function look(tools: Tools): void {
  const { heap, slot, random } = tools;
  heap.read(() => {
    for (let i = 0; i < CHANGES_MAX; i++) checkCell(tools, slot, random.int(CELLS));
  });
}

function checkCell({ cells, report }: Tools, slot: Slot, cell: number): void {
  const value = cells.read(slot.number, cell);
  const committed = slot.committed(cell);
  if (value === committed) return;
  report(`cell ${slot.number}:${cell} holds ${value}; committed was ${committed}`);
}

/** What a thread does to its cells, by name, and how often. */
export const TRANSACTIONS = {
  commit,
  commitAsync,
  commitOuter,
  undo,
  writeOne,
  produce,
  consume,
  pass,
  look,
} as const satisfies Record<string, (tools: Tools) => void | Promise<void>>;

/** A new thread of a slot finds out what the one before it has come to. */
export function settle(tools: Tools): void {
  const { heap, slot, report } = tools;
  const intention = slot.intention();
  if (intention === null) return;
  heap.run(() => {
    const { changes, isUndone } = intention;
    if (!isUndone && agrees(tools, changes)) return slot.commit();
    const before = new Map([...changes.keys()].map((cell) => [cell, slot.committed(cell)]));
    slot.withdraw();
    if (agrees(tools, before)) return;
    const is = [...changes.keys()].map((cell) => tools.cells.read(slot.number, cell));
    report(
      `slot ${slot.number} is half changed: cells ${[...changes.keys()]} hold ${is}; ` +
        `before ${[...before.values()]}, about to become ${[...changes.values()]}`,
    );
  });
}

/** Whether the heap holds these values. */
function agrees(tools: Tools, values: Changes): boolean {
  const { cells, slot } = tools;
  for (const [cell, value] of values) {
    if (cell === CELL_SENT) continue;
    if (cell !== CELL_TOKEN) {
      if (cells.read(slot.number, cell) !== value) return false;
      continue;
    }
    const sent = values.get(CELL_SENT) as number;
    const key = value === 0 ? slot.committed(CELL_TOKEN) : value;
    if (sentAs(tools, key) !== sent) return false;
  }
  return true;
}

/** Compares all of a slot with what was committed. In a pause. */
export function checkSlot(tools: Tools, slot: Slot): void {
  tools.heap.run(() => {
    for (let cell = 0; cell < CELLS + COUNTS; cell++) checkCell(tools, slot, cell);
    const key = slot.committed(CELL_TOKEN);
    if (key === 0) return;
    const sent = sentAs(tools, key);
    if (sent === slot.committed(CELL_SENT)) return;
    tools.report(`what slot ${slot.number} has sent is ${sent}, not ${slot.committed(CELL_SENT)}`);
  });
}
