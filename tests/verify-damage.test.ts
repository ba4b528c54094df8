/**
 * Every code has a damage that is found as this code and no other. Most damages are one word; a
 * few rules cannot be broken by one.
 */
import { expect, test } from 'vitest';
import { verifyHeap } from '../src/gc/verify.ts';
import { FINDING_CODES, FINDINGS_MAX } from '../src/gc/verify-findings.ts';
import { HEADER_COUNT, type ObjectRef } from '../src/memory/layout.ts';
import { codesOf } from './support/bare-heap.ts';
import { COLLECTOR_DAMAGES } from './support/damage-collector.ts';
import { MEMORY_DAMAGES } from './support/damage-memory.ts';
import { OBJECT_DAMAGES } from './support/damage-objects.ts';
import { NO_DAMAGES, OTHER_DAMAGES } from './support/damage-others.ts';
import { createSample } from './support/sample-heap.ts';

const DAMAGES = [...MEMORY_DAMAGES, ...OBJECT_DAMAGES, ...OTHER_DAMAGES, ...COLLECTOR_DAMAGES];

for (const [code, what, damage] of DAMAGES) {
  test(`${what} is found as ${code} and nothing else`, () => {
    const sample = createSample();
    damage(sample);
    expect(codesOf(sample.mem, sample.locals)).toEqual([code]);
  });
}

for (const [what, change] of NO_DAMAGES) {
  test(`${what} is no damage`, () => {
    const sample = createSample();
    change(sample);
    expect(codesOf(sample.mem, sample.locals)).toEqual([]);
  });
}

test('every code but that of the accounting has a damage here', () => {
  const tested = new Set<string>(DAMAGES.map(([code]) => code));
  tested.add('ACCOUNTING_WRONG'); // verify-accounting.test.ts: no damage of the heap can cause it
  expect(Object.keys(FINDING_CODES).filter((code) => !tested.has(code))).toEqual([]);
});

test('a finding says where, what was expected and what was found', () => {
  const { mem, locals, second } = createSample();
  mem.i32[second + HEADER_COUNT]++;
  expect(verifyHeap(mem, locals)).toEqual([
    {
      code: 'REFCOUNT_TOO_HIGH',
      object: second,
      expected: 3,
      found: 4,
      message:
        `REFCOUNT_TOO_HIGH at word ${second}: expected 3, found 4 ` +
        `(${FINDING_CODES.REFCOUNT_TOO_HIGH})`,
    },
  ]);
});

test('no more findings are listed than the limit says', () => {
  const { mem, locals } = createSample();
  const many = Array.from({ length: FINDINGS_MAX + 5 }, () => 3 as ObjectRef);
  expect(verifyHeap(mem, [...locals, ...many])).toHaveLength(FINDINGS_MAX);
});
