/** The operations of programs on the collector, and the checks. */

import { type Finding, verifyHeap } from '../gc/verify.ts';
import { GENERATIONS } from '../memory/layout.ts';
import { countMortal, sumOf, takeCensus } from './census.ts';
import { compareWithModel } from './compare.ts';
import { writeCrossovers } from './crossovers.ts';
import { damage } from './damage.ts';
import { ProgramFailure } from './failure.ts';
import type { Action, Machine } from './machine.ts';
import { type OperationName, SCANS, thresholdsOf } from './operations.ts';
import { poisonFreeMemory, type SpoiledWord } from './poison.ts';
import { unreachableObjects } from './tracer.ts';

const OLDEST = GENERATIONS - 1;

/** Collects, and compares what was found with the model and, when it is full, with a trace. */
function collect(m: Machine, g: number): void {
  const generation = g % GENERATIONS;
  if (m.isShared) {
    m.gc.collect(generation);
    return;
  }
  const isFull = generation === OLDEST;
  quietly(m, () => m.heap.run(() => {})); // what is due runs now, and not behind the trace
  const traced = isFull ? unreachableObjects(m.heap) : [];
  const found = m.gc.collect(generation);
  m.noteCollection();
  if (isFull && m.isExact && found !== traced.length) {
    throw new ProgramFailure('leak', `collect() found ${found} objects, a trace ${traced.length}`);
  }
  const wasExact = m.isExact;
  const expected = wasExact || isFull ? m.model.collect(generation) : 0;
  if (wasExact && found !== expected) {
    const what = `collect(${generation}) found ${found} objects, the model ${expected}`;
    throw new ProgramFailure('leak', what);
  }
  if (!isFull || wasExact) return;
  const left = unreachableObjects(m.heap).length;
  if (left > 0) throw new ProgramFailure('leak', `collect() has left ${left} unreachable objects`);
  m.synchronize();
}

/** Makes allocations fail: the `n`-th from now, as long as its operation runs, or once only. */
function fail(m: Machine, n: number, isOnce: boolean): void {
  let count = 0;
  m.mem.hostile = {
    shouldFail: () => {
      if (++count !== n + 1) return false;
      m.hasFailed = true;
      if (isOnce) m.mem.hostile = m.hostility;
      return true;
    },
  };
}

/** Does what changes nothing in the model; collections that run at its end are noticed. */
export function quietly(m: Machine, body: () => void): void {
  m.perform(body, () => {});
}

/**
 * Sets the sizes from which on collections scan page by page, in parallel, and beside the
 * mutators. What the last find, and when, is not known until they have ended.
 */
function setScan(m: Machine, n: number): void {
  const scan = SCANS[n % SCANS.length] as (typeof SCANS)[number];
  const from = [2, 3, 4].map((least) => (SCANS.indexOf(scan) >= least ? 1 : Infinity));
  m.isConcurrent = scan === 'concurrent';
  quietly(m, () => writeCrossovers(m.heap, scan === 'as usual' ? m.crossovers : from));
  if (m.isConcurrent) m.isExact = false;
}

/** Compares with the model, and verifies. */
export function check(m: Machine): void {
  m.calmly(() =>
    quietly(m, () =>
      m.heap.run(() => {
        compareWithModel(m);
        verify(m);
      }),
    ),
  );
}

/** In a section. @throws ProgramFailure when the verifier finds something. */
export function verify(m: Machine): void {
  const findings: Finding[] = verifyHeap(m.mem, m.session.handles.localRefs());
  if (findings.length === 0) return;
  const first = findings.slice(0, 3).map(({ message }) => message);
  throw new ProgramFailure('verify', `${findings.length} findings: ${first.join('; ')}`);
}

/** Collects everything and counts what is left. */
function checkLeaks(m: Machine): void {
  m.calmly(() => collect(m, OLDEST));
  if (m.isShared) return;
  const expected = sumOf([takeCensus(m.model, m.model.alive)]) + m.baseline;
  const found = countMortal(m.heap);
  if (found === expected) return;
  throw new ProgramFailure('leak', `${found} objects exist, ${expected} should`, {
    objects: Math.abs(found - expected),
  });
}

function poison(m: Machine): void {
  let spoiled: SpoiledWord | undefined;
  quietly(m, () => {
    spoiled = poisonFreeMemory(m.heap)[0];
  });
  if (spoiled === undefined) return;
  const { word, block, found } = spoiled;
  throw new ProgramFailure('verify', `free block ${block} was written: ${found} at word ${word}`);
}

/** What the operations on the collector, and the checks, do. */
export const COLLECTOR_ACTIONS = {
  collect,
  thresholds: (m, n) => quietly(m, () => m.gc.setThreshold(...thresholdsOf(n))),
  freeze: (m) => {
    if (!m.isExact && !m.isShared) return; // which garbage it would freeze is not known
    m.perform(
      () => m.gc.freeze(),
      () => m.model.freeze(),
    );
  },
  unfreeze: (m) => {
    m.perform(
      () => m.gc.unfreeze(),
      () => m.model.unfreeze(),
    );
  },
  disable: (m) => quietly(m, () => m.gc.disable()),
  enable: (m) => quietly(m, () => m.gc.enable()),
  scan: setScan,
  safepoint: (m) => quietly(m, () => m.heap.safepoint()),
  fail: (m, n, once) => fail(m, n, once === 0),
  poison,
  damage,
  check,
  leak: checkLeaks,
} satisfies Partial<Record<OperationName, Action>>;
