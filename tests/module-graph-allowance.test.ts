/** How much garbage the main job may leave, and what makes it fail. */
import { expect, test } from 'vitest';
import {
  allowedGarbageBytes,
  waitingContainers,
} from '../bench/examples/module-graph/allowance.ts';
import { failuresOf, type Result } from '../bench/examples/module-graph/report.ts';

const MANY_ROUNDS = Array.from({ length: 10_000 }, (_, round) => (round < 5 ? 1000 : 20));

test('with 700, 10, 10 the 133rd is a full one, unless a quarter of the living delays it', () => {
  const containers = 133 * 701 + 5 * 1000 + 128 * 20 + 10_000 / 4;
  const input = { roundContainers: MANY_ROUNDS, builtObjects: 10_000 };
  expect(waitingContainers({ thresholds: [700, 10, 10], ...input })).toBe(containers);
});

test('with 50, 3, 2 a full collection is the 16th', () => {
  const input = { roundContainers: MANY_ROUNDS, builtObjects: 0 };
  const containers = 16 * 51 + 5 * 1000 + 11 * 20;
  expect(waitingContainers({ thresholds: [50, 3, 2], ...input })).toBe(containers);
});

test('no more garbage may wait than the edits have dropped', () => {
  const input = { thresholds: [700, 10, 10] as const, builtObjects: 10_000 };
  expect(waitingContainers({ ...input, roundContainers: [30, 50] })).toBe(80);
  expect(waitingContainers({ ...input, roundContainers: [] })).toBe(0);
});

test('containers that wait count twice the mean bytes, and an eighth of the graph is spare', () => {
  const input = {
    thresholds: [700, 10, 10] as const,
    roundContainers: [30, 50],
    graphContainers: 1000,
    builtObjects: 3000,
    graphBytes: 100_000,
    threads: 2,
  };
  const baseBytes = 4096 + 2 * 512;
  expect(allowedGarbageBytes(input)).toBe(80 * 100 * 2 + 100_000 / 8 + baseBytes);
  const empty = { ...input, roundContainers: [], graphContainers: 0, graphBytes: 0 };
  expect(allowedGarbageBytes(empty)).toBe(baseBytes);
});

type Judged = Parameters<typeof failuresOf>[0];

const GOOD: Judged = {
  differences: [],
  findings: [],
  garbageBytes: 2048,
  garbageBytesAllowed: 2048,
  final: {
    collected: 100,
    collectMs: 1,
    timeToStopMs: 0,
    liveObjects: 9,
    immortalObjects: 9,
    findings: [],
  },
};

test.each<[string, Partial<Result>, string[]]>([
  ['all is well', {}, []],
  ['a difference', { differences: ['x'] }, ['the graph differs from the oracle']],
  ['a finding', { findings: [{}] }, ['the heap is not sound after the edits']],
  [
    'too much garbage',
    { garbageBytes: 4096 },
    ['the edits have left 4 KiB of garbage, the thresholds allow 2 KiB'],
  ],
  [
    'an object left at last',
    { final: { ...GOOD.final, liveObjects: 10 } },
    ['the last collection has not freed everything: 10 objects live, 9 are immortal'],
  ],
  [
    'an object at last too few',
    { final: { ...GOOD.final, liveObjects: 8 } },
    ['the last collection has not freed everything: 8 objects live, 9 are immortal'],
  ],
  [
    'a finding at last',
    { final: { ...GOOD.final, findings: [{}] } },
    ['the heap is not sound after the last collection'],
  ],
])('%s is judged so', (_, change, failures) => {
  expect(failuresOf({ ...GOOD, ...change })).toEqual(failures);
});
