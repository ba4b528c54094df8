/** How a thread of the storm gets to where it is to die: it stays there until it is killed. */

import type { Doom } from './ledger.ts';
import type { Toys } from './toys.ts';
import { commit, type Tools, undo } from './transactions.ts';

/** How long a thread waits for its end, in milliseconds; then it goes on. */
const DOOM_MS = 100;
/** Longest delay between two changes in a section that is to be cut short. */
const DELAY_MS = 2;

/** Runs into the doom that the main thread has set. */
export function meetDoom(doom: Doom, tools: Tools, toys: Toys): void {
  const { heap, slot, random } = tools;
  const end = performance.now() + DOOM_MS;
  const repeat = (body: () => void) => {
    slot.becomeReady();
    while (performance.now() < end) body();
  };
  switch (doom) {
    case 'outside':
      if (random.chance(0.5)) repeat(() => {});
      else repeat(() => void Atomics.wait(NEVER, 0, 0, DOOM_MS));
      break;
    case 'holding':
      if (random.chance(0.3)) heap.run(() => repeat(() => toys.meddle()));
      else repeat(() => random.pick([commit, undo])(slowly(tools)));
      break;
    case 'reading':
      heap.read(() => repeat(() => toys.read()));
      break;
    case 'collecting':
      repeat(() => void heap.gc.collect());
      break;
    default:
  }
}

/** Between two changes time goes by. */
const slowly = (tools: Tools): Tools => ({
  ...tools,
  meddle() {
    tools.meddle();
    Atomics.wait(NEVER, 0, 0, tools.random.next() * DELAY_MS);
  },
});

/** Never notified. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));
