/** A thread of the storm: plays, and commits what the ledger knows, until it is killed. */

import { readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Heap, type HeapQueue, type HeapToken, type SentToken } from '../../src/index.ts';
import { Random, watchRecovery } from '../../src/testing.ts';
import { Cells } from './cells.ts';
import { meetDoom } from './dooms.ts';
import { ATTACHING, ENDED, Ledger, PAUSED, RUNNING } from './ledger.ts';
import { Toys } from './toys.ts';
import { settle, type Tools, TRANSACTIONS } from './transactions.ts';

/** What a thread is told when it starts. */
export interface StormData {
  readonly token: HeapToken;
  /** Any token of what was sent; nothing is in transit by it. */
  readonly sent: SentToken;
  readonly ledger: SharedArrayBuffer;
  readonly slot: number;
  readonly seed: number;
}

/** Operations between two turns of the event loop. */
const OPERATIONS = 20;
/** Longest delay before and after the recovery of another thread, in milliseconds. */
const DELAY_MS = 6;

const data = workerData as StormData;
const random = new Random(data.seed);
const ledger = new Ledger(data.ledger);
const slot = ledger.slot(data.slot);
/** Never notified. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));
const report = (message: string) => parentPort?.postMessage(message);

slot.osThread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
slot.state = ATTACHING;
const heap = Heap.attach(data.token);
watchRecovery(heap, (isOver) => {
  if (!ledger.isSlow) return;
  if (!isOver) ledger.recoverer = data.slot;
  Atomics.wait(NEVER, 0, 0, random.next() * DELAY_MS);
});
const toys = new Toys(heap, random);
const tools: Tools = {
  heap,
  cells: new Cells(heap),
  slot,
  random,
  items: heap.root.get('items') as HeapQueue<number>,
  token: data.sent,
  meddle: () => toys.meddle(),
  report,
};
settle(tools);
slot.state = RUNNING;
await work();
toys.release();
slot.state = ENDED;
heap.detach();

async function work(): Promise<void> {
  const transactions = Object.values(TRANSACTIONS);
  while (!ledger.isStopping) {
    for (let i = 0; i < OPERATIONS; i++) {
      if (random.chance(0.5)) await random.pick(transactions)(tools);
      else await toys.play();
      slot.countOperation();
    }
    if (slot.doom !== 'none') {
      meetDoom(slot.doom, tools, toys);
      slot.doom = 'none';
    }
    if (ledger.isPausing) rest();
    await setImmediate();
  }
}

function rest(): void {
  toys.release();
  slot.state = PAUSED;
  ledger.waitWhilePausing();
  slot.state = RUNNING;
}
