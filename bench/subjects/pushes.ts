/** What the subjects of `latency` and `mmu` that run in this process have in common. */

import { collectionChecksum } from '../graphs.ts';
import { churnFigures, pushFigures } from '../harness/collection-figures.ts';
import { createLogMemory, PauseLog } from '../harness/pauses.ts';
import type { Figure, ManyFigures } from '../harness/types.ts';

/** Times every push on its own; `push` gets the index of the message. */
export function timePushes(messages: number, push: (index: number) => void): Figure[] {
  const lengths = new Float64Array(messages);
  const begin = performance.now();
  let previous = begin;
  for (let i = 0; i < messages; i++) {
    push(i);
    const now = performance.now();
    lengths[i] = now - previous;
    previous = now;
  }
  return pushFigures(previous - begin, lengths);
}

/** A mutator whose every step makes a ring of two objects and drops one. */
export interface Churn {
  step(): void;
  /** Objects that are held when it is over. */
  countLive(): number;
}

/** Steps for so long, and logs what came between them. */
export function measureChurn({ step, countLive }: Churn, milliseconds: number): ManyFigures {
  const log = new PauseLog(createLogMemory());
  // The first turns are compiled while they run.
  const warm = performance.now() + milliseconds / 10;
  while (performance.now() < warm) step();

  const begin = performance.now();
  const stop = begin + milliseconds;
  let end = begin;
  let steps = 0;
  log.start(begin);
  while (end < stop) {
    step();
    steps++;
    end = performance.now();
    log.tick(end);
  }
  const { pauses, figures: summary } = log;
  return {
    figures: churnFigures({ begin, end, steps, pauses, summary }),
    checksum: collectionChecksum({ walk: 0, live: countLive(), collected: 0 }),
  };
}
